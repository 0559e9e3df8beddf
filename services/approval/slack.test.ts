// Approvers in Slack, with the real client and the stand-in that speaks Slack's protocol: who may click, what comes of it, what everyone sees.
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import { patience } from "../../test/support/patience.ts";
import { Approvals } from "./approvals.ts";
import { at, call, digest, otherCall, start, terms, withdrawnEvent } from "./held-call.test-support.ts";
import { jobsOf } from "./plan-jobs.ts";
import { ApproversUnavailable } from "./ports.ts";
import { createJobs } from "./reach-approvers.ts";
import { handle } from "./service.ts";
import { signingSecret, startWorkspace, type Workspace } from "./slack.test-support.ts";
import { voteOnCall } from "./vote-on-call.ts";

const twoOfFinance = [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }];

const channel = "finance-approvals";
async function click(workspace: Workspace, user: string, action_id: string, ts: string, inChannel = channel) {
	return await workspace.slack.click({ user, channel: inChannel, ts, action_id });
}
const shownIn = (message: { blocks: readonly unknown[] }): string => JSON.stringify(message.blocks);
const hasButtons = (message: { blocks: readonly { type: string }[] }): boolean => message.blocks.some(({ type }) => type === "actions");

describe("a question in Slack", () => {
	test("says who wants what, why and until when, and what is masked stays masked", async () => {
		await using workspace = await startWorkspace();
		const message = await workspace.ask();
		const shown = shownIn(message);
		for (const part of [
			"erin@example.com",
			"payments/createTransfer",
			"5000",
			"****1111",
			"invoice 4711",
			"large-transfers",
			"Large transfers need finance.",
			"finance: 0 of 1",
			"<!date^",
		])
			expect(shown).toContain(part);
		expect(message.channelName).toBe(channel);
		expect(hasButtons(message)).toBe(true);
		expect(workspace.failures).toEqual([]);
	});

	test.each([1_000, 11_000, 13_000, 900_000])("is asked with arguments of %i characters too, and its outcome is shown", async (length) => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask({ arguments: { notes: "x".repeat(length) } });
		await click(workspace, "dana", "approve", ts);
		await workspace.until(() => workspace.messages().find((message) => shownIn(message).includes("Approved by dana@example.com")));
		expect(workspace.failures).toEqual([]);
	});

	test("is approved by a member, shows who did, and cannot be clicked again", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask();
		expect(await click(workspace, "dana", "approve", ts)).toMatchObject({ ok: true, reply: { status: 200, body: "" } });
		const after = await workspace.until(() => workspace.messages().find((message) => !hasButtons(message)));
		expect(shownIn(after)).toContain("Approved by dana@example.com");
		expect(workspace.world.settled()).toMatchObject([{ type: "call.granted", data: { approvedBy: ["dana@example.com"] } }]);
		expect(await workspace.whispered("dana")).toContain("The call may run");
	});

	test("shows how far it is, and ends with the second of two people", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask({ terms: terms({ requirements: twoOfFinance }) });
		await click(workspace, "dana", "approve", ts);
		const half = await workspace.until(() =>
			workspace.messages().find((message) => shownIn(message).includes("1 of 2 approved (dana@example.com)")),
		);
		expect(hasButtons(half)).toBe(true);
		await click(workspace, "dana", "approve", ts);
		expect(await workspace.whispered("dana", 1)).toContain("1 of 2");
		await click(workspace, "frank", "approve", ts);
		await workspace.until(() =>
			workspace.messages().find((message) => shownIn(message).includes("Approved by dana@example.com, frank@example.com")),
		);
	});

	test.each([
		["the requester", "erin", "your own call"],
		["somebody in no group", "mallory", "not a member"],
		["a member of another group", "carol", "not a member"],
	])("refuses %s and says why, to them alone", async (_, user, why) => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask();
		for (const action of ["approve", "reject"]) expect(await click(workspace, user, action, ts)).toMatchObject({ ok: true });
		expect(await workspace.whispered(user)).toContain(why);
		expect(await workspace.whispered(user, 1)).toContain(why);
		expect(workspace.world.settled()).toEqual([]);
		expect(hasButtons(workspace.messages()[0] ?? { blocks: [] })).toBe(true);
	});

	test("is rejected with a reason from a modal, which everybody sees", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask();
		await click(workspace, "dana", "reject", ts);
		await workspace.modal("dana");
		expect(workspace.world.settled()).toEqual([]);
		expect(await workspace.slack.submitView({ user: "dana", values: { reason: "a b" } })).toMatchObject({ ok: true });
		const after = await workspace.until(() => workspace.messages().find((message) => !hasButtons(message)));
		expect(shownIn(after)).toContain("Rejected by dana@example.com: a b");
		expect(workspace.world.settled()).toMatchObject([{ data: { ending: "rejected", by: ["dana@example.com"], detail: "a b" } }]);
	});

	test("is not rejected with blanks for a reason", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask();
		await click(workspace, "dana", "reject", ts);
		await workspace.modal("dana");
		const submitted = await workspace.slack.submitView({ user: "dana", values: { reason: "  x  " } });
		expect(submitted.errors).toEqual({ reason: "At least 3 characters, please." });
		expect(workspace.world.settled()).toEqual([]);
	});

	test("asks for a reason to approve where policy wants one", async () => {
		await using workspace = await startWorkspace();
		const requirements = [{ rule: "r", anyOf: ["finance"], quorum: 1, reasonRequired: true }];
		const { ts } = await workspace.ask({ terms: terms({ requirements }) });
		await click(workspace, "dana", "approve", ts);
		await workspace.modal("dana");
		await workspace.slack.submitView({ user: "dana", values: { reason: "checked with the supplier" } });
		await workspace.until(() =>
			workspace.messages().find((message) => shownIn(message).includes("dana@example.com: checked with the supplier")),
		);
	});

	test("shows what was decided through the API", async () => {
		await using workspace = await startWorkspace();
		await workspace.ask();
		const voter = { email: "frank@example.com" };
		await voteOnCall(workspace.parts, call, { voter, verdict: "approve", reason: undefined, via: "api", digest: undefined });
		await workspace.until(() => workspace.messages().find((message) => shownIn(message).includes("Approved by frank@example.com")));
	});

	test("is not approved when its time is over, also if nothing else noticed that yet", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask();
		workspace.world.now = at(30);
		await click(workspace, "dana", "approve", ts);
		expect(await workspace.whispered("dana")).toContain("time for this call is over");
		const after = await workspace.until(() => workspace.messages().find((message) => !hasButtons(message)));
		expect(shownIn(after)).toContain("Nobody decided in time");
		expect(workspace.world.settled()).toMatchObject([{ data: { ending: "expired" } }]);
	});
});

