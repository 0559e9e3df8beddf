// Every figure of one run, and the tables that show them.
import { type Lane, laneNames, laneTitles } from "./lanes.ts";
import type { Spread } from "./statistics.ts";
import { markdownTable, shown } from "./table.ts";
import type { LaneFigures } from "./throughput.ts";

/** The content of the JSON file. */
export interface Report {
	readonly at: string;
	readonly machine: { readonly processor: string; readonly cores: number; readonly memoryBytes: number; readonly loadBefore: number };
	readonly node: string;
	readonly syncInterval: string;
	readonly repetitions: number;
	readonly windowMs: number;
	readonly throughput: readonly LaneFigures[];
}

/** All tables, each with its heading. */
export function tablesOf(report: Report): string {
	return [conditions(report), throughputTable(report), cpuTable(report)].join("\n\n");
}

function conditions({ at, machine, node, syncInterval, repetitions, windowMs }: Report): string {
	return [
		`Measured ${at.slice(0, 16).replace("T", " ")} UTC on ${machine.cores} cores (${machine.processor}), Node ${node},`,
		`NATS with \`sync_interval: ${syncInterval}\`; medians of ${repetitions} repetitions of ${shown(windowMs / 1_000)} s, lanes taking turns (in parentheses: lowest and highest).`,
		`The machine's load average was ${shown(machine.loadBefore)} when the run began.`,
	].join("\n");
}

const callersOf = ({ load }: LaneFigures): number => (load.kind === "closed" ? load.callers : 0);
const withRange = ({ median, min, max }: Spread): string => `${shown(median)} (${shown(min)}–${shown(max)})`;

function throughputTable({ throughput }: Report): string {
	const counts = [...new Set(throughput.map(callersOf))].sort((one, other) => one - other);
	const at = (lane: Lane, callers: number) => throughput.find((one) => one.lane === lane && callersOf(one) === callers);
	const rows = laneNames
		.filter((lane) => throughput.some((one) => one.lane === lane))
		.map((lane) => [
			laneTitles[lane],
			...counts.flatMap((callers) => {
				const [own, floor] = [at(lane, callers), at("floor", callers)];
				const ratio = own && floor ? `${shown(own.perSecond.median / floor.perSecond.median)} x` : "–";
				return [own ? withRange(own.perSecond) : "–", ratio];
			}),
		]);
	const head = ["calls/s", ...counts.flatMap((callers) => [`${callers} callers`, "to the floor"])];
	return `### Calls a second\n\n${markdownTable([head, ...rows])}`;
}

/** Of the load with most callers. */
function cpuTable({ throughput }: Report): string {
	const callers = Math.max(...throughput.map(callersOf));
	const figures = throughput.filter((one) => callersOf(one) === callers);
	const names = [...new Set(figures.flatMap(({ cpuMs }) => Object.keys(cpuMs)))].filter((name) =>
		figures.some(({ cpuMs }) => (cpuMs[name] ?? 0) >= 0.005),
	);
	const rows = names.map((name) => [name, ...figures.map(({ cpuMs }) => shown(cpuMs[name]))]);
	const total = ["all", ...figures.map(({ cpuMs }) => shown(Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0)))];
	return `### Processor milliseconds a call, at ${callers} callers\n\n${markdownTable([["process", ...figures.map(({ lane }) => lane)], ...rows, total])}`;
}
