// One call as it happened: each event at its place in time, to scale, in the order of the stream. Pure.
import { type StoryEvent, tellEvent, tellHead } from "./story.ts";

export interface Timeline {
	readonly head: readonly string[];
	/** The lines of each event, in order. */
	readonly steps: readonly (readonly string[])[];
}

/** Columns of the bar; what is nearer than one column stands in one. */
const widthDefault = 40;
const elapsedWidth = 12;

/** @param events of one call in the order of the stream */
export function timelineOf(call: string, events: readonly StoryEvent[], width = widthDefault): Timeline {
	const times = events.map(({ time }) => Date.parse(time));
	const known = times.filter((time) => !Number.isNaN(time));
	const begin = Math.min(...known);
	const totalMs = Math.max(...known) - begin;
	const column = (time: number) => (totalMs > 0 ? Math.round(((time - begin) / totalMs) * (width - 1)) : 0);
	let before = Number.NaN;
	const steps = events.map((event, at) => {
		const time = times[at] ?? Number.NaN;
		if (Number.isNaN(time)) return tellEvent(event, `${"?".padStart(elapsedWidth)}  ${" ".repeat(width + 2)}`);
		const from = Number.isNaN(before) ? time : before;
		before = time;
		const lines = tellEvent(event, `${`+${spoken(time - begin)}`.padStart(elapsedWidth)}  [${bar(column(from), column(time), width)}]`);
		// Services have clocks of their own; what came first is the stream's to say.
		return time < from
			? [...lines, `${" ".repeat(elapsedWidth + 2)}said by a clock that is at least ${spoken(from - time)} behind the one before`]
			: lines;
	});
	return { head: [...tellHead(call, events), ...spansOf(events, times, totalMs)], steps };
}

/** The way from the event before, and this one. */
function bar(from: number, to: number, width: number): string {
	return Array.from({ length: width }, (_, at) =>
		at === to ? "*" : at >= Math.min(from, to) && at <= Math.max(from, to) ? "-" : " ",
	).join("");
}

/** Where the time went: until it was decided, with people, with the function. */
function spansOf(events: readonly StoryEvent[], times: readonly number[], totalMs: number): string[] {
	const at = (...types: readonly string[]) => {
		const index = events.findIndex(({ type }) => types.includes(type));
		return index < 0 ? Number.NaN : (times[index] ?? Number.NaN);
	};
	const [received, started, ended] = [at("call.received"), at("call.started"), at("call.ended")];
	const held = at("call.held");
	const decided = Number.isNaN(held) ? at("call.granted", "call.ended") : held;
	const spans: [string, number][] = [
		["in all", totalMs],
		["decided in", decided - received],
		["with people", at("call.granted", "call.ended") - held],
		["dialled in", started - at("call.granted")],
		["with the function", ended - started],
	];
	return spans.flatMap(([name, ms]) => (ms >= 0 ? [`${name.padEnd(17)} ${spoken(ms)}`] : []));
}

/** `12 ms`, `3.214 s`, `2 h 03 min`. */
function spoken(ms: number): string {
	if (ms < 1_000) return `${ms} ms`;
	if (ms < 60_000) return `${(ms / 1_000).toFixed(3)} s`;
	const minutes = Math.floor(ms / 60_000);
	const two = (value: number) => String(value).padStart(2, "0");
	return minutes < 60
		? `${minutes} min ${two(Math.floor((ms % 60_000) / 1_000))} s`
		: `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}
