// Callers of functions that stream: pieces as they become durable, in order, from any of them on, and an end that says so, whatever ends it.
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Event } from "#libs/contracts/events.ts";
import { patience } from "../../test/support/patience.ts";
import { Pieces, wholeOf } from "./follow-pieces.ts";
import { as, Backstage, inForce, openTo, type Replica } from "./ingress.test-support.ts";

const configuration = openTo(`kind: Connection
name: models
protocol: http
url: https://models.example
functions:
  chat: { method: POST, path: /chat, stream: true, timeout: 20s, arguments: { type: object, properties: { say: { type: string } } } }
`);

let stage: Backstage;
let one: Replica;
let url: string;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica({ configuration: inForce(configuration) });
	await one.http.listen({ port: 0, host: "127.0.0.1" });
	url = `http://127.0.0.1:${(one.http.server.address() as AddressInfo).port}`;
});
afterEach(() => stage.close());

const json = { "content-type": "application/json" };
const chat = (say = "hi", more: object = {}) =>
	fetch(`${url}/proxy/models/chat`, { method: "POST", headers: { ...as("robin"), ...json, ...more }, body: JSON.stringify({ say }) });
const events = (call: string, headers: object = {}) => fetch(`${url}/v1/calls/${call}/events`, { headers: { ...as("robin"), ...headers } });
const submit = (prefer: string) =>
	fetch(`${url}/v1/calls`, {
		method: "POST",
		headers: { ...as("robin"), ...json, prefer },
		body: JSON.stringify({ connection: "models", function: "chat", arguments: { say: "hi" } }),
	});

/** A body, read as far as a test wants. */
function reading(answer: Response) {
	const reader = (answer.body ?? expect.fail("no body")).pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	return {
		/** All so far, once it holds this. */
		async until(part: string): Promise<string> {
			while (!text.includes(part)) {
				const { value, done } = await reader.read();
				if (done) expect.fail(`the body ended with ${text}`);
				text += value;
			}
			return text;
		},
		async rest(): Promise<string> {
			for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
			return text;
		},
		leave: () => reader.cancel(),
	};
}

describe("through the proxy", () => {
	test("each piece reaches its caller once it is durable, as the function's own bytes", async () => {
		const asked = chat();
		const received = await stage.received();
		expect(received.data.since).toBeUndefined();
		await stage.start(received);
		const first = await stage.passOn(received, [""]);
		const answer = await asked;
		expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
		expect(answer.headers.get("callgate-call")).toBe(received.data.call);
		const body = reading(answer);
		const second = await stage.passOn(received, ["data: one\n\n"], undefined, 2);
		expect(await body.until("one")).toBe("data: one\n\n");
		const third = await stage.passOn(received, ["data: two\n\n"], undefined, 3);
		await stage.endStreamed(received, [...first, ...second, ...third]);
		expect(await body.rest()).toBe("data: one\n\ndata: two\n\n");
		await vi.waitFor(() => expect(one.pending.size()).toBe(0), patience);
	});

	test.each<[string, string, Partial<Event<"call.ended">["data"]>, string]>([
		["events", "text/event-stream", { ending: "unknown", code: "outcome_unknown" }, '\n\nevent: error\ndata: {"type":"error","error":{'],
		["lines", "application/x-ndjson", { ending: "failed", code: "function_answer_unusable" }, '\n{"type":"error","error":{'],
	])("one of %s that is not whole ends with an error that says so", async (_of, type, ending, said) => {
		const asked = chat();
		const received = await stage.received();
		await stage.start(received);
		await stage.passOn(received, ["data: half"], type);
		const { sealed: _sealed, ...whole } = { sealed: undefined, ...ending };
		await stage.endStreamed(received, [], { ...whole, streamed: undefined } as never);
		const body = await (await asked).text();
		expect(body).toContain(`data: half${said}`);
		expect(body).toContain(`"code":"${ending.code}"`);
		expect(body).toContain(`"call":"${received.data.call}"`);
	});

	test("pieces that are not those of the ending are told of, too", async () => {
		const asked = chat();
		const received = await stage.received();
		await stage.start(received);
		const [seal = ""] = await stage.passOn(received, ["data: one\n\n"]);
		await stage.endStreamed(received, [seal, "another"]);
		expect(await (await asked).text()).toMatch(/^data: one\n\n\n\nevent: error\ndata: .*"code":"internal"/);
	});

	test("a refusal before it begins is a problem, as ever", async () => {
		const asked = chat();
		await stage.deny(await stage.received());
		const answer = await asked;
		expect(answer.status).toBe(403);
		expect(await answer.json()).toMatchObject({ code: "denied" });
		await vi.waitFor(() => expect(one.pending.size()).toBe(0), patience);
	});

	test("who leaves cancels nothing, and holds nothing any more; the same request attaches, from the first piece", async () => {
		const asked = chat("attach", { prefer: "wait=30" });
		const received = await stage.received();
		await stage.start(received);
		await vi.waitFor(async () => expect(await one.bus.store("calls").get(`call.${received.data.call}`)).toBeDefined(), patience);
		const first = await vi.waitFor(async () => {
			const sent = await stage.passOn(received, ["data: one\n\n"]);
			return sent;
		}, patience);
		const body = reading(await asked);
		await body.until("one");
		await body.leave();
		await vi.waitFor(() => expect(one.pending.size()).toBe(0), patience);
		const rest = await stage.passOn(received, ["data: two\n\n"], undefined, 2);
		await stage.endStreamed(received, [...first, ...rest]);
		const told = await (await events(received.data.call)).text();
		expect(told).toContain('"text":"data: one\\n\\n"');
		expect(told).toContain('"text":"data: two\\n\\n"');
		expect(stage.of("call.received")).toHaveLength(1);
		expect(stage.of("call.withdrawn")).toEqual([]);
	});

	test("a replica that stops says where it goes on", async () => {
		const asked = chat();
		const received = await stage.received();
		await stage.start(received);
		await stage.passOn(received, ["data: one\n\n"]);
		const body = reading(await asked);
		await body.until("one");
		one.pending.letGo();
		expect(await body.rest()).toContain(`GET /v1/calls/${received.data.call}/events`);
	});
});

