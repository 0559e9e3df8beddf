// A stream that ends before its answer, of a revision that says how it is taken up again: the answer comes there, and the call goes out once.
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { DialError } from "../dial-error.ts";
import { createHttpClient, type HttpClient } from "../dial-http/http-client.ts";
import type { McpFunctionAnswer } from "../ports.ts";
import { createMcpDialer } from "./dial-mcp.ts";
import { type Heard, resultText, sayTool, serveMcp } from "./mcp-server.test-support.ts";
import { aside, connectionTo, failureOf } from "./mcp-stage.test-support.ts";

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const one of undo.splice(0)) await one();
});

const events = (response: ServerResponse, ...texts: string[]): ServerResponse => {
	response.writeHead(200, { "content-type": "text/event-stream" });
	for (const text of texts) response.write(text);
	return response;
};
const answerTo = (id: unknown) => `id: last\ndata: ${resultText(id, { content: [{ type: "text", text: "done" }] })}\n\n`;

/** Begins the stream of each call with `first`, and ends it: by itself, or as a connection that breaks. Nobody reaches a server that is away. */
async function stage({
	revision = "2025-11-25",
	first = "id: e1\nretry: 100\ndata: \n\n",
	breaks = false,
	isAway = false,
	more = "",
} = {}) {
	const server = await serveMcp(revision);
	const resumed: IncomingMessage["headers"][] = [];
	const asked: { id: unknown; atMs: number } = { id: undefined, atMs: 0 };
	server.answer = ({ method, id }: Heard, response) => {
		if (method !== "tools/call") return false;
		Object.assign(asked, { id, atMs: performance.now() });
		events(response).write(first, () => (breaks ? response.destroy() : response.end()));
		return true;
	};
	const ask = connectionTo({ url: server.url, revision, tools: [sayTool], more });
	const http = createHttpClient();
	const dial: HttpClient["dial"] = async (request, signal) => {
		if (request.method === "GET" && isAway) throw new DialError("connect_timeout", "no usable connection in time", { sent: false });
		return await http.dial(request, signal);
	};
	const dialer = createMcpDialer({ aside, client: { ...http, dial } });
	undo.push(
		() => dialer.close(),
		() => server.close(),
	);
	const call = async () => (await dialer.prepare(ask({ note: "n" }), undefined).dial(() => undefined)) as McpFunctionAnswer;
	const resume = (answer: (response: ServerResponse, nth: number) => void) => {
		server.resume = (headers, response) => {
			resumed.push(headers);
			answer(response, resumed.length);
			return true;
		};
	};
	return { server, call, resume, resumed, asked };
}

test.each([false, true])("is taken up after its last event, no sooner than its server says (it breaks: %s)", async (breaks) => {
	const { server, call, resume, resumed, asked } = await stage({ breaks });
	let waitedMs = 0;
	resume((response) => {
		waitedMs = performance.now() - asked.atMs;
		events(response, answerTo(asked.id)).end();
	});
	expect(Buffer.from((await call()).body).toString()).toContain("done");
	expect(waitedMs).toBeGreaterThan(95);
	expect(server.calls()).toHaveLength(1);
	const { accept, "last-event-id": last, "mcp-session-id": session, "content-type": type } = resumed[0] ?? {};
	expect({ accept, last, session, type }).toEqual({ accept: "text/event-stream", last: "e1", session: "session-1", type: undefined });
});

test("is taken up after its last whole event: what had come of the next one is not part of what comes again", async () => {
	const { call, resume, resumed, asked } = await stage({
		first: 'id: e1\nretry: 100\ndata: \n\nid: last\ndata: {"jsonrpc":"2.0","é',
		breaks: true,
	});
	resume((response, nth) => {
		if (nth === 1) events(response, "id: e2\ndata: {}\n").write("data: {", () => response.destroy());
		else events(response, answerTo(asked.id)).end();
	});
	expect(Buffer.from((await call()).body).toString()).toContain("done");
	expect(resumed.map((headers) => headers["last-event-id"])).toEqual(["e1", "e1"]);
});

test("is taken up as often as it ends, each time where it was, and when its server cannot be reached for a while", async () => {
	const { server, call, resume, resumed, asked } = await stage();
	resume((response, nth) => {
		if (nth === 2) response.destroy();
		else if (nth < 4) events(response, `id: r${nth}\ndata: \n\n`).end();
		else events(response, answerTo(asked.id)).end();
	});
	expect((await call()).isError).toBe(false);
	expect(resumed.map((headers) => headers["last-event-id"])).toEqual(["e1", "r1", "r1", "r3"]);
	expect(server.calls()).toHaveLength(1);
});

test.each<[what: string, resume: (response: ServerResponse) => void, expected: object]>([
	["has no such stream", (response) => response.writeHead(405).end(), { code: "protocol_error", told: expect.stringContaining("405") }],
	["answers with nonsense", (response) => response.end("nonsense"), { code: "protocol_error" }],
	["wants to be asked again too late", (response) => events(response, "retry: 999999999\n\n").end(), { code: "total_timeout" }],
	["says too much", (response) => events(response, `data: ${"x".repeat(30_000)}\n\n`).end(), { code: "body_too_large" }],
])("a server that %s ran the call all the same", async (_what, answer, expected) => {
	const { server, call, resume } = await stage({ more: "limits: { responseBody: 1KiB }\n" });
	resume(answer);
	const error = await failureOf(call());
	expect(error).toMatchObject({ ...expected, sent: true, answered: { http: { status: expect.any(Number) } } });
	expect(server.calls()).toHaveLength(1);
});

test("a server to which no way leads any more ran the call all the same", async () => {
	const { call } = await stage({ isAway: true });
	expect(await failureOf(call())).toMatchObject({ code: "connect_timeout", sent: true, answered: { http: { status: 200 } } });
});

test.each([
	["without an id", { first: "data: \n\n" }],
	["with an id that no header carries", { first: "id: a b\ndata: \n\n" }],
	["of 2026-07-28", { revision: "2026-07-28" }],
])("is not taken up %s", async (_what, options) => {
	const { call, resume, resumed } = await stage(options);
	resume((response) => response.end());
	expect(await failureOf(call())).toMatchObject({ code: "protocol_error", sent: true });
	expect(resumed).toEqual([]);
});
