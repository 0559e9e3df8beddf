// A tool call of an MCP client is the same call as any other: decided, held, run with the function's own key, masked, and on the record.
import { describe, expect, test } from "vitest";
import { askMcp } from "../support/ask-mcp.ts";
import { writesTo } from "../support/nats.ts";
import { heldCallNamed, vote } from "../support/slack.ts";
import {
	ask,
	callersWaiting,
	eventually,
	iban,
	newReference,
	readKey,
	secondReplica,
	sha256,
	stack,
	transfersNamed,
} from "../support/stack.ts";

const transfer = (amount: number, reference: string, more: object = {}) => ({
	name: "createTransfer",
	arguments: { amount, currency: "EUR", to: iban, country: "DE", reference, ...more },
});

describe("mcp", () => {
	test("a tool is called with the bank's own key, and its answer is masked", async () => {
		expect((await askMcp("tools/list")).body.result.tools.map(({ name }: { name: string }) => name)).toContain("createTransfer");
		const reference = newReference("tool");
		const answer = await askMcp("tools/call", transfer(40, reference));
		expect(answer.body.result, answer.text).toMatchObject({
			resultType: "complete",
			isError: false,
			structuredContent: { amount: 40, reference, card: "[…1111]" },
		});
		expect(answer.text).not.toContain(iban);
		const [seen, ...more] = await transfersNamed(reference);
		expect(more).toEqual([]);
		expect(seen?.credentialSha256).toBe(sha256(readKey(stack.bankApiKeyFile)));
		const call = answer.headers.get("callgate-call");
		const story = await eventually(async () => {
			const { body } = await ask(`${stack.urls.audit}/v1/audit/calls/${call}`, { as: "alice" });
			const types = (body.events ?? []).map(({ type }: { type: string }) => type);
			return types.includes("call.ended") ? body.events : undefined;
		});
		expect(story.find(({ type }: { type: string }) => type === "call.received").data).toMatchObject({
			via: "mcp",
			function: "createTransfer",
		});
	});

	test("one that policy denies says why, and the bank sees nothing", async () => {
		const reference = newReference("denied tool");
		const { body } = await askMcp("tools/call", transfer(10, reference, { country: "XX" }));
		expect(body.result.isError).toBe(true);
		expect(JSON.parse(body.result.content[0].text)).toMatchObject({ code: "denied", rules: ["never-to-blocked-countries"] });
		expect(await transfersNamed(reference)).toEqual([]);
	});

	test("one that is held runs once people approve it, and a repeat meanwhile, at another replica, is the same call", async () => {
		const reference = newReference("held tool");
		const writes = await writesTo("calls");
		const first = askMcp("tools/call", transfer(5_000, reference));
		const call = await heldCallNamed(reference);
		// From then on an equal one attaches to it.
		await eventually(async () => ((await writesTo("calls")) > writes ? true : undefined));
		const repeated = askMcp("tools/call", transfer(5_000, reference), { at: secondReplica("ingress") });
		await eventually(async () => ((await callersWaiting(secondReplica("ingress"))) > 0 ? true : undefined));
		expect((await vote("dana", call, { verdict: "approve" })).status).toBe(200);
		const answers = await Promise.all([first, repeated]);
		expect(answers.map(({ headers }) => headers.get("callgate-call"))).toEqual([call, call]);
		for (const { body, text } of answers) expect(body.result, text).toMatchObject({ isError: false, structuredContent: { reference } });
		expect(await transfersNamed(reference)).toHaveLength(1);
	});
});
