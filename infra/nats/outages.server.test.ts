// What the bus on NATS promises when acknowledgements are lost, connections cut and the server killed: once, in order, without gaps.
import { setTimeout as delay } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { connectLink, newUserKey } from "#libs/bus/nats-link.ts";
import { followed } from "#libs/bus/permissions.ts";
import { FilterReading } from "#libs/bus/reading.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import { patience } from "../../test/support/patience.ts";
import { type LossyProxy, startLossyProxy } from "./lossy-proxy.test-support.ts";
import { type NatsForTests, startNatsForTests } from "./nats.test-support.ts";
import { operatorInbox } from "./server-config.ts";

let nats: NatsForTests;
let proxy: LossyProxy;
const buses: Bus[] = [];
beforeAll(async () => {
	nats = await startNatsForTests();
	proxy = await startLossyProxy(Number(new URL(nats.url).port));
}, 120_000);
afterAll(async () => {
	for (const bus of buses) await bus.close();
	await proxy?.stop();
	await nats?.stop();
});

async function connect(service: Service, url = nats.url, publishTimeoutMs = 10_000): Promise<Bus> {
	const { bus } = await connectHeard(service, url, publishTimeoutMs);
	buses.push(bus);
	return bus;
}

/** Also tells what became of the connection. For whoever closes the bus as well. */
async function connectHeard(service: Service, url = nats.url, publishTimeoutMs = 10_000): Promise<{ bus: Bus; statuses: string[] }> {
	const statuses: string[] = [];
	const log = { retried: () => undefined, parked: () => undefined, connection: (status: string) => void statuses.push(status) };
	const bus = await connectBus({ servers: [url], service, seed: nats.seeds[service], log, publishTimeoutMs });
	return { bus, statuses };
}

