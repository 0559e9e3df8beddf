// The transparent proxy: a request becomes a call and the answer is the function's own, and a repeated request is never a second call while one waits.
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { HttpAnswer } from "#libs/contracts/answer.ts";
import type { Event } from "#libs/contracts/events.ts";
import { patience } from "../../test/support/patience.ts";
import { sendRaw } from "../../test/support/raw-http.ts";
import { as, Backstage, inForce, type Replica, transfer } from "./ingress.test-support.ts";

let stage: Backstage;
let one: Replica;
let two: Replica;
beforeEach(async () => {
	stage = new Backstage();
	[one, two] = [await stage.replica(), await stage.replica()];
});
afterEach(() => stage.close());

const json = { "content-type": "application/json" };
async function send(replica = one, headers: Record<string, string> = {}, body: unknown = transfer) {
	const payload = typeof body === "string" ? body : JSON.stringify(body);
	return await replica.http.inject({
		method: "POST",
		url: "/proxy/bank/transfers",
		headers: { ...json, ...as("robin"), ...headers },
		payload,
	});
}
/** Longer than a request waits before an equal one attaches to its call. */
const offered = async (received: Event<"call.received">) =>
	await vi.waitFor(() => {
		const values = [...(stage.stream.stores.get("calls")?.values() ?? [])].map(({ value }) => value);
		expect(values).toContain(received.data.call);
	}, patience);

test("status, headers and body are the function's own, and the call's id is beside them", async () => {
	const sending = send();
	const received = await stage.received();
	expect(received.data).toMatchObject({ function: "createTransfer", via: "proxy" });
	const body = { text: '{ "id": 12345678901234567890 }' };
	const headers: [string, string][] = [
		["content-type", "application/json"],
		["x-bank", "yes"],
		["callgate-call", "forged"],
		["transfer-encoding", "chunked"],
		["www-authenticate", "Basic"],
	];
	await stage.complete(received, { status: 418, headers, body });
	const reply = await sending;
	expect(reply.statusCode).toBe(418);
	expect(reply.body).toBe('{ "id": 12345678901234567890 }');
	expect(reply.headers).toMatchObject({ "x-bank": "yes", "callgate-call": received.data.call });
	for (const name of ["transfer-encoding", "www-authenticate"]) expect(reply.headers).not.toHaveProperty(name);
});

const files = compileConfiguration({
	"files.yaml": `kind: Connection
name: files
protocol: http
url: https://files.example
functions: { read: { method: GET, path: /file }, look: { method: HEAD, path: /file } }
`,
});

/** What stands on the wire, line by line; without what every answer says. */
async function answerOnTheWire(method: string, result: Partial<HttpAnswer>): Promise<{ lines: string[]; body: string }> {
	if (!files.ok) throw new Error(JSON.stringify(files.errors));
	const { configuration } = files;
	const { http } = await stage.replica({ configuration: inForce(configuration) });
	await http.listen({ host: "127.0.0.1", port: 0 });
	const { port } = http.server.address() as AddressInfo;
	const asking = request({ port, method, path: "/proxy/files/file", headers: as("robin"), agent: false }).end();
	await stage.complete(await stage.received(), result);
	const [response] = (await once(asking, "response")) as [IncomingMessage];
	const { rawHeaders } = response;
	const lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []));
	return {
		lines: [`${response.statusCode}`, ...lines.filter((line) => !/^(?:date|callgate-call|connection|keep-alive):/i.test(line))],
		body: await text(response),
	};
}

test("several fields of one name are several, in their order", async () => {
	const headers: [string, string][] = [
		["link", "</a>; rel=next"],
		["content-type", "application/json"],
		["cache-control", "no-cache"],
		["link", "</b>; rel=prev"],
		["vary", "accept"],
		["cache-control", "max-age=0"],
		["vary", "origin"],
	];
	const { lines, body } = await answerOnTheWire("GET", { status: 200, headers, body: { text: "{}" } });
	const valuesOf = (name: string) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
	expect(valuesOf("link")).toEqual(["</a>; rel=next", "</b>; rel=prev"]);
	expect(valuesOf("cache-control")).toEqual(["no-cache", "max-age=0"]);
	expect(valuesOf("vary")).toEqual(["accept", "origin"]);
	expect(body).toBe("{}");
});

