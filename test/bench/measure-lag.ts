// How far the record is behind: the stream's end and audit's position watched while calls come.
import { setTimeout as delay } from "node:timers/promises";
import { streamName } from "#libs/contracts/subjects.ts";
import { askNats, auditState } from "./ask-nats.ts";
import type { BenchStack } from "./bench-stack.ts";
import { measure } from "./measure-lane.ts";
import { type Latency, latencyOf } from "./statistics.ts";

/** One look: at `ms` the stream ended at position `last`, and audit had indexed everything up to `indexed`. */
export interface Look {
	readonly ms: number;
	readonly last: number;
	readonly indexed: number;
}

const lookEveryMs = 20;
const callers = 64;

/** Milliseconds from an event's being durable to its being in the index and acknowledged, while 64 callers make as many calls as they can. */
export async function measureLag(bench: BenchStack, windowMs: number): Promise<Latency> {
	const looks: Look[] = [];
	let over = false;
	const watching = (async () => {
		while (!over) {
			looks.push(await look(bench));
			await delay(lookEveryMs);
		}
	})();
	await measure(bench, "callgate", { kind: "closed", callers, warmupMs: 500, windowMs }).finally(() => {
		over = true;
	});
	await watching;
	looks.push(await look(bench));
	return latencyOf(lagsOf(looks));
}

async function look({ operator }: BenchStack): Promise<Look> {
	const { state } = await askNats<{ state: { last_seq: number } }>(operator, `STREAM.INFO.${streamName}`);
	const { ack_floor, num_pending, num_ack_pending } = await auditState(operator);
	// With nothing pending everything is indexed, wherever the acknowledgements stand.
	const indexed = num_pending + num_ack_pending === 0 ? Math.max(state.last_seq, ack_floor.stream_seq) : ack_floor.stream_seq;
	return { ms: performance.now(), last: state.last_seq, indexed };
}

/**
 * For each look at which the stream had grown: how long until audit had that position. Exact to the time between two looks.
 *
 * @param looks in the order of time; what was not indexed by the last of them has no lag yet.
 */
export function lagsOf(looks: readonly Look[]): number[] {
	const lags: number[] = [];
	let from = 0;
	let seen = looks[0]?.last ?? 0;
	for (const [at, { ms, last }] of looks.entries()) {
		if (last <= seen) continue;
		seen = last;
		from = Math.max(from, at);
		while (from < looks.length && (looks[from]?.indexed ?? 0) < last) from++;
		const reached = looks[from];
		if (reached === undefined) return lags;
		lags.push(reached.ms - ms);
	}
	return lags;
}