const digest = `sha256:${"0".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "robin", groups: [] as string[] };
const withdrawn = (groups: string[] = []): Event<"call.withdrawn"> =>
	newEvent("ingress", "call.withdrawn", { call: uuidv7(), caller: { ...caller, groups } }, { at: new Date() });
function started(call = uuidv7(), executor = "e"): Event<"call.started"> {
	const theCall = { call, connection: "bank", function: "pay", pool: "default", digest, revision: digest, caller };
	const data = { ...theCall, grantId: "g", executor, attempt: 1, leaseUntil: new Date().toISOString() };
	return newEvent("executor", "call.started", data, { at: new Date() });
}
function ended(call = uuidv7()): Event<"call.ended"> {
	const theCall = { call, connection: "bank", function: "pay", pool: "default", digest, revision: digest, caller };
	return newEvent("approval", "call.ended", { ...theCall, ending: "cancelled", rules: [], reasons: [] }, { at: new Date() });
}

/** How often each event is in the stream. */
async function storedTimes(events: readonly CallgateEvent[], filter: string, reader: Service = "ingress"): Promise<number[]> {
	const bus = await connect(reader);
	const times = new Map<string, number>();
	const following = await bus.follow({
		filter,
		from: "beginning",
		handle: ({ event }) => times.set(event.id, (times.get(event.id) ?? 0) + 1),
	});
	await following.caughtUp;
	await following.stop();
	return events.map(({ id }) => times.get(id) ?? 0);
}

/** What a stream's acknowledgement of a write begins with. */
const acknowledgement = '{"stream":"CALLGATE"';

/** Writes while the connection is cut with the acknowledgement on it: the write is made known over a new one, and stored once. */
async function expectStoredThroughCut(approval: Bus): Promise<void> {
	const event = ended();
	const cut = proxy.cutAt(acknowledgement);
	const publishing = approval.publishAfter(event, 0);
	await cut;
	expect((await publishing).won).toBe(true);
	expect(await storedTimes([event], followed.endings)).toEqual([1]);
}

describe("an acknowledgement that is lost", () => {
	test("with its connection: the claim is still ours, once, and others lose to it", async () => {
		const executor = await connect("executor", proxy.url);
		const claim = started();
		const cut = proxy.cutAt(acknowledgement);
		const claiming = executor.publishAfter(claim, 0);
		await cut;
		const won = await claiming;
		expect(won.won).toBe(true);
		const found = await executor.last("call.started", "executor", claim.subject, "default");
		expect(won.won && won.position).toBe(found?.position);
		expect(await executor.publishAfter(started(claim.subject, "other"), 0)).toEqual({ won: false, last: found?.position });
		expect(await storedTimes([claim], followed.calls)).toEqual([1]);
	});

	test("with its connection: what was published is stored once", async () => {
		const approval = await connect("approval", proxy.url);
		await expectStoredThroughCut(approval);
	});

	test("for longer than NATS remembers the write: a conflict with oneself is known for what it is", async () => {
		const remember = await forgetWritesSoon();
		try {
			const executor = await connect("executor", proxy.url, 4_000);
			const claim = started();
			const holding = proxy.holdAt(acknowledgement);
			const claiming = executor.publishAfter(claim, 0);
			await holding;
			// The first attempt is given up after half the time; by then the server has forgotten the write's nonce.
			await proxy.heard(claim.subject);
			proxy.release();
			expect((await claiming).won).toBe(true);
			expect(await storedTimes([claim], followed.calls)).toEqual([1]);
		} finally {
			await remember();
		}
	});
});

/** An executor's ledger, whose endings must be stored. */
async function ledgerOn(bus: Bus) {
	const { claims, takings } = ledgerOf("default");
	const [begun] = await bus.stream.state().then((state) => [state?.last ?? 0]);
	const failures: EventsUnavailable[] = [];
	const reading = { claims: new FilterReading(claims, begun ?? 0), takings: new FilterReading(takings, begun ?? 0) };
	const passed = (_subject: string, position: number) => reading.claims.heard(position);
	const following = await bus.follow({ filter: claims, from: (begun ?? 0) + 1, handle: () => undefined, passed });
	await following.caughtUp;
	const claiming = bus.ledger({ reading: reading.claims });
	const ending = bus.ledger({ reading: reading.takings, forSure: (error) => void failures.push(error) });
	return {
		failures,
		claim: (event: Event<"call.started">) => claiming.write(event, () => true),
		end: (event: Event<"call.ended">) => ending.write(event, () => true),
	};
}

const endedHere = (): Event<"call.ended"> => {
	const { data } = ended();
	return newEvent("executor", "call.ended", data, { at: new Date() });
};
const some = <Made>(make: () => Made) => Array.from({ length: 5 }, make);

describe("a group in the ledger", () => {
	test("whose acknowledgement is lost with its connection: the claims are still ours, each once", async () => {
		const ledger = await ledgerOn(await connect("executor", proxy.url));
		const claims = some(() => started());
		const cut = proxy.cutAt(acknowledgement);
		const claiming = Promise.all(claims.map((event) => ledger.claim(event)));
		await cut;
		const outcomes = await claiming;
		expect(outcomes.map(({ won }) => won)).toEqual(claims.map(() => true));
		expect(new Set(outcomes.map((outcome) => outcome.won && outcome.position)).size).toBe(1);
		expect(await storedTimes(claims, ledgerOf("default").claims, "executor")).toEqual(claims.map(() => 1));
	});

	test("whose acknowledgement is lost, and that NATS forgot meanwhile: its endings are known for own, each stored once", async () => {
		const remember = await forgetWritesSoon();
		try {
			// Given up before it is known: what is left to recognise it by is what stands on its lane.
			const ledger = await ledgerOn(await connect("executor", proxy.url, 400));
			const endings = some(endedHere);
			const holding = proxy.holdAt(acknowledgement);
			const ending = Promise.all(endings.map((event) => ledger.end(event)));
			await holding;
			await vi.waitFor(() => expect(ledger.failures.length).toBeGreaterThan(0), patience);
			proxy.release();
			expect((await ending).map(({ won }) => won)).toEqual(endings.map(() => true));
			expect(await storedTimes(endings, ledgerOf("default").endings)).toEqual(endings.map(() => 1));
		} finally {
			await remember();
		}
	});

	test("on its way while NATS is killed and stays away: its endings are stored when it is back, each once", async () => {
		const ledger = await ledgerOn(await connect("executor", nats.url, 400));
		const endings = some(endedHere);
		const ending = Promise.all(endings.map((event) => ledger.end(event)));
		await new Promise(setImmediate);
		await nats.server.kill("SIGKILL");
		const late = ledger.end(endedHere());
		await vi.waitFor(() => expect(ledger.failures.length).toBeGreaterThan(2), patience);
		await nats.server.restart();
		expect((await ending).map(({ won }) => won)).toEqual(endings.map(() => true));
		expect((await late).won).toBe(true);
		expect(await storedTimes(endings, ledgerOf("default").endings)).toEqual(endings.map(() => 1));
	}, 120_000);
});

/** From now on NATS remembers for a moment only which writes it had. Resolves with what makes it remember as long as before. */
async function forgetWritesSoon(): Promise<() => Promise<void>> {
	const link = { servers: [nats.url], name: "operator", seed: nats.operatorSeed, inboxPrefix: operatorInbox, onStatus: () => undefined };
	const operator = await connectLink(link);
	const ask = async (verb: string, body: object | undefined) => {
		const payload = new TextEncoder().encode(body ? JSON.stringify(body) : "");
		const answer = await operator.request(`$JS.API.STREAM.${verb}.CALLGATE`, payload, 5_000);
		if (!answer.ok) throw new Error(answer.fault);
		return JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as { config: { duplicate_window: number }; error?: object };
	};
	const { config } = await ask("INFO", undefined);
	expect((await ask("UPDATE", { ...config, duplicate_window: 100_000_000 })).error).toBeUndefined();
	return async () => {
		await ask("UPDATE", config);
		await operator.close();
	};
}

test("a clock that was set back by an hour while connected: a connection that is lost is made anew at once", async () => {
	vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
	const approval = await connect("approval", proxy.url).finally(() => vi.useRealTimers());
	await expectStoredThroughCut(approval);
});

test("what a follower would have heard on a connection that was cut it hears on the next one, also if nothing comes after it", async () => {
	const [follower, approval] = [await connect("ingress", proxy.url), await connect("approval")];
	const heard: string[] = [];
	const following = await follower.follow({ filter: followed.endings, from: "now", handle: ({ event }) => heard.push(event.id) });
	await following.caughtUp;
	const event = ended();
	const cut = proxy.cutAt(event.id);
	await approval.publishAfter(event, 0);
	await cut;
	await vi.waitFor(() => expect(heard).toEqual([event.id]), patience);
	await following.stop();
});

describe("a reader that stops", () => {
	test("gives back what was on its way to it: the next reader has it before the server would have given it up", async () => {
		const [stopping, next, sender] = [await connect("approval", proxy.url), await connect("approval"), await connect("ingress")];
		const begun: string[] = [];
		const reading = await stopping.consume(async ({ id }) => void begun.push(id));
		await vi.waitFor(async () => expect(await stopping.backlog()).toBe(0), patience);
		const event = withdrawn();
		const holding = proxy.holdAt(event.id);
		await sender.publish(event);
		await holding;
		const stopped = reading.stop();
		proxy.release();
		await stopped;
		expect(begun).toEqual([]);
		const heard: string[] = [];
		const nextReading = await next.consume(async ({ id }) => void heard.push(id));
		// The server would wait thirty seconds for an acknowledgement.
		await vi.waitFor(() => expect(heard).toEqual([event.id]), patience);
		await nextReading.stop();
	});

	test("while it begins anew on a server that forgot it: stops, and throws nothing that nobody catches", async () => {
		const uncaught: unknown[] = [];
		const catchAll = (error: unknown) => void uncaught.push(error);
		process.on("unhandledRejection", catchAll);
		try {
			const { bus: follower } = await connectHeard("ingress", proxy.url);
			const following = await follower.follow({ filter: followed.endings, from: "now", handle: () => undefined });
			await following.caughtUp;
			const holding = proxy.holdAt("consumer_create_response");
			await nats.server.kill("SIGKILL");
			await nats.server.restart();
			await holding;
			const closed = follower.close();
			// What the server says is heard when the connection already ends.
			setImmediate(() => proxy.release());
			await closed;
			await new Promise(setImmediate);
			expect(uncaught).toEqual([]);
		} finally {
			process.off("unhandledRejection", catchAll);
		}
	}, 60_000);
});

describe("a connection", () => {
	test("whose dial took too long and is answered after all is one connection", async () => {
		const { bus, statuses } = await connectHeard("approval", proxy.url);
		const heard: string[] = [];
		await bus.consume(async ({ id }) => void heard.push(id));
		const times = (status: string) => statuses.filter((one) => one === status).length;
		const cut = proxy.cutAt("consumer_info_response");
		const asking = bus.backlog().catch(() => undefined);
		await cut;
		await nats.server.kill("SIGSTOP");
		// The first dial is given up, and the next begun.
		await vi.waitFor(() => expect(times("reconnecting")).toBeGreaterThan(1), patience).finally(() => nats.server.kill("SIGCONT"));
		await asking;
		await vi.waitFor(() => expect(times("reconnect")).toBe(1), patience);
		// The server ends a connection that does not say who it is after two seconds.
		await delay(4_000);
		expect([times("disconnect"), times("reconnect")]).toEqual([1, 1]);
		const event = withdrawn();
		await (await connect("ingress")).publish(event);
		await vi.waitFor(() => expect(heard).toContain(event.id), patience);
		await bus.close();
	});

	test("that is refused again and again comes back when the key is known again", async () => {
		const { bus, statuses } = await connectHeard("approval");
		const makeKnown = await nats.replaceKey("approval", newUserKey().publicKey);
		await vi.waitFor(() => expect(statuses.filter((status) => status === "reconnecting").length).toBeGreaterThan(4), patience);
		await makeKnown();
		await vi.waitFor(() => bus.checkReady(), patience);
		await bus.close();
	});

	test("to a server that hangs is closed all the same", async () => {
		const { bus, statuses } = await connectHeard("approval", nats.url, 500);
		await bus.consume(async () => undefined);
		await nats.server.kill("SIGSTOP");
		await bus.close().finally(() => nats.server.kill("SIGCONT"));
		// Not only when the client has seen that nobody answers.
		expect(statuses).not.toContain("disconnect");
		await expect(bus.publish(withdrawn())).rejects.toThrow(EventsUnavailable);
	});
});

describe("a server that is killed", () => {
	test("follow goes on without a gap or a repetition, consume and batches go on, and publishing resumes", async () => {
		const [approval, follower, consumer] = [await connect("approval"), await connect("ingress"), await connect("approval")];
		const sender = await connect("ingress");
		const followedIds: string[] = [];
		const positions: number[] = [];
		const following = await follower.follow({
			filter: followed.endings,
			from: "now",
			handle: ({ event, position }) => {
				followedIds.push(event.subject);
				positions.push(position);
			},
		});
		await following.caughtUp;
		const consumed = new Map<string, number>();
		const reading = await consumer.consume(async (event) => void consumed.set(event.id, (consumed.get(event.id) ?? 0) + 1));
		const recorded = new Set<string>();
		const options = { eventsMax: 100, waitMs: 20, onMalformed: async () => undefined };
		const recording = await (await connect("audit")).consumeBatches(async (batch) => {
			for (const { event } of batch) recorded.add(event.id);
		}, options);

		const endings: Event<"call.ended">[] = [];
		const withdrawals: Event<"call.withdrawn">[] = [];
		for (let round = 0; round < 3; round++) {
			const some = Array.from({ length: 20 }, () => ended());
			endings.push(...some);
			const more = Array.from({ length: 20 }, () => withdrawn());
			withdrawals.push(...more);
			const publishing = [...some.map((event) => approval.publishAfter(event, 0)), ...more.map((event) => sender.publish(event))];
			// In the middle of it, and without a word.
			if (round < 2) {
				await nats.server.kill("SIGKILL");
				await nats.server.restart();
			}
			for (const outcome of await Promise.all(publishing)) if (typeof outcome !== "number") expect(outcome.won).toBe(true);
		}
		await vi.waitFor(() => expect(new Set(followedIds)).toEqual(new Set(endings.map(({ subject }) => subject))), patience);
		await vi.waitFor(() => expect(withdrawals.filter(({ id }) => !consumed.has(id))).toEqual([]), patience);
		await vi.waitFor(() => expect([...endings, ...withdrawals].filter(({ id }) => !recorded.has(id))).toEqual([]), patience);
		expect(followedIds).toHaveLength(endings.length);
		expect(positions).toEqual(positions.toSorted((one, other) => one - other));
		expect(new Set(positions).size).toBe(positions.length);
		expect(await storedTimes(endings, followed.endings)).toEqual(endings.map(() => 1));
		await Promise.all([following.stop(), reading.stop(), recording.stop()]);
	}, 180_000);

	test("and stays away: a write fails within its time, and says that events cannot be stored", async () => {
		const sender = await connect("ingress", nats.url, 1_800);
		await nats.server.kill("SIGKILL");
		// What hangs is ended by the test's own limit.
		await expect(sender.publish(withdrawn())).rejects.toThrow(EventsUnavailable);
		await expect(sender.checkReady()).rejects.toThrow(EventsUnavailable);
		await expect(sender.store("calls").get("x")).rejects.toThrow(EventsUnavailable);
		await nats.server.restart();
		await vi.waitFor(() => sender.checkReady(), patience);
		await sender.publish(withdrawn());
	}, 120_000);
});

describe("grouping", () => {
	test("what is published in one turn is one message, in order; the next turn is another", async () => {
		const sender = await connect("ingress");
		const reader = await connect("approval");
		const [first, second] = [Array.from({ length: 50 }, () => withdrawn()), Array.from({ length: 5 }, () => withdrawn())];
		const heard: string[] = [];
		const wanted = new Set([...first, ...second].map(({ id }) => id));
		const reading = await reader.consume(async ({ id }) => {
			if (wanted.has(id)) heard.push(id);
		});
		const positions = await Promise.all(first.map((event) => sender.publish(event)));
		const later = await Promise.all(second.map((event) => sender.publish(event)));
		expect(new Set(positions).size).toBe(1);
		expect(new Set(later).size).toBe(1);
		expect(later[0]).not.toBe(positions[0]);
		await vi.waitFor(() => expect(heard).toEqual([...first, ...second].map(({ id }) => id)), patience);
		await reading.stop();
	});

	test("what is too large for one message is several, still in order", async () => {
		const sender = await connect("ingress");
		const groups = Array.from({ length: 200 }, (_, index) => `${index}-`.padEnd(128, "x"));
		const large = Array.from({ length: 30 }, () => withdrawn(groups));
		const bytes = JSON.stringify(large).length;
		const positions = await Promise.all(large.map((event) => sender.publish(event)));
		expect(positions).toEqual(positions.toSorted((one, other) => one - other));
		const messages = new Set(positions).size;
		expect(messages).toBeGreaterThanOrEqual(Math.ceil(bytes / (256 * 1024)));
		expect(messages).toBeLessThan(large.length);
	});
});
