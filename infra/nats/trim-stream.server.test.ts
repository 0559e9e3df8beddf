// Trimming a real stream: what everyone has read and nobody may ask for goes, grants before claims; what waits, and what the index lacks, stays.
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Bus, Consumption } from "#libs/bus/bus.ts";
import { ackWaitMs, connectBus } from "#libs/bus/bus-nats.ts";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import { durableOf } from "#libs/bus/permissions.ts";
import { FilterReading } from "#libs/bus/reading.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { ledgerOf, readsOf } from "#libs/contracts/subjects.ts";
import { patience } from "../../test/support/patience.ts";
import { type NatsForTests, startNatsForTests } from "./nats.test-support.ts";
import { operatorInbox } from "./server-config.ts";
import { keepMsDefault, trimStream } from "./trim-stream.ts";

const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };
const digest = `sha256:${"0".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "someone", groups: [] };
const now = () => new Date();
const theCall = (call: string) => ({ call, connection: "bank", function: "pay", pool: "default", digest, revision: digest, caller });
const soon = () => new Date(Date.now() + 60_000).toISOString();

let nats: NatsForTests;
let operator: Link;
let buses: Record<Service, Bus>;

beforeAll(async () => {
	nats = await startNatsForTests();
	operator = await connectLink({
		servers: [nats.url],
		name: "operator",
		seed: nats.operatorSeed,
		inboxPrefix: operatorInbox,
		onStatus: () => undefined,
	});
	const connect = (service: Service) => connectBus({ servers: [nats.url], service, seed: nats.seeds[service], log });
	buses = {
		ingress: await connect("ingress"),
		policy: await connect("policy"),
		approval: await connect("approval"),
		executor: await connect("executor"),
		audit: await connect("audit"),
	};
}, 120_000);
afterAll(async () => {
	for (const bus of Object.values(buses)) await bus.close();
	await operator?.close();
	await nats?.stop();
});

const hourMs = 3_600_000;
/** As if everything that is stored now had been stored a day and so many hours ago, and whatever the record's tree has of it. */
const trimWhatIsProven = (hours: number, link = operator, keepMs = keepMsDefault) =>
	trimStream(link, { pools: ["default"], keepMs, now: new Date(Date.now() + 24 * hourMs + hours * hourMs) });
/** The same, where the tree has all of it. */
const trimAfterDayAnd = async (hours: number, link = operator, keepMs = keepMsDefault) => {
	await prove();
	return await trimWhatIsProven(hours, link, keepMs);
};
/** Sees how far everyone has read, and finds nothing old. */
const lookAfterDayAnd = (hours: number) => trimAfterDayAnd(hours, operator, 1_000 * hourMs);
let hoursLater = 4;
/** When everyone has read for an hour what is read now. */
const trim = async () => {
	await lookAfterDayAnd(++hoursLater);
	return await trimAfterDayAnd(++hoursLater);
};

const reading: Consumption[] = [];
beforeEach(async () => {
	for (const one of reading.splice(0)) await one.stop();
});

/** The record's tree has everything that is stored now, as its writer says. */
async function prove(): Promise<void> {
	const state = await buses.audit.stream.state();
	const mark = { era: { identity: state?.identity }, position: state?.last };
	await buses.audit.store("recorded").put("tree", JSON.stringify({ writer: "", mark }));
}

/** Lets a service acknowledge all that is addressed to it. */
async function readAll(service: Service): Promise<void> {
	const consumed = await buses[service].consume(async () => undefined);
	reading.push(consumed);
	await expect.poll(() => pendingOf(service), patience).toBe(0);
	await consumed.stop();
}

const pendingOf = (service: Service) => pendingAt(durableOf(service));

async function pendingAt(name: string): Promise<number> {
	const answer = await operator.request(`$JS.API.CONSUMER.INFO.CALLGATE.${name}`, new Uint8Array(), 5_000);
	if (!answer.ok) throw new Error(answer.fault);
	const info = JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as { num_pending: number; num_ack_pending: number };
	return info.num_pending + info.num_ack_pending;
}

function granted(call: string, pool = "default"): Event<"call.granted"> {
	const data = { ...theCall(call), pool, receivedAt: soon(), rules: [], reasons: [], expiresAt: soon(), grant: "x", sealed: "x" };
	return newEvent("policy", "call.granted", data, { at: now() });
}

async function claim(call: string): Promise<void> {
	const data = { ...theCall(call), grantId: "g", executor: "e", attempt: 1, leaseUntil: soon() };
	expect((await buses.executor.publishAfter(newEvent("executor", "call.started", data, { at: now() }), 0)).won).toBe(true);
}

/** Claims a call in the ledger and ends it there. @returns where the two stand. */
async function claimInLedger(call: string): Promise<{ claim: number; ending: number }> {
	const { claims, takings } = ledgerOf("default");
	const write = async (filter: string, event: Event<"call.started" | "call.ended">) => {
		// Nobody else writes here: what the server says is last was read.
		const reading = new FilterReading(filter, Number.MAX_SAFE_INTEGER);
		const written = await buses.executor.ledger({ reading }).write(event, () => true);
		return written.won ? written.position : Number.NaN;
	};
	const data = { ...theCall(call), grantId: "g", executor: "e", attempt: 1, leaseUntil: soon() };
	const ended = { ...theCall(call), ending: "completed" as const, rules: [], reasons: [] };
	return {
		claim: await write(claims, newEvent("executor", "call.started", data, { at: now() })),
		ending: await write(takings, newEvent("executor", "call.ended", ended, { at: now() })),
	};
}

async function hasMessage(position: number): Promise<boolean> {
	const payload = new TextEncoder().encode(JSON.stringify({ seq: position }));
	return (await operator.request("$JS.API.DIRECT.GET.CALLGATE", payload, 5_000)).ok;
}

async function ask(call: string): Promise<number> {
	const terms = {
		requirements: [{ rule: "r", anyOf: ["g"], quorum: 1, reasonRequired: false }],
		expiresAt: soon(),
		remindAt: [],
		escalations: [],
	};
	const data = { ...theCall(call), receivedAt: soon(), arguments: {}, rules: [], reasons: [], terms, hold: "x", sealed: "x" };
	const asked = await buses.approval.publishAfter(newEvent("approval", "approval.asked", data, { at: now() }), 0);
	return asked.won ? asked.position : Number.NaN;
}

test("what the record's tree has not read stays, and what it said of another stream counts for nothing", async () => {
	const call = uuidv7();
	const position = await buses.policy.publish(granted(call));
	const later = await buses.policy.publish(granted(uuidv7()));
	for (const service of ["audit", "executor"] as const) await readAll(service);
	const { identity } = (await buses.audit.stream.state()) ?? {};
	const say = (mark: object) => buses.audit.store("recorded").put("tree", JSON.stringify({ writer: "", mark }));
	await lookAfterDayAnd(++hoursLater);
	await buses.audit.store("recorded").remove("tree");
	await trimWhatIsProven(++hoursLater);
	await say({ era: { identity: "another" }, position: later });
	await trimWhatIsProven(++hoursLater);
	await say({ era: { identity }, position: "all" });
	await expect(trimWhatIsProven(++hoursLater)).rejects.toThrow("no position");
	expect(await hasMessage(later)).toBe(true);
	await say({ era: { identity }, position: position - 1 });
	await trimWhatIsProven(++hoursLater);
	expect(await hasMessage(position)).toBe(true);
	await say({ era: { identity }, position });
	await trimWhatIsProven(++hoursLater);
	expect(await hasMessage(position)).toBe(false);
	expect(await hasMessage(later)).toBe(true);
});

test("a claim stays while its grant is not acknowledged, and both go when it is", async () => {
	const call = uuidv7();
	await buses.policy.publish(granted(call));
	await claim(call);
	await readAll("audit");
	// NATS 2.12 takes "before position 1" for "all there are", and this grant is the first message.
	const bounds: number[] = [];
	const request: Link["request"] = async (subject, payload, timeoutMs, head) => {
		if (subject.includes("STREAM.PURGE")) bounds.push((JSON.parse(new TextDecoder().decode(payload)) as { seq: number }).seq);
		return await operator.request(subject, payload, timeoutMs, head);
	};
	await trimAfterDayAnd(hoursLater, Object.assign(Object.create(operator), { request }));
	expect(bounds.filter((bound) => bound <= 1)).toEqual([]);
	await trim();
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeDefined();
	await readAll("executor");
	expect((await trim()).removed).toBeGreaterThanOrEqual(2);
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeUndefined();
});

test("a claim stays while a grant that was said again is not acknowledged, though the first one is", async () => {
	const call = uuidv7();
	await buses.policy.publish(granted(call));
	await claim(call);
	// What is acknowledged reaches beyond the claim.
	await buses.policy.publish(granted(uuidv7()));
	await readAll("executor");
	await buses.policy.publish(granted(call));
	await readAll("audit");
	await trim();
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeDefined();
	await readAll("executor");
	await trim();
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeUndefined();
	expect(await isThere(grantedSubject)).toBe(false);
});

test("an old grant that is in two hands, one of which is done with it, finds its claim in the other as well", async () => {
	const call = uuidv7();
	await buses.policy.publish(granted(call));
	await claim(call);
	for (const service of ["policy", "approval", "executor", "audit"] as const) await readAll(service);
	// Everything comes again; and what the first hand does not acknowledge within a second, to a second one.
	await makeAnew("executor", 1_000);
	const isInBoth = Promise.withResolvers<void>();
	const goesOn = Promise.withResolvers<void>();
	let isAnother: boolean | undefined;
	let hands = 0;
	const consumed = await buses.executor.consume(async () => {
		if (++hands > 1) return isInBoth.resolve();
		await goesOn.promise;
		const ended = newEvent("executor", "call.ended", { ...theCall(call), ending: "failed", rules: [], reasons: [] }, { at: now() });
		isAnother = (await buses.executor.publishAfter(ended, 0)).won;
	});
	await isInBoth.promise;
	await expect.poll(() => pendingOf("executor"), patience).toBe(0);
	await trimAfterDayAnd(++hoursLater);
	goesOn.resolve();
	await consumed.stop();
	expect(isAnother).toBe(false);
	expect(await isThere(grantedSubject)).toBe(false);
	await makeAnew("executor", ackWaitMs);
});

test("a claim stays as long as a grant that everyone had read only later", async () => {
	const call = uuidv7();
	await buses.policy.publish(granted(call));
	await claim(call);
	for (const service of ["executor", "audit"] as const) await readAll(service);
	await lookAfterDayAnd(++hoursLater);
	const { data } = granted(call);
	const stored = await buses.approval.publishAfter(newEvent("approval", "call.granted", data, { at: now() }), 0);
	const again = stored.won ? stored.position : Number.NaN;
	for (const service of ["executor", "audit"] as const) await readAll(service);
	const there = () => Promise.all([isThere(startedSubject(call)), hasMessage(again)]);
	await trimAfterDayAnd(++hoursLater);
	expect(await there()).toEqual([true, true]);
	await trim();
	expect(await there()).toEqual([false, false]);
});

test("what another was done with while it waited in a slow hand is not done there, whatever was trimmed meanwhile", async () => {
	const [first, second, last] = [uuidv7(), uuidv7(), uuidv7()];
	for (const call of [first, second]) await buses.policy.publish(granted(call));
	await makeAnew("executor", 1_000);
	const goesOn = Promise.withResolvers<void>();
	const slow = await connectBus({ servers: [nats.url], service: "executor", seed: nats.seeds.executor, log, secondHandMs: 0 });
	const begun: string[] = [];
	const waiting = await slow.consume(
		async (event) => {
			begun.push(event.subject);
			if (event.subject === first) await goesOn.promise;
		},
		{ concurrency: 1 },
	);
	await expect.poll(() => begun.includes(first), patience).toBe(true);
	const before = begun.length;
	const done = new Set<string>();
	const quick = await buses.executor.consume(async (event) => void done.add(event.subject));
	await expect.poll(() => done.has(first) && done.has(second), patience).toBe(true);
	await expect.poll(() => pendingOf("executor"), patience).toBe(0);
	await quick.stop();
	goesOn.resolve();
	await buses.policy.publish(granted(last));
	await expect.poll(() => begun.includes(last), patience).toBe(true);
	expect(begun.slice(before)).toEqual([last]);
	await waiting.stop();
	await slow.close();
	await makeAnew("executor", ackWaitMs);
});

/** The server forgets what a service acknowledged. */
async function makeAnew(service: Service, ackWaitMs: number): Promise<void> {
	const name = durableOf(service);
	const ask = async (verb: string, body: object) => {
		const answer = await operator.request(`$JS.API.CONSUMER.${verb}`, new TextEncoder().encode(JSON.stringify(body)), 5_000);
		if (!answer.ok) throw new Error(answer.fault);
		return JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as { config: { filter_subject: string } };
	};
	const { config } = await ask(`INFO.CALLGATE.${name}`, {});
	await ask(`DELETE.CALLGATE.${name}`, {});
	const again = { stream_name: "CALLGATE", config: { ...config, ack_wait: ackWaitMs * 1_000_000 } };
	await ask(`CREATE.CALLGATE.${name}.${config.filter_subject}`, again);
}

/** What the stream still has of each kind, and in which order what was asked of it removed things. */
async function isThere(subject: string): Promise<boolean> {
	return (await operator.request(`$JS.API.DIRECT.GET.CALLGATE.${subject}`, new Uint8Array(), 5_000)).ok;
}
const receivedSubject = "callgate.policy._.ingress._.call.received";
const grantedSubject = "callgate.executor.default.policy._.call.granted";
const heldSubject = "callgate.approval._.policy._.call.held";
const startedSubject = (call: string) => `callgate.record.default.executor.${call}.call.started`;
const askedSubject = (call: string) => `callgate.record._.approval.${call}.approval.asked`;
const deniedSubject = (call: string) => `callgate.ingress.default.policy.${call}.call.ended`;

/** One call that was granted and claimed, one that was denied, one that people were asked about and that is settled: all of it read. */
async function sayEverything() {
	const [claimed, denied, settled] = [uuidv7(), uuidv7(), uuidv7()];
	const received = { ...theCall(claimed), via: "calls" as const, receivedAt: soon(), arguments: {}, findings: [], sealed: "x" };
	await buses.ingress.publish(newEvent("ingress", "call.received", received, { at: now() }));
	await buses.policy.publish(granted(claimed));
	await claim(claimed);
	const ending = (call: string) => ({ ...theCall(call), rules: [], reasons: [] });
	await buses.policy.publishAfter(newEvent("policy", "call.ended", { ...ending(denied), ending: "denied" }, { at: now() }), 0);
	const terms = {
		...{ expiresAt: soon(), remindAt: [], escalations: [] },
		requirements: [{ rule: "r", anyOf: ["g"], quorum: 1, reasonRequired: false }],
	};
	const held = { ...ending(settled), receivedAt: soon(), arguments: {}, terms, hold: "x", sealed: "x" };
	await buses.policy.publish(newEvent("policy", "call.held", held, { at: now() }));
	const asked = await ask(settled);
	await buses.approval.publishAfter(newEvent("approval", "call.ended", { ...ending(settled), ending: "expired" }, { at: now() }), asked);
	for (const service of ["policy", "approval", "executor", "audit"] as const) await readAll(service);
	return { claimed, denied, settled };
}

test("a claim and an ending in the ledger stay while their grant is not acknowledged, and an hour longer than it", async () => {
	const call = uuidv7();
	const grant = await buses.policy.publish(granted(call));
	const { claim, ending } = await claimInLedger(call);
	const there = () => Promise.all([grant, claim, ending].map(hasMessage));
	await readAll("audit");
	await trim();
	expect(await there()).toEqual([true, true, true]);
	await readAll("executor");
	await trimAfterDayAnd(2.5);
	expect(await there()).toEqual([false, true, true]);
	await trimAfterDayAnd(3.5);
	expect(await there()).toEqual([false, false, false]);
	// Also after that who begins to read may write.
	expect((await claimInLedger(uuidv7())).claim).toBeGreaterThan(ending);
});

test("what leads to something goes an hour before what keeps it from happening twice", async () => {
	const { claimed, denied, settled } = await sayEverything();
	const there = () =>
		Promise.all(
			[receivedSubject, heldSubject, grantedSubject, deniedSubject(denied), askedSubject(settled), startedSubject(claimed)].map(isThere),
		);
	expect(await there()).toEqual([true, true, true, true, true, true]);
	await trimAfterDayAnd(1.5);
	expect(await there()).toEqual([false, false, false, true, true, true]);
	await trimAfterDayAnd(2.5);
	expect(await there()).toEqual([false, false, false, false, false, true]);
	await trimAfterDayAnd(3.5);
	expect(await there()).toEqual([false, false, false, false, false, false]);
});

test("so it does where all of it was read only just now", async () => {
	const { claimed, denied, settled } = await sayEverything();
	for (const service of ["policy", "approval", "executor"] as const) await makeAnew(service, ackWaitMs);
	await lookAfterDayAnd(++hoursLater);
	for (const service of ["policy", "approval", "executor"] as const) await readAll(service);
	const guards = () => Promise.all([deniedSubject(denied), askedSubject(settled), startedSubject(claimed)].map(isThere));
	await trimAfterDayAnd(++hoursLater);
	expect(await Promise.all([receivedSubject, heldSubject, grantedSubject].map(isThere))).toEqual([false, false, false]);
	expect(await guards()).toEqual([true, true, true]);
	await trimAfterDayAnd(hoursLater + 0.9);
	expect(await guards()).toEqual([true, true, true]);
	await trimAfterDayAnd(++hoursLater);
	expect(await guards()).toEqual([false, false, false]);
});

test("also where the trimmer dies between any two removals", async () => {
	/** What may be gone only if all before it is: a call before its denial, a hold before its question, a grant before its claim. */
	for (let purges = 0; ; purges++) {
		const { claimed, denied, settled } = await sayEverything();
		await lookAfterDayAnd(++hoursLater);
		let left = purges;
		const request: Link["request"] = async (subject, payload, timeoutMs, head) => {
			if (subject.includes("STREAM.PURGE") && left-- === 0) throw new Error("died");
			return await operator.request(subject, payload, timeoutMs, head);
		};
		const dying: Link = Object.assign(Object.create(operator), { request });
		const died = await trimAfterDayAnd(++hoursLater, dying).then(
			() => false,
			() => true,
		);
		expect(Number(await isThere(receivedSubject)), `a call after ${purges}`).toBeLessThanOrEqual(
			Number(await isThere(deniedSubject(denied))),
		);
		expect(Number(await isThere(heldSubject)), `a hold after ${purges}`).toBeLessThanOrEqual(Number(await isThere(askedSubject(settled))));
		expect(Number(await isThere(grantedSubject)), `a grant after ${purges}`).toBeLessThanOrEqual(
			Number(await isThere(startedSubject(claimed))),
		);
		await trim();
		if (!died) break;
	}
});

test("what audit has not indexed stays, whatever its age", async () => {
	const call = uuidv7();
	await buses.policy.publish(granted(call));
	await claim(call);
	await readAll("executor");
	await trim();
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeDefined();
	await readAll("audit");
	await trim();
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeUndefined();
});

test("an approval that waits keeps all it needs however long; a settled one goes whole", async () => {
	const [waiting, settled] = [uuidv7(), uuidv7()];
	await ask(waiting);
	const asked = await ask(settled);
	const ended = newEvent("approval", "call.ended", { ...theCall(settled), ending: "expired", rules: [], reasons: [] }, { at: now() });
	expect((await buses.approval.publishAfter(ended, asked)).won).toBe(true);
	await readAll("audit");
	await trim();
	expect(await buses.approval.last("approval.asked", "approval", waiting)).toBeDefined();
	expect(await buses.approval.last("approval.asked", "approval", settled)).toBeUndefined();
	expect(await buses.approval.last("call.ended", "approval", settled, "default")).toBeUndefined();
});

test("what is young stays", async () => {
	const call = uuidv7();
	await buses.policy.publish(granted(call));
	await claim(call);
	await readAll("executor");
	await readAll("audit");
	const { removed } = await trimStream(operator, { pools: ["default"], keepMs: keepMsDefault, now: now() });
	expect(removed).toBe(0);
	expect(await buses.executor.last("call.started", "executor", call, "default")).toBeDefined();
});

test("of a pool that the setting does not name, claims stay while a grant is not acknowledged, and everything while it has no consumer", async () => {
	const name = durableOf("executor", "bank");
	const filter = readsOf("executor", "bank");
	const request = async (subject: string, body: object) => {
		const answer = await operator.request(subject, new TextEncoder().encode(JSON.stringify(body)), 5_000);
		if (!answer.ok) throw new Error(answer.fault);
		expect(JSON.parse(new TextDecoder().decode(answer.reply.bytes))).not.toHaveProperty("error");
	};
	const create = (as: string, config: object) =>
		request(`$JS.API.CONSUMER.CREATE.CALLGATE.${as}.${filter}`, {
			...{ stream_name: "CALLGATE", config: { ack_policy: "explicit", filter_subject: filter, ...config } },
		});
	const call = uuidv7();
	const subjects = ["callgate.executor.bank.policy._.call.granted", `callgate.record.bank.executor.${call}.call.started`] as const;
	const there = () => Promise.all(subjects.map(isThere));
	await buses.policy.publish(granted(call, "bank"));
	// By the operator's hand: the executor of the other pool may not say it.
	const data = { ...theCall(call), pool: "bank", grantId: "g", executor: "e", attempt: 1, leaseUntil: soon() };
	await request(subjects[1], newEvent("executor", "call.started", data, { at: now() }));
	for (const service of ["policy", "approval", "executor", "audit"] as const) await readAll(service);

	await trim();
	expect(await there(), "no consumer").toEqual([true, true]);
	await create(name, { durable_name: name });
	await trim();
	expect(await there(), "not acknowledged").toEqual([true, true]);
	const stopReading = operator.readDurable("CALLGATE", name, (message) => message.ack());
	await expect.poll(() => pendingAt(name), patience).toBe(0);
	await stopReading();
	await trim();
	expect(await there(), "acknowledged").toEqual([false, false]);
	await request(`$JS.API.CONSUMER.DELETE.CALLGATE.${name}`, {});
});

test("a replica's own consumer that bears a pool's name does not make it one", async () => {
	const config = {
		name: "executor-bank",
		ack_policy: "none",
		filter_subject: "callgate.*.*.*.*.call.>",
		inactive_threshold: 60_000_000_000,
	};
	const body = new TextEncoder().encode(JSON.stringify({ stream_name: "CALLGATE", config }));
	await operator.request("$JS.API.CONSUMER.CREATE.CALLGATE.executor-bank.callgate.*.*.*.*.call.>", body, 5_000);
	expect(await pendingAt("executor-bank")).toBeGreaterThanOrEqual(0);
	await buses.policy.publish(granted(uuidv7(), "bank"));
	await readAll("audit");
	await trim();
	expect(await isThere("callgate.executor.bank.policy._.call.granted")).toBe(true);
});
