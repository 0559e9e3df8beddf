// All of it is stopped and started again on the same data: what was decided stays, what waits can be decided, and who asked can still ask.
import { expect, test } from "vitest";
import { askMcp } from "../support/ask-mcp.ts";
import { patience } from "../support/patience.ts";
import { askedInSlack, click, messagesAbout } from "../support/slack.ts";
import {
	accepted,
	ask,
	ending,
	eventually,
	newReference,
	secondReplica,
	show,
	stack,
	startOver,
	submit,
	transfer,
	transfersNamed,
} from "../support/stack.ts";

test("a call that was held before is decided after, and its caller reads the result, also as a task of MCP", async () => {
	const reference = newReference("before the stop");
	const keyed = { "idempotency-key": newReference("key").replaceAll(" ", "-") };
	const done = await submit("ci", transfer(12), { headers: keyed });
	expect(done.status).toBe(200);
	const call = await accepted("ci", transfer(5_000, { reference }));
	await askedInSlack(call);
	const asTask = newReference("task before the stop");
	const tool = { name: "createTransfer", arguments: transfer(5_000, { reference: asTask }).arguments };
	const { taskId } = (await askMcp("tools/call", tool, { tasks: true })).body.result;
	await askedInSlack(taskId);

	await startOver();

	expect((await show("ci", call)).body.state).toBe("held");
	const listed = (await ask(`${stack.urls.approval}/v1/approvals`, { as: "dana" })).body.approvals;
	expect(listed.map((one: { call: string }) => one.call)).toContain(call);
	expect(await messagesAbout(call)).toHaveLength(1);
	await click("dana", "approve", call);
	const { body } = await ending("ci", call);
	expect(body).toMatchObject({ state: "completed", result: { status: 201, body: { amount: 5_000 } } });
	expect((await show("ci", call, secondReplica("ingress"))).body).toEqual(body);
	expect(await transfersNamed(reference)).toHaveLength(1);

	const task = async (at?: string) => (await askMcp("tasks/get", { taskId }, { tasks: true, ...(at && { at }) })).body.result;
	expect(await task()).toMatchObject({ taskId, status: "working", statusMessage: expect.stringContaining("finance") });
	await click("dana", "approve", taskId);
	await expect
		.poll(() => task(secondReplica("ingress")), patience)
		.toMatchObject({ status: "completed", result: { isError: false, structuredContent: { reference: asTask } } });
	expect(await transfersNamed(asTask)).toHaveLength(1);

	// What ended before: its answer, its key, its record.
	expect((await show("ci", done.body.call)).body).toMatchObject({ state: "completed", result: done.body.result });
	expect((await submit("ci", transfer(12), { headers: keyed })).text).toBe(done.text);
	const story = await eventually(async () => {
		const answer = await ask(`${stack.urls.audit}/v1/audit/calls/${call}`, { as: "alice" });
		return answer.status === 200 && answer.body.events.some(({ type }: { type: string }) => type === "call.ended")
			? answer.body
			: undefined;
	});
	const types = story.events.map(({ type }: { type: string }) => type);
	expect(types.filter((type: string) => type === "approval.asked")).toHaveLength(1);
	expect(types.filter((type: string) => type === "call.started")).toHaveLength(1);
}, 240_000);
