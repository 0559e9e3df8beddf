// The ledger: many calls in few messages, and still each claimed by one, ended once, and found again by whoever was not there.
import { expect, test } from "vitest";
import { NotYet } from "#libs/bus/bus.ts";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import { executeCall } from "./execute-call.ts";
import { answered, Bench, intercepted, until } from "./granted-call.test-support.ts";

/** Longer than any lease of the demo's functions. */
const leaseMs = 120_000;
const inLedger = () => new Bench(0);
const idempotent = { function: "getAccount", arguments: { id: "acc-1" } };
const messagesOf = (bench: Bench, type: string) => bench.stream.messages.filter(({ subject }) => subject.endsWith(`.${type}`)).length;

test("calls that come together are claimed in one message, and ended in few", async () => {
	const bench = inLedger();
	const ports = bench.executor();
	const granted = await Promise.all(Array.from({ length: 30 }, () => bench.grant()));
	await executeCall(ports, await bench.grant());
	await Promise.all(granted.map((one) => executeCall(ports, one)));
	for (const one of granted) expect(bench.ending(one).data.ending).toBe("completed");
	expect(bench.of("call.started")).toHaveLength(31);
	expect(messagesOf(bench, "call.started")).toBe(2);
	expect(messagesOf(bench, "call.ended")).toBeLessThan(10);
});

test("of executors that are all asked for all of them, one runs each, and nobody waits for a lease", async () => {
	const bench = inLedger();
	const rivals = [bench.executor(), bench.executor(), bench.executor()];
	const granted = await Promise.all(Array.from({ length: 40 }, () => bench.grant()));
	const asked = rivals.flatMap((ports, nth) =>
		granted.toSorted((a, b) => (nth === 1 ? -1 : 1) * a.subject.localeCompare(b.subject)).map((one) => executeCall(ports, one)),
	);
	for (const outcome of await Promise.allSettled(asked)) if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(NotYet);
	for (const one of granted) expect(bench.ending(one).data.ending).toBe("completed");
	expect(bench.dialer.requests).toHaveLength(40);
	expect(bench.of("call.taken")).toEqual([]);
});

test("an executor that begins later reads again what it did not hear, and runs nothing twice", async () => {
	const bench = inLedger();
	const [done, left, free] = [await bench.grant(), await bench.grant(), await bench.grant()];
	await executeCall(bench.executor(), done);
	await bench.abandon(left);
	const late = bench.executor();
	await executeCall(late, free);
	await executeCall(late, done);
	await expect(executeCall(late, left)).rejects.toThrow(NotYet);
	expect(bench.dialer.requests).toHaveLength(2);
	expect(bench.of("call.started")).toHaveLength(3);
});

test("one that forgot a call reads it again, also if it forgets faster than it reads", async () => {
	const bench = inLedger();
	bench.rememberedMax = 2;
	const ports = bench.executor();
	const granted = await Promise.all(Array.from({ length: 20 }, () => bench.grant()));
	await Promise.all(granted.map((one) => executeCall(ports, one)));
	await Promise.all(granted.map((one) => executeCall(ports, one)));
	expect(bench.dialer.requests).toHaveLength(20);
	for (const one of granted) expect(bench.ending(one).data.ending).toBe("completed");
});

test("of an ending is remembered whether anything was sent, and never the answer", async () => {
	const bench = inLedger();
	const granted = await bench.grant();
	const ports = bench.executor();
	await executeCall(ports, granted);
	for (const { ledger } of [ports, bench.executor()]) expect((await ledger.of(0).told(granted)).ended).toEqual({ sent: undefined });
});

test("an ending that is stored while another takes the call stands, and is the only one", async () => {
	const bench = inLedger();
	const granted = await bench.grant();
	const answer = Promise.withResolvers<void>();
	bench.dialer.answering = async () => {
		await answer.promise;
		return answered("{}");
	};
	const slow = executeCall(bench.executor(), granted);
	await until(() => bench.dialer.requests.length === 1);
	const bus = intercepted(createMemoryBus(bench.stream, "executor"), async (event, write) => {
		if (event.type === "call.taken") {
			answer.resolve();
			await slow;
		}
		return await write();
	});
	const other = bench.executor({ bus });
	await expect(executeCall(other, granted)).rejects.toThrow(NotYet);
	bench.elapsedMs = leaseMs;
	await expect(executeCall(other, granted)).rejects.toThrow(NotYet);
	await executeCall(other, granted);
	expect(bench.ending(granted).data.ending).toBe("completed");
});

test("whoever takes a call and dies leaves it to the next one, which ends it as unknown", async () => {
	const bench = inLedger();
	const granted = await bench.grant();
	await bench.abandon(granted);
	await takeAndDie(bench, granted);
	const next = bench.executor();
	await expect(executeCall(next, granted)).rejects.toThrow(NotYet);
	bench.elapsedMs += leaseMs;
	await executeCall(next, granted);
	expect(bench.ending(granted).data.ending).toBe("unknown");
	expect(bench.of("call.taken").map(({ data }) => data.attempts)).toEqual([1, 1]);
	expect(bench.dialer.requests).toEqual([]);
});

test("and where nobody had dialled before it was taken, the next one runs it", async () => {
	const bench = inLedger();
	const granted = await bench.grant();
	await takeAndDie(bench, granted, { vault: { get: async () => undefined } });
	const next = bench.executor();
	await expect(executeCall(next, granted)).rejects.toThrow(NotYet);
	bench.elapsedMs += leaseMs;
	await executeCall(next, granted);
	expect(bench.ending(granted).data.ending).toBe("completed");
	expect(bench.dialer.requests).toHaveLength(1);
});

/** An executor that takes the call, and is killed before it ends it. */
async function takeAndDie(
	bench: Bench,
	granted: Awaited<ReturnType<Bench["grant"]>>,
	over: Parameters<Bench["executor"]>[0] = {},
): Promise<void> {
	const died = Promise.withResolvers<void>();
	const bus = intercepted(createMemoryBus(bench.stream, "executor"), async (event, write) => {
		if (event.type !== "call.ended") return await write();
		died.resolve();
		return await new Promise(() => undefined);
	});
	const dying = bench.executor({ bus, ...over });
	void executeCall(dying, granted).catch(async () => {
		bench.elapsedMs += leaseMs;
		await executeCall(dying, granted);
	});
	await died.promise;
}

test("a retry takes the call first: an ending of the first attempt that comes later is not stored", async () => {
	const bench = inLedger();
	const granted = await bench.grant(idempotent);
	const answer = Promise.withResolvers<void>();
	let dials = 0;
	bench.dialer.answering = async () => {
		if (dials++ === 0) await answer.promise;
		return answered(`{"dial":${dials}}`);
	};
	const slow = executeCall(bench.executor(), granted);
	await until(() => bench.dialer.requests.length === 1);
	const other = bench.executor();
	await expect(executeCall(other, granted)).rejects.toThrow(NotYet);
	bench.elapsedMs = leaseMs;
	await executeCall(other, granted);
	answer.resolve();
	await slow;
	expect(bench.ending(granted).data.ending).toBe("completed");
	expect(bench.stream.events().map(({ type }) => type)).toEqual(["call.started", "call.taken", "call.started", "call.ended"]);
});
