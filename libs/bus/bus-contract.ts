// What every bus must do, whatever it runs on: the suite that bus-memory.ts and bus-nats.ts both pass.
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { messageBytesMax } from "#libs/contracts/message-size.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import { patience } from "../../test/support/patience.ts";
import { type Bus, EventsUnavailable, type StoredMessage, Unprocessable } from "./bus.ts";
import type { Meeting } from "./contract-meeting.ts";
import { describeLedger } from "./ledger-contract.ts";
import { LookBack } from "./look-back.ts";
import { followed } from "./permissions.ts";
import { FilterReading } from "./reading.ts";

const digest = `sha256:${"0".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "someone", groups: [] };
const theCall = (call: string, pool = "default") => ({ call, connection: "bank", function: "pay", pool, digest, revision: digest });

export function withdrawn(call = uuidv7()): Event<"call.withdrawn"> {
	return newEvent("ingress", "call.withdrawn", { call, caller }, { at: new Date() });
}

function started(call: string, executor: string, pool = "default"): Event<"call.started"> {
	const data = { ...theCall(call, pool), caller, grantId: "g", executor, attempt: 1, leaseUntil: new Date().toISOString() };
	return newEvent("executor", "call.started", data, { at: new Date() });
}

function ended(call: string, service: "policy" | "executor" | "approval"): Event<"call.ended"> {
	const data = { ...theCall(call), caller, ending: "failed" as const, rules: [], reasons: [] };
	return newEvent(service, "call.ended", data, { at: new Date() });
}

/** Waits until `read` yields something; the test's own time limit bounds it. */
async function eventually<T>(read: () => T | undefined): Promise<T> {
	for (;;) {
		const value = read();
		if (value !== undefined) return value;
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}

export function describeBus(name: string, meet: () => Promise<Meeting>): void {
	describe(name, () => {
		let meeting: Meeting;
		let ingress: Bus;
		let policy: Bus;
		let approval: Bus;
		let executor: Bus;
		beforeAll(async () => {
			meeting = await meet();
			ingress = await meeting.connect("ingress");
			policy = await meeting.connect("policy");
			approval = await meeting.connect("approval");
			executor = await meeting.connect("executor");
		}, 120_000);
		afterAll(() => meeting?.close());

		test("what is published reaches its reader, in order, with the position it was stored at", async () => {
			const seen: { event: CallgateEvent; position: number }[] = [];
			const mine = [withdrawn(), withdrawn(), withdrawn()];
			const ids = new Set(mine.map(({ id }) => id));
			const reading = await approval.consume(async (event, { position }) => {
				if (ids.has(event.id)) seen.push({ event, position });
			});
			const positions = await Promise.all(mine.map((event) => ingress.publish(event)));
			await eventually(() => (seen.length === 3 ? true : undefined));
			expect(seen.map(({ event }) => event)).toEqual(mine);
			expect(seen.map(({ position }) => position)).toEqual(positions);
			// Published in one turn, they share a message.
			expect(new Set(positions).size).toBe(1);
			await reading.stop();
		});

		test("an event whose handler fails comes again; its neighbour of the same message does not wait for it", async () => {
			const bad = withdrawn();
			const good = withdrawn();
			const tries: string[] = [];
			const reading = await approval.consume(async (event) => {
				if (event.id !== bad.id && event.id !== good.id) return;
				tries.push(event.id);
				if (event.id === bad.id && tries.filter((id) => id === bad.id).length < 2) throw new Error("not now");
			});
			const [first, second] = await Promise.all([bad, good].map((event) => ingress.publish(event)));
			expect(first).toBe(second);
			await eventually(() => (tries.filter((id) => id === bad.id).length === 2 ? true : undefined));
			expect(tries.filter((id) => id === good.id)).toHaveLength(1);
			await reading.stop();
		});

		test("what becomes ready while a message is on its way shares the next one, and each of its events is an event of its own", async () => {
			const seen: { id: string; position: number; item: number }[] = [];
			const [alone, ...together] = [withdrawn(), withdrawn(), withdrawn(), withdrawn()] as const;
			const ids = new Set([alone, ...together].map(({ id }) => id));
			const reading = await approval.consume(async ({ id }, { position, item }) => {
				if (ids.has(id)) seen.push({ id, position, item });
			});
			const before = ingress.publish(alone);
			// In the turn after this one the first message is on its way.
			await new Promise((resolve) => setImmediate(resolve));
			const after = await Promise.all(together.map((event) => ingress.publish(event)));
			expect(new Set(after).size).toBe(1);
			expect(after[0]).toBeGreaterThan(await before);
			await eventually(() => (seen.length === 4 ? true : undefined));
			const expected = together.map(({ id }, item) => ({ id, position: after[0], item }));
			expect(seen).toEqual([{ id: alone.id, position: await before, item: 0 }, ...expected]);
			await reading.stop();
		});

		test("a batch has every event of a shared message, and is done with all of them", async () => {
			const mine = [withdrawn(), withdrawn(), withdrawn()];
			const ids = new Set(mine.map(({ id }) => id));
			const seen: string[] = [];
			let failures = 0;
			const options = { eventsMax: 100, waitMs: 1, onMalformed: async () => undefined };
			const reading = await approval.consumeBatches(async (batch) => {
				const here = batch.map(({ event }) => event.id).filter((id) => ids.has(id));
				if (here.length > 0 && failures++ === 0) throw new Error("not now");
				seen.push(...here);
			}, options);
			await Promise.all(mine.map((event) => ingress.publish(event)));
			await eventually(() => (seen.length >= 3 ? true : undefined));
			expect(seen).toEqual(mine.map(({ id }) => id));
			await reading.stop();
			await expect.poll(() => approval.backlog(), patience).toBe(0);
		});

		test("a batch is everything there is, and does not wait for more", async () => {
			const mine = [withdrawn(), withdrawn()];
			const batches: string[][] = [];
			// One after the other, each is a message of its own.
			for (const event of mine) await ingress.publish(event);
			const options = { eventsMax: 100, waitMs: 600_000, onMalformed: async () => undefined };
			const reading = await approval.consumeBatches(async (batch) => void batches.push(batch.map(({ event }) => event.id)), options);
			await expect.poll(() => approval.backlog(), patience).toBe(0);
			expect(batches.filter((batch) => batch.includes(mine[0]?.id ?? ""))).toEqual([mine.map(({ id }) => id)]);
			await reading.stop();
		});

		test("an event that can never be processed is parked at once, with one alert and a last word", async () => {
			const parked: CallgateEvent[] = [];
			const lastWords: string[] = [];
			const watching = await ingress.follow({ filter: followed.control, from: "now", handle: ({ event }) => parked.push(event) });
			await watching.caughtUp;
			const bad = withdrawn();
			const reading = await approval.consume(
				async (event) => {
					if (event.id === bad.id) throw new Unprocessable("cannot be");
				},
				{ onParked: async (event) => void lastWords.push(event.id) },
			);
			await ingress.publish(bad);
			const alert = await eventually(() =>
				parked.find((event) => event.type === "control.message.parked" && event.data.call === bad.data.call),
			);
			expect(alert.data).toMatchObject({ service: "approval", fault: "cannot be", tries: 1 });
			expect(lastWords).toEqual([bad.id]);
			await Promise.all([reading.stop(), watching.stop()]);
		});

		test("of several claims exactly one wins, and the others learn where the winner's stands", async () => {
			const call = uuidv7();
			const results = await Promise.all(["a", "b", "c"].map((name) => executor.publishAfter(started(call, name), 0)));
			const won = results.filter((result) => result.won);
			expect(won).toHaveLength(1);
			const position = won[0]?.won ? won[0].position : Number.NaN;
			for (const result of results) if (!result.won) expect(result.last).toBe(position);
			const last = await executor.last("call.started", "executor", call, "default");
			expect(last?.position).toBe(position);
		});

		test("a condition covers all that the writer said about the call, on whichever subject", async () => {
			const call = uuidv7();
			const claim = await executor.publishAfter(started(call, "a"), 0);
			if (!claim.won) throw new Error("the claim was lost");
			expect(await executor.publishAfter(ended(call, "executor"), 0)).toMatchObject({ won: false, last: claim.position });
			const ending = await executor.publishAfter(ended(call, "executor"), claim.position);
			expect(ending.won).toBe(true);
			expect((await executor.publishAfter(started(call, "b"), claim.position)).won).toBe(false);
		});

		test("a follower sees everything of its filter from the beginning, and everything after", async () => {
			const call = uuidv7();
			const later = uuidv7();
			await approval.publishAfter(ended(call, "approval"), 0);
			const seen: string[] = [];
			const following = await approval.follow({
				filter: followed.approvals,
				from: "beginning",
				handle: ({ event }) => seen.push(event.subject),
			});
			await following.caughtUp;
			expect(seen).toContain(call);
			await approval.publishAfter(ended(later, "approval"), 0);
			await eventually(() => (seen.includes(later) ? true : undefined));
			await following.stop();
		});

		test("a follower from now sees nothing of before", async () => {
			const before = uuidv7();
			await approval.publishAfter(ended(before, "approval"), 0);
			const seen: string[] = [];
			const following = await ingress.follow({ filter: followed.endings, from: "now", handle: ({ event }) => seen.push(event.subject) });
			await following.caughtUp;
			const after = uuidv7();
			await approval.publishAfter(ended(after, "approval"), 0);
			await eventually(() => (seen.includes(after) ? true : undefined));
			expect(seen).not.toContain(before);
			await following.stop();
		});

		test("what was said of a call in a ledger is found again from before it was said, and no further than is asked", async () => {
			const { endings, takings } = ledgerOf("default");
			// Whatever stands there counts as read.
			const ledger = executor.ledger({ reading: new FilterReading(takings, Infinity) });
			const [call, other] = [uuidv7(), uuidv7()];
			const say = async (about: string) => {
				const written = await ledger.write(ended(about, "executor"), () => true);
				if (!written.won) throw new Error("the write was lost");
				return written.position;
			};
			const [first, , last] = [await say(call), await say(other), await say(call)];
			const find = async (since: number, bounds = {}) =>
				(await new LookBack(ingress, endings).find(call, since, bounds)).map(({ position }) => position);
			expect(await find(first)).toEqual([first, last]);
			expect(await find(1, { max: 1 })).toEqual([first]);
			expect(await find(first, { until: first + 1, max: 1 })).toEqual([first]);
			expect(await find(last + 1)).toEqual([]);
			expect(await find(1, { until: first })).toEqual([]);
		});

		test("what is larger than a message may be is refused, and the next event is not", async () => {
			const huge = { ...withdrawn(), traceparent: "x".repeat(messageBytesMax) };
			await expect(ingress.publish(huge)).rejects.toThrow("larger than a message may be");
			expect(await ingress.publish(withdrawn())).toBeGreaterThan(0);
		});

		test("nobody may say what is another's to say", async () => {
			const call = uuidv7();
			await expect(ingress.publish(ended(call, "policy"))).rejects.toThrow(EventsUnavailable);
			await expect(policy.publish(withdrawn(call))).rejects.toThrow(EventsUnavailable);
			await expect(executor.publishAfter(started(call, "a", "elsewhere"), 0)).rejects.toThrow(EventsUnavailable);
		});

		test("audit reads every message of the stream in order, its bytes as they are; what it could not take is given again", async () => {
			const audit = await meeting.connect("audit");
			const from = await ingress.publish(withdrawn());
			const seen: StoredMessage[] = [];
			let failures = 2;
			const reading = audit.readAll({
				from,
				waitMs: 1,
				async handle(messages) {
					if (failures-- > 0) throw new Error("not now");
					seen.push(...messages);
				},
			});
			const event = withdrawn();
			const last = await ingress.publish(event);
			await expect.poll(() => seen.at(-1)?.position, patience).toBe(last);
			await reading.stop();
			expect(seen.map(({ position }) => position)).toEqual(Array.from({ length: last - from + 1 }, (_, n) => from + n));
			expect(new TextDecoder().decode(seen.at(-1)?.bytes)).toBe(JSON.stringify([event]));
			await ingress.publish(withdrawn());
			expect(seen.at(-1)?.position).toBe(last);
		});

		test("the backlog is what nobody has acknowledged yet", async () => {
			const before = await approval.consume(async () => undefined);
			// It reads once this is gone.
			await ingress.publish(withdrawn());
			await expect.poll(() => approval.backlog(), patience).toBe(0);
			await before.stop();
			await ingress.publish(withdrawn());
			expect(await approval.backlog()).toBe(1);
			const reading = await approval.consume(async () => undefined);
			await expect.poll(() => approval.backlog(), patience).toBe(0);
			await reading.stop();
		});

		test("what is settled ends before the first event that somebody still has in hand", async () => {
			const release = Promise.withResolvers<void>();
			const done: string[] = [];
			const [slow, quick] = [withdrawn(), withdrawn()];
			const reading = await approval.consume(async ({ id }) => {
				if (id === slow.id) await release.promise;
				done.push(id);
			});
			const at = await ingress.publish(slow);
			await ingress.publish(quick);
			await expect.poll(() => done, patience).toContain(quick.id);
			expect(await approval.settled()).toBeLessThan(at);
			release.resolve();
			await expect.poll(() => approval.settled(), patience).toBeGreaterThan(at);
			await reading.stop();
		});

		test("a store writes conditionally, forgets what is removed, and is closed to others", async () => {
			const before = Date.now();
			const store = ingress.store("calls");
			const key = uuidv7();
			expect(await store.get(key)).toBeUndefined();
			const first = await store.write(key, "one", 0);
			expect(first.won).toBe(true);
			expect((await store.write(key, "two", 0)).won).toBe(false);
			const entry = await store.get(key);
			expect(entry).toMatchObject({ value: "one" });
			expect(entry?.storedAt.getTime()).toBeGreaterThanOrEqual(before - 60_000);
			await store.remove(key);
			expect(await store.get(key)).toBeUndefined();
			expect((await store.write(key, "three", 0)).won).toBe(true);
			await expect(policy.store("calls").get(key)).rejects.toThrow(EventsUnavailable);
			await expect(policy.store("calls").put(key, "x")).rejects.toThrow(EventsUnavailable);
		});

		describeLedger(() => meeting);
	});
}
