// Who called what in a period, from how calls ended: by person and function, by person, by function. Pure.
import type { endings } from "#libs/contracts/call.ts";
import type { StoryEvent } from "../story.ts";
import type { Cell, Table } from "./report.ts";

type Ending = (typeof endings)[number];

/** Each accepted call has exactly one. */
export const accessEvents = ["call.ended"] as const;

const outcomeColumns = ["completed", "refused", "failed", "cancelled"] as const;
/** In which column an ending counts. */
const outcomes: Readonly<Record<Ending, (typeof outcomeColumns)[number]>> = {
	completed: "completed",
	denied: "refused",
	rejected: "refused",
	expired: "refused",
	cancelled: "cancelled",
	failed: "failed",
	unknown: "failed",
};

interface Tally {
	readonly names: readonly string[];
	/** People of a function, functions of a person. */
	readonly others: Set<string>;
	calls: number;
	readonly outcomes: Record<(typeof outcomeColumns)[number], number>;
	first: string;
	last: string;
}

export class AccessReview {
	private readonly pairs = new Map<string, Tally>();
	private readonly people = new Map<string, Tally>();
	private readonly functions = new Map<string, Tally>();

	add({ time, data }: Pick<StoryEvent, "time" | "data">): void {
		const { issuer = "", subject = "", email } = (data.caller ?? {}) as Readonly<Record<string, string | undefined>>;
		// The e-mail tells people apart for whoever reads it; who they are is issuer and subject.
		const person = [email ?? subject, subject, issuer];
		const called = [String(data.connection), String(data.function)];
		const outcome = outcomes[data.ending as Ending];
		count(this.pairs, [issuer, subject, ...called], [...person, ...called], "", outcome, time);
		count(this.people, [issuer, subject], person, JSON.stringify(called), outcome, time);
		count(this.functions, called, called, JSON.stringify([issuer, subject]), outcome, time);
	}

	/** @param show an instant as its reader wants it */
	tables(show: (instant: string) => string): [Table, ...Table[]] {
		const rowsOf = (tallies: Map<string, Tally>, rest: (tally: Tally) => Cell[]) =>
			[...tallies.values()].sort(byNames).map((tally) => [...tally.names, ...rest(tally)]);
		const counts = (tally: Tally) => [tally.calls, ...outcomeColumns.map((name) => tally.outcomes[name])];
		const times = (tally: Tally) => [show(tally.first), show(tally.last)];
		const [person, called] = [
			["person", "subject", "issuer"],
			["connection", "function"],
		];
		const counted = ["calls", ...outcomeColumns];
		return [
			{
				title: "By person and function",
				columns: [...person, ...called, ...counted, "first", "last"],
				rows: rowsOf(this.pairs, (tally) => [...counts(tally), ...times(tally)]),
			},
			{
				title: "By person",
				columns: [...person, "functions", ...counted, "first", "last"],
				rows: rowsOf(this.people, (tally) => [tally.others.size, ...counts(tally), ...times(tally)]),
			},
			{
				title: "By function",
				columns: [...called, "people", ...counted, "first", "last"],
				rows: rowsOf(this.functions, (tally) => [tally.others.size, ...counts(tally), ...times(tally)]),
			},
		];
	}
}

function count(
	tallies: Map<string, Tally>,
	key: readonly string[],
	names: readonly string[],
	other: string,
	outcome: (typeof outcomeColumns)[number],
	time: string,
): void {
	const id = JSON.stringify(key);
	const none = { completed: 0, refused: 0, failed: 0, cancelled: 0 };
	const tally = tallies.get(id) ?? { names, others: new Set<string>(), calls: 0, outcomes: none, first: time, last: time };
	tallies.set(id, tally);
	tally.others.add(other);
	tally.calls++;
	tally.outcomes[outcome]++;
	if (Date.parse(time) < Date.parse(tally.first)) tally.first = time;
	if (Date.parse(time) > Date.parse(tally.last)) tally.last = time;
}

function byNames(one: Tally, other: Tally): number {
	return one.names.join("\n").localeCompare(other.names.join("\n"), "en");
}
