// An auditor reads the record: only a member of the group may, and that they read is itself on the record before they see anything.
import { randomUUID } from "node:crypto";
import type { Caller } from "#libs/contracts/call.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { RefusalTally } from "#libs/service/refusal-events.ts";
import {
	type Auditors,
	IndexUnavailable,
	type PageEnd,
	type RecordedEvent,
	type RecordQuery,
	type RecordReader,
	type Say,
	type StoryPage,
	type StoryQuery,
	type StoryReader,
} from "./ports.ts";

export interface ReadingParts {
	readonly reader: RecordReader;
	readonly storyReader: StoryReader;
	readonly auditors: Auditors;
	readonly say: Say;
	readonly now: () => Date;
	readonly refused: RefusalTally<"control.record.refused">;
	/** Masks what an auditor typed: a card number that is looked for must not get onto the record by that. */
	readonly maskText: (text: string) => string;
}

export interface SearchAnswer {
	readonly events: readonly RecordedEvent[];
	/** Give it as `cursor` to read on; absent on the last page. */
	readonly next?: string;
	readonly total: { readonly value: number; readonly exact: boolean };
}

export interface CallsAnswer extends Omit<StoryPage, "end"> {
	/** As of {@link SearchAnswer}. */
	readonly next?: string;
}

export interface CallAnswer {
	readonly call: string;
	readonly events: readonly RecordedEvent[];
}

/** As `control.record.read` declares it. */
const queryTextMax = 2_048;

/**
 * One page of the events that match, newest first.
 *
 * @throws {Refusal} `not_an_auditor`, `malformed_request` for a cursor that is none, `not_ready` while the index cannot be read,
 * `events_unavailable` if the reading cannot be recorded.
 */
export async function searchRecord(
	parts: ReadingParts,
	caller: Caller,
	asked: { readonly query: RecordQuery; readonly size: number; readonly cursor?: string | undefined },
): Promise<SearchAnswer> {
	refuseStranger(parts, caller);
	const { query, size, cursor } = asked;
	refuseManyWords(query.q, parts.reader.wordsMax);
	const after = cursor === undefined ? undefined : (decodeCursor(cursor, 3) as unknown as PageEnd);
	const said = saidOf(parts, query, { size, ...(cursor && { cursor }) });
	const { events, end, total } = await reading(parts.reader.search(query, size, after));
	await sayRead(parts, caller, said, events.length);
	return { events, ...(end && { next: encodeCursor(end) }), total };
}

/**
 * One page of the calls whose stories match, newest first.
 *
 * @throws {Refusal} as {@link searchRecord}
 */
export async function searchCalls(
	parts: ReadingParts,
	caller: Caller,
	asked: { readonly query: StoryQuery; readonly size: number; readonly cursor?: string | undefined },
): Promise<CallsAnswer> {
	refuseStranger(parts, caller);
	const { query, size, cursor } = asked;
	refuseManyWords(query.q, parts.storyReader.wordsMax);
	const said = saidOf(parts, query, { of: "calls", size, ...(cursor && { cursor }) });
	const { stories, end, total } = await reading(parts.storyReader.calls(query, size, cursor));
	await sayRead(parts, caller, said, stories.length);
	return { stories, ...(end && { next: end }), total };
}

/**
 * Everything on the record about one call, in the order it happened.
 *
 * @throws {Refusal} as {@link searchRecord}, and `not_found` for a call of which nothing is recorded (yet).
 */
export async function readCall(parts: ReadingParts, caller: Caller, call: string, how: Record<string, unknown> = {}): Promise<CallAnswer> {
	refuseStranger(parts, caller);
	const events = await reading(parts.reader.story(call));
	await sayRead(parts, caller, JSON.stringify({ call, ...how }), events.length);
	if (events.length === 0) {
		throw new Refusal("not_found", { detail: "nothing is on the record about this call; what just happened may take a moment", call });
	}
	return { call, events };
}

export function refuseStranger({ auditors, refused }: ReadingParts, caller: Caller): void {
	if (auditors.has(caller)) return;
	refused.note({ reader: caller }, { issuer: caller.issuer, subject: caller.subject });
	throw new Refusal("not_an_auditor", { detail: "only members of the group auditors may read the record" });
}

export function refuseManyWords(q: string | undefined, wordsMax: number): void {
	const words = q?.match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
	if (words > wordsMax) {
		const error = { pointer: "/q", message: `has ${words} words, at most ${wordsMax} are searched for at once` };
		throw new Refusal("malformed_request", { detail: "the query has too many words", errors: [error] });
	}
}

export async function reading<T>(answer: Promise<T>): Promise<T> {
	try {
		return await answer;
	} catch (error) {
		if (error instanceof IndexUnavailable)
			throw new Refusal("not_ready", { detail: "the record cannot be searched now", retryAfterSeconds: 5 });
		throw error;
	}
}

/** What the record says was asked. @throws {Refusal} where it is more than an event holds: what is cut would hide what was looked for. */
export function saidOf({ maskText }: ReadingParts, { q, where, ...query }: RecordQuery, how: Record<string, unknown>): string {
	const masked = where?.map((condition) => {
		const isText = condition.operator !== "exists" && typeof condition.value === "string";
		return isText ? { ...condition, value: maskText(condition.value as string) } : condition;
	});
	const said = JSON.stringify({ ...query, ...(q !== undefined && { q: maskText(q) }), ...(masked && { where: masked }), ...how });
	if (said.length <= queryTextMax) return said;
	throw new Refusal("malformed_request", {
		detail: "the query is too long",
		errors: [{ pointer: "", message: `has more than ${queryTextMax} characters as it would be recorded: ask for less at once` }],
	});
}

/** Durable before anything is shown. `hits` counts the events, or the stories, handed out. */
export async function sayRead({ say, now }: ReadingParts, reader: Caller, query: string, hits: number): Promise<void> {
	await say(newEvent("audit", "control.record.read", { reader, query, hits }, { at: now(), about: "record", nth: randomUUID() }));
}

export function encodeCursor(end: readonly number[]): string {
	return Buffer.from(JSON.stringify(end)).toString("base64url");
}

export function decodeCursor(cursor: string, length: number): number[] {
	try {
		const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
		if (Array.isArray(parts) && parts.length === length && parts.every((part) => Number.isSafeInteger(part))) return parts;
	} catch {
		// Told below, as for any other cursor that is not ours.
	}
	const error = { pointer: "/cursor", message: "is not the `next` of an earlier answer" };
	throw new Refusal("malformed_request", { detail: "the cursor cannot be read", errors: [error] });
}
