// The table of what a call costs: every process in one column, nothing twice and nothing left out.
import { expect, test } from "vitest";
import type { Lane } from "./lanes.ts";
import type { PerProcess } from "./measure-processes.ts";
import { type Report, tablesOf } from "./report.ts";
import { spreadOf } from "./statistics.ts";
import type { LaneFigures } from "./throughput.ts";

function figures(lane: Lane, load: LaneFigures["load"], p50: number, cpuMs: PerProcess): LaneFigures {
	return {
		...{ lane, load, perSecond: spreadOf([1_234]), latenessP99: undefined, cpuMs, resident: {} },
		latency: { p50: spreadOf([p50]), p95: spreadOf([p50 * 2]), p99: spreadOf([p50 * 3]) },
		...{ indexedPerSecond: undefined, drainMs: undefined, settledPerSecond: undefined },
	};
}
const closed = (callers: number) => ({ kind: "closed" as const, callers, warmupMs: 0, windowMs: 1 });
const open = { kind: "open" as const, perSecond: 300, warmupMs: 0, windowMs: 1 };
const head = {
	...{ at: "2026-01-01T00:00:00.000Z", machine: { processor: "", cores: 2, memoryBytes: 1, loadBefore: 0 } },
	...{ node: "24", syncInterval: "always", repetitions: 1, windowMs: 1 },
};

function costsOf(report: Omit<Report, keyof typeof head>): string[][] {
	const [, after = ""] = tablesOf({ ...head, ...report }).split("### What a call costs\n\n");
	const rows = (after.split("\n\n")[0] ?? "").split("\n").filter((row) => !row.includes("---"));
	return rows.map((row) =>
		row
			.slice(2, -2)
			.split(" | ")
			.map((cell) => cell.trim()),
	);
}

test("Callgate and the floor beside each other: what each process costs, and what that makes of rate and latency", () => {
	const idle = { ingress: 0.01, approval: 0.01, valkey: 0.01 };
	const floor = { ...idle, "floor-ingress": 0.2, "floor-executor": 0.3, "floor-audit": 0, nats: 0.5, callers: 0.04, bank: 0.06 };
	const callgate = { ...idle, ingress: 0.31, policy: 0.15, executor: 0.29, audit: 0.18, nats: 0.19, opensearch: 0.23, callers: 0.1 };
	const throughput = [
		figures("floor", closed(1), 2.5, {}),
		figures("floor", closed(64), 99, floor),
		...[figures("callgate", closed(1), 3.5, {}), figures("callgate", closed(64), 99, callgate)],
	];
	const empty = { throughput, latency: [figures("floor", open, 4, {}), figures("callgate", open, 8, {})] };
	const two = figures("callgate-two", closed(64), 99, { ...callgate, ingress: 0.41 });
	expect(costsOf({ empty, replicas: [figures("callgate", closed(64), 99, {}), two] })).toEqual([
		[
			...["processor ms a call, 64 callers", "ingress", "policy", "executor", "audit", "NATS", "OpenSearch", "callers, bank"],
			...["others", "all", "calls/s", "300/s: p50, ms", "300/s: p99, ms", "1 caller: p50, ms"],
		],
		["floor: five bare processes", "0.21", "0.00", "0.30", "0.00", "0.50", "0.00", "0.10", "0.02", "1.13", "1,234", "4.00", "12.0", "2.50"],
		["Callgate, complete", "0.31", "0.15", "0.29", "0.18", "0.19", "0.23", "0.10", "0.02", "1.47", "1,234", "8.00", "24.0", "3.50"],
		["Callgate, two of each service", "0.41", "0.15", "0.29", "0.18", "0.19", "0.23", "0.10", "0.02", "1.57", "1,234", "–", "–", "–"],
	]);
});

test("a run of one lane alone has its table", () => {
	const two = figures("callgate-two", closed(64), 1, { ingress: 1 });
	expect(costsOf({ empty: { throughput: [], latency: [] }, replicas: [two] })[1]?.slice(0, 2)).toEqual([
		"Callgate, two of each service",
		"1.00",
	]);
});
