// The client against an HTTP server that does what networks and gateways do: break off, refuse for a while, tell the same twice.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { patience } from "../test/support/patience.ts";
import { Callgate } from "./callgate.ts";
import { readEvents } from "./event-stream.ts";
import { followSteps, type Step } from "./steps.ts";

interface Seen {
	readonly method: string;
	readonly url: string;
	readonly headers: IncomingMessage["headers"];
	readonly body: string;
}
type Reply = (response: ServerResponse) => void;

let server: Server;
let seen: Seen[];
let replies: Reply[];
let callgate: Callgate;

beforeEach(async () => {
	[seen, replies] = [[], []];
	server = createServer(async (request, response) => {
		let body = "";
		for await (const chunk of request.setEncoding("utf8")) body += chunk;
		seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
		(replies.shift() ?? json(500, { nothing: "expected" }))(response);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	callgate = new Callgate({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: () => "the-token" });
});
afterEach(async () => {
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
});

const json =
	(status: number, body: object, headers: Record<string, string> = {}): Reply =>
	(response) =>
		void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
const steps =
	(...lines: string[]): Reply =>
	(response) =>
		void response.writeHead(200, { "content-type": "text/event-stream" }).end(lines.join(""));
const lost: Reply = (response) => void response.destroy();
const step = (type: string, data: object = {}) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

const completed = {
	call: "c-1",
	state: "completed",
	connection: "bank",
	function: "pay",
	findings: [],
	result: { status: 200, headers: {}, body: 7 },
};
const held = { call: "c-1", state: "held", waitsFor: { requirements: [], expiresAt: "2026-01-01T00:00:00Z" } };
const pay = { connection: "bank", function: "pay", arguments: { amount: 1 } };
const problem = (code: string, status: number) => ({ code, status, title: "Refused", detail: "because" });

describe("a call", () => {
	it("is sent with its token and answered as it was completed", async () => {
		replies.push(json(200, completed));
		expect(await callgate.call<number>({ ...pay, reason: "rent" })).toEqual(completed);
		const [{ method, url, headers, body } = expect.fail()] = seen;
		expect([method, url, headers.authorization, headers.prefer]).toEqual(["POST", "/v1/calls", "Bearer the-token", "wait=20"]);
		expect(JSON.parse(body)).toEqual({ ...pay, reason: "rent" });
	});

	it("whose connection breaks, or that there is no room for, is sent again under the same name", async () => {
		replies.push(lost, json(429, problem("too_many_requests", 429), { "retry-after": "0" }), json(200, completed));
		await callgate.call(pay);
		expect(seen).toHaveLength(3);
		expect(new Set(seen.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
		replies.push(json(200, completed));
		await callgate.call(pay);
		expect(seen[3]?.headers["idempotency-key"]).not.toBe(seen[0]?.headers["idempotency-key"]);
	});

	it("that is refused is not sent again, and says why", async () => {
		replies.push(json(403, { ...problem("denied", 403), rules: ["never"] }, { "content-type": "application/problem+json" }));
		await expect(callgate.call(pay)).rejects.toMatchObject({
			name: "ProblemError",
			message: "Refused: because (denied)",
			problem: { code: "denied", rules: ["never"] },
		});
		expect(seen).toHaveLength(1);
	});

	it("that people are asked about is followed over broken streams, each step told once", async () => {
		const told: Step[] = [];
		replies.push(
			json(202, held),
			steps(step("call.received", { call: "c-1" }), step("approval.asked", { groups: [["treasury"]] }), "event: call.gra"),
			steps(step("call.received", { call: "c-1" }), step("approval.asked", { groups: [["treasury"]] }), step("call.ended", {})),
			json(200, completed),
		);
		expect((await callgate.call(pay, { onStep: (one) => told.push(one) })).result.body).toBe(7);
		expect(told.map(({ type }) => type)).toEqual(["call.received", "approval.asked", "call.ended"]);
		expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
			"POST /v1/calls",
			"GET /v1/calls/c-1/events",
			"GET /v1/calls/c-1/events",
			"GET /v1/calls/c-1",
		]);
	});

	it("that people rejected throws what it ended with", async () => {
		replies.push(
			json(202, held),
			steps(step("call.ended")),
			json(200, { call: "c-1", state: "rejected", problem: problem("rejected", 403) }),
		);
		await expect(callgate.call(pay)).rejects.toMatchObject({ problem: { code: "rejected" } });
	});

	it("is no longer waited for once the signal says so", async () => {
		const leaving = new AbortController();
		replies.push(json(202, held), (response) => void response.writeHead(200, { "content-type": "text/event-stream" }).write(": here\n\n"));
		const waiting = callgate.call(pay, { signal: leaving.signal });
		await expect.poll(() => seen.length, patience).toBe(2);
		leaving.abort(new Error("enough"));
		await expect(waiting).rejects.toThrow("enough");
	});
});

it("a stranger's answer is not taken for Callgate's, and no redirect is followed with the token", async () => {
	replies.push((response) => void response.writeHead(404).end("<html>"));
	await expect(callgate.cancel("c-1")).rejects.toThrow(/is not Callgate/);
	replies.push((response) => void response.writeHead(502).end("<html>"), json(200, { functions: [] }));
	expect(await callgate.functions()).toEqual([]);
	const redirect = json(307, {}, { location: "/elsewhere" });
	replies.push(redirect, redirect, redirect, redirect, redirect);
	await expect(callgate.runToolCalls("gemini", {})).rejects.toThrow("fetch failed");
	expect(seen.map(({ url }) => url)).not.toContain("/elsewhere");
});

it("a token goes over plain http only where that was said", () => {
	expect(() => new Callgate({ url: "http://gateway.example", token: "x" })).toThrow(/in the clear/);
	expect(() => new Callgate({ url: "ftp://127.0.0.1", token: "x", insecure: true })).toThrow(/in the clear/);
	new Callgate({ url: "http://gateway.example", token: "x", insecure: true });
});

describe("tool calls of a model", () => {
	it("come back to be appended", async () => {
		replies.push(json(200, { messages: [{ role: "tool" }], calls: [{ id: "1", kind: "answered" }] }));
		const message = { role: "assistant", tool_calls: [{ id: "1" }] };
		expect(await callgate.runToolCalls("openai-chat", message, { waitSeconds: 5, idempotencyKey: "talk" })).toEqual({
			append: [{ role: "tool" }],
			calls: [{ id: "1", kind: "answered" }],
		});
		const [{ url, headers, body } = expect.fail()] = seen;
		expect([url, headers.prefer, headers["idempotency-key"]]).toEqual(["/v1/openai/chat/tool-calls", "wait=5", "talk"]);
		expect(JSON.parse(body)).toEqual(message);
	});

	it("are sent again where they have names, and only there", async () => {
		replies.push(lost, json(200, { contents: [], calls: [] }));
		await expect(callgate.runToolCalls("gemini", { parts: [] })).rejects.toThrow();
		expect(seen).toHaveLength(1);
		replies.unshift(lost);
		replies.splice(1, 1, json(200, { messages: [], calls: [] }));
		await callgate.runToolCalls("anthropic", { content: [] });
		expect(seen).toHaveLength(3);
	});
});

it.each([
	["lines that end as each system ends them", ["event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\rdata: 3\n\n"], ["a 1", "b 2", "message 3"]],
	["an event in pieces, a line end among them", ["event: a\r", "\ndata: 1\r\n", "\r\ndata: 2\n", "\n"], ["a 1", "message 2"]],
	["comments, several lines of data and no event", [": here\n\ndata: 1\ndata: 2\nid: 9\n\nevent: a\n\n"], ["message 1\n2"]],
	["an event that was cut off", ["data: 1\n\ndata: 2\n"], ["message 1"]],
	["a character in two pieces", [Buffer.from("data: é\n\n").subarray(0, 7), Buffer.from("data: é\n\n").subarray(7)], ["message é"]],
])("server-sent events: %s", async (_what, chunks, events) => {
	async function* come() {
		yield* chunks as (string | Uint8Array)[];
	}
	const read: string[] = [];
	for await (const { event, data } of readEvents(come())) read.push(`${event} ${data}`);
	expect(read).toEqual(events);
});

it("an event that does not end is refused", async () => {
	async function* endless() {
		for (;;) yield "data: ".padEnd(65_536, "x");
	}
	await expect(readEvents(endless()).next()).rejects.toThrow(/larger than/);
});

it("a stream of steps that breaks at the same place each time is given up", async () => {
	let opened = 0;
	async function* come() {
		opened++;
		yield 'event: call.received\ndata: {"call":"c"}\n\n';
		throw new RangeError("an event is too large");
	}
	vi.useFakeTimers();
	const followed = Array.fromAsync(
		followSteps(
			async () => come(),
			new AbortController().signal,
			() => false,
		),
	).catch((error: unknown) => error);
	await vi.advanceTimersByTimeAsync(60_000);
	vi.useRealTimers();
	// Its first connection told something.
	expect(opened).toBe(5);
	expect(await followed).toBeInstanceOf(RangeError);
});

it("the largest piece of an answer is one event", async () => {
	async function* come() {
		yield `event: call.streamed\ndata: ${JSON.stringify({ text: "\u0001".repeat(262_144) })}`;
		yield "\n\n";
	}
	expect(await Array.fromAsync(readEvents(come()))).toHaveLength(1);
});
