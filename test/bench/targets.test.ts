// A target is judged by its own two figures, and one that was not measured is not judged.
import { expect, test } from "vitest";
import type { Lane } from "./lanes.ts";
import type { Section, Sections } from "./sections.ts";
import { isMet, targetsOf, targetsTable } from "./targets.ts";
import type { LaneFigures } from "./throughput.ts";

const spread = (value: number) => ({ median: value, min: value, max: value, all: [value] });

function figures(lane: Lane, load: LaneFigures["load"], perSecond: number, latencyMs = 1): LaneFigures {
	return {
		...{ lane, load, perSecond: spread(perSecond), latenessP99: undefined, cpuMs: {}, resident: {} },
		latency: { p50: spread(latencyMs), p95: spread(latencyMs * 2), p99: spread(latencyMs * 3) },
		...{ indexedPerSecond: undefined, drainMs: undefined, settledPerSecond: undefined },
	};
}
const closed = (callers: number) => ({ kind: "closed" as const, callers, warmupMs: 0, windowMs: 1 });
const open = { kind: "open" as const, perSecond: 300, warmupMs: 0, windowMs: 1 };

function section(complete: number, floor = 1_000): Section {
	return {
		throughput: [
			figures("floor", closed(64), floor),
			figures("callgate-unindexed", closed(64), 1_500),
			figures("callgate-unindexed", closed(256), 1_800),
			figures("callgate", closed(64), complete),
			figures("callgate", closed(256), complete * 0.9),
		],
		latency: [figures("direct", open, 300, 1), figures("callgate", open, 300, 4)],
		clicks: { count: 1, slack: { p50: 1, p95: 1, p99: 260, max: 300 }, api: { p50: 1, p95: 1, p99: 1, max: 1 } },
	};
}

const decision = (shape: "functions" | "callers" | "one-function", rules: number, microseconds: number) => ({
	...{ shape, rules, microseconds, each: { p50: 0, p95: 0, p99: 0, max: 0 } },
});

test("each target is reached or missed by its own figures", () => {
	const run: Sections = {
		empty: section(1_200),
		preloaded: { ...{ events: 1_000_000, messages: 1, seconds: 1 }, ...section(900, 900) },
		decisions: [
			decision("functions", 10, 2),
			decision("functions", 10_000, 2.2),
			decision("callers", 10, 1),
			decision("callers", 10_000, 4),
		],
		memory: { minutes: 1, calls: 1, resident: [], growth: { ingress: 2_500_000, nats: -1, callers: 9e9 } },
	};
	expect(targetsOf(run).map((target) => [target.what.slice(0, 32), Number(target.measured.toFixed(3)), isMet(target)])).toEqual([
		["calls/s with audit paused to the", 1.5, false],
		["calls/s complete to the floor's,", 1.2, true],
		["audit paused, 256 callers to 64", 1.2, true],
		["complete, 256 callers to 64", 0.9, false],
		["p50 over direct, complete, open ", 3, true],
		["p99 over direct, complete, open ", 9, true],
		["click to first byte, p99", 260, false],
		["a decision with 10,000 rules to ", 4, false],
		["complete to the floor with event", 0.833, true],
		["memory of ingress", 2.5, false],
		["memory of nats", -0, true],
	]);
	expect(targetsTable(targetsOf(run))).toContain("missed by 1.33 x");
});

test("what was not measured is not judged", () => {
	const empty: Section = { throughput: [figures("callgate", closed(64), 1_000)], latency: [] };
	expect(targetsOf({ empty })).toEqual([]);
});
