// Faults of the stream: it is full, or it forgot who has read what.
import { setTimeout as delay } from "node:timers/promises";
import type { FaultParts } from "./fault-parts.ts";
import type { Fault } from "./plan-faults.ts";

/** What is sent into an outage so that there is someone to be refused. */
export const callsIntoOutage = 3;

/** The operator lowers the stream's bound to what is in it: it takes nothing more. Afterwards the bound is as it was. */
export async function fillStream(parts: FaultParts, { awayMs }: Extract<Fault, { kind: "stream-full" }>): Promise<void> {
	const { operator, effects, send } = parts;
	const before = await operator.setBytesMax("what is in it");
	const from = Date.now();
	try {
		for (let nth = 0; nth < callsIntoOutage; nth++) await send("allow");
		await delay(awayMs);
	} finally {
		effects.outages.push({ kind: "the stream was full", from, until: Date.now(), takesNothing: true });
		await operator.setBytesMax(before);
	}
}

/** A consumer is made anew: everything on the stream that was acknowledged is delivered again. */
export async function forgetAcknowledgements({ operator, effects }: FaultParts, { consumer }: Extract<Fault, { kind: "redeliver" }>) {
	effects.redelivered += await operator.makeAnew(consumer);
}