test.each<[string, string, Partial<HttpAnswer>, string[]]>([
	["HEAD", "HEAD", { status: 200, headers: [["content-length", "12345"]] }, ["200", "content-length: 12345"]],
	["HEAD without a length", "HEAD", { status: 200, headers: [["etag", '"a"']] }, ["200", 'etag: "a"']],
	[
		"what was not modified",
		"GET",
		{
			status: 304,
			headers: [
				["etag", '"a"'],
				["content-length", "12345"],
			],
		},
		["304", 'etag: "a"', "content-length: 12345"],
	],
	["201", "GET", { status: 201, headers: [["location", "/a"]] }, ["201", "location: /a", "content-length: 0"]],
	["205", "GET", { status: 205, headers: [] }, ["205", "content-length: 0"]],
	["302", "GET", { status: 302, headers: [["location", "/b"]] }, ["302", "location: /b", "content-length: 0"]],
	["200 with nothing", "GET", { status: 200, headers: [["content-length", "7"]] }, ["200", "content-length: 0"]],
])("an answer without a body (%s) gets no type and no other length", async (_what, method, result, expected) => {
	const { lines, body } = await answerOnTheWire(method, { ...result, body: undefined });
	expect([lines, body]).toEqual([expected, ""]);
});

test("a body without a type gets none", async () => {
	expect(await answerOnTheWire("GET", { status: 200, headers: [], body: { text: "hello" } })).toEqual({
		lines: ["200", "content-length: 5"],
		body: "hello",
	});
});

test("an answer without a body or a type stays one", async () => {
	const deleting = one.http.inject({ method: "DELETE", url: "/proxy/bank/accounts/acc-1", headers: as("robin") });
	await stage.complete(await stage.received(), { status: 204, headers: [], body: undefined });
	const reply = await deleting;
	expect({ status: reply.statusCode, body: reply.body, type: reply.headers["content-type"] }).toEqual({
		status: 204,
		body: "",
		type: undefined,
	});
});

test("arguments come from path, query and body, and nothing else of the caller's is in the call", async () => {
	void one.http.inject({
		url: "/proxy/bank/accounts/acc-7/transactions?limit=5",
		headers: { ...as("robin"), cookie: "session=1", "x-secret": "2" },
	});
	const { data } = await stage.received();
	expect(data).toMatchObject({ function: "listTransactions", arguments: { id: "acc-7", limit: 5 } });
	await stage.complete(await stage.received());
	expect(JSON.stringify(stage.stream.events())).not.toMatch(/session=1|Bearer/);
});

describe("refused, and nothing is published, is", () => {
	test.each<[string, string, string, number]>([
		["a path that is no function's", "GET", "/proxy/bank/nothing", 404],
		["a method that is no function's", "PUT", "/proxy/bank/transfers", 404],
		["another connection", "GET", "/proxy/bonk/accounts/acc-1", 404],
		["a connection's name in another spelling", "GET", "/proxy/b%61nk/accounts/acc-1", 404],
		["a path that climbs out", "GET", "/proxy/bank/accounts/%2e%2e%2ftransfers", 404],
		["an argument that does not fit", "GET", "/proxy/bank/accounts/7", 422],
		["a parameter that is unknown", "GET", "/proxy/bank/accounts/acc-1?admin=true", 422],
		["a parameter given twice", "GET", "/proxy/bank/accounts/acc-1/transactions?limit=1&limit=2", 422],
	])("%s", async (_what, method, url, status) => {
		const reply = await one.http.inject({ method: method as "GET", url, headers: as("robin") });
		expect(reply.statusCode).toBe(status);
		expect(stage.stream.messages).toEqual([]);
	});
	test.each<[string, string, Record<string, string>, number]>([
		["a member named twice", '{"amount":1,"amount":2,"to":"acc-2","currency":"EUR","country":"DE"}', {}, 400],
		["a body of another type", "<xml/>", { "content-type": "application/xml" }, 415],
		["a body that is no JSON", "{", {}, 400],
		["two idempotency keys in one", JSON.stringify(transfer), { "idempotency-key": "a, b" }, 400],
	])("%s", async (_what, body, headers, status) => {
		expect((await send(one, headers, body)).statusCode).toBe(status);
		expect(stage.stream.messages).toEqual([]);
	});
});

