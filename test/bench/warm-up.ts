// Before anything counts: code is compiled (OpenSearch's takes some 25,000 calls), connections and caches are made.
import type { BenchStack } from "./bench-stack.ts";
import { type Lane, laneTitles } from "./lanes.ts";
import { measure } from "./measure-lane.ts";
import { shown } from "./table.ts";

/** What is compared with Callgate is warmed up for as long as Callgate. */
const warmUpMs = 15_000;
/** One process that passes bytes on is compiled by then. */
const quickWarmUpMs = 3_000;
const sliceMs = 3_000;

/** The lanes to warm up for these: the others use the same processes. */
export function warmedFor(lanes: readonly Lane[]): Lane[] {
	const alike: readonly Lane[] = ["callgate-unindexed", "callgate-two"];
	return [...new Set(lanes.map((lane): Lane => (alike.includes(lane) ? "callgate" : lane)))];
}

export async function warmUp(bench: BenchStack, lanes: readonly Lane[], report: (line: string) => void): Promise<void> {
	for (const lane of lanes) {
		const wholeMs = lane === "direct" || lane === "proxy" ? quickWarmUpMs : warmUpMs;
		for (let doneMs = sliceMs; doneMs <= wholeMs; doneMs += sliceMs) {
			const { perSecond } = await measure(bench, lane, { kind: "closed", callers: 64, warmupMs: 0, windowMs: sliceMs });
			report(`warming up: ${laneTitles[lane]}: ${doneMs / 1_000} of ${wholeMs / 1_000} s, ${shown(perSecond)} calls/s`);
		}
	}
}
