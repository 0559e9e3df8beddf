// Faults of the stream: it is full, or it forgot who has read what.
import { setTimeout as delay } from "node:timers/promises";
import type { FaultParts } from "./fault-parts.ts";
import type { Fault } from "./plan-faults.ts";

/** What is sent into an outage so that there is someone to be refused. */
const callsIntoOutage = 3;
/** A busy machine takes its time to refuse. */
const refusedWithinMs = 10_000;
const lookEveryMs = 50;

/** Resolves when the outage has lasted this long and someone was refused in it, if anyone can be. */
export async function callIntoOutage({ send, refusedSince }: FaultParts, awayMs: number): Promise<void> {
	const from = Date.now();
	for (let nth = 0; nth < callsIntoOutage; nth++) await send("allow");
	await delay(awayMs);
	const until = performance.now() + refusedWithinMs;
	while (!refusedSince(from) && performance.now() < until) await delay(lookEveryMs);
}

/** The operator lowers the stream's bound to what is in it: it takes nothing more. Afterwards the bound is as it was. */
export async function fillStream(parts: FaultParts, { awayMs }: Extract<Fault, { kind: "stream-full" }>): Promise<void> {
	const { operator, effects } = parts;
	const before = await operator.setBytesMax("what is in it");
	const from = Date.now();
	try {
		await callIntoOutage(parts, awayMs);
	} finally {
		effects.outages.push({ kind: "the stream was full", from, until: Date.now(), takesNothing: true });
		await operator.setBytesMax(before);
	}
}

/** A consumer is made anew: everything on the stream that was acknowledged is delivered again. */
export async function forgetAcknowledgements({ operator, effects }: FaultParts, { consumer }: Extract<Fault, { kind: "redeliver" }>) {
	effects.redelivered += await operator.makeAnew(consumer);
}
