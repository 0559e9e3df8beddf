// One table of promises over every way in: the same call is decided, held, masked and run once, whichever way it comes, and each way says so in its own words.
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProblemCode } from "#libs/contracts/problems.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { type McpBank, startMcpBank } from "../support/mcp-bank.ts";
import { patience } from "../support/patience.ts";
import { click, giveReason } from "../support/slack.ts";
import { type Answer, ask, expectProblem, iban, newReference, stack, transfersNamed } from "../support/stack.ts";
import { type Asked, type Heard, problemOf, type WayIn, ways } from "../support/ways-in.ts";

/** What is behind Callgate: functions of one name and one behaviour, in two protocols. */
interface Behind {
	readonly name: string;
	connectionOf(fn: Asked["fn"]): string;
	/** What reached the function of one transfer. */
	transfersNamed(reference: string): Promise<readonly unknown[]>;
	/** What it says of an account that it does not have. */
	readonly refusal: Heard;
	/** Makes `chat` answer bit by bit. */
	streams(): void;
	/** Calls whose answers cannot be passed on. */
	readonly broken: readonly Broken[];
}

interface Broken {
	readonly what: string;
	readonly code: ProblemCode;
	readonly asked: Pick<Asked, "fn" | "args">;
	/** Makes the function answer so. */
	prepare(): void;
}

let lab: Lab;
let mcpBank: McpBank;

const largerThanMay = { text: "x".repeat(5_000_000) };
const chatThat = (what: string, code: ProblemCode, answer: (response: ServerResponse) => void): Broken => ({
	...{ what, code, prepare: () => lab.serve(answer) },
	asked: { fn: "chat", args: { model: "scripted", messages: [{ role: "user", content: what }] } },
});
const accountOf = (id: string, what: string, code: ProblemCode): Broken => ({
	...{ what, code, prepare: () => undefined },
	asked: { fn: "getAccount", args: { id } },
});

const http: Behind = {
	name: "HTTP",
	connectionOf: (fn) => (fn === "chat" ? "lab" : "bank"),
	transfersNamed,
	refusal: { kind: "refused by the function", status: 404 },
	streams: () =>
		lab.serve((response) => {
			response.writeHead(200, { "content-type": "text/event-stream" });
			const parts = ["the card is 4111 11", "11 1111", " 1111, or so"];
			for (const content of parts) response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
			response.end("data: [DONE]\n\n");
		}),
	broken: [
		chatThat("too large", "function_answer_unusable", (response) => {
			response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(largerThanMay));
		}),
		chatThat("cut off", "outcome_unknown", (response) => void response.destroy()),
	],
};

const mcpServer: Behind = {
	name: "an MCP server",
	connectionOf: () => "mcpbank",
	transfersNamed: async (reference) => mcpBank.transfersNamed(reference),
	refusal: { kind: "refused by the function" },
	streams: () => undefined,
	broken: [accountOf("acc-huge", "too large", "function_answer_unusable"), accountOf("acc-gone", "cut off", "outcome_unknown")],
};

type Transfer = Asked & { readonly reference: string };

/** A caller that comes one way. */
function callerBy(way: WayIn, behind: Behind) {
	async function send(asked: Asked, as: string | undefined = "ci"): Promise<Answer> {
		const { path, method = "POST", body, keyed } = way.request(asked);
		const headers: Record<string, string> = { prefer: `wait=${asked.wait ?? 30}` };
		if (body !== undefined) headers["content-type"] = "application/json";
		if (keyed) headers["idempotency-key"] = asked.id;
		const init = { method, headers, ...(as && { as }), ...(body !== undefined && { body: JSON.stringify(body) }) };
		return await ask(`${stack.urls.ingress}${path}`, init);
	}
	const hear = async (asked: Asked): Promise<Heard> => way.hear(await send(asked));
	async function held(asked: Asked): Promise<string> {
		const heard = await hear({ ...asked, wait: 1 });
		return heard.kind === "pending" ? heard.call : expect.fail(JSON.stringify(heard));
	}
	const call = (fn: Asked["fn"], args: Asked["args"]): Asked => ({ connection: behind.connectionOf(fn), fn, id: randomUUID(), args });
	const transfer = (amount: number, more: object = {}, reference = newReference(way.via)): Transfer => ({
		connection: behind.connectionOf("createTransfer"),
		fn: "createTransfer",
		id: randomUUID(),
		reference,
		args: { amount, currency: "EUR", to: iban, country: "DE", reference, ...more },
	});
	const outcome = (asked: Asked, call: string): Promise<Heard> => way.askAgain?.(call) ?? hear(asked);
	return { send, hear, held, call, transfer, outcome };
}

/** Where an MCP server is behind, nothing of HTTP is passed through. */
const table = [http, mcpServer].flatMap((behind) =>
	ways.filter(({ via }) => behind === http || via !== "proxy").map((way) => [way.via, behind.name, way, behind] as const),
);

/** A minute is the least that a policy may give people: those that are to expire are asked for first, and looked at last. */
const expiring = new Map<string, { readonly asked: Transfer; readonly call: string }>();
beforeAll(async () => {
	lab = await startLab();
	mcpBank = await startMcpBank();
	for (const [via, name, way, behind] of table) {
		const { held, transfer } = callerBy(way, behind);
		const asked = transfer(100, {}, newReference(`expires soon ${via}`));
		expiring.set(`${via} ${name}`, { asked, call: await held(asked) });
	}
});
afterAll(async () => {
	await lab?.stop();
	await mcpBank?.stop();
});

