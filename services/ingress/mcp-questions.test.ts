// A server that asks its client something: who is asked, what the client comes back with, and that it is one caller's and of one function. By the official client, too.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Event } from "#libs/contracts/events.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { patience } from "../../test/support/patience.ts";
import { as, Backstage, callers, inForce, openTo } from "./ingress.test-support.ts";
import {
	yes as accepted,
	answers as answersOn,
	asks as asksOn,
	type PostOptions,
	post as postTo,
	question,
} from "./mcp-client.test-support.ts";

const names = ["confirm", "other", "plain", "told"];
const pinned = {
	protocolVersion: "2026-07-28",
	tools: names.map((name) => ({
		name,
		inputSchema: { type: "object", properties: { id: { type: "string" } }, additionalProperties: false },
	})),
};
const connection = `kind: Connection
name: tools
protocol: mcp
url: https://tools.example/mcp
mcp: tools.json
functions:
  confirm: { asks: [elicitation] }
  other: { asks: [elicitation] }
  told: { asks: [elicitation], stream: true }
`;
const configuration = openTo(connection, { "tools.json": JSON.stringify(pinned) });

const cleanup: (() => Promise<unknown>)[] = [];
let stage: Backstage;
let origin: string;
beforeEach(async () => {
	stage = new Backstage();
	cleanup.push(() => stage.close());
	const { http } = await stage.replica({ configuration: inForce(configuration) });
	origin = await http.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const yes = { sure: accepted };
const asking = { resultType: "input_required", inputRequests: { sure: question } };
const asks = (received: Event<"call.received">) => asksOn(stage, received);
const answers = (received: Event<"call.received">) => answersOn(stage, received);

async function post(more: object, { name = "confirm", capabilities = { elicitation: {}, sampling: {} }, ...options }: CallOptions = {}) {
	const asked = { name, arguments: { id: "a" }, ...more };
	return (await (await postTo(origin, "tools/call", asked, { capabilities, ...options })).json()) as {
		result?: { resultType: string; requestState: string; inputRequests: object; content: { text: string }[] };
		error?: { code: number; message: string };
	};
}
interface CallOptions extends PostOptions {
	readonly name?: string;
}

/** The state that robin is given where `confirm` asked. */
async function stateOf(nth = 0): Promise<string> {
	const asking = post({});
	await asks(await stage.received(nth));
	return (await asking).result?.requestState ?? "";
}

test("the official client answers what it is asked, and the call that has the answer is another one, with the answer among its arguments", async () => {
	const client = new Client(
		{ name: "test", version: "1" },
		{ versionNegotiation: { mode: { pin: "2026-07-28" } }, capabilities: { elicitation: {} } },
	);
	const heard: unknown[] = [];
	client.setRequestHandler("elicitation/create", ({ params }) => {
		heard.push(params.message);
		return { action: "accept", content: { ok: true } };
	});
	await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}/mcp/tools`), { requestInit: { headers: as("robin") } }));
	cleanup.push(() => client.close());
	const { tools } = await client.listTools();
	expect(tools.map(({ inputSchema }) => Object.keys(inputSchema.properties ?? {}))).toEqual(names.map(() => ["id"]));
	const calling = client.callTool({ name: "confirm", arguments: { id: "a" } });
	await asks(await stage.received());
	const second = await stage.received(1);
	await answers(second);
	expect(await calling).toMatchObject({ content: [{ type: "text", text: "done" }] });
	expect(heard).toEqual(["Sure?"]);
	expect(second.data.arguments).toMatchObject({ id: "a", inputResponses: yes, requestState: expect.any(String) });
	expect(second.data.digest).not.toBe((await stage.received()).data.digest);
});

describe("what a client comes back with", () => {
	test("says nothing of what the server wants to be told again, and is not to be kept by a cache", async () => {
		const asking = post({});
		await asks(await stage.received());
		const { result } = await asking;
		expect(result).toMatchObject({ resultType: "input_required", inputRequests: { sure: question }, requestState: expect.any(String) });
		expect(result).not.toHaveProperty("ttlMs");
		expect(JSON.stringify(result)).not.toContain("the server's");
	});

	test.each<[whose: string, change: (state: string) => string, options: CallOptions]>([
		["was changed", (state) => `${state}-TAMPERED`, {}],
		["was cut", (state) => state.slice(0, -4), {}],
		["is of another call", (state) => state.replace(/^[^.]*/, "01a00000-0000-7000-8000-000000000000"), {}],
		["is none", () => "state", {}],
		["is another caller's", (state) => state, { who: "mallory" }],
		["is of another function", (state) => state, { name: "other" }],
		["is for a function that asks nothing", (state) => state, { name: "plain" }],
	])("is refused where it %s, and that is no call", async (_whose, change, options) => {
		const { error } = await post({ inputResponses: yes, requestState: change(await stateOf()) }, options);
		expect(error).toMatchObject({ code: -32_602 });
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test.each<[what: string, inputResponses: unknown]>([
		["of another question", { sure: { roots: [] } }],
		["in another shape", { sure: { action: "accept", content: { ok: { nested: true } } } }],
		["without an action", { sure: {} }],
		["as no object", [1]],
	])("with an answer %s is refused, and that is no call", async (_what, inputResponses) => {
		const { error } = await post({ inputResponses, requestState: await stateOf() });
		expect(error).toMatchObject({ code: -32_602 });
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("with no state is no answer to anything: the call is as it would be without", async () => {
		const asking = post({ inputResponses: yes });
		const received = await stage.received();
		expect(received.data.arguments).toEqual({ id: "a" });
		await asks(received);
		expect((await asking).result?.resultType).toBe("input_required");
	});

	test("may be decided otherwise than the call in which it was asked: it is another call", async () => {
		const denied = post({ inputResponses: yes, requestState: await stateOf() });
		await stage.deny(await stage.received(1));
		expect((await denied).result?.content[0]?.text).toContain('"denied"');
	});
});

test("a client that cannot be asked is told who can, and not asked", async () => {
	const asking = post({}, { capabilities: { elicitation: { url: {} } } });
	await asks(await stage.received());
	expect((await asking).error).toMatchObject({ code: -32_603 });
});

describe("before 2026-07-28 a client is asked while its request goes on", () => {
	/** As a client of 2025-11-25 that speaks no more than HTTP. */
	async function send(message: object, { who = "robin", session = "", at = origin, accept = "application/json, text/event-stream" } = {}) {
		const headers = {
			...{ ...as(who), "content-type": "application/json", accept, "mcp-protocol-version": "2025-11-25" },
			...(session !== "" && { "mcp-session-id": session }),
		};
		return await fetch(`${at}/mcp/tools`, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
	}
	async function begin(capabilities: object = { elicitation: {} }): Promise<string> {
		const params = { protocolVersion: "2025-11-25", capabilities };
		return (await send({ id: 1, method: "initialize", params })).headers.get("mcp-session-id") ?? "";
	}
	const confirm = { id: 7, method: "tools/call", params: { name: "confirm", arguments: { id: "a" } } };
	type Options = NonNullable<Parameters<typeof send>[1]>;

	/** A request of which the server asks, as far as its question; then the rest of its events. */
	async function asked(options: Options = {}, signal?: AbortController) {
		const nth = stage.of("call.received").length;
		const session = options.session ?? (await begin());
		const replied = send(confirm, { ...options, session });
		const received = await stage.received(nth);
		await asks(received);
		const reader = (await replied).body?.pipeThrough(new TextDecoderStream()).getReader();
		signal?.signal.addEventListener("abort", () => void reader?.cancel());
		let text = "";
		while (!text.includes("\n\n")) text += (await reader?.read())?.value ?? "";
		const rest = async () => {
			let more = "";
			for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) more += piece.value;
			return JSON.parse(more.replace("event: message\ndata: ", "")) as {
				id: number;
				result?: { isError?: boolean; content: { text: string }[] };
			};
		};
		const question = JSON.parse(text.replace("event: message\ndata: ", "")) as { id: string; method: string; params: object };
		return { question, received, rest, session };
	}

	/** The official client, which says yes whatever it is asked. */
	async function agreeing(at = origin): Promise<{ readonly client: Client; readonly heard: unknown[] }> {
		const client = new Client(
			{ name: "test", version: "1" },
			{ versionNegotiation: { mode: "legacy" }, capabilities: { elicitation: {} } },
		);
		const heard: unknown[] = [];
		client.setRequestHandler("elicitation/create", ({ params }) => {
			heard.push(params.message);
			return { action: "accept", content: { ok: true } };
		});
		await client.connect(new StreamableHTTPClientTransport(new URL(`${at}/mcp/tools`), { requestInit: { headers: as("robin") } }));
		cleanup.push(() => client.close());
		return { client, heard };
	}

	test("by a message of its own, and the official client answers with one: an argument of the call that is made then", async () => {
		const { client, heard } = await agreeing();
		const calling = client.callTool({ name: "confirm", arguments: { id: "a" } });
		await asks(await stage.received());
		const second = await stage.received(1);
		await asks(second);
		const third = await stage.received(2);
		await answers(third);
		expect(await calling).toMatchObject({ content: [{ type: "text", text: "done" }], _meta: { "callgate/call": third.data.call } });
		expect(heard).toEqual(["Sure?", "Sure?"]);
		expect(second.data.arguments).toMatchObject({ id: "a", inputResponses: yes, requestState: expect.any(String) });
	});

	test("and hears of each of its calls meanwhile, whose place is free when it was answered", async () => {
		const { http, pending } = await stage.replica({ configuration: inForce(configuration) });
		const { client } = await agreeing(await http.listen({ host: "127.0.0.1", port: 0 }));
		const told: unknown[] = [];
		const calling = client.callTool({ name: "told", arguments: { id: "a" } }, { onprogress: ({ progress }) => void told.push(progress) });
		for (const [nth, json] of [asking, { content: [{ type: "text", text: "done" }] }].entries()) {
			const received = await stage.received(nth);
			await stage.start(received);
			const said = `${JSON.stringify({ method: "notifications/progress", params: { progress: nth + 1 } })}\n`;
			const seals = await stage.passOn(received, [said]);
			const more = nth === 0 && { asks: { asked: { sure: "elicitation/create" } } };
			const sealed = stage.sealedResult(received, { protocol: "mcp", isError: false, body: { json }, ...more });
			await stage.endStreamed(received, seals, { answer: { mcp: { isError: false } }, sealed });
		}
		expect(await calling).toMatchObject({ content: [{ type: "text", text: "done" }] });
		expect(told).toEqual([1, 2]);
		await expect.poll(() => pending.size(), patience).toBe(0);
	});

	test("but not without an end", async () => {
		const calling = (await agreeing()).client.callTool({ name: "confirm", arguments: { id: "a" } });
		for (let nth = 0; nth < 8; nth++) await asks(await stage.received(nth));
		expect(await calling).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("more than is passed on") }] });
		expect(stage.of("call.received")).toHaveLength(8);
	});

	test("and may answer at another replica, once, and nobody else may; until the answer is there it is sealed", async () => {
		const { http, bus } = await stage.replica({ configuration: inForce(configuration) });
		const at = await http.listen({ host: "127.0.0.1", port: 0 });
		const { question, rest, session } = await asked();
		expect(question).toMatchObject({ method: "elicitation/create", params: { message: "Sure?" } });
		const { id } = question;
		const answer = (action: string, options: Options = {}) => send({ id, result: { action } }, { at, session, ...options });
		expect((await answer("cancel", { who: "mallory" })).status).toBe(400);
		expect((await send({ id: "4f1c53f0-0000-4000-8000-000000000000", result: {} }, { session })).status).toBe(400);
		expect((await answer("decline")).status).toBe(202);
		expect((await answer("accept")).status).toBe(202);
		expect((await bus.store("calls").get(`reply.${id}`))?.value).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
		const second = await stage.received(1);
		expect(second.data.arguments).toMatchObject({ inputResponses: { sure: { action: "decline" } } });
		await answers(second);
		expect(await rest()).toMatchObject({ id: 7, result: { content: [{ text: "done" }] } });
	});

	test.each<[what: string, answer: object, status: number]>([
		["an error", { error: { code: -1, message: "User said no" } }, 202],
		["no answer to it", { result: { roots: [] } }, 400],
		["a text without an end", { result: { action: "accept", content: { ok: "x".repeat(16_000) } } }, 413],
	])("that answers with %s has no second call", async (_what, answer, status) => {
		const { question, rest, session } = await asked();
		expect((await send({ id: question.id, ...answer }, { session })).status).toBe(status);
		if (status === 413) await send({ id: question.id, error: { code: -1, message: "Too long" } }, { session });
		const { result } = await rest();
		expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("no answer to it") }] });
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("the call with the answer is decided as any other", async () => {
		const { question, rest, session } = await asked();
		await send({ id: question.id, result: yes.sure }, { session });
		await stage.deny(await stage.received(1));
		expect((await rest()).result?.content[0]?.text).toContain('"denied"');
	});

	test("and is that of a caller whose token is still good", async () => {
		let isOver = false;
		const authenticate = async () => {
			if (isOver || !callers.robin) throw new NotAuthenticated("expired", { issuer: "corporate" });
			return callers.robin;
		};
		const { http } = await stage.replica({ configuration: inForce(configuration), authenticate });
		const { question, rest, session } = await asked({ at: await http.listen({ host: "127.0.0.1", port: 0 }) });
		isOver = true;
		await send({ id: question.id, result: yes.sure }, { session });
		expect((await rest()).result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('"unauthenticated"') }] });
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("who leaves, or whose replica stops, holds no place there", async () => {
		const { pending, http } = await stage.replica({ configuration: inForce(configuration) });
		const at = await http.listen({ host: "127.0.0.1", port: 0 });
		const left = new AbortController();
		await asked({ at }, left);
		await expect.poll(() => pending.size(), patience).toBe(1);
		left.abort();
		await expect.poll(() => pending.size(), patience).toBe(0);
		const { rest } = await asked({ at });
		pending.letGo();
		expect((await rest()).result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("not answered") }] });
	});

	test.each<[who: string, capabilities: object, accept?: string]>([
		["declared nothing", {}],
		["declared something else", { sampling: {} }],
		["takes no events", { elicitation: {} }, "application/json"],
	])("unless it %s", async (_who, capabilities, accept) => {
		const calling = send(confirm, { session: await begin(capabilities), ...(accept && { accept }) });
		await asks(await stage.received());
		expect(await (await calling).json()).toMatchObject({ error: { code: -32_603, message: expect.stringContaining("declares so") } });
	});
});
