// One measurement of one lane: load, what it cost each process, and the proof that every call was answered, reached the bank once and is on the record.
import { setTimeout as delay } from "node:timers/promises";
import { countRecord } from "../faults/read-record.ts";
import { auditState } from "./ask-nats.ts";
import type { BankCount } from "./bank-process.ts";
import type { BenchStack } from "./bench-stack.ts";
import { emptyFloor } from "./floor.ts";
import { floorEvents } from "./floor-plan.ts";
import type { ClosedLoad, LoadResult, OpenLoad } from "./generate-load.ts";
import { isCallgate, type Lane, laneTitles, targetOf } from "./lanes.ts";
import { lettersOf } from "./letters.ts";
import type { LoadOrder } from "./load-process.ts";
import { cpuMsOf, type PerProcess, residentBytesOf } from "./measure-processes.ts";

export type Load = ({ readonly kind: "closed" } & ClosedLoad) | ({ readonly kind: "open" } & OpenLoad);

export interface Measured {
	readonly lane: Lane;
	readonly load: Load;
	readonly perSecond: number;
	readonly latency: LoadResult["latency"];
	readonly lateness: LoadResult["lateness"];
	readonly calls: number;
	/** Milliseconds a call, of each process. Of Callgate complete until the last event was indexed. */
	readonly cpuMs: PerProcess;
	/** Bytes, right after the load. */
	readonly resident: PerProcess;
	/** How audit caught up with what the load left behind. Only of Callgate's lanes. */
	readonly drain?: Drain;
}

export interface Drain {
	/** Of the stream, not yet acknowledged by audit when the load ended. */
	readonly messages: number;
	readonly ms: number;
}

/** The bench cannot say what it was asked to: calls were refused, lost or doubled. */
export class BenchFailed extends Error {
	override readonly name = "BenchFailed";
}

const drainedWithinMs = 600_000;
const pollMs = 25;
let runs = 0;

/** What load needs, whatever its lane. */
export type LoadPlace = Pick<BenchStack, "bank" | "load" | "processes" | "firstPort" | "ports" | "tokens" | "peer">;

/** A load that was made, before anything is known about the record. */
interface Sent {
	readonly result: LoadResult;
	readonly cpuBefore: PerProcess;
	readonly cpuAfter: PerProcess;
	readonly resident: PerProcess;
}

/** @throws {BenchFailed} unless every call was answered rightly and arrived once. */
export async function sendLoad(place: LoadPlace, lane: Lane, load: Load): Promise<Sent> {
	await place.bank.ask("count");
	const processes = place.processes();
	const cpuBefore = await cpuMsOf(processes);
	const order: LoadOrder<Load> = { target: targetOf(lane, place), load, run: lettersOf(runs++) };
	const result = await place.load.ask<LoadResult>(load.kind, order);
	const resident = await residentBytesOf(processes);
	const cpuAfter = await cpuMsOf(processes);
	assertSound(lane, result, await place.bank.ask<BankCount>("count"));
	return { result, cpuBefore, cpuAfter, resident };
}

/** @throws {BenchFailed} unless every call was answered rightly, arrived once and, where its lane keeps a record, is on it. */
export async function measure(bench: BenchStack, lane: Lane, load: Load): Promise<Measured> {
	const callgate = isCallgate(lane);
	const documents = callgate ? await countRecord(bench.index) : 0;
	if (lane === "callgate-unindexed") await bench.stack.services.audit[0]?.kill("SIGSTOP");
	try {
		const { result, cpuBefore, cpuAfter, resident } = await sendLoad(bench, lane, load);
		const { perSecond, latency, lateness, answered: calls } = result;
		const drain = callgate ? await drained(bench) : undefined;
		const after = callgate && lane !== "callgate-unindexed" ? await cpuMsOf(bench.processes()) : cpuAfter;
		if (callgate) assertStored("documents in the index", (await countRecord(bench.index)) - documents, calls);
		if (lane === "floor") assertStored("messages in the floor's stream", await emptyFloor(bench.operator), calls);
		const cpuMs = Object.fromEntries(Object.entries(cpuBefore).map(([name, before]) => [name, ((after[name] ?? 0) - before) / calls]));
		return { lane, load, perSecond, latency, lateness, calls, cpuMs, resident, ...(drain && { drain }) };
	} finally {
		if (lane === "callgate-unindexed") await bench.stack.services.audit[0]?.kill("SIGCONT");
	}
}

/** @throws {BenchFailed} naming what is wrong with the answers and arrivals of one load. */
export function assertSound(
	lane: Lane,
	{ sent, answered, failed, faults }: Pick<LoadResult, "sent" | "answered" | "failed" | "faults">,
	bank: BankCount,
): void {
	const title = laneTitles[lane];
	if (failed > 0) throw new BenchFailed(`${title}: ${failed} of ${sent} calls were not answered as they should be: ${faults.join("; ")}`);
	if (sent === 0) throw new BenchFailed(`${title}: not one call was made`);
	if (answered !== sent) throw new BenchFailed(`${title}: ${sent} calls were sent and ${answered} answered`);
	if (bank.calls !== sent || bank.requests !== sent)
		throw new BenchFailed(`${title}: ${sent} calls were sent, the bank saw ${bank.requests} requests of ${bank.calls} calls`);
}

/** @throws {BenchFailed} unless each call left exactly as many as it has events. */
export function assertStored(what: string, found: number, calls: number): void {
	const expected = calls * floorEvents.length;
	if (found !== expected) throw new BenchFailed(`${found} ${what} of ${calls} calls, expected ${expected}`);
}

/** Waits until audit has indexed everything, and says how long that took. */
async function drained({ operator, stack }: BenchStack): Promise<Drain> {
	const left = await auditState(operator);
	const messages = left.num_pending + left.num_ack_pending;
	await stack.services.audit[0]?.kill("SIGCONT");
	const begun = performance.now();
	for (;;) {
		const { num_pending, num_ack_pending } = await auditState(operator);
		if (num_pending + num_ack_pending === 0) return { messages, ms: performance.now() - begun };
		if (performance.now() - begun > drainedWithinMs)
			throw new BenchFailed(`audit still has ${num_pending + num_ack_pending} messages to index`);
		await delay(pollMs);
	}
}
