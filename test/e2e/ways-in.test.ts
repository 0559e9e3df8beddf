// One table of promises over every way in: the same call is decided, held, masked and run once, whichever way it comes, and each way says so in its own words.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Lab, startLab } from "../support/lab.ts";
import { patience } from "../support/patience.ts";
import { click, giveReason } from "../support/slack.ts";
import { type Answer, ask, iban, newReference, stack, transfersNamed } from "../support/stack.ts";

interface Asked {
	readonly fn: "createTransfer" | "getAccount" | "chat";
	readonly args: Readonly<Record<string, unknown>>;
	/** The caller's own name for the call. */
	readonly id: string;
	/** Seconds. */
	readonly wait?: number;
}

/** What a caller learned, whatever the way in calls it. */
type Heard =
	| { readonly kind: "answered"; readonly body: unknown }
	| { readonly kind: "refused by the function"; readonly status: number }
	| { readonly kind: "problem"; readonly code: string }
	| { readonly kind: "pending"; readonly call: string };

interface WayIn {
	/** As it is on the record. */
	readonly via: string;
	request(asked: Asked): { readonly path: string; readonly method?: string; readonly body?: unknown; readonly keyed?: boolean };
	hear(answer: Answer): Heard;
	/** Asks how a pending call ended; sending the same again, where nothing is said. */
	readonly askAgain?: (call: string) => Promise<Heard>;
	/** Nothing in a request of this way tells a repetition from another call, once the first was answered. */
	readonly nameless?: true;
}

const connectionOf = ({ fn }: Pick<Asked, "fn">): string => (fn === "chat" ? "lab" : "bank");

const problemOf = ({ status, body }: Answer): Heard | undefined => {
	if (status === 202) return { kind: "pending", call: body.call };
	if (typeof body.type === "string" && body.type.startsWith("urn:callgate:")) return { kind: "problem", code: body.code };
	return undefined;
};
const functionSaid = (status: number, body: unknown): Heard =>
	status < 400 ? { kind: "answered", body } : { kind: "refused by the function", status };

function hearCall(answer: Answer): Heard {
	const { problem, result } = answer.body;
	if (problem) return { kind: "problem", code: problem.code };
	return problemOf(answer) ?? functionSaid(result.status, result.body);
}

const calls: WayIn = {
	via: "calls",
	request: ({ fn, args }) => ({
		path: "/v1/calls",
		body: { connection: connectionOf({ fn }), function: fn, arguments: args },
		keyed: true,
	}),
	hear: hearCall,
	askAgain: async (call) => hearCall(await ask(`${stack.urls.ingress}/v1/calls/${call}`, { as: "ci" })),
};

const proxy: WayIn = {
	via: "proxy",
	request({ fn, args }) {
		if (fn === "getAccount") return { path: `/proxy/bank/accounts/${args.id}`, method: "GET", keyed: true };
		return { path: fn === "chat" ? "/proxy/lab/file/chat/completions" : "/proxy/bank/transfers", body: args, keyed: true };
	},
	hear: (answer) => problemOf(answer) ?? functionSaid(answer.status, answer.body),
};

/** What a model is told of its one call, as JSON. */
function toldOf({ body, text }: Answer, told: unknown): Heard {
	const [{ kind, call }] = body.calls;
	if (kind === "pending") return { kind, call };
	const { error } = told as { error?: { code: string; status: number } };
	if (error === undefined) return { kind: "answered", body: told };
	expect(kind, text).toBe("failed");
	return error.code === "function_refused" ? functionSaid(error.status, undefined) : { kind: "problem", code: error.code };
}

function model(
	via: string,
	path: string,
	message: (call: { id: string; name: string; args: object }) => object,
	told: (body: never) => unknown,
): WayIn {
	const parsed = (one: unknown) => (typeof one === "string" && one.startsWith("{") ? JSON.parse(one) : one);
	return {
		via,
		request: ({ fn, args, id }) => ({ path, body: message({ id, name: `${connectionOf({ fn })}__${fn}`, args }) }),
		hear: (answer) => problemOf(answer) ?? toldOf(answer, parsed(told(answer.body as never))),
	};
}

const mcp: WayIn = {
	via: "mcp",
	nameless: true,
	request: ({ fn, args, id }) => ({
		path: "/mcp",
		body: { jsonrpc: "2.0", id, method: "tools/call", params: { name: `${connectionOf({ fn })}__${fn}`, arguments: args } },
	}),
	hear(answer) {
		const { result } = answer.body;
		if (!result) return problemOf(answer) ?? expect.fail(answer.text);
		const status = result._meta?.["callgate/status"];
		if (status !== undefined) return functionSaid(status, result.structuredContent);
		const told = JSON.parse(result.content[0].text);
		return told.code === undefined ? { kind: "pending", call: told.call } : { kind: "problem", code: told.code };
	},
};