describe.each(table)("%s, and %s behind", (_via, _name, way, behind) => {
	const { send, hear, held, call: callOf, transfer, outcome } = callerBy(way, behind);
	const account = (id: string): Asked => callOf("getAccount", { id });
	const { transfersNamed } = behind;

	test("allowed: it runs, and its caller has the function's answer", async () => {
		const asked = transfer(70);
		expect(await hear(asked)).toMatchObject({ kind: "answered", body: { reference: asked.reference } });
		expect(await transfersNamed(asked.reference)).toHaveLength(1);
	});

	test("denied: its caller is told, and the function saw nothing", async () => {
		const asked = transfer(70, { country: "XX" });
		expect(await hear(asked)).toEqual({ kind: "problem", code: "denied" });
		expect(await transfersNamed(asked.reference)).toEqual([]);
	});

	test("held and approved: it runs once, and the same request has its answer", async () => {
		const asked = transfer(5_000);
		const call = await held(asked);
		expect(await transfersNamed(asked.reference)).toEqual([]);
		await click("frank", "approve", call);
		await expect.poll(() => outcome(asked, call), patience).toMatchObject({ kind: "answered", body: { reference: asked.reference } });
		expect(await transfersNamed(asked.reference)).toHaveLength(1);
	});

	test("held and rejected: it never runs", async () => {
		const asked = transfer(5_000);
		const call = await held(asked);
		await click("frank", "reject", call);
		await giveReason("frank", "not now");
		await expect.poll(() => outcome(asked, call), patience).toEqual({ kind: "problem", code: "rejected" });
		expect(await transfersNamed(asked.reference)).toEqual([]);
	});

	test("cancelled while it waits: it never runs", async () => {
		const asked = transfer(5_000);
		const call = await held(asked);
		await ask(`${stack.urls.ingress}/v1/calls/${call}`, { method: "DELETE", as: "ci" });
		await expect.poll(() => outcome(asked, call), patience).toEqual({ kind: "problem", code: "cancelled" });
		expect(await transfersNamed(asked.reference)).toEqual([]);
	});

	test("masked: what is sensitive in the answer does not come back", async () => {
		const answer = await send(account("acc-1"));
		expect(way.hear(answer)).toMatchObject({ kind: "answered", body: { id: "acc-1", card: "[…1111]" } });
		for (const raw of ["4111111111111111", "jane.doe@customer.example", "536-90-4399"]) expect(answer.text).not.toContain(raw);
	});

	test("in pieces: a function that streams has one answer, masked across them", async () => {
		behind.streams();
		const messages = [{ role: "user", content: newReference(way.via) }];
		const answer = await send(callOf("chat", { model: "scripted", messages }));
		expect(way.hear(answer).kind, answer.text).toBe("answered");
		expect(answer.text).toContain("[card …1111]");
		expect(answer.text).toContain("[DONE]");
		expect(answer.text).not.toMatch(/4111|11 1111/);
	});

	const named = way.nameless ? [] : [["one call, one answer"]];
	test.each(named)("repeated under one name: %s", async () => {
		const asked = transfer(70);
		const both = await Promise.all([hear(asked), hear(asked)]);
		expect(both[0]).toMatchObject({ kind: "answered" });
		expect(both[1]).toEqual(both[0]);
		expect(await transfersNamed(asked.reference)).toHaveLength(1);
	});

	test("refused by the function, or not to be sent to it at all: told apart", async () => {
		expect(await hear(account("acc-999"))).toEqual(behind.refusal);
		const wrong = transfer(-1);
		expect(await hear(wrong)).toEqual({ kind: "problem", code: "invalid_arguments" });
		expect(await transfersNamed(wrong.reference)).toEqual([]);
	});

	test.each(behind.broken)("an answer that is $what: its caller is told $code, and nothing of it", async ({ code, asked, prepare }) => {
		prepare();
		const answer = await send(callOf(asked.fn, asked.args));
		expect(way.hear(answer)).toEqual({ kind: "problem", code });
		expect(answer.text.length).toBeLessThan(2_000);
	});

	test("by nobody, or larger than a request may be: refused before anything is read", async () => {
		expect(problemOf(await send(transfer(70), ""))).toEqual({ kind: "problem", code: "unauthenticated" });
		expect(problemOf(await send(transfer(70, { note: "x".repeat(2_000_000) })))).toEqual({ kind: "problem", code: "body_too_large" });
	});
});

test.each(table)("%s, and %s behind: held until nobody could approve it any more, it never runs", async (via, name, way, behind) => {
	const { asked, call } = expiring.get(`${via} ${name}`) ?? expect.fail("it was not asked for");
	const { outcome } = callerBy(way, behind);
	await expect.poll(() => outcome({ ...asked, wait: 5 }, call), patience).toEqual({ kind: "problem", code: "expired" });
	expect(await behind.transfersNamed(asked.reference)).toEqual([]);
});

test("the proxy has nothing to map to an MCP server, and says where its tools are", async () => {
	const refused = await ask(`${stack.urls.ingress}/proxy/mcpbank/accounts/acc-1`, { as: "ci" });
	expectProblem(refused, "function_unknown");
	expect(refused.body.detail).toContain("/mcp/mcpbank");
});
