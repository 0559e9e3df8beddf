// What becomes of a delivered message: done, tried again, or parked, each event by itself.
import { describe, expect, test, vi } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { type ConsumeOptions, EventsUnavailable, type Handler, NotYet, Unprocessable } from "./bus.ts";
import { collectBatches, createDeliverer, type DeliveryLog, type Message, retryDelayMs, Slots } from "./deliver.ts";

const at = new Date("2026-01-01T00:00:00.000Z");
const caller = { issuer: "https://idp.example", subject: "robin", groups: [] };
const callId = (n: number) => `01890000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const withdrawn = (n: number) => newEvent("ingress", "call.withdrawn", { call: callId(n), caller }, { at });
const subject = subjectOf(withdrawn(1));

/** A message as a broker would hold it: delivered again and again until it is acknowledged. */
class Held {
	readonly settled: ("ack" | number)[] = [];
	private readonly items: readonly unknown[];
	private tries = 0;
	private readonly position: number;
	constructor(items: readonly unknown[], position = 7) {
		this.items = items;
		this.position = position;
	}
	next(bytes = new TextEncoder().encode(JSON.stringify(this.items))): Message {
		const { position } = this;
		const settle = { ack: () => void this.settled.push("ack"), retry: (delayMs: number) => void this.settled.push(delayMs) };
		return { subject, bytes, position, tries: ++this.tries, storedAt: at, ...settle };
	}
}

function deliverer(handle: Handler, options: ConsumeOptions = {}, publishing: () => void = () => undefined) {
	const published: CallgateEvent[] = [];
	const logged: unknown[] = [];
	const log: DeliveryLog = { retried: (about) => void logged.push(about), parked: (about) => void logged.push(about) };
	const publish = async (event: CallgateEvent) => {
		publishing();
		published.push(event);
	};
	const parked = () => published.filter((event): event is Event<"control.message.parked"> => event.type === "control.message.parked");
	return { deliver: createDeliverer({ service: "approval", handle, options, publish, log, now: () => at }), published, parked, logged };
}

const nothing: Handler = async () => undefined;
const fail = (error: Error) => async () => {
	throw error;
};

describe("a message", () => {
	test("is done when all its events are", async () => {
		const seen: unknown[] = [];
		const { deliver } = deliverer(async (event, { item }) => void seen.push([event.subject, item]));
		const held = new Held([withdrawn(1), withdrawn(2)]);
		await deliver(held.next());
		expect(seen).toEqual([
			[callId(1), 0],
			[callId(2), 1],
		]);
		expect(held.settled).toEqual(["ack"]);
	});

	test("comes again for the event that failed, and for that one alone", async () => {
		const seen: string[] = [];
		const { deliver, parked } = deliverer(async ({ subject: call }) => {
			seen.push(call);
			if (call === callId(2) && seen.filter((one) => one === call).length < 3) throw new Error("not now");
		});
		const held = new Held([withdrawn(1), withdrawn(2), withdrawn(3)]);
		for (let tries = 0; tries < 3; tries++) await deliver(held.next());
		expect(seen).toEqual([callId(1), callId(2), callId(3), callId(2), callId(2)]);
		expect(held.settled).toEqual([retryDelayMs(1), retryDelayMs(2), "ack"]);
		expect(parked()).toEqual([]);
	});

	test("that is no message is parked whole, once", async () => {
		const { deliver, parked } = deliverer(nothing);
		const held = new Held([]);
		await deliver(held.next(new TextEncoder().encode("no message")));
		expect(held.settled).toEqual(["ack"]);
		expect(parked().map(({ data }) => data)).toEqual([
			{ service: "approval", position: 7, item: 0, tries: 1, fault: "the message is not JSON" },
		]);
	});

	test("with a bad item has it parked, and its neighbours handled", async () => {
		const seen: string[] = [];
		const { deliver, parked } = deliverer(async (event) => void seen.push(event.subject));
		const held = new Held([withdrawn(1), { card: "4111111111111111" }, withdrawn(3)]);
		await deliver(held.next());
		expect(seen).toEqual([callId(1), callId(3)]);
		expect(held.settled).toEqual(["ack"]);
		expect(parked()).toHaveLength(1);
		expect(JSON.stringify(parked())).not.toContain("4111");
	});
});

describe("parking", () => {
	test("follows the last of the tries, with the service's last word before the alert", async () => {
		const words: string[] = [];
		const said: string[] = [];
		const { deliver, parked } = deliverer(
			fail(new RangeError("4111111111111111 is too much")),
			{ triesMax: 3, onParked: async (event, fault) => void words.push(`${event.subject} ${fault}`) },
			() => said.push(`after ${words.length}`),
		);
		const held = new Held([withdrawn(1)]);
		for (let tries = 0; tries < 3; tries++) await deliver(held.next());
		expect(held.settled).toEqual([retryDelayMs(1), retryDelayMs(2), "ack"]);
		expect(words).toEqual([`${callId(1)} RangeError on every try`]);
		expect(said).toEqual(["after 1"]);
		expect(parked()[0]?.data).toMatchObject({ call: callId(1), fault: "RangeError on every try", tries: 3 });
	});

	test("is at once where no try can help", async () => {
		const { deliver, parked } = deliverer(fail(new Unprocessable("cannot be")));
		const held = new Held([withdrawn(1)]);
		await deliver(held.next());
		expect(held.settled).toEqual(["ack"]);
		expect(parked()[0]?.data).toMatchObject({ fault: "cannot be", tries: 1 });
	});

	test.each([
		["a stream that is away", new EventsUnavailable("away")],
		["someone else at work", new NotYet("wait", 1_234)],
	])("is not for %s, however long it takes", async (_what, error) => {
		const { deliver, parked } = deliverer(fail(error), { triesMax: 2 });
		const held = new Held([withdrawn(1)]);
		for (let tries = 0; tries < 50; tries++) await deliver(held.next());
		expect(parked()).toEqual([]);
		expect(held.settled).toHaveLength(50);
		expect(held.settled.every((one) => one !== "ack" && one <= 30_000)).toBe(true);
		if (error instanceof NotYet) expect(new Set(held.settled)).toEqual(new Set([1_234]));
	});

	test("counts what failed, not what was nobody's fault before", async () => {
		let turn = 0;
		const { deliver, parked } = deliverer(
			async () => {
				if (++turn <= 20) throw turn % 2 === 0 ? new NotYet("wait", 1) : new EventsUnavailable("away");
				throw new Error("now it counts");
			},
			{ triesMax: 3 },
		);
		const held = new Held([withdrawn(1)]);
		for (let tries = 0; tries < 22; tries++) await deliver(held.next());
		expect(parked()).toEqual([]);
		await deliver(held.next());
		expect(parked()).toHaveLength(1);
	});

	test.each([
		["the last word", true],
		["the alert", false],
	])("waits where %s cannot be stored, and is made up for without handling anything twice", async (_what, word) => {
		let away = true;
		const check = () => {
			if (away) throw new EventsUnavailable("away");
		};
		const seen: string[] = [];
		const { deliver, parked } = deliverer(
			async ({ subject: call }) => {
				seen.push(call);
				if (call === callId(1)) throw new Unprocessable("cannot be");
			},
			word ? { onParked: async () => check() } : {},
			word ? undefined : check,
		);
		const held = new Held([withdrawn(1), withdrawn(2)]);
		await deliver(held.next());
		expect(held.settled).toEqual([retryDelayMs(1)]);
		away = false;
		await deliver(held.next());
		expect(held.settled.at(-1)).toBe("ack");
		expect(parked()).toHaveLength(1);
		expect(seen).toEqual([callId(1), callId(2), callId(1)]);
	});

	test("that fails does not settle the message while a neighbour is still in work", async () => {
		const slow = Promise.withResolvers<void>();
		const { deliver } = deliverer(
			async ({ subject: call }) => {
				if (call === callId(1)) throw new Unprocessable("cannot be");
				await slow.promise;
			},
			{ onParked: fail(new EventsUnavailable("away")) },
		);
		const held = new Held([withdrawn(1), withdrawn(2)]);
		const delivering = deliver(held.next());
		await new Promise((resolve) => setImmediate(resolve));
		expect(held.settled).toEqual([]);
		slow.resolve();
		await delivering;
		expect(held.settled).toEqual([retryDelayMs(1)]);
	});

	test("may itself have to wait for someone else", async () => {
		const { deliver, parked } = deliverer(fail(new Unprocessable("cannot be")), { onParked: fail(new NotYet("wait", 777)) });
		const held = new Held([withdrawn(1)]);
		await deliver(held.next());
		expect(held.settled).toEqual([777]);
		expect(parked()).toEqual([]);
	});
});

test("the pace of tries grows and has an end", () => {
	const pace = Array.from({ length: 20 }, (_, index) => retryDelayMs(index + 1));
	expect(pace).toEqual([...pace].sort((one, other) => one - other));
	expect(pace[0]).toBe(200);
	expect(pace.at(-1)).toBe(30_000);
});

describe("batches", () => {
	const log: DeliveryLog = { retried: () => undefined, parked: () => undefined };
	const options = { eventsMax: 2, waitMs: 60_000, onMalformed: async () => undefined };

	test("are settled together: acknowledged after the handler returns", async () => {
		const gate = Promise.withResolvers<void>();
		const seen: string[][] = [];
		const batches = collectBatches(
			async (batch) => {
				seen.push(batch.map(({ event, position, item }) => `${event.subject} ${position}.${item}`));
				await gate.promise;
			},
			options,
			log,
		);
		const one = new Held([withdrawn(1)], 1);
		const two = new Held([withdrawn(2), withdrawn(3)], 2);
		batches.add(one.next());
		batches.add(two.next());
		await new Promise((resolve) => setImmediate(resolve));
		expect([one.settled, two.settled]).toEqual([[], []]);
		gate.resolve();
		await batches.finish();
		expect(seen).toEqual([[`${callId(1)} 1.0`, `${callId(2)} 2.0`, `${callId(3)} 2.1`]]);
		expect([one.settled, two.settled]).toEqual([["ack"], ["ack"]]);
	});

	test("are finished also where something in a message is still being parked", async () => {
		const parking = Promise.withResolvers<void>();
		const seen: string[] = [];
		const batches = collectBatches(
			async (batch) => void seen.push(...batch.map(({ event }) => event.subject)),
			{ ...options, onMalformed: () => parking.promise },
			log,
		);
		const held = new Held([{ not: "an event" }, withdrawn(1)], 1);
		batches.add(held.next());
		let isFinished = false;
		const finishing = batches.finish().then(() => {
			isFinished = true;
		});
		await new Promise((resolve) => setImmediate(resolve));
		expect(isFinished).toBe(false);
		parking.resolve();
		await finishing;
		expect(seen).toEqual([callId(1)]);
		expect(held.settled).toEqual(["ack"]);
	});

	test("that fail come again, all of them, and the next goes on", async () => {
		let turn = 0;
		const batches = collectBatches(
			async () => {
				if (turn++ === 0) throw new Error("not now");
			},
			{ ...options, eventsMax: 1 },
			log,
		);
		const one = new Held([withdrawn(1)], 1);
		batches.add(one.next());
		await new Promise((resolve) => setImmediate(resolve));
		expect(one.settled).toEqual([retryDelayMs(1)]);
		batches.add(one.next());
		await new Promise((resolve) => setImmediate(resolve));
		await batches.finish();
		expect(one.settled).toEqual([retryDelayMs(1), "ack"]);
	});

	test("hold only so many bytes while they cannot be settled: what is beyond comes again, and finds room then", async () => {
		const gate = Promise.withResolvers<void>();
		const [one, two, three] = [new Held([withdrawn(1)], 1), new Held([withdrawn(2)], 2), new Held([withdrawn(3)], 3)];
		const first = one.next();
		const held = { ...options, eventsMax: 1, heldBytesMax: first.bytes.length * 2 };
		const batches = collectBatches(() => gate.promise, held, log);
		batches.add(first);
		batches.add(two.next());
		batches.add(three.next());
		await new Promise((resolve) => setImmediate(resolve));
		expect([one.settled, two.settled, three.settled]).toEqual([[], [], [retryDelayMs(1)]]);
		gate.resolve();
		await batches.finish();
		batches.add(three.next());
		await new Promise((resolve) => setImmediate(resolve));
		await batches.finish();
		expect([one.settled, two.settled, three.settled]).toEqual([["ack"], ["ack"], [retryDelayMs(1), "ack"]]);
	});

	test("one message that is larger than what is held is taken, alone", async () => {
		const alone = new Held([withdrawn(1)], 1);
		const batches = collectBatches(async () => undefined, { ...options, heldBytesMax: 1 }, log);
		batches.add(alone.next());
		await new Promise((resolve) => setImmediate(resolve));
		await batches.finish();
		expect(alone.settled).toEqual(["ack"]);
	});

	test("are handled one after the other", async () => {
		let inWork = 0;
		let most = 0;
		const batches = collectBatches(
			async () => {
				most = Math.max(most, ++inWork);
				await new Promise((resolve) => setImmediate(resolve));
				inWork--;
			},
			{ ...options, eventsMax: 1 },
			log,
		);
		const all = Array.from({ length: 10 }, (_, index) => new Held([withdrawn(index)], index));
		for (const held of all) batches.add(held.next());
		await new Promise((resolve) => setImmediate(resolve));
		await batches.finish();
		expect(most).toBe(1);
		expect(all.every(({ settled }) => settled[0] === "ack")).toBe(true);
	});

	test("what arrives while one is in work is the next, as large as it may be", async () => {
		const gate = Promise.withResolvers<void>();
		const sizes: number[] = [];
		const handle = async (batch: readonly unknown[]) => {
			sizes.push(batch.length);
			await gate.promise;
		};
		const batches = collectBatches(handle, { ...options, eventsMax: 4 }, log);
		const all = Array.from({ length: 11 }, (_, index) => new Held([withdrawn(index)], index));
		for (const held of all.slice(0, 4)) batches.add(held.next());
		await new Promise((resolve) => setImmediate(resolve));
		for (const held of all.slice(4)) batches.add(held.next());
		await new Promise((resolve) => setImmediate(resolve));
		expect(sizes).toEqual([4]);
		gate.resolve();
		await batches.finish();
		expect(sizes).toEqual([4, 4, 3]);
		expect(all.every(({ settled }) => settled[0] === "ack")).toBe(true);
	});

	test("a malformed item is told of, and its message is done with its neighbours", async () => {
		const faults: string[] = [];
		const seen: string[] = [];
		const batches = collectBatches(
			async (batch) => void seen.push(...batch.map(({ event }) => event.subject)),
			{ ...options, eventsMax: 1, onMalformed: async (fault, { item }) => void faults.push(`${item}: ${fault}`) },
			log,
		);
		const held = new Held([{ bad: 1 }, withdrawn(2)]);
		batches.add(held.next());
		await new Promise((resolve) => setImmediate(resolve));
		await batches.finish();
		expect(faults).toHaveLength(1);
		expect(faults[0]).toMatch(/^0: /);
		expect(seen).toEqual([callId(2)]);
		expect(held.settled).toEqual(["ack"]);
	});

	test("a malformed item that cannot be told of keeps its message", async () => {
		const batches = collectBatches(async () => undefined, { ...options, onMalformed: fail(new EventsUnavailable("away")) }, log);
		const held = new Held([{ bad: 1 }]);
		batches.add(held.next());
		await new Promise((resolve) => setImmediate(resolve));
		await batches.finish();
		expect(held.settled).toEqual([retryDelayMs(1)]);
	});
});

test("slots: never more at once than there are, nothing is forgotten, and a failure frees its slot", async () => {
	const slots = new Slots(3);
	let inWork = 0;
	let most = 0;
	let done = 0;
	const all = Array.from({ length: 50 }, (_, index) =>
		slots
			.run(async () => {
				most = Math.max(most, ++inWork);
				await new Promise((resolve) => setImmediate(resolve));
				inWork--;
				done++;
				if (index % 5 === 0) throw new Error("failed");
			})
			.catch(() => undefined),
	);
	await Promise.all(all);
	expect({ most, done }).toEqual({ most: 3, done: 50 });
	expect(await slots.idle(1)).toBe(true);
});

test("slots that are closed finish what is in work and begin nothing more", async () => {
	const slots = new Slots(1);
	const first = Promise.withResolvers<void>();
	let begun = 0;
	const work = async () => {
		begun++;
		await first.promise;
	};
	const runs = [slots.run(work), slots.run(work), slots.run(work)];
	slots.close();
	runs.push(slots.run(work));
	first.resolve();
	expect(await Promise.all(runs)).toEqual([true, false, false, false]);
	expect(begun).toBe(1);
	expect(await slots.idle(1_000)).toBe(true);
});

test("what is in work is waited for, although the clock is set forward by an hour meanwhile", async () => {
	vi.useFakeTimers({ toFake: ["Date"] });
	try {
		const slots = new Slots(1);
		const work = Promise.withResolvers<void>();
		const run = slots.run(() => work.promise);
		const idle = slots.idle(60_000);
		vi.setSystemTime(Date.now() + 3_600_000);
		setTimeout(work.resolve, 100);
		expect(await idle).toBe(true);
		expect(await run).toBe(true);
	} finally {
		vi.useRealTimers();
	}
});
