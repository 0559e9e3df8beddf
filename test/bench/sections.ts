// What a run measures, in order: with what is stored at the beginning, and again on top of a million events.
import { awaitQuiet } from "./await-quiet.ts";
import type { BenchStack } from "./bench-stack.ts";
import { type Clicks, measureClicks } from "./measure-clicks.ts";
import { type DecisionFigures, measureDecisions } from "./measure-decisions.ts";
import { measureLag } from "./measure-lag.ts";
import { type Load, measure } from "./measure-lane.ts";
import { type MaskingFigures, measureMasking } from "./measure-masking.ts";
import { type MemoryFigures, measureMemory } from "./measure-memory.ts";
import { measureRestarts, type Restart } from "./measure-restarts.ts";
import { bytesPerCall, type StoredBytes, storedBytes } from "./measure-stores.ts";
import type { BenchOptions } from "./options.ts";
import { type Preloaded, preload } from "./preload.ts";
import type { Latency } from "./statistics.ts";
import { type LaneFigures, takeTurns } from "./throughput.ts";

/** All that depends on what is stored. What was not asked for is not there. */
export interface Section {
	readonly throughput: readonly LaneFigures[];
	/** Open loop. */
	readonly latency: readonly LaneFigures[];
	readonly perCall?: StoredBytes;
	readonly stored?: StoredBytes;
	readonly clicks?: Clicks;
	/** Milliseconds from durable to indexed, at 300 calls a second. */
	readonly lag?: Latency;
	readonly restarts?: readonly Restart[];
}

export interface Sections {
	readonly empty: Section;
	readonly preloaded?: Preloaded & Section;
	readonly decisions?: readonly DecisionFigures[];
	readonly masking?: readonly MaskingFigures[];
	readonly memory?: MemoryFigures;
}

/** The rate at which latency is compared. */
export const openPerSecond = 300;
/** Before anything counts, every lane's code is compiled and its connections are made. */
const warmUpOf = ({ quick }: BenchOptions): Load => ({ kind: "closed", callers: 32, warmupMs: 0, windowMs: quick ? 1_500 : 4_000 });

/** @param keep is given what there is after each part: a run that fails in its last part has measured something. */
export async function measureAll(
	bench: BenchStack,
	options: BenchOptions,
	report: (line: string) => void,
	keep: (sections: Sections) => Promise<void>,
): Promise<Sections> {
	for (const lane of options.lanes) {
		await measure(bench, lane, warmUpOf(options));
		report(`warmed up: ${lane}`);
	}
	const empty = await measureSection(bench, options, report);
	await keep({ empty });
	const memory = options.soakMinutes > 0 ? { memory: await measureMemory(bench, options.soakMinutes, report) } : {};
	if (!options.beside) return { empty, ...memory };
	report("decisions and masking, in process");
	const decisions = measureDecisions(options.quick ? 5 : 20);
	const masking = measureMasking(options.quick ? 2 : 10);
	if (options.preloadEvents === 0) return { empty, ...memory, decisions, masking };
	await keep({ empty, ...memory, decisions, masking });
	const preloaded = await preload(bench, options.preloadEvents, report);
	report(`preloaded ${preloaded.events} events in ${preloaded.seconds.toFixed(0)} s`);
	await bench.restartFloor();
	for (const lane of options.lanes) await measure(bench, lane, warmUpOf(options));
	// Everything again, and not quite as often: what differs by a fifth is seen with three, too.
	const again = { ...options, repetitions: Math.min(3, options.repetitions) };
	return { empty, ...memory, decisions, masking, preloaded: { ...preloaded, ...(await measureSection(bench, again, report)) } };
}

async function measureSection(bench: BenchStack, options: BenchOptions, report: (line: string) => void): Promise<Section> {
	const { lanes, callers, repetitions, warmupMs, windowMs, quick } = options;
	const closed = callers.map((count): Load => ({ kind: "closed", callers: count, warmupMs, windowMs }));
	const open: Load = { kind: "open", perSecond: openPerSecond, warmupMs, windowMs };
	const throughput = await takeTurns(bench, { lanes, loads: closed, repetitions, report });
	const latency = await takeTurns(bench, { lanes, loads: [open], repetitions: quick ? 1 : repetitions, report });
	if (!options.beside) return { throughput, latency };
	report("bytes a call");
	const perCall = await bytesPerCall(bench);
	const stored = await storedBytes(bench);
	report("clicks and votes");
	const clicks = await measureClicks(bench, quick ? 10 : 400);
	await awaitQuiet(bench);
	report("audit lag");
	const lag = await measureLag(bench, windowMs);
	if (quick) return { throughput, latency, perCall, stored, clicks, lag };
	report("kill -9 and back");
	const restarts = await measureRestarts(bench);
	await awaitQuiet(bench);
	return { throughput, latency, perCall, stored, clicks, lag, restarts };
}
