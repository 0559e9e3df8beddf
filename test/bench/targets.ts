// What Callgate is meant to reach, and by how much one run reached it or fell short: every target a ratio or a difference within that run.
import type { Lane } from "./lanes.ts";
import type { Section, Sections } from "./sections.ts";
import { markdownTable, shown } from "./table.ts";

export interface Target {
	readonly what: string;
	/** `at least` and `at most` include the bound. */
	readonly aim: "at least" | "at most";
	readonly bound: number;
	readonly unit: string;
	readonly measured: number;
}

/** Whose memory must not grow: callers, bank and floor are the bench's own. */
const judged = ["ingress", "policy", "approval", "executor", "audit", "nats", "opensearch", "valkey"];

export const isMet = ({ aim, bound, measured }: Target): boolean => (aim === "at least" ? measured >= bound : measured <= bound);

/** The targets that this run measured: one of some lanes or of fewer callers has fewer of them. */
export function targetsOf(sections: Sections): Target[] {
	const { empty, preloaded, decisions = [], memory } = sections;
	const targets: (Omit<Target, "measured"> & { measured: number | undefined })[] = [
		atLeast("calls/s with audit paused to the floor's, 64 callers", 2, ratio(rateOf(empty, "callgate-unindexed"), rateOf(empty, "floor"))),
		atLeast("calls/s complete to the floor's, 64 callers", 1, ratio(rateOf(empty, "callgate"), rateOf(empty, "floor"))),
		atLeast("audit paused, 256 callers to 64", 1, ratio(rateOf(empty, "callgate-unindexed", 256), rateOf(empty, "callgate-unindexed"))),
		atLeast("complete, 256 callers to 64", 1, ratio(rateOf(empty, "callgate", 256), rateOf(empty, "callgate"))),
		atMost("p50 over direct, complete, open loop", 4, "ms", overDirect(empty, "p50")),
		atMost("p99 over direct, complete, open loop", 15, "ms", overDirect(empty, "p99")),
		atMost("click to first byte, p99", 250, "ms", empty.clicks?.slack.p99),
		atMost("a decision with 10,000 rules to one with 10, hardest shape that has both", 1.5, "x", worstDecision(decisions)),
		atLeast("complete to the floor with events stored before, to the same without", 0.8, preloaded && keptOf(empty, preloaded)),
		...judged.map((name) => atMost(`memory of ${name}`, 1, "MB a minute", memory && (memory.growth[name] ?? Number.NaN) / 1e6)),
	];
	return targets.flatMap(({ measured, ...target }) => (measured === undefined || Number.isNaN(measured) ? [] : [{ ...target, measured }]));
}

export function targetsTable(targets: readonly Target[]): string {
	const rows = targets.map((target) => [
		target.what,
		`${target.aim} ${shown(target.bound)} ${target.unit}`,
		`${shown(target.measured)} ${target.unit}`,
		isMet(target) ? "met" : `missed by ${shown(shortfall(target))} x`,
	]);
	return markdownTable([["target", "aim", "measured", ""], ...rows]);
}

/** How many times better it would have to be. */
function shortfall({ aim, bound, measured }: Target): number {
	return aim === "at least" ? bound / measured : measured / bound;
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

function ratio(one: number | undefined, other: number | undefined): number | undefined {
	return one === undefined || other === undefined ? undefined : one / other;
}

function rateOf({ throughput }: Section, lane: Lane, callers = 64): number | undefined {
	return throughput.find(({ lane: its, load }) => its === lane && load.kind === "closed" && load.callers === callers)?.perSecond.median;
}

function overDirect({ latency }: Section, name: "p50" | "p99"): number | undefined {
	const of = (lane: Lane) => latency.find((one) => one.lane === lane)?.latency[name].median;
	const [complete, direct] = [of("callgate"), of("direct")];
	return complete === undefined || direct === undefined ? undefined : complete - direct;
}

function worstDecision(decisions: NonNullable<Sections["decisions"]>): number | undefined {
	const at = (shape: string, rules: number) => decisions.find((one) => one.shape === shape && one.rules === rules)?.microseconds;
	const ratios = [...new Set(decisions.map(({ shape }) => shape))].flatMap((shape) => ratio(at(shape, 10_000), at(shape, 10)) ?? []);
	return ratios.length === 0 ? undefined : Math.max(...ratios);
}

/** Held against the floor of its own time: the machine may have become faster or slower between the two. */
function keptOf(empty: Section, preloaded: Section): number | undefined {
	const toFloor = (section: Section) => ratio(rateOf(section, "callgate"), rateOf(section, "floor"));
	return ratio(toFloor(preloaded), toFloor(empty));
}
