// Calls a second of each lane by the number of callers: lanes take turns, so that what the machine does meanwhile meets all of them.
import type { BenchStack } from "./bench-stack.ts";
import { floorEvents } from "./floor-plan.ts";
import { isCallgate, type Lane, laneTitles } from "./lanes.ts";
import { BenchFailed, type Load, type Measured, measure } from "./measure-lane.ts";
import type { PerProcess } from "./measure-processes.ts";
import { median, type Spread, spreadOf } from "./statistics.ts";
import { shown } from "./table.ts";

export interface Turns {
	readonly lanes: readonly Lane[];
	readonly loads: readonly Load[];
	readonly repetitions: number;
	/** What one turn is, where it is more than measuring. */
	readonly take?: (lane: Lane, load: Load) => Promise<Measured>;
	readonly report: (line: string) => void;
}

/** One lane under one load, over all repetitions. */
export interface LaneFigures {
	readonly lane: Lane;
	readonly load: Load;
	readonly perSecond: Spread;
	/** Milliseconds. */
	readonly latency: { readonly p50: Spread; readonly p95: Spread; readonly p99: Spread };
	/** Milliseconds by which the callers' own process sent too late, at the 99th percentile. */
	readonly latenessP99: number | undefined;
	/** Milliseconds a call. */
	readonly cpuMs: PerProcess;
	/** Bytes. */
	readonly resident: PerProcess;
	/** Events a second at which audit indexed what the load left behind: only of the lane whose audit was paused. */
	readonly indexedPerSecond: Spread | undefined;
	/** Milliseconds until audit had indexed everything, from the end of the load. */
	readonly drainMs: Spread | undefined;
	/** Calls a second if the time until everything was indexed counts too. */
	readonly settledPerSecond: Spread | undefined;
}

/** @throws {BenchFailed} */
export async function takeTurns(bench: BenchStack, turns: Turns): Promise<LaneFigures[]> {
	const { lanes, loads, repetitions, report, take = (lane, load) => measure(bench, lane, load) } = turns;
	const taken = new Map<string, Measured[]>();
	for (let repetition = 0; repetition < repetitions; repetition++) {
		for (const load of loads) {
			// Another lane begins each time: none always runs after the same neighbour.
			for (let turn = 0; turn < lanes.length; turn++) {
				const lane = lanes[(turn + repetition) % lanes.length] ?? "direct";
				const one = await take(lane, load);
				report(`${repetition + 1}/${repetitions} ${nameOf(load)}: ${laneTitles[lane]}: ${described(one)}`);
				if (!one.latency)
					throw new BenchFailed(`${laneTitles[lane]}: no call ended in the window: the machine is too busy, or the window too short`);
				const key = `${loads.indexOf(load)} ${lane}`;
				taken.set(key, [...(taken.get(key) ?? []), one]);
			}
		}
	}
	return loads.flatMap((load, at) => lanes.map((lane) => figuresOf(lane, load, taken.get(`${at} ${lane}`) ?? [])));
}

export const nameOf = (load: Load): string => (load.kind === "closed" ? `${load.callers} callers` : `${load.perSecond} calls/s`);

function described({ load, perSecond, latency, drain }: Measured): string {
	const percentiles = latency ? `p50 ${shown(latency.p50)} ms, p99 ${shown(latency.p99)} ms` : "no call in the window";
	const rate = load.kind === "closed" ? `${shown(perSecond)} calls/s, ` : "";
	return `${rate}${percentiles}${drain && drain.messages > 0 ? `, indexed ${shown(drain.ms / 1_000)} s later` : ""}`;
}

export function figuresOf(lane: Lane, load: Load, all: readonly Measured[]): LaneFigures {
	const latencies = all.flatMap(({ latency }) => latency ?? []);
	const percentileOf = (name: "p50" | "p95" | "p99") => spreadOf(latencies.map((latency) => latency[name]));
	const drains = all.flatMap((one) => (one.drain ? [{ ...one, drain: one.drain }] : []));
	const lateness = all.flatMap(({ lateness }) => lateness?.p99 ?? []);
	return {
		...{ lane, load },
		perSecond: spreadOf(all.map(({ perSecond }) => perSecond)),
		latency: { p50: percentileOf("p50"), p95: percentileOf("p95"), p99: percentileOf("p99") },
		latenessP99: lateness.length > 0 ? median(lateness) : undefined,
		cpuMs: medianPerProcess(all.map(({ cpuMs }) => cpuMs)),
		resident: medianPerProcess(all.map(({ resident }) => resident)),
		indexedPerSecond:
			lane === "callgate-unindexed"
				? spreadOf(drains.map(({ calls, drain }) => (calls * floorEvents.length * 1_000) / drain.ms))
				: undefined,
		drainMs: drains.length > 0 ? spreadOf(drains.map(({ drain }) => drain.ms)) : undefined,
		settledPerSecond:
			isCallgate(lane) && lane !== "callgate-unindexed"
				? spreadOf(drains.map((one) => (one.calls * 1_000) / ((one.calls * 1_000) / one.perSecond + one.drain.ms)))
				: undefined,
	};
}

function medianPerProcess(all: readonly PerProcess[]): PerProcess {
	const names = [...new Set(all.flatMap((one) => Object.keys(one)))];
	return Object.fromEntries(names.map((name) => [name, median(all.flatMap((one) => one[name] ?? []))]));
}
