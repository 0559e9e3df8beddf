// Large calls are read, checked and masked in another thread, and nobody could tell from what comes of them.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Aside, hereCharsMax } from "#libs/service/work-aside.ts";
import { patience } from "../../test/support/patience.ts";
import { as, Backstage, callers, type Replica, transfer } from "./ingress.test-support.ts";
import { Intake } from "./intake.ts";

let stage: Backstage;
let one: Replica;
/** What came aside where it is never its turn. */
let waiting: PromiseWithResolvers<never>[];
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
	waiting = [];
});
afterEach(async () => {
	for (const { reject } of waiting) reject(new Error("the test is over"));
	await stage.close();
});

/** White space that JSON allows anywhere makes a body large that says the same. */
const padding = " ".repeat(hereCharsMax);
const typed = (name: string) => ({ "content-type": "application/json", ...as(name) });
const asked = { connection: "bank", function: "createTransfer", arguments: { ...transfer, reference: "card 4111111111111111" } };

const post = (payload: string, headers: Record<string, string> = {}) =>
	one.http.inject({ method: "POST", url: "/v1/calls", headers: { ...typed("robin"), ...headers }, payload });
/** Under a key of its own: an equal request would attach to the first. */
const proxied = (payload: string) => {
	const headers = { ...typed("robin"), prefer: "wait=0", "idempotency-key": `key-${payload.length}` };
	return one.http.inject({ method: "POST", url: "/proxy/bank/transfers", headers, payload });
};

describe("a large call", () => {
	test.each([
		["through the API", () => post(JSON.stringify(asked)), () => post(JSON.stringify(asked) + padding)],
		["through the proxy", () => proxied(JSON.stringify(asked.arguments)), () => proxied(padding + JSON.stringify(asked.arguments))],
	])("%s is the same as a small one", async (_way, small, large) => {
		expect((await small()).statusCode).toBe(202);
		expect((await large()).statusCode).toBe(202);
		const [first, second] = [await stage.received(0), await stage.received(1)];
		const { call: _call, sealed: _sealed, digest: _digest, receivedAt: _at, ...said } = first.data;
		expect(second.data).toMatchObject(said);
		expect(JSON.stringify(second.data.arguments)).toContain("[card …1111]");
		const opened = ({ data }: typeof first) => one.ports.sealingKeys.open("default", data.call, "arguments", data.sealed);
		expect(JSON.stringify(opened(second).arguments)).toBe(JSON.stringify(opened(first).arguments));
	});

	test("is the same call under the same key, however it is written", async () => {
		const key = { "idempotency-key": "one" };
		const first = await post(JSON.stringify(asked), key);
		expect((await post(JSON.stringify(asked) + padding, key)).json().call).toBe(first.json().call);
		const other = { ...asked, arguments: { ...asked.arguments, amount: 11 } };
		expect((await post(JSON.stringify(other) + padding, key)).statusCode).toBe(422);
	});

	test.each([
		["no JSON", "{"],
		["a member twice", '{"connection":"bank","connection":"bank","function":"createTransfer","arguments":{}}'],
		["no object", "[]"],
		["no arguments", '{"connection":"bank","function":"createTransfer"}'],
		["arguments that are no object", JSON.stringify({ ...asked, arguments: [] })],
		["a member that nobody knows", JSON.stringify({ ...asked, more: 1 })],
		["a reason that is no text", JSON.stringify({ ...asked, reason: 1 })],
		["a connection that is none", JSON.stringify({ ...asked, connection: "none" })],
		["a function that is none", JSON.stringify({ ...asked, function: "none" })],
		["arguments that do not fit", JSON.stringify({ ...asked, arguments: { ...transfer, amount: "much" } })],
	])("with %s is refused as a small one is", async (_what, body) => {
		const [small, large] = [await post(body), await post(body + padding)];
		expect([large.statusCode, large.json().code, large.json().errors]).toEqual([small.statusCode, small.json().code, small.json().errors]);
		expect(large.statusCode).toBeGreaterThanOrEqual(400);
		expect(stage.of("call.received")).toEqual([]);
	});

	test.each([["{"], [JSON.stringify({ ...transfer, amount: "much" })]])("through the proxy, %s, too", async (body) => {
		const [small, large] = [await proxied(body), await proxied(body + padding)];
		expect([large.statusCode, large.json().code, large.json().errors]).toEqual([small.statusCode, small.json().code, small.json().errors]);
		expect(large.statusCode).toBeGreaterThanOrEqual(400);
	});
});