const ways: readonly WayIn[] = [
	mcp,
	calls,
	proxy,
	model(
		"openai-chat",
		"/v1/openai/chat/tool-calls",
		({ id, name, args }) => ({
			role: "assistant",
			tool_calls: [{ id, type: "function", function: { name, arguments: JSON.stringify(args) } }],
		}),
		({ messages: [{ content }] }: { messages: [{ content: string }] }) => content,
	),
	model(
		"openai-responses",
		"/v1/openai/responses/function-calls",
		({ id, name, args }) => [{ type: "function_call", call_id: id, name, arguments: JSON.stringify(args) }],
		({ input: [{ output }] }: { input: [{ output: string }] }) => output,
	),
	model(
		"anthropic",
		"/v1/anthropic/tool-uses",
		({ id, name, args }) => ({ role: "assistant", content: [{ type: "tool_use", id, name, input: args }] }),
		({ messages: [message] }: { messages: [{ content: [{ content: string }] }] }) => message.content[0].content,
	),
	model(
		"gemini",
		"/v1/gemini/function-calls",
		({ id, name, args }) => ({ role: "model", parts: [{ functionCall: { id, name, args } }] }),
		({ contents: [content] }: { contents: [{ parts: [{ functionResponse: { response: { output?: unknown; error?: unknown } } }] }] }) => {
			const { response } = content.parts[0].functionResponse;
			return response.output ?? response;
		},
	),
];

type Transfer = Asked & { readonly reference: string };

/** A caller that comes one way. */
function callerBy(way: WayIn) {
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
	const transfer = (amount: number, more: object = {}, reference = newReference(way.via)): Transfer => ({
		fn: "createTransfer",
		id: randomUUID(),
		reference,
		args: { amount, currency: "EUR", to: iban, country: "DE", reference, ...more },
	});
	const outcome = (asked: Asked, call: string): Promise<Heard> => way.askAgain?.(call) ?? hear(asked);
	return { send, hear, held, transfer, outcome };
}

let lab: Lab;
/** A minute is the least that a policy may give people: those that are to expire are asked for first, and looked at last. */
const expiring = new Map<string, { readonly asked: Transfer; readonly call: string }>();
beforeAll(async () => {
	lab = await startLab();
	for (const way of ways) {
		const { held, transfer } = callerBy(way);
		const asked = transfer(100, {}, newReference(`expires soon ${way.via}`));
		expiring.set(way.via, { asked, call: await held(asked) });
	}
});
afterAll(() => lab?.stop());

describe.each(ways.map((way) => [way.via, way] as const))("%s", (_via, way) => {
	const { send, hear, held, transfer, outcome } = callerBy(way);
	const account = (id: string): Asked => ({ fn: "getAccount", id: randomUUID(), args: { id } });

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
		lab.serve((response) => {
			response.writeHead(200, { "content-type": "text/event-stream" });
			const parts = ["the card is 4111 11", "11 1111", " 1111, or so"];
			for (const content of parts) response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
			response.end("data: [DONE]\n\n");
		});
		const args = { model: "scripted", messages: [{ role: "user", content: newReference(way.via) }] };
		const answer = await send({ fn: "chat", id: randomUUID(), args });
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
		expect(await hear(account("acc-999"))).toEqual({ kind: "refused by the function", status: 404 });
		const wrong = transfer(-1);
		expect(await hear(wrong)).toEqual({ kind: "problem", code: "invalid_arguments" });
		expect(await transfersNamed(wrong.reference)).toEqual([]);
	});

	test("by nobody, or larger than a request may be: refused before anything is read", async () => {
		expect(problemOf(await send(transfer(70), ""))).toEqual({ kind: "problem", code: "unauthenticated" });
		expect(problemOf(await send(transfer(70, { note: "x".repeat(2_000_000) })))).toEqual({ kind: "problem", code: "body_too_large" });
	});
});

test.each(ways.map((way) => [way.via, way] as const))(
	"%s: held until nobody could approve it any more, it never runs",
	async (via, way) => {
		const { asked, call } = expiring.get(via) ?? expect.fail("it was not asked for");
		await expect.poll(() => callerBy(way).outcome({ ...asked, wait: 5 }, call), patience).toEqual({ kind: "problem", code: "expired" });
		expect(await transfersNamed(asked.reference)).toEqual([]);
	},
);