describe("nothing is published before the whole message was read and is well-formed:", () => {
	const line = "GET /proxy/bank/accounts/acc-1 HTTP/1.1\r\n";
	const head = "Host: a\r\nConnection: close\r\nAuthorization: Bearer robin\r\nPrefer: wait=1\r\n";
	const body = "Content-Length: 2\r\n\r\n{}";
	test.each<[string, string, number]>([
		["an unknown transfer coding", `${line}${head}Transfer-Encoding: gzip\r\n\r\n`, 400],
		["a broken chunk", `${line}${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n`, 400],
		["chunks that break off", `${line}${head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\nxyz\r\n\r\n`, 400],
		["a body on GET", `${line}${head}${body}`, 422],
		["a body in chunks on GET", `${line}${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, 422],
		["a body on DELETE", `${line.replace("GET", "DELETE")}${head}Content-Type: application/json\r\n${body}`, 422],
		["a content coding", `${line}${head}Content-Encoding: gzip\r\n\r\n`, 415],
		["another expectation", `${line}${head}Expect: coffee\r\n\r\n`, 417],
	])("%s", async (_what, text, status) => {
		await one.http.listen({ host: "127.0.0.1", port: 0 });
		const { port } = one.http.server.address() as AddressInfo;
		const answer = await sendRaw(`http://127.0.0.1:${port}`, text);
		expect({ status: answer.status, type: answer.headers.get("content-type") }).toEqual({
			status,
			type: expect.stringMatching(/^application\/problem\+json/),
		});
		expect(stage.stream.messages).toEqual([]);
	});
});

describe("a request that is repeated while its call waits", () => {
	test("attaches to it, at any replica: one call, one answer for all who wait", async () => {
		const first = send(one);
		const received = await stage.received();
		await stage.ask(received);
		await offered(received);
		const repeated = [send(two), send(one), send(two)];
		await vi.waitFor(() => expect(one.pending.size() + two.pending.size()).toBe(4), patience);
		await stage.complete(received);
		const replies = await Promise.all([first, ...repeated]);
		expect(new Set(replies.map(({ headers }) => headers["callgate-call"]))).toEqual(new Set([received.data.call]));
		expect(new Set(replies.map(({ statusCode }) => statusCode))).toEqual(new Set([201]));
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("after its client lost patience finds the call, and its answer when it is there; the next one is a new call", async () => {
		const first = await Promise.all([send(one, { prefer: "wait=1" }), stage.received()]);
		expect(first[0].statusCode).toBe(202);
		const [, received] = first;
		expect((await send(two, { prefer: "wait=1" })).headers.location).toBe(`/v1/calls/${received.data.call}`);
		await stage.complete(received);
		expect((await send(two)).headers["callgate-call"]).toBe(received.data.call);
		const next = send(one);
		const another = await stage.received(1);
		await stage.complete(another);
		expect((await next).headers["callgate-call"]).toBe(another.data.call);
	});

	test("by someone else, or with other arguments, is another call", async () => {
		void send(one);
		const received = await stage.received();
		await offered(received);
		const others = [send(two, as("mallory")), send(two, {}, { ...transfer, amount: 11 })];
		for (const nth of [1, 2]) await stage.complete(await stage.received(nth));
		for (const reply of await Promise.all(others)) expect(reply.headers["callgate-call"]).not.toBe(received.data.call);
		await stage.complete(received);
	});

	test("under another idempotency key is another call: the second of two equal transfers is made", async () => {
		const first = send(one, { "idempotency-key": "k1", prefer: "wait=2" });
		const received = await stage.received();
		expect((await first).statusCode).toBe(202);
		const second = send(two, { "idempotency-key": "k2" });
		const another = await stage.received(1);
		await stage.complete(another);
		expect((await second).headers["callgate-call"]).toBe(another.data.call);
		await stage.complete(received);
		expect((await send(one, { "idempotency-key": "k1" })).headers["callgate-call"]).toBe(received.data.call);
		expect(stage.of("call.received")).toHaveLength(2);
	});
});

test("a quick call leaves nothing behind that an equal request could attach to", async () => {
	for (const nth of [0, 1, 2]) {
		const sending = send();
		const received = await stage.received(nth);
		await stage.complete(received);
		expect((await sending).headers["callgate-call"]).toBe(received.data.call);
	}
	expect([...(stage.stream.stores.get("calls")?.keys() ?? [])]).toEqual([]);
});
