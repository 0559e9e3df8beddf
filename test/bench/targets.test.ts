// A target is judged by its own two figures, and one that was not measured is shown and not judged.
import { expect, test } from "vitest";
import type { Lane } from "./lanes.ts";
import type { Section, Sections } from "./sections.ts";
import { spreadOf } from "./statistics.ts";
import { isMet, targetsOf, targetsTable } from "./targets.ts";
import type { LaneFigures } from "./throughput.ts";

function figures(lane: Lane, load: LaneFigures["load"], perSecond: readonly number[], latencyMs = 1): LaneFigures {
	return {
		...{ lane, load, perSecond: spreadOf(perSecond), latenessP99: undefined, cpuMs: {}, resident: {} },
		latency: { p50: spreadOf([latencyMs]), p95: spreadOf([latencyMs * 2]), p99: spreadOf([latencyMs * 3]) },
		...{ indexedPerSecond: undefined, drainMs: undefined, settledPerSecond: undefined },
	};
}
const closed = (callers: number) => ({ kind: "closed" as const, callers, warmupMs: 0, windowMs: 1 });
const open = { kind: "open" as const, perSecond: 300, warmupMs: 0, windowMs: 1 };
const quantiles = (p99: number) => ({ p50: 1, p95: 1, p99, max: 9e9 });

function section(complete: number, floor = 1_000): Section {
	return {
		throughput: [
			figures("floor", closed(1), [300], 4),
			figures("floor", closed(64), [floor]),
			figures("floor", closed(256), [floor]),
			figures("callgate-unindexed", closed(64), [1_500]),
			figures("callgate", closed(1), [240], 5),
			figures("callgate", closed(64), [complete]),
			figures("callgate", closed(256), [2_299]),
		],
		latency: [figures("direct", open, [300], 1), figures("floor", open, [300], 3), figures("callgate", open, [300], 4.1)],
		clicks: { count: 1, slack: quantiles(101), api: quantiles(1) },
		lag: quantiles(2_999),
	};
}

const decision = (shape: "functions" | "callers" | "one-function", rules: number, microseconds: number) => ({
	...{ shape, rules, microseconds, each: quantiles(0) },
});
const judged = (run: Sections) =>
	targetsOf(run)
		.filter(({ measured }) => measured !== undefined)
		.map((target) => [target.what, Number(target.measured?.toFixed(3)), isMet(target)]);

test("each target is reached or missed by its own figures", () => {
	const run: Sections = {
		empty: section(1_600),
		preloaded: { ...{ events: 1_000_000, messages: 1, seconds: 1 }, ...section(1_350, 900) },
		replicas: [figures("callgate", closed(64), [1_000]), figures("callgate-two", closed(64), [840])],
		decisions: [
			...[decision("functions", 10, 2), decision("functions", 10_000, 2.2)],
			...[decision("callers", 10, 1), decision("callers", 10_000, 1.3), decision("one-function", 10, 1)],
		],
		memory: {
			...{ minutes: 10, calls: 500_000, resident: [] },
			growth: { ingress: 2_500_000, policy: 0, approval: 0, executor: 0, audit: -1, nats: 2_000_000, callers: 9e9 },
		},
	};
	expect(judged(run)).toEqual([
		["calls/s complete to the floor's, 64 callers", 1.6, true],
		["calls/s with audit paused to the floor's, 64 callers", 1.5, false],
		["calls/s complete to the floor's, 256 callers", 2.299, false],
		["p50 over direct, complete to the floor's, open loop", 1.55, false],
		["p99 over direct, complete to the floor's, open loop", 1.55, false],
		["p50 complete to the floor's, one caller", 1.25, true],
		["calls/s of two of each service to one of each, 64 callers", 0.84, false],
		["click to first byte, p99", 101, false],
		["a decision with 10,000 rules to one with 10, hardest shape that has both", 1.3, false],
		["complete to the floor with events stored before, to the same without", 0.938, false],
		["memory of the service that grows most", 2.5, false],
		["memory of NATS, trimmed", 40, true],
		["from durable to indexed, p99, 64 callers", 2_999, true],
	]);
	expect(targetsTable(targetsOf(run))).toContain("missed by 1.33 x");
});

test("a ratio is taken turn by turn: a machine that was slow for some turns was so for both", () => {
	const throughput = [figures("floor", closed(64), [1_000, 100, 1_000]), figures("callgate", closed(64), [1_600, 160, 160])];
	expect(judged({ empty: { throughput, latency: [] } })).toEqual([["calls/s complete to the floor's, 64 callers", 1.6, true]]);
});

test("what was not measured is shown as an aim, and not judged", () => {
	const empty: Section = { throughput: [figures("callgate", closed(64), [1_000])], latency: [] };
	expect(judged({ empty })).toEqual([]);
	const short = { minutes: 9, calls: 1, resident: [], growth: { ingress: 0, policy: 0, approval: 0, executor: 0, audit: 0, nats: 0 } };
	expect(judged({ empty, memory: short })).toEqual([]);
	const rows = targetsTable(targetsOf({ empty })).split("\n").slice(2);
	expect(rows).toHaveLength(14);
	for (const row of rows) expect(row).toMatch(/\| +at (least|most) [\d.,]+ [a-zMB ]+ \| +– \| +not measured \|$/);
});

test("a run whose memory was not found is not met", () => {
	const target = targetsOf({ empty: section(1_600), memory: { minutes: 10, calls: 1, resident: [], growth: {} } }).find(
		({ what }) => what === "memory of the service that grows most",
	);
	expect(target && isMet(target)).toBe(false);
});