describe("a large answer", () => {
	const text = JSON.stringify({ id: "t1", notes: "n".repeat(hereCharsMax), more: [1.5] }, null, " ");
	const headers: [string, string][] = [["content-type", "application/json"]];

	test.each([
		["as its function sent it", { body: { text }, headers }, text, text],
		[
			"as it was written anew",
			{ body: { json: JSON.parse(text) as object as never }, headers },
			JSON.stringify(JSON.parse(text)),
			undefined,
		],
		["that is no JSON", { body: { text: `${text}}` }, headers }, JSON.stringify(`${text}}`), `${text}}`],
		["that is bytes", { body: { base64: Buffer.from(text).toString("base64") } }, undefined, text],
	])("%s reaches its caller", async (_what, result, inJson, raw) => {
		const waiting = post(JSON.stringify(asked), { prefer: "wait=30" });
		await stage.complete(await stage.received(0), result);
		const reply = await waiting;
		expect(reply.statusCode).toBe(200);
		if (inJson !== undefined) expect(reply.body).toContain(`"body":${inJson}}}`);
		const direct = one.http.inject({
			method: "POST",
			url: "/proxy/bank/transfers",
			headers: typed("robin"),
			payload: JSON.stringify(transfer),
		});
		await stage.complete(await stage.received(1), result);
		if (raw !== undefined) expect((await direct).body).toBe(raw);
	});
});

test("one caller who asks again and again for a large answer is told to wait, and others find room", async () => {
	const result = {
		body: { text: JSON.stringify("n".repeat(2 * hereCharsMax)) },
		headers: [["content-type", "application/json"]] as [string, string][],
	};
	const calls = await Promise.all(
		["robin", "mallory"].map(async (name, nth) => {
			const { call } = (await one.http.inject({ method: "POST", url: "/v1/calls", headers: typed(name), payload: asked })).json();
			await stage.complete(await stage.received(nth), result);
			return call as string;
		}),
	);
	const { intake, http } = await neverItsTurn();
	const show = (name: string, call: string | undefined) => http.inject({ method: "GET", url: `/v1/calls/${call}`, headers: as(name) });
	const [mine, theirs] = calls;
	const refused = Promise.withResolvers<number>();
	for (let times = 0; times < 12; times++)
		void show("robin", mine).then(({ statusCode, headers }) => statusCode === 429 && headers["retry-after"] && refused.resolve(statusCode));
	expect(await refused.promise).toBe(429);
	const before = waiting.length;
	void show("mallory", theirs);
	await vi.waitFor(() => expect(waiting.length).toBe(before + 1), patience);
	expect(intake.bytes()).toBeLessThanOrEqual(16 * hereCharsMax);
	for (const { reject } of waiting) reject(new Error("their turn never comes"));
	await vi.waitFor(() => expect(intake.bytes()).toBe(0), patience);
});

const ways = [
	["/v1/calls", asked],
	["/proxy/bank/transfers", asked.arguments],
] as const;

/** A replica on whose large texts nobody works: what comes aside waits there, until its caller left or it is ended. */
async function neverItsTurn() {
	const run: Aside["run"] = (_name, { gone }) => {
		const one = Promise.withResolvers<never>();
		waiting.push(one);
		gone?.addEventListener("abort", () => one.reject(gone.reason));
		return one.promise;
	};
	const bus = { checkReady: async () => undefined };
	const intake = new Intake({ bytesMax: 16 * hereCharsMax, bodyBytesMax: 2 * hereCharsMax, bus });
	const { http } = await stage.replica({ intake, aside: { run, close: async () => undefined } });
	const origin = await http.listen({ host: "127.0.0.1", port: 0 });
	const send = (path: string, name: string, body: object, signal?: AbortSignal) =>
		fetch(`${origin}${path}`, { method: "POST", headers: typed(name), body: JSON.stringify(body) + padding, ...(signal && { signal }) });
	return { intake, http, send };
}

