// Every figure of one run, and the tables that show them.
import { type Lane, laneNames, laneTitles } from "./lanes.ts";
import type { DecisionFigures, Shape } from "./measure-decisions.ts";
import type { MaskingFigures } from "./measure-masking.ts";
import type { MemoryFigures } from "./measure-memory.ts";
import type { PerProcess } from "./measure-processes.ts";
import { openPerSecond, type Section, type Sections } from "./sections.ts";
import { type Latency, ratioOf, type Spread } from "./statistics.ts";
import { markdownTable, shown } from "./table.ts";
import { targetsOf, targetsTable } from "./targets.ts";
import type { LaneFigures } from "./throughput.ts";

/** The content of the JSON file. */
export interface Report extends Sections {
	readonly at: string;
	readonly machine: { readonly processor: string; readonly cores: number; readonly memoryBytes: number; readonly loadBefore: number };
	readonly node: string;
	readonly syncInterval: string;
	readonly repetitions: number;
	readonly windowMs: number;
}

/** All tables, each with its heading, as Markdown. */
export function tablesOf(report: Report): string {
	const { empty, preloaded, replicas = [], decisions, masking, memory } = report;
	const two = replicas.filter(({ lane }) => lane === "callgate-two");
	return [
		conditions(report),
		`### Targets\n\n${targetsTable(targetsOf(report))}`,
		...sectionTables(empty, "", two),
		...(memory ? [memoryGrowthTable(memory)] : []),
		...(decisions ? [decisionTable(decisions)] : []),
		...(masking ? [maskingTable(masking)] : []),
		...(preloaded ? sectionTables(preloaded, `, ${preloaded.events.toLocaleString("en-US")} events stored before`) : []),
	].join("\n\n");
}

function conditions({ at, machine, node, syncInterval, repetitions, windowMs }: Report): string {
	return [
		`Measured ${at.slice(0, 16).replace("T", " ")} UTC on ${machine.cores} cores (${machine.processor}), Node ${node}, NATS with`,
		`\`sync_interval: ${syncInterval}\`, one process of each service; load average ${shown(machine.loadBefore)} before the run. Medians of ${repetitions} repetitions of`,
		`${shown(windowMs / 1_000)} s, lanes taking turns; in parentheses the lowest and the highest.`,
	].join("\n");
}

/** @param two what was measured with two of each service */
function sectionTables(section: Section, suffix: string, two: readonly LaneFigures[] = []): string[] {
	const { throughput, latency, clicks } = section;
	const alone =
		throughput.length === 0
			? []
			: [
					`### Calls a second${suffix}\n\n${throughputTable(throughput)}`,
					`### Latency at ${ratesOf(latency)} calls a second${suffix}\n\n${latencyTable(latency)}`,
				];
	return [
		...alone,
		`### What a call costs${suffix}\n\n${costTable([...throughput, ...two], latency)}`,
		`### Resident memory${suffix}\n\n${memoryTable([...throughput, ...two])}`,
		...(throughput.some(({ drainMs }) => drainMs) ? [`### Indexing${suffix}\n\n${indexingTable(section)}`] : []),
		...(section.perCall ? [`### Bytes stored${suffix}\n\n${bytesTable(section)}`] : []),
		...(clicks ? [`### From an approver's yes to the bank's first byte${suffix}\n\n${clicksTable(clicks)}`] : []),
		...(section.restarts ? [`### Killed and back${suffix}\n\n${restartTable(section.restarts)}`] : []),
	];
}

const callersOf = ({ load }: LaneFigures): number => (load.kind === "closed" ? load.callers : 0);
const ratesOf = (figures: readonly LaneFigures[]): string =>
	[...new Set(figures.map(({ load }) => (load.kind === "open" ? load.perSecond : 0)))].join(", ");
const withRange = ({ median, min, max }: Spread): string => `${shown(median)} (${shown(min)}–${shown(max)})`;
const lanesIn = (figures: readonly LaneFigures[]): Lane[] => laneNames.filter((lane) => figures.some((one) => one.lane === lane));

