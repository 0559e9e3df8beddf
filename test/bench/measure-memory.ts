// Whether anything grows under lasting load: resident memory of each process after each half minute, and the line through it.
import { localPool } from "../../infra/local/key-ring.ts";
import { trimStream } from "../../infra/nats/trim-stream.ts";
import type { BenchStack } from "./bench-stack.ts";
import { type Load, measure } from "./measure-lane.ts";
import type { PerProcess } from "./measure-processes.ts";

export interface MemoryFigures {
	readonly minutes: number;
	readonly calls: number;
	/** Bytes of each process after each slice of the load. */
	readonly resident: readonly PerProcess[];
	/** Bytes a minute in the second half, when caches are full and code is compiled: the slope of the least-squares line. */
	readonly growth: PerProcess;
}

const sliceMs = 30_000;
const slice: Load = { kind: "closed", callers: 64, warmupMs: 0, windowMs: sliceMs };

/** Calls go through Callgate complete for so many minutes. The stream is trimmed after each half minute: what NATS still grows by is not what is stored. */
export async function measureMemory(bench: BenchStack, minutes: number, report: (line: string) => void): Promise<MemoryFigures> {
	const resident: PerProcess[] = [];
	let calls = 0;
	for (let one = 0; one < (minutes * 60_000) / sliceMs; one++) {
		const measured = await measure(bench, "callgate", slice);
		const { removed } = await trimStream(bench.operator, { pools: [localPool], keepMs: 0, guardMs: 0, now: new Date() });
		resident.push(measured.resident);
		calls += measured.calls;
		report(`memory: ${(((one + 1) * sliceMs) / 60_000).toFixed(1)} of ${minutes} minutes, ${calls} calls, ${removed} messages trimmed`);
	}
	return { minutes, calls, resident, growth: growthOf(resident, 60_000 / sliceMs) };
}

/** @param perMinute how many samples a minute has */
export function growthOf(samples: readonly PerProcess[], perMinute: number): PerProcess {
	const half = samples.slice(Math.floor(samples.length / 2));
	const names = Object.keys(half[0] ?? {});
	return Object.fromEntries(names.map((name) => [name, slopeOf(half.map((sample) => sample[name] ?? Number.NaN)) * perMinute]));
}

/** Of the least-squares line through values at 0, 1, 2, … Zero for fewer than two. */
export function slopeOf(values: readonly number[]): number {
	if (values.length < 2) return 0;
	const middle = (values.length - 1) / 2;
	const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	const products = values.reduce((sum, value, at) => sum + (at - middle) * (value - mean), 0);
	return products / values.reduce((sum, _, at) => sum + (at - middle) ** 2, 0);
}