test.each(ways)("one caller of %s with many large bodies is told to wait, and others find room", async (path, body) => {
	const { intake, send } = await neverItsTurn();
	const refused = Promise.withResolvers<Response>();
	const leaving = new AbortController();
	let answered = 0;
	for (let sent = 1; answered === 0; sent++) {
		const answer = send(path, "robin", body, leaving.signal);
		answer.then(
			(response) => {
				answered++;
				refused.resolve(response);
			},
			() => undefined,
		);
		await vi.waitFor(() => expect(waiting.length + answered).toBe(sent), patience);
	}
	const refusal = await refused.promise;
	expect(refusal.status).toBe(429);
	expect(refusal.headers.get("retry-after")).toMatch(/^\d+$/);
	expect(((await refusal.json()) as { detail: string }).detail).toContain(`${intake.bytes()} bytes`);
	const before = waiting.length;
	void send(path, "mallory", body, leaving.signal).catch(() => undefined);
	await vi.waitFor(() => expect(waiting.length).toBe(before + 1), patience);
	// What they left is not worked off first.
	leaving.abort();
	await vi.waitFor(() => expect(intake.bytes()).toBe(0), patience);
	expect((await Promise.allSettled(waiting.map(({ promise }) => promise))).map(({ status }) => status)).not.toContain("fulfilled");
});

test("a caller who leaves while it is found out who it is takes no room", async () => {
	const [begun, known] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
	const authenticate = async () => {
		begun.resolve();
		await known.promise;
		return callers.robin ?? expect.fail("robin is not there");
	};
	const { http, ports } = await stage.replica({ authenticate });
	const origin = await http.listen({ host: "127.0.0.1", port: 0 });
	const answering = once(http.server, "request") as Promise<[unknown, ServerResponse]>;
	const leaving = new AbortController();
	const answer = fetch(`${origin}/v1/calls`, { method: "POST", headers: typed("robin"), body: padding, signal: leaving.signal });
	const [, response] = await answering;
	await begun.promise;
	const gone = once(response, "close");
	leaving.abort();
	await expect(answer).rejects.toThrow();
	await gone;
	known.resolve();
	// A request that comes after has passed all hooks of the one before.
	expect((await fetch(`${origin}/v1/calls`, { method: "POST", headers: typed("robin"), body: "{" })).status).toBe(400);
	await vi.waitFor(() => expect(ports.intake.bytes()).toBe(0), patience);
});

test.each(ways)(
	"a caller of %s who leaves while a large text is worked on has its bytes counted until that is done",
	async (path, body) => {
		const [begun, done] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()];
		const run = () => {
			begun.resolve();
			return done.promise;
		};
		const { http, ports } = await stage.replica({ aside: { run, close: async () => undefined } });
		const origin = await http.listen({ host: "127.0.0.1", port: 0 });
		const answering = once(http.server, "request") as Promise<[unknown, ServerResponse]>;
		const leaving = new AbortController();
		const sent = { method: "POST", headers: typed("robin"), body: JSON.stringify(body) + padding, signal: leaving.signal };
		const answer = fetch(`${origin}${path}`, sent).catch(() => "left");
		const [, response] = await answering;
		await begun.promise;
		const gone = once(response, "close");
		leaving.abort();
		expect(await answer).toBe("left");
		await gone;
		expect(ports.intake.bytes()).toBeGreaterThan(padding.length);
		done.reject(new Error("the work has ended"));
		await vi.waitFor(() => expect(ports.intake.bytes()).toBe(0), patience);
	},
);