function throughputTable(figures: readonly LaneFigures[]): string {
	const counts = [...new Set(figures.map(callersOf))].sort((one, other) => one - other);
	const at = (lane: Lane, callers: number) => figures.find((one) => one.lane === lane && callersOf(one) === callers);
	const rows = lanesIn(figures).map((lane) => [
		laneTitles[lane],
		...counts.flatMap((callers) => {
			const [own, floor] = [at(lane, callers), at("floor", callers)];
			return [own ? withRange(own.perSecond) : "–", own && floor ? `${shown(ratioOf(own.perSecond, floor.perSecond))} x` : "–"];
		}),
	]);
	return markdownTable([["calls/s", ...counts.flatMap((callers) => [`${callers} callers`, "to the floor"])], ...rows]);
}

function latencyTable(figures: readonly LaneFigures[]): string {
	const direct = figures.find(({ lane }) => lane === "direct");
	const rows = figures.map((one) => [
		laneTitles[one.lane],
		...(["p50", "p95", "p99"] as const).map((name) => withRange(one.latency[name])),
		...(["p50", "p99"] as const).map((name) => (direct ? shown(one.latency[name].median - direct.latency[name].median) : "–")),
		shown(one.latenessP99),
	]);
	return markdownTable([["ms", "p50", "p95", "p99", "p50 over direct", "p99 over direct", "sent late, p99"], ...rows]);
}

function mostCallers(figures: readonly LaneFigures[]): { callers: number; of: LaneFigures[] } {
	const counts = figures.map(callersOf);
	// The load that targets are named for, where it was measured.
	const callers = counts.includes(64) ? 64 : Math.max(...counts);
	return { callers, of: figures.filter((one) => callersOf(one) === callers) };
}

/** Columns of a call's cost. The floor's processes stand with those whose work they stand for; what no column names is in the last. */
const costColumns: readonly (readonly [title: string, processes: readonly string[]])[] = [
	...(["ingress", "policy", "executor", "audit"] as const).map((service) => [service, [service, `floor-${service}`]] as const),
	["NATS", ["nats"]],
	["OpenSearch", ["opensearch"]],
	["callers, bank", ["callers", "bank"]],
];

/** What one call costs each process, and beside it what that makes of rate and latency. */
function costTable(figures: readonly LaneFigures[], latency: readonly LaneFigures[]): string {
	const { callers, of } = mostCallers(figures);
	const sumOf = (cpuMs: PerProcess, names: readonly string[]) => names.reduce((sum, name) => sum + (cpuMs[name] ?? 0), 0);
	const rows = of.map(({ lane, cpuMs, perSecond }) => {
		const costs = costColumns.map(([, processes]) => sumOf(cpuMs, processes));
		const all = sumOf(cpuMs, Object.keys(cpuMs));
		const open = latency.find((one) => one.lane === lane)?.latency;
		const alone = figures.find((one) => one.lane === lane && callersOf(one) === 1)?.latency;
		const others = all - costs.reduce((sum, cost) => sum + cost, 0);
		const figuresOfLane = [...costs, others, all, perSecond.median, open?.p50.median, open?.p99.median, alone?.p50.median];
		return [laneTitles[lane], ...figuresOfLane.map(shown)];
	});
	const head = [`processor ms a call, ${callers} callers`, ...costColumns.map(([title]) => title), "others", "all", "calls/s"];
	return markdownTable([[...head, `${openPerSecond}/s: p50, ms`, `${openPerSecond}/s: p99, ms`, "1 caller: p50, ms"], ...rows]);
}

function memoryTable(figures: readonly LaneFigures[]): string {
	const { callers, of } = mostCallers(figures);
	const names = [...new Set(of.flatMap(({ resident }) => Object.keys(resident)))];
	const megabytes = (one: LaneFigures, of: readonly string[]) => of.reduce((sum, name) => sum + (one.resident[name] ?? 0) / 1e6, 0);
	const rows = [...names.map((name) => [name, [name]] as const), ["all", names] as const].map(([title, counted]) => [
		title,
		...of.map((one) => shown(megabytes(one, counted))),
	]);
	return markdownTable([[`MB, ${callers} callers`, ...of.map(({ lane }) => lane)], ...rows]);
}

