// What Callgate is meant to reach, and by how much one run reached it or fell short: every target a ratio or a difference within that run.
import { services } from "#libs/contracts/define-event.ts";
import type { Lane } from "./lanes.ts";
import type { MemoryFigures } from "./measure-memory.ts";
import type { Section, Sections } from "./sections.ts";
import { differenceOf, ratioOf } from "./statistics.ts";
import { markdownTable, shown } from "./table.ts";
import type { LaneFigures } from "./throughput.ts";

export interface Target {
	readonly what: string;
	/** `at least` and `at most` include the bound. */
	readonly aim: "at least" | "at most";
	readonly bound: number;
	readonly unit: string;
	/** A run of some lanes or of fewer callers measures fewer of them. */
	readonly measured: number | undefined;
}

/** Undefined where it was not measured. */
export function isMet({ aim, bound, measured }: Target): boolean | undefined {
	if (measured === undefined) return undefined;
	return aim === "at least" ? measured >= bound : measured <= bound;
}

/** A process that does not grow still wavers by this much a minute: the engine's slack. */
const flatMegabytesAMinute = 1;
/** Less says nothing: caches fill and code is compiled for the first half of it. */
const soakMinutesMin = 10;
/** NATS wavers as much over the 20,000 calls and more that a minute has. What two subjects of each call cost it is thirteen times this. */
const flatMegabytesAMillion = 50;

export function targetsOf({ empty, preloaded, replicas = [], decisions = [], memory }: Sections): Target[] {
	const { throughput, latency, clicks, lag } = empty;
	const soaked = memory && memory.minutes >= soakMinutesMin ? memory : undefined;
	return [
		atLeast("calls/s complete to the floor's, 64 callers", 1.6, rates(throughput, "callgate", "floor")),
		atLeast("calls/s with audit paused to the floor's, 64 callers", 2, rates(throughput, "callgate-unindexed", "floor")),
		atLeast("calls/s complete to the floor's, 256 callers", 2.3, rates(throughput, "callgate", "floor", 256)),
		atMost("p50 over direct, complete to the floor's, open loop", 1.5, "x", overDirect(latency, "p50")),
		atMost("p99 over direct, complete to the floor's, open loop", 1.5, "x", overDirect(latency, "p99")),
		atMost("p50 complete to the floor's, one caller", 1.25, "x", medians(throughput, "callgate", "floor", 1)),
		atLeast("calls/s as MCP tools to those by HTTP, 64 callers", 0.8, rates(throughput, "callgate-mcp", "callgate")),
		atLeast("calls/s of two of each service to one of each, 64 callers", 0.85, rates(replicas, "callgate-two", "callgate")),
		atMost("click to first byte, p99", 100, "ms", clicks?.slack.p99),
		atMost("a decision with 10,000 rules to one with 10, hardest shape that has both", 1.2, "x", worstDecision(decisions)),
		atLeast("complete to the floor with events stored before, to the same without", 0.95, preloaded && keptOf(empty, preloaded)),
		atMost("memory of the service that grows most", flatMegabytesAMinute, "MB a minute", soaked && fastest(soaked)),
		atMost("memory of NATS, trimmed", flatMegabytesAMillion, "MB a million calls", soaked && perMillion(soaked)),
		atMost("from durable to indexed, p99, 64 callers", 3_000, "ms", lag?.p99),
	];
}

export function targetsTable(targets: readonly Target[]): string {
	const rows = targets.map((target) => [
		target.what,
		`${target.aim} ${shown(target.bound)} ${target.unit}`,
		target.measured === undefined ? "–" : `${shown(target.measured)} ${target.unit}`,
		verdictOf(target),
	]);
	return markdownTable([["target", "aim", "measured", ""], ...rows]);
}

/** What is missed says how many times better it would have to be. */
function verdictOf(target: Target): string {
	const { aim, bound, measured } = target;
	if (measured === undefined) return "not measured";
	if (isMet(target)) return "met";
	return `missed by ${shown(aim === "at least" ? bound / measured : measured / bound)} x`;
}

const atLeast = (what: string, bound: number, measured: number | undefined) => ({
	what,
	aim: "at least" as const,
	bound,
	unit: "x",
	measured,
});
const atMost = (what: string, bound: number, unit: string, measured: number | undefined) => ({
	...{ what, aim: "at most" as const, bound, unit, measured },
});

type Figures = readonly LaneFigures[];

function closedAt(figures: Figures, lane: Lane, callers: number): LaneFigures | undefined {
	return figures.find(({ lane: its, load }) => its === lane && load.kind === "closed" && load.callers === callers);
}

function rates(figures: Figures, one: Lane, other: Lane, callers = 64): number | undefined {
	const [ours, theirs] = [closedAt(figures, one, callers), closedAt(figures, other, callers)];
	return ours && theirs && ratioOf(ours.perSecond, theirs.perSecond);
}

function medians(figures: Figures, one: Lane, other: Lane, callers: number): number | undefined {
	const [ours, theirs] = [closedAt(figures, one, callers), closedAt(figures, other, callers)];
	return ours && theirs && ratioOf(ours.latency.p50, theirs.latency.p50);
}

/** What Callgate adds to a direct call, to what the floor adds. */
function overDirect(figures: Figures, name: "p50" | "p99"): number | undefined {
	const of = (lane: Lane) => figures.find((one) => one.lane === lane)?.latency[name];
	const [complete, floor, direct] = [of("callgate"), of("floor"), of("direct")];
	return complete && floor && direct && ratioOf(differenceOf(complete, direct), differenceOf(floor, direct));
}

function worstDecision(decisions: NonNullable<Sections["decisions"]>): number | undefined {
	const at = (shape: string, rules: number) => decisions.find((one) => one.shape === shape && one.rules === rules)?.microseconds;
	const ratios = [...new Set(decisions.map(({ shape }) => shape))].flatMap((shape) => {
		const [most, least] = [at(shape, 10_000), at(shape, 10)];
		return most === undefined || least === undefined ? [] : most / least;
	});
	return ratios.length === 0 ? undefined : Math.max(...ratios);
}

/** Held against the floor of its own time: the machine may have become faster or slower between the two. */
function keptOf(empty: Section, preloaded: Section): number | undefined {
	const [before, after] = [empty, preloaded].map(({ throughput }) => rates(throughput, "callgate", "floor"));
	return before === undefined || after === undefined ? undefined : after / before;
}

function fastest({ growth }: MemoryFigures): number {
	return Math.max(...services.map((service) => growth[service] ?? Number.NaN)) / 1e6;
}

/** Bytes a call are megabytes a million calls. */
function perMillion({ growth, minutes, calls }: MemoryFigures): number {
	return ((growth.nats ?? Number.NaN) * minutes) / calls;
}
