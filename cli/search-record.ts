// `callgate audit search`: finds events or calls, page after page, or events as they come, in lines for people or for other programs.
import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import { endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { storyStates } from "#libs/contracts/story.ts";
import { type Answer, type ApiClient, addReachOptions, callIdOf, type ReachOptions, reach } from "./api-client.ts";
import { CommandFailed, exitCodes, wrongUsage } from "./command-failed.ts";
import { readTime, Zone } from "./instants.ts";
import type { Io } from "./io.ts";
import { listOf, recordOf } from "./problem.ts";
import { csvHead, csvLine, eventRows, jsonLine, type Rows, readColumns, storyRows } from "./record-rows.ts";
import { type StoryEvent, tellBriefly, tellCall } from "./story.ts";
import { parseExactly, safeJson, safeLine } from "./terminal-text.ts";

const narrowing = ["call", "type", "caller", "connection", "function", "ending"] as const;
const paging = ["size", "cursor"] as const;

/** What narrows which events are read. */
export interface NarrowingOptions extends ReachOptions, Readonly<Partial<Record<(typeof narrowing)[number], string>>> {
	readonly where?: readonly string[];
	readonly from?: string;
	readonly zone: string;
}

interface SearchOptions extends NarrowingOptions, Readonly<Partial<Record<(typeof paging)[number], string>>> {
	readonly to?: string;
	readonly limit?: number;
	readonly follow?: true;
	readonly calls?: true;
	readonly state?: string;
	readonly csv?: true;
	readonly ndjson?: true;
	readonly fields?: string;
}

/** What is searched for. */
interface Sought {
	readonly path: string;
	/** The member of the answer that has them. */
	readonly list: "events" | "stories";
	readonly rows: Rows;
	/** One of them in a line for people. */
	tell(one: Found, inZone: (instant: string) => string): string;
}
type Found = Readonly<Record<string, unknown>>;

const soughtEvents: Sought = {
	...{ path: "/v1/audit/events", list: "events", rows: eventRows },
	tell: (event, inZone) => tellBriefly(event as unknown as StoryEvent, inZone),
};
const soughtCalls: Sought = { path: "/v1/audit/calls", list: "stories", rows: storyRows, tell: tellCall };

/** The largest page of the API. */
const pageMax = 500;
const limitMax = 1_000_000;
const followPath = "/v1/audit/events/follow";
/** How long the API is asked to wait for something to come, and how much longer its answer may take. */
export const waitSeconds = 25;
const answerMs = 30_000;
/** A follower that cannot be answered tries so often in a row, at most every ten seconds. */
const triesMax = 60;

/** Adds where audit is, and what narrows which events are read. */
export function addNarrowing(command: Command): Command {
	return addReachOptions(command, "audit")
		.option("--call <id>", "events of one call")
		.option("--type <type>", `one kind of event: ${events.map(({ type }) => type).join(", ")}`)
		.option("--caller <who>", "subject or e-mail of the caller")
		.option("--connection <name>", "calls of one connection")
		.option("--function <name>", "calls of one function")
		.option("--ending <ending>", `how calls ended: ${endings.join(", ")}`)
		.option("--where <condition>", "a field and what it must be: data.voter=dana@example.com, data.durationMs>=1000 (repeatable)", gather)
		.option("--from <time>", "at or after this: a day, a time in --zone, an instant with its offset, or how long ago (90m, 7d)")
		.option("--zone <name>", "the time zone of days and times, typed and shown", "UTC");
}

export function registerSearch(command: Command, io: Io): void {
	addNarrowing(command.description("Find events, newest first, or follow them as they come").argument("[words...]", "words to look for"))
		.option("--to <time>", "before this")
		.option("--limit <n>", "read on, page after page, until so many events were shown", limit)
		.option("--size <n>", `events a page, at most ${pageMax}`)
		.option("--cursor <cursor>", "read on where a page ended")
		.option("--calls", "find calls instead: a line each, of how it was decided and ended; --where names a story's fields")
		.option("--state <state>", `with --calls: where they stand: ${storyStates.join(", ")}`)
		.option("--follow", "show what comes, oldest first, until it is stopped; with --from what came since as well")
		.option("--csv", "print CSV, for spreadsheets; no cell is a formula")
		.option("--ndjson", "print JSON, one event a line")
		.option("--fields <names>", "with --csv: the fields, by their own names, with commas between them")
		.action(async (words: string[], options: SearchOptions) => {
			refuseContradictions(options);
			const zone = new Zone(options.zone);
			const sought = options.calls ? soughtCalls : soughtEvents;
			const show = shower(sought, options, zone, io);
			const query = queryOf(words, options, zone);
			for (const name of [...paging, "state"] as const) if (options[name] !== undefined) query.set(name, options[name]);
			if (options.to !== undefined) query.set("to", readTime("--to", options.to, zone, new Date()));
			const api = await reach("audit", options, io);
			if (options.follow) await follow(api, query, options, show, io);
			else await search(api, sought, query, options, show, io);
		});
}

function gather(value: string, before: readonly string[] = []): string[] {
	return [...before, value];
}

function limit(value: string): number {
	if (/^[1-9]\d{0,6}$/.test(value) && Number(value) <= limitMax) return Number(value);
	throw new InvalidArgumentError(`expected a number of events, 1 to ${limitMax}`);
}

function refuseContradictions(options: SearchOptions): void {
	const { json, csv, ndjson, fields, follow, cursor, to, limit: most, calls, state, type } = options;
	if (calls && (type !== undefined || follow))
		throw wrongUsage("--calls finds calls: leave out --type, and --follow, which shows events as they come.");
	if (state !== undefined && !calls) throw wrongUsage("--state is where calls stand. Add --calls.");
	if ([json, csv, ndjson].filter(Boolean).length > 1) throw wrongUsage("--json, --csv and --ndjson exclude each other. Choose one.");
	if (fields !== undefined && !csv) throw wrongUsage("--fields are the columns of --csv. Add it; --ndjson has whole events.");
	if (follow && (json || cursor !== undefined || to !== undefined))
		throw wrongUsage("--follow goes on from now, or from --from: leave out --to and --cursor, and use --ndjson instead of --json.");
	if (json && most !== undefined) throw wrongUsage("--json prints one page as the API answers it. With --limit use --ndjson.");
}

export function queryOf(words: readonly string[], options: NarrowingOptions, zone: Zone): URLSearchParams {
	if (options.call !== undefined) callIdOf(options.call);
	const query = new URLSearchParams();
	if (words.length > 0) query.set("q", words.join(" "));
	for (const name of narrowing) {
		const value = options[name];
		if (value !== undefined) query.set(name, value);
	}
	if (options.from !== undefined) query.set("from", readTime("--from", options.from, zone, new Date()));
	for (const condition of options.where ?? []) query.append("where", condition);
	return query;
}

/** One of what was found to standard output, as was asked for. */
function shower({ rows, tell }: Sought, { csv, ndjson, fields }: SearchOptions, zone: Zone, io: Io): (one: Found) => void {
	if (ndjson) return (one) => io.print(jsonLine(one));
	if (!csv) return (one) => io.print(tell(one, (instant) => zone.show(instant)));
	const columns = readColumns(fields, rows);
	let isFirst = true;
	return (one) => {
		if (isFirst) io.print(csvHead(columns));
		isFirst = false;
		io.print(csvLine(one, columns, zone, rows));
	};
}

async function search(
	api: ApiClient,
	{ path, list }: Sought,
	query: URLSearchParams,
	options: SearchOptions,
	show: (one: Found) => void,
	io: Io,
): Promise<void> {
	let left = options.limit ?? 1;
	if (options.limit !== undefined && options.size === undefined) query.set("size", String(Math.min(left, pageMax)));
	let shown = 0;
	for (;;) {
		const answer = await api.ask("GET", `${path}?${query}`);
		const { found, next, total } = pageOf<Found>(answer, list);
		if (options.json) {
			io.print(safeJson(answer.text));
			return;
		}
		const now = options.limit === undefined ? found : found.slice(0, left);
		now.forEach(show);
		shown += now.length;
		left -= options.limit === undefined ? 1 : now.length;
		if (next === undefined || left <= 0) {
			tellRest(options, shown, next, total, io);
			return;
		}
		query.set("cursor", next);
	}
}

/** For a person what was shown and how to read on; beside lines for other programs only that there is more. */
function tellRest({ csv, ndjson, limit: most }: SearchOptions, shown: number, next: string | undefined, total: unknown, io: Io): void {
	const isForPrograms = csv || ndjson;
	if (shown === 0 && !isForPrograms) io.print("Nothing on the record matches. What just happened may take a moment.");
	if (shown === 0) return;
	if (next === undefined) return;
	const { value, exact } = recordOf(total);
	const count = value === undefined ? "" : ` of ${exact === true ? "" : "more than "}${safeLine(value)}`;
	const how = most === undefined ? `the same search with --cursor ${safeLine(next)}` : "a larger --limit, or --to the last time shown";
	const more = `${shown}${count}. Older ones: ${how}`;
	if (isForPrograms) io.tell(more);
	else for (const line of ["", more]) io.print(line);
}

async function follow(api: ApiClient, query: URLSearchParams, options: SearchOptions, show: (event: Found) => void, io: Io): Promise<void> {
	query.set("size", options.size ?? String(Math.min(options.limit ?? pageMax, pageMax)));
	let left = options.limit ?? Number.POSITIVE_INFINITY;
	while (left > 0) {
		const asked = performance.now();
		const { found, next } = pageOf<Found>(await askPatiently(() => api, query, io));
		const now = found.slice(0, left);
		now.forEach(show);
		left -= now.length;
		if (next === undefined) throw stranger();
		// The first answer says where it begins, and is not waited for.
		const isFirst = !query.has("wait");
		query.set("cursor", next);
		query.set("wait", String(waitSeconds));
		// An API that has no place for one who waits answers at once.
		if (!isFirst && found.length === 0 && performance.now() - asked < 1_000) await delay(1_000);
	}
}

/** While audit restarts or its index is away nothing is lost: what comes meanwhile is shown afterwards. */
export async function askPatiently(api: () => ApiClient | Promise<ApiClient>, query: URLSearchParams, io: Io): Promise<Answer> {
	for (let tries = 1; ; tries++) {
		try {
			return await (await api()).ask("GET", `${followPath}?${query}`, { timeoutMs: waitSeconds * 1_000 + answerMs });
		} catch (error) {
			if (!(error instanceof CommandFailed) || !mayPass(error) || tries >= triesMax) throw error;
			if (tries === 1) io.tell("callgate: the record cannot be read now; trying again, nothing is left out");
			await delay(Math.min(10_000, 100 * 2 ** tries));
		}
	}
}

function mayPass({ exitCode, shown }: CommandFailed): boolean {
	return exitCode === exitCodes.unreachable || recordOf(shown.problem).status === 503;
}

interface Page<One> {
	readonly found: readonly One[];
	readonly next: string | undefined;
	readonly total: unknown;
}

/** @throws {CommandFailed} where it is not the answer of an audit */
export function eventsOf({ value }: Answer): readonly StoryEvent[] {
	return foundIn(value, "events") as unknown as StoryEvent[];
}

/** What was found, with each number as it was written: it is passed on. @throws {CommandFailed} as {@link eventsOf} */
export function pageOf<One = StoryEvent>(answer: Answer, list: Sought["list"] = "events"): Page<One> {
	foundIn(answer.value, list);
	const { next, total } = recordOf(answer.value);
	const found = foundIn(parseExactly(answer.text), list) as unknown as One[];
	return { found, next: typeof next === "string" ? next : undefined, total };
}

function foundIn(value: unknown, list: Sought["list"]): ReturnType<typeof listOf> {
	const { [list]: found } = recordOf(value);
	if (!Array.isArray(found)) throw stranger();
	return listOf(found);
}

function stranger(): CommandFailed {
	return new CommandFailed("What answers is not Callgate's audit service. Is --audit-url or CALLGATE_AUDIT_URL right?", {
		exitCode: exitCodes.unreachable,
	});
}
