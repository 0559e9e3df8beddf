// What a replica remembers of endings is bounded, and what it does not remember it reads again: never twice for nothing, and never so long that nobody is told.
import { v7 as uuidv7 } from "uuid";
import { afterEach, expect, test } from "vitest";
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import { EndedCalls, type EndedCallsParts } from "./ended-calls.ts";

const digest = `sha256:${"0".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "someone", groups: [] };
const pool = "default";
const clock = { now: () => new Date() };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const stop of stops.splice(0)) await stop();
});

async function replica(stream: MemoryStream, over: Partial<EndedCallsParts> = {}) {
	const memory = createMemoryBus(stream, "ingress");
	const begun: string[] = [];
	const follow: Bus["follow"] = async (options) => {
		const what = options.filter === ledgerOf(pool).endings ? "from" : "at";
		if (begun.push(`${what} ${options.from}`) > 2_000) throw new Error("it reads for ever");
		return await memory.follow(options);
	};
	const ended = await EndedCalls.follow({ bus: { ...memory, follow }, clock, tell: () => undefined, ...over });
	stops.push(() => ended.stop());
	/** What was read since this was asked: from where on it was searched, and at which position a known ending was fetched. */
	const reads = () => begun.splice(0);
	reads();
	return { ended, reads };
}

async function end(stream: MemoryStream, call = uuidv7()): Promise<string> {
	const theCall = { call, connection: "bank", function: "pay", pool, digest, revision: digest, caller };
	const ended = newEvent("policy", "call.ended", { ...theCall, ending: "denied", rules: [], reasons: [] }, { at: new Date() });
	const executed = { ...ended, source: "/callgate/executor", id: ended.id.replace("policy", "executor") } as typeof ended;
	await createMemoryBus(stream, "executor").publishAfter(executed, 0);
	return call;
}

test("the oldest endings are forgotten first, and are found again by reading", async () => {
	const stream = new MemoryStream();
	const { ended, reads } = await replica(stream, { rememberedMax: 2 });
	const [first, second, third] = [await end(stream), await end(stream), await end(stream)];
	expect((await ended.find({ call: third, pool, since: 0 }))?.data.call).toBe(third);
	expect(reads()).toEqual(["at 3"]);
	expect((await ended.find({ call: first, pool, since: 0 }))?.data.call).toBe(first);
	expect(reads()).toEqual(["from 1", "at 1"]);
	expect((await ended.find({ call: first, pool, since: 0 }))?.data.call).toBe(first);
	expect(reads()).toEqual(["at 1"]);
	expect(await ended.recall(first, [pool])).toEqual([]);
	expect((await ended.recall(second, [pool])).map(({ data }) => data.call)).toEqual([second]);
});

test("what is recalled of a call is all that can have been said of it, or nothing", async () => {
	const stream = new MemoryStream();
	const old = uuidv7({ msecs: Date.now() - 60_000 });
	const { ended } = await replica(stream);
	await end(stream, old);
	const young = await end(stream);
	const recalled = async (call: string, pools: string[]) => (await ended.recall(call, pools)).map(({ data }) => data.call);
	expect(await recalled(young, ["dmz", pool])).toEqual([young]);
	expect(await recalled(young, ["dmz"])).toEqual([]);
	expect(await recalled(old, [pool])).toEqual([]);
});

test("that a call had not ended is remembered: only what was forgotten since is read", async () => {
	const stream = new MemoryStream();
	for (let time = 0; time < 3; time++) await end(stream);
	const { ended, reads } = await replica(stream, { rememberedMax: 2 });
	const call = uuidv7();
	const find = () => ended.find({ call, pool, since: 1 });
	expect(await find()).toBeUndefined();
	expect(reads()).toEqual(["from 1"]);
	expect(await find()).toBeUndefined();
	expect(reads()).toEqual([]);
	await end(stream, call);
	for (let time = 0; time < 3; time++) await end(stream);
	expect((await find())?.data.call).toBe(call);
	expect(reads()).toEqual(["from 4", "at 4"]);
});

test("many who ask of one call at once read once", async () => {
	const stream = new MemoryStream();
	const call = await end(stream);
	const { ended, reads } = await replica(stream);
	const found = await Promise.all(Array.from({ length: 20 }, () => ended.find({ call, pool, since: 0 })));
	expect(found.map((one) => one?.data.call)).toEqual(Array.from({ length: 20 }, () => call));
	expect(reads().filter((read) => read.startsWith("from"))).toEqual(["from 1"]);
});

test("what takes too long to read is refused meanwhile, and what it came to is told to who asks again", async () => {
	const stream = new MemoryStream();
	const call = await end(stream);
	const memory = createMemoryBus(stream, "ingress");
	const slow = Promise.withResolvers<void>();
	let reads = 0;
	const bus: Pick<Bus, "follow" | "lastOf"> = {
		...memory,
		follow: async (options) => {
			if (options.from !== "now" && ++reads === 1) await slow.promise;
			return await memory.follow(options);
		},
	};
	const ended = await EndedCalls.follow({ bus, clock, tell: () => undefined, lookMsMax: 20 });
	stops.push(() => ended.stop());
	await expect(ended.find({ call, pool, since: 0 })).rejects.toThrow(EventsUnavailable);
	await expect(ended.find({ call, pool, since: 0 })).rejects.toThrow(EventsUnavailable);
	expect(reads).toBe(1);
	slow.resolve();
	expect((await ended.find({ call, pool, since: 0 }))?.data.call).toBe(call);
	expect(reads).toBe(2);
});