describe("a click that is none", () => {
	const value = (over: { call?: string; digest?: string } = {}) => `${over.call ?? call} ${over.digest ?? digest}`;
	const payload = (over: { user?: string; value?: string; ts?: string; channelId?: string }) => ({
		type: "block_actions",
		user: { id: over.user ?? "U0DANA0001" },
		trigger_id: "1.2.3",
		container: { type: "message", message_ts: over.ts ?? "", channel_id: over.channelId ?? "C0FINANCE1" },
		actions: [{ type: "button", action_id: "approve", value: over.value ?? value() }],
	});
	async function send(workspace: Workspace, body: string, over: { secret?: string; at?: number; signature?: string } = {}) {
		const timestamp = String(Math.floor((over.at ?? workspace.world.now.getTime()) / 1000));
		const signature =
			over.signature ??
			`v0=${createHmac("sha256", over.secret ?? signingSecret)
				.update(`v0:${timestamp}:${body}`)
				.digest("hex")}`;
		const headers = {
			"content-type": "application/x-www-form-urlencoded",
			"x-slack-request-timestamp": timestamp,
			"x-slack-signature": signature,
		};
		return (await fetch(workspace.interactivityUrl, { method: "POST", headers, body })).status;
	}
	const form = (body: object) => new URLSearchParams({ payload: JSON.stringify(body) }).toString();

	test("is refused when it is not signed by Slack, too old, too new, or seen before", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask({ terms: terms({ requirements: twoOfFinance }) });
		const body = form(payload({ ts }));
		expect(await send(workspace, body, { secret: "another secret of nobody's" })).toBe(401);
		expect(await send(workspace, body, { signature: "v0=00" })).toBe(401);
		expect(await send(workspace, body, { at: start.getTime() - 301_000 })).toBe(401);
		expect(await send(workspace, body, { at: start.getTime() + 301_000 })).toBe(401);
		await workspace.idle();
		expect(workspace.world.said()).not.toContain("approval.voted");
		const time = start.getTime();
		expect(await send(workspace, body, { at: time })).toBe(200);
		expect(await send(workspace, body, { at: time })).toBe(429);
		expect(await send(workspace, form({ ...payload({ ts }), actions: [] }), { at: time })).toBe(200);
		expect(await send(workspace, "payload=%7B", { at: time })).toBe(400);
		expect(await send(workspace, `payload=${"x".repeat(600_000)}`, { at: time })).toBe(413);
	});

	test.each([
		["on a message that is not about this call", { value: value({ call: otherCall }) }],
		["on another message of the same channel", { ts: "1.000001" }],
		["in another channel", { channelId: "C0GENERAL1" }],
		["on other arguments than were asked about", { value: value({ digest: `sha256:${"0".repeat(64)}` }) }],
		["by a bot", { user: "U0CALLGATE" }],
		["by nobody Slack knows", { user: "U0NOBODY" }],
	])("counts for nothing %s", async (_, over) => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask();
		expect(await send(workspace, form(payload({ ts, ...over })))).toBe(200);
		await workspace.idle();
		expect(workspace.world.said()).toEqual(["approval.asked", "approval.delivered"]);
		// The same click, but for that, counts.
		expect(await send(workspace, form(payload({ ts })))).toBe(200);
		await workspace.idle();
		expect(workspace.world.said()).toContain("approval.voted");
	});
});

