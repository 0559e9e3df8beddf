// What a run measures, in order: with what is stored at the beginning, and again on top of a million events.
import { awaitQuiet } from "./await-quiet.ts";
import type { BenchStack } from "./bench-stack.ts";
import type { Lane } from "./lanes.ts";
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
import { warmedFor, warmUp } from "./warm-up.ts";

/** All that depends on what is stored. What was not asked for is not there. */
export interface Section {
	readonly throughput: readonly LaneFigures[];
	/** Open loop. */
	readonly latency: readonly LaneFigures[];
	readonly perCall?: StoredBytes;
	readonly stored?: StoredBytes;
	readonly clicks?: Clicks;
	/** Milliseconds from durable to indexed, at 64 callers. */
	readonly lag?: Latency;
	readonly restarts?: readonly Restart[];
}

export interface Sections {
	readonly empty: Section;
	readonly preloaded?: Preloaded & Section;
	readonly decisions?: readonly DecisionFigures[];
	readonly masking?: readonly MaskingFigures[];
	readonly memory?: MemoryFigures;
	/** One and two of each service, which took turns. */
	readonly replicas?: readonly LaneFigures[];
}

/** The rate at which latency is compared. */
export const openPerSecond = 300;
/** Long enough for a record that falls behind to be seen falling. */
const lagWindowMs = 10_000;

/** @param keep is given what there is after each part: a run that fails in its last part has measured something. */
export async function measureAll(
	bench: BenchStack,
	options: BenchOptions,
	report: (line: string) => void,
	keep: (sections: Sections) => Promise<void>,
): Promise<Sections> {
	// In turns by themselves: two of each is a turn that takes half a minute.
	const lanes = options.lanes.filter((lane) => lane !== "callgate-two");
	await warmUp(bench, warmedFor(options.lanes), report);
	const replicas = lanes.length < options.lanes.length ? { replicas: await measureReplicas(bench, options, report) } : {};
	let sections: Sections = { ...replicas, empty: await measureSection(bench, { ...options, lanes }, report) };
	const add = async (more: Partial<Sections>) => {
		sections = { ...sections, ...more };
		await keep(sections);
	};
	await keep(sections);
	if (options.soakMinutes > 0) await add({ memory: await measureMemory(bench, options.soakMinutes, report) });
	if (!options.beside) return sections;
	report("decisions and masking, in process");
	await add({ decisions: measureDecisions(options.quick ? 5 : 20), masking: measureMasking(options.quick ? 2 : 10) });
	if (options.preloadEvents === 0) return sections;
	const preloaded = await preload(bench, options.preloadEvents, report);
	report(`preloaded ${preloaded.events} events in ${preloaded.seconds.toFixed(0)} s`);
	await bench.restartFloor();
	await warmUp(bench, warmedFor(lanes), report);
	// Everything again, and not quite as often: what differs by a fifth is seen with three, too.
	const again = { ...options, lanes, repetitions: Math.min(3, options.repetitions) };
	await add({ preloaded: { ...preloaded, ...(await measureSection(bench, again, report)) } });
	return sections;
}

/** Each turn is warmed up like the first: the second ones are new in each, and what stopped left its work to those that stay. */
async function measureReplicas(bench: BenchStack, options: BenchOptions, report: (line: string) => void): Promise<LaneFigures[]> {
	const { warmupMs, windowMs, repetitions, quick } = options;
	const take = async (lane: Lane, load: Load) => {
		const warmAndMeasure = async () => {
			await warmUp(bench, [lane], report);
			return await measure(bench, lane, load);
		};
		return await (lane === "callgate-two" ? bench.withTwo(warmAndMeasure) : warmAndMeasure());
	};
	const load: Load = { kind: "closed", callers: 64, warmupMs, windowMs };
	const lanes: Lane[] = ["callgate", "callgate-two"];
	return await takeTurns(bench, { lanes, loads: [load], repetitions: quick ? 1 : Math.min(3, repetitions), take, report });
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
	const lag = await measureLag(bench, quick ? windowMs : lagWindowMs);
	if (quick) return { throughput, latency, perCall, stored, clicks, lag };
	report("kill -9 and back");
	const restarts = await measureRestarts(bench);
	await awaitQuiet(bench);
	return { throughput, latency, perCall, stored, clicks, lag, restarts };
}
