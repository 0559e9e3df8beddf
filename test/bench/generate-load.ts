// Two ways to make load, without the network: callers that each wait for their answer, and arrivals that come whether anyone answers or not.
import { type Latency, latencyOf } from "./statistics.ts";

/** Makes one call and resolves when its answer was read: with undefined if it is the right one, else with what is wrong about it. */
export type Send = (number: number, caller: number) => Promise<string | undefined>;

export interface LoadClock {
	/** Milliseconds. */
	now(): number;
	sleep(ms: number): Promise<void>;
}

export interface ClosedLoad {
	readonly callers: number;
	/** Calls that end in the first `warmupMs` are made and checked, but not counted in the rate. */
	readonly warmupMs: number;
	readonly windowMs: number;
}

export interface OpenLoad {
	readonly perSecond: number;
	readonly warmupMs: number;
	readonly windowMs: number;
}

export interface LoadResult {
	readonly sent: number;
	/** Answered as they should be. */
	readonly answered: number;
	readonly failed: number;
	/** The first few, in words. */
	readonly faults: readonly string[];
	/** Calls that ended within the window, for each second of it. */
	readonly perSecond: number;
	/** Of calls that ended (closed) or should have started (open) in the window. Undefined if there were none. */
	readonly latency: Latency | undefined;
	/** How late the calls were sent themselves: an open load whose generator is late measures its generator. */
	readonly lateness: Latency | undefined;
}

const faultsMax = 5;

class Tally {
	sent = 0;
	answered = 0;
	failed = 0;
	readonly faults: string[] = [];
	readonly latencies: number[] = [];
	readonly lateness: number[] = [];
	inWindow = 0;

	note(fault: string | undefined): void {
		if (fault === undefined) this.answered++;
		else {
			this.failed++;
			if (this.faults.length < faultsMax) this.faults.push(fault);
		}
	}

	result(windowMs: number): LoadResult {
		const { sent, answered, failed, faults, latencies, lateness } = this;
		return {
			...{ sent, answered, failed, faults },
			perSecond: (this.inWindow * 1_000) / windowMs,
			latency: latencies.length > 0 ? latencyOf(latencies) : undefined,
			lateness: lateness.length > 0 ? latencyOf(lateness) : undefined,
		};
	}
}

/** Each caller makes one call after the other until the window is over; resolves when the last answer was read. */
export async function closedLoop({ callers, warmupMs, windowMs }: ClosedLoad, send: Send, clock: LoadClock): Promise<LoadResult> {
	const tally = new Tally();
	const from = clock.now() + warmupMs;
	const until = from + windowMs;
	const call = async (caller: number): Promise<void> => {
		for (;;) {
			const begun = clock.now();
			if (begun >= until) return;
			const fault = await send(tally.sent++, caller);
			const ended = clock.now();
			tally.note(fault);
			if (ended < from || ended >= until || fault !== undefined) continue;
			tally.inWindow++;
			tally.latencies.push(ended - begun);
		}
	};
	await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
	return tally.result(windowMs);
}

/**
 * Calls arrive evenly, however slow the answers are, and each one's latency counts from the moment at which it should have started: a server
 * that stalls is charged for every call that had to wait (no coordinated omission). Resolves when the last answer was read.
 */
export async function openLoop({ perSecond, warmupMs, windowMs }: OpenLoad, send: Send, clock: LoadClock): Promise<LoadResult> {
	const tally = new Tally();
	const begun = clock.now();
	const total = Math.floor(((warmupMs + windowMs) * perSecond) / 1_000);
	const open: Promise<void>[] = [];
	const call = async (number: number, intended: number): Promise<void> => {
		tally.sent++;
		const fault = await send(number, number);
		const ended = clock.now();
		tally.note(fault);
		if (intended - begun < warmupMs || fault !== undefined) return;
		tally.inWindow++;
		tally.latencies.push(ended - intended);
	};
	for (let number = 0; number < total; number++) {
		const intended = begun + (number * 1_000) / perSecond;
		for (let now = clock.now(); now < intended; now = clock.now()) await clock.sleep(intended - now);
		if (intended - begun >= warmupMs) tally.lateness.push(clock.now() - intended);
		open.push(call(number, intended));
	}
	await Promise.all(open);
	return tally.result(windowMs);
}