describe("Slack's troubles", () => {
	test("a rate limit is said with its time, a wrong channel with its code", async () => {
		await using workspace = await startWorkspace();
		await workspace.ask();
		const approval = workspace.parts.approvals.get(call);
		if (approval.state !== "waiting") throw new Error("it does not wait");
		const ask = (where: string) => workspace.app.ask(where, approval, workspace.world.groups).then(String, (error: unknown) => error);
		expect(await ask("#nowhere")).toMatchObject({ name: "ApproversUnavailable", code: "channel_not_found" });
		expect(await ask("#general")).toMatchObject({ code: "not_in_channel" });
		await fetch(`${workspace.slack.url}/_demo/rate-limit`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ count: 1, retryAfter: 7 }),
		});
		const limited = await ask("#cfo-approvals");
		expect(limited).toBeInstanceOf(ApproversUnavailable);
		expect(limited).toMatchObject({ code: "ratelimited", retryAfterMs: 7_000 });
	});

	test("a call that ends while its message is on the way: the message does not go on asking", async () => {
		await using workspace = await startWorkspace();
		const { app, parts, world } = workspace;
		await handle({ ...parts, timetable: { plan: async () => undefined } }, await world.held());
		const ask: typeof app.ask = async (...question) => {
			const posted = await app.ask(...question);
			await handle(parts, withdrawnEvent());
			return posted;
		};
		const work = createJobs({ ...parts, approvers: { ...app, ask } });
		await work({ call, kind: "deliver", nth: "#finance-approvals", at: start.getTime(), after: 1 }, 1);
		expect(workspace.messages().map(hasButtons)).toEqual([false]);
		expect(shownIn(workspace.messages()[0] ?? { blocks: [] })).toContain("no longer wants it");
		expect(world.said()).toEqual(["approval.asked", "call.ended"]);
	});

	test("a replica that has not yet read of the call asks about it all the same, once it has", async () => {
		await using workspace = await startWorkspace();
		const { parts, world } = workspace;
		await handle({ ...parts, timetable: { plan: async () => undefined } }, await world.held());
		const [job] = jobsOf(call, parts.approvals.get(call), world.groups, start);
		const approvals = new Approvals();
		const asking = createJobs({ ...parts, approvals })(job ?? expect.fail("nothing is planned"), 1);
		await approvals.follow(createMemoryBus(world.stream, "approval"));
		await asking;
		expect(workspace.messages().map(hasButtons)).toEqual([true]);
	});

	test("a reminder stands under its message and is said once", async () => {
		await using workspace = await startWorkspace();
		const { ts } = await workspace.ask({ terms: terms({ remindAt: [at(10).toISOString()] }) });
		workspace.world.now = at(10);
		const job = { call, kind: "remind", nth: "1", at: at(10).getTime(), after: 1 } as const;
		await Promise.all([workspace.work(job, 1), workspace.work(job, 1)]);
		expect(workspace.messages().map(({ threadTs }) => threadTs)).toEqual([undefined, ts]);
		await workspace.work(job, 2);
		expect(workspace.messages()).toHaveLength(3);
		expect(workspace.world.said().filter((type) => type === "approval.reminded")).toHaveLength(1);
	});

	test("an escalation asks the other group in its own channel, and their click counts there", async () => {
		await using workspace = await startWorkspace();
		await workspace.ask({ terms: terms({ escalations: [{ at: at(10).toISOString(), to: ["cfo"] }] }) });
		workspace.world.now = at(10);
		await workspace.work({ call, kind: "escalate", nth: "1", at: at(10).getTime(), after: 1 }, 1);
		const asked = await workspace.until(() => workspace.messages().find(({ channelName }) => channelName === "cfo-approvals"));
		await workspace.parts.approvals.until(
			() => workspace.world.said().filter((type) => type === "approval.delivered").length === 2,
			patience.timeout,
		);
		await click(workspace, "carol", "approve", asked.ts, "cfo-approvals");
		await workspace.until(() => (workspace.messages().some(hasButtons) ? undefined : true));
		expect(workspace.world.settled()).toMatchObject([{ data: { approvedBy: ["carol@example.com"] } }]);
	});
});