function indexingTable({ throughput, lag }: Section): string {
	const rows = throughput
		.filter(({ drainMs }) => drainMs)
		.map((one) => [
			`${laneTitles[one.lane]}, ${callersOf(one)} callers`,
			one.indexedPerSecond ? withRange(one.indexedPerSecond) : "–",
			one.drainMs ? withRange(one.drainMs) : "–",
			one.settledPerSecond ? withRange(one.settledPerSecond) : "–",
		]);
	const table = markdownTable([["", "events/s indexed after it", "ms until all was indexed", "calls/s, that time included"], ...rows]);
	return lag ? `${table}\n\nFrom durable to indexed, at 64 callers: ${inWords(lag)}.` : table;
}

const inWords = ({ p50, p95, p99, max }: Latency): string =>
	`p50 ${shown(p50)} ms, p95 ${shown(p95)} ms, p99 ${shown(p99)} ms, at most ${shown(max)} ms`;

function bytesTable({ perCall, stored }: Section): string {
	const names = {
		natsMessages: "NATS, messages",
		natsFiles: "NATS, files",
		openSearch: "OpenSearch, index",
		valkey: "Valkey, files",
	} as const;
	const rows = (Object.keys(names) as (keyof typeof names)[]).map((name) => [
		names[name],
		shown(perCall?.[name]),
		stored ? shown(stored[name] / 1e6) : "–",
	]);
	return markdownTable([["store", "bytes a call", "MB in all"], ...rows]);
}

function clicksTable(clicks: NonNullable<Section["clicks"]>): string {
	const row = (what: string, { p50, p95, p99, max }: Latency) => [what, ...[p50, p95, p99, max].map(shown)];
	const rows = [row("a click in Slack", clicks.slack), row("a vote through the API", clicks.api)];
	return markdownTable([[`ms, ${clicks.count} of each`, "p50", "p95", "p99", "max"], ...rows]);
}

function restartTable(restarts: NonNullable<Section["restarts"]>): string {
	const rows = restarts.map(({ part, startMs, backMs }) => [part, shown(startMs), shown(backMs)]);
	return markdownTable([["ms", "start until ready", "`kill -9` until a call is answered"], ...rows]);
}

const shapeTitles: Readonly<Record<Shape, string>> = {
	functions: "ten rules a function",
	callers: "all about one function, each for another caller",
	"one-function": "all about one function and everyone: no index helps",
};

function decisionTable(decisions: readonly DecisionFigures[]): string {
	const counts = [...new Set(decisions.map(({ rules }) => rules))];
	const rows = [...new Set(decisions.map(({ shape }) => shape))].map((shape) => {
		const at = (rules: number) => decisions.find((one) => one.shape === shape && one.rules === rules);
		const [least, most] = [at(counts[0] ?? 0), at(counts.at(-1) ?? 0)];
		const ratio = least && most ? `${shown(most.microseconds / least.microseconds)} x` : "–";
		return [shapeTitles[shape], ...counts.map((rules) => shown(at(rules)?.microseconds)), ratio];
	});
	const head = ["µs a decision", ...counts.map((count) => `${count.toLocaleString("en-US")} rules`), "most to least"];
	return `### Deciding, in process\n\n${markdownTable([head, ...rows])}`;
}

export function maskingTable(masking: readonly MaskingFigures[]): string {
	const rows = masking.map(({ what, bytes, megabytesPerSecond }) => [what, shown(bytes / 1_000), shown(megabytesPerSecond)]);
	return `### Masking, in process\n\n${markdownTable([["what", "kB each", "MB/s"], ...rows])}`;
}

function memoryGrowthTable({ minutes, calls, resident, growth }: MemoryFigures): string {
	const at = (sample: number, name: string) => shown((resident.at(sample)?.[name] ?? Number.NaN) / 1e6);
	const half = Math.floor(resident.length / 2);
	const rows = Object.keys(growth).map((name) => [name, at(0, name), at(half, name), at(-1, name), shown((growth[name] ?? 0) / 1e6)]);
	const head = ["MB", "after half a minute", "half way", "at the end", "a minute, second half"];
	return `### Memory over ${minutes} minutes and ${calls.toLocaleString("en-US")} calls, the stream trimmed after each half minute\n\n${markdownTable([head, ...rows])}`;
}
