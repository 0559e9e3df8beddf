// A server that asks its client something: who is asked, what the client comes back with, and that it is one caller's and of one function. By the official client, too.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Event } from "#libs/contracts/events.ts";
import { as, Backstage, inForce, openTo } from "./ingress.test-support.ts";

const names = ["confirm", "other", "plain"];
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

const question = {
	method: "elicitation/create",
	params: { message: "Sure?", requestedSchema: { type: "object", properties: { ok: { type: "boolean" } } } },
};
const yes = { sure: { action: "accept", content: { ok: true } } };

/** As the executor says it of a server that asks. */
async function asks(received: Event<"call.received">): Promise<void> {
	const json = { resultType: "input_required", inputRequests: { sure: question } };
	const answer = {
		protocol: "mcp",
		isError: false,
		body: { json },
		asks: { asked: { sure: "elicitation/create" }, state: "the server's" },
	};
	await stage.completeAs(received, JSON.stringify(answer), { answer: { mcp: { isError: false } } });
}
async function answers(received: Event<"call.received">): Promise<void> {
	const answer = { protocol: "mcp", isError: false, body: { json: { content: [{ type: "text", text: "done" }] } } };
	await stage.completeAs(received, JSON.stringify(answer), { answer: { mcp: { isError: false } } });
}

async function post(more: object, { name = "confirm", who = "robin", capabilities = { elicitation: {}, sampling: {} } as object } = {}) {
	const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities };
	const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name, arguments: { id: "a" }, ...more, _meta } });
	const mirrored = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name };
	const headers = { ...as(who), "content-type": "application/json", accept: "application/json", ...mirrored };
	return (await (await fetch(`${origin}/mcp/tools`, { method: "POST", headers, body })).json()) as {
		result?: { resultType: string; requestState: string; inputRequests: object; content: { text: string }[] };
		error?: { code: number; message: string };
	};
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
	expect(tools.map(({ inputSchema }) => Object.keys(inputSchema.properties ?? {}))).toEqual([["id"], ["id"], ["id"]]);
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

	test.each<[whose: string, change: (state: string) => string, options: Parameters<typeof post>[1]]>([
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

test("a client that cannot be asked, and one of an older revision, are told who can answer, and not asked", async () => {
	const asking = post({}, { capabilities: { elicitation: { url: {} } } });
	await asks(await stage.received());
	expect((await asking).error).toMatchObject({ code: -32_603 });
	const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "confirm", arguments: { id: "b" } } });
	const headers = { ...as("robin"), "content-type": "application/json", "mcp-protocol-version": "2025-11-25" };
	const calling = fetch(`${origin}/mcp/tools`, { method: "POST", headers, body });
	await asks(await stage.received(1));
	expect(await (await calling).json()).toMatchObject({ error: { code: -32_603, message: expect.stringContaining("2026-07-28") } });
});
