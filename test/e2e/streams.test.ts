// A model's answer reaches its caller while it is written: through the proxy with the official client, unmodified, and by the events of a call; whoever dies meanwhile, its end is told.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Lab, startLab } from "../support/lab.ts";
import { storedMessages } from "../support/nats.ts";
import { accepted, ask, disturb, ending, eventually, newReference, secondReplica, show, stack, tokenOf } from "../support/stack.ts";

let lab: Lab;
beforeAll(async () => {
	lab = await startLab();
});
afterAll(() => lab?.stop());

/** The model's side of the next answer. */
let model: Promise<{ say(content: string): Promise<void>; end(): void; left: Promise<unknown> }>;
beforeEach(() => {
	const { promise, resolve } = Promise.withResolvers<ServerResponse>();
	lab.serve(resolve);
	model = promise.then((response) => {
		response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
		response.flushHeaders();
		const write = async (data: string) => {
			if (!response.write(`data: ${data}\n\n`)) await once(response, "drain");
		};
		return {
			say: (content) => write(JSON.stringify({ id: "c1", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] })),
			end: () => void response.end("data: [DONE]\n\n"),
			left: once(response, "close"),
		};
	});
});

async function client(at = stack.urls.ingress): Promise<OpenAI> {
	return new OpenAI({ baseURL: `${at}/proxy/lab/file`, apiKey: await tokenOf("ci"), maxRetries: 0 });
}
const messages = (content: string) => ({ model: "scripted", messages: [{ role: "user" as const, content }] });
const filler = "and so on, for as long as anybody may want to listen to it, ".repeat(4);

async function begin(at?: string) {
	const { data, response } = await (await client(at)).chat.completions
		.create({ ...messages(newReference("chat")), stream: true })
		.withResponse();
	const call = response.headers.get("callgate-call") ?? expect.fail("it has no call");
	const chunks = data[Symbol.asyncIterator]();
	let text = "";
	return {
		call,
		async until(part: string): Promise<void> {
			while (!text.includes(part)) {
				const { value, done } = await chunks.next();
				if (done) expect.fail(`the answer ended with ${text}`);
				text += value.choices[0]?.delta.content ?? "";
			}
		},
		async rest(): Promise<string> {
			for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) text += chunk.value.choices[0]?.delta.content ?? "";
			return text;
		},
		leave: () => data.controller.abort(),
	};
}

const eventsOf = async (call: string, headers: Record<string, string> = {}, at = stack.urls.ingress) =>
	(await ask(`${at}/v1/calls/${call}/events`, { as: "ci", headers })).text;
const textsIn = (events: string): string =>
	[...events.matchAll(/^event: call\.streamed\nid: \d+\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? "").text).join("");

describe("through the proxy", () => {
	test("OpenAI's client reads words while the model still speaks, and no secret that it cut", async () => {
		const [answer, { say, end }] = await Promise.all([begin(), model]);
		await say("the first words, ");
		await say(filler);
		await answer.until("the first words");
		for (const part of ["and the card 4111", " 1111 1111", " 1111 of jane.", "doe@customer.example"]) await say(part);
		end();
		const text = await answer.rest();
		expect(text).toBe(`the first words, ${filler}and the card [card …1111] of [email]`);
		const shown = await ending("ci", answer.call);
		expect(shown.body).toMatchObject({ state: "completed", result: { status: 200 } });
		expect(textsIn(await eventsOf(answer.call, {}, secondReplica("ingress")))).toBe(shown.body.result.body);
	});

	test("nothing of it is on the record or the stream that is not masked or sealed", async () => {
		const [answer, { say, end }] = await Promise.all([begin(), model]);
		await say("the code word is xylophone-");
		await say("quartz");
		end();
		await answer.rest();
		const stored = (await storedMessages()).filter(({ subject }) => subject.includes(answer.call));
		expect(stored.filter(({ subject }) => subject.endsWith("call.streamed")).length).toBeGreaterThan(1);
		const told = stored.filter(({ subject }) => !subject.endsWith("call.ended")).flatMap(({ events }) => events);
		expect(JSON.stringify(told)).not.toMatch(/xylophone|quartz/);
	});

	test("its executor dies within it: the client is told, the model is not asked again, and the call ends as unknown", async () => {
		const seen = lab.seen.length;
		const [answer, { say }] = await Promise.all([begin(), model]);
		await say("half of it, ");
		await say(filler);
		await answer.until("half of it");
		await Promise.all([disturb("kill", "executor/0"), disturb("kill", "executor/1").catch(() => undefined)]);
		await expect(answer.rest()).rejects.toThrow(APIError);
		const shown = await show("ci", answer.call);
		expect(shown.body).toMatchObject({ state: "unknown", problem: { code: "outcome_unknown" } });
		expect(textsIn(await eventsOf(answer.call))).toContain("half of it");
		expect(lab.seen.length).toBe(seen + 1);
	});

	test("its ingress dies: whoever asked picks up at the other replica, behind the piece it has", async () => {
		const [answer, { say, end }] = await Promise.all([begin(secondReplica("ingress")), model]);
		await say("the first half, ");
		await say(filler);
		await answer.until("the first half");
		await disturb("kill", "ingress/1");
		await expect(answer.rest()).rejects.toThrow();
		await say("the second half");
		end();
		await ending("ci", answer.call);
		const all = await eventsOf(answer.call);
		expect(textsIn(all)).toContain("the second half");
		const ids = [...all.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
		expect(ids).toEqual(ids.map((_, nth) => nth + 1));
		const rest = await eventsOf(answer.call, { "last-event-id": String(ids.at(-2)) });
		expect([...rest.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([ids.at(-1)]);
		await eventually(async () =>
			(await ask(`${secondReplica("ingress")}/readyz`).catch(() => undefined))?.status === 200 ? true : undefined,
		);
	});

	test("who leaves cancels nothing: the call goes to its end, and is asked about", async () => {
		const [answer, { say, end }] = await Promise.all([begin(), model]);
		await say("at first, ");
		await say(filler);
		await answer.until("at first");
		answer.leave();
		await say("to the end");
		end();
		expect((await ending("ci", answer.call)).body).toMatchObject({ state: "completed" });
		expect(textsIn(await eventsOf(answer.call))).toContain("to the end");
	});

	test("NATS dies and comes back within it: all of it arrives, once", async () => {
		const [answer, { say, end }] = await Promise.all([begin(), model]);
		await say("before, ");
		await say(filler);
		await answer.until("before");
		await disturb("restart", "nats");
		await say("after");
		end();
		expect(await answer.rest()).toBe(`before, ${filler}after`);
	});

	test("a model that says nothing more is waited for as long as its function may take, and then its caller is told", async () => {
		const [answer, { say, left }] = await Promise.all([begin(), model]);
		await say("only this");
		await expect(answer.rest()).rejects.toThrow(APIError);
		await left;
		expect((await show("ci", answer.call)).body).toMatchObject({ state: "failed", problem: { code: "function_answer_unusable" } });
	});
});

describe("through the API", () => {
	test("who follows a call has its pieces as they come, and the whole afterwards", async () => {
		const call = await accepted("ci", { connection: "lab", function: "chat", arguments: messages(newReference("api")) });
		const following = eventsOf(call, {}, secondReplica("ingress"));
		const { say, end } = await model;
		await say("some words");
		end();
		const events = await following;
		expect(textsIn(events)).toContain("some words");
		expect(events).toMatch(/event: call.ended\ndata: .*"completed"/);
		expect((await ending("ci", call)).body.result.body).toBe(textsIn(events));
	});
});