describe("through the API", () => {
	test("who follows a call sees its pieces by number, and picks up behind any of them", async () => {
		const accepted = await submit("respond-async");
		expect(accepted.status).toBe(202);
		const received = await stage.received();
		await stage.start(received);
		const seals = await stage.passOn(received, ["", "data: one\n\n", "data: two\n\n"]);
		const body = reading(await events(received.data.call));
		const seen = await body.until("two");
		expect([...seen.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(["1", "2", "3"]);
		await body.leave();
		const later = reading(await events(received.data.call, { "last-event-id": "2" }));
		expect(await later.until("two")).not.toContain("one");
		await stage.endStreamed(received, seals);
		expect(await later.rest()).toMatch(/event: call.ended\ndata: .*"ending":"completed"/);
		const stranger = await fetch(`${url}/v1/calls/${received.data.call}/events`, { headers: as("mallory") });
		expect(stranger.status).toBe(404);
	});

	test("who waits for it, or asks afterwards, has it whole", async () => {
		const asked = submit("wait=30");
		const received = await stage.received();
		await stage.start(received);
		await stage.endStreamed(received, await stage.passOn(received, ["", "data: one\n\n", "data: two\n\n"]));
		const whole = { state: "completed", result: { status: 200, body: "data: one\n\ndata: two\n\n" } };
		expect(await (await asked).json()).toMatchObject(whole);
		expect(await (await fetch(`${url}/v1/calls/${received.data.call}`, { headers: as("robin") })).json()).toMatchObject(whole);
	});
});

test("a reader who is slow has at most so much waiting here, and misses nothing", async () => {
	void submit("respond-async");
	const received = await stage.received();
	await stage.start(received);
	const large = Array.from({ length: 24 }, (_, nth) => `${nth} `.padEnd(60_000, "x"));
	const seals = await stage.passOn(received, large);
	await stage.endStreamed(received, seals);
	// The bus in memory gives all there is at once; a real one gives no more than it was asked for.
	const inTurns: typeof one.bus = {
		...one.bus,
		follow: async (options) => {
			let stopped = false;
			const all: Parameters<typeof options.handle>[] = [];
			const following = await one.bus.follow({ ...options, handle: (...heard) => void all.push(heard) });
			const give = () => {
				const next = stopped ? undefined : all.shift();
				if (!next) return;
				options.handle(...next);
				setImmediate(give);
			};
			setImmediate(give);
			const stop = async () => {
				stopped = true;
			};
			return { ...following, stop };
		},
	};
	const follow = vi.spyOn(inTurns, "follow");
	const pieces = await Pieces.follow({ ...one.ports, bus: inTurns }, received.data);
	const texts: string[] = [];
	for await (const { text } of pieces) {
		await new Promise((resolve) => setTimeout(resolve, 5));
		texts.push(text);
	}
	pieces.leave();
	expect(texts).toEqual(large);
	expect(follow.mock.calls.length).toBeGreaterThan(2);
	expect(await wholeOf(one.ports, stage.of("call.ended")[0] ?? expect.fail("no ending"))).toMatchObject({ body: { text: large.join("") } });
});
