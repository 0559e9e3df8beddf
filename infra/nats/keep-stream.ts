// Keeps the stream short for as long as its process lives: trims at once and then from time to time, and says how that goes.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "#libs/service/clock.ts";
import type { Logger } from "#libs/service/logger.ts";
import type { Metrics } from "#libs/service/metrics.ts";
import type { Trimmed } from "./trim-stream.ts";

export interface KeeperPorts {
	/** One run: see {@link trimStream}. A run that fails is tried again in its turn. */
	readonly trim: () => Promise<Trimmed>;
	readonly everyMs: number;
	readonly clock: Clock;
	readonly log: Logger;
	readonly metrics: Metrics;
}

export interface Keeper {
	/** @throws with the reason of the last failure, where none of the last three runs came to its end. */
	checkReady(): Promise<void>;
	/** Lets a run that has begun come to its end. */
	stop(): Promise<void>;
}

/** One run may fail: what it would have removed the next one removes. */
const missedMax = 3;

export function keepStreamShort({ trim, everyMs, clock, log, metrics }: KeeperPorts): Keeper {
	const removed = metrics.counter("callgate_trimmed_messages_total", "Messages removed that everyone had read");
	const failed = metrics.counter("callgate_trim_failed_total", "Runs that did not come to their end");
	let lastMs = Number.NaN;
	metrics.gauge("callgate_trimmed_at_seconds", "When a run came to its end last, in seconds since 1970", () => lastMs / 1_000);
	let missed = 0;
	let why: unknown;
	const stopped = new AbortController();

	const run = async () => {
		try {
			const trimmed = await trim();
			removed.inc(trimmed.removed);
			lastMs = clock.now().getTime();
			missed = 0;
			if (trimmed.removed > 0) log.info(trimmed, "trimmed");
		} catch (error) {
			missed++;
			why = error;
			failed.inc();
			log.warn({ error }, "the stream was not trimmed; it is tried again in its turn");
		}
	};
	const keeping = (async () => {
		while (!stopped.signal.aborted) {
			await run();
			await delay(everyMs, undefined, { signal: stopped.signal }).catch(() => undefined);
		}
	})();
	return {
		checkReady: async () => {
			if (missed >= missedMax) throw why;
		},
		stop: async () => {
			stopped.abort();
			await keeping;
		},
	};
}
