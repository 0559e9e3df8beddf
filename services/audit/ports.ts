// What audit needs from outside, in its own words. The stream is the bus (libs/bus); the record is kept by an index, read by a reader.
import type { Caller } from "#libs/contracts/call.ts";
import type { CallgateEvent, EventType } from "#libs/contracts/events.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { Place, RecordDocument } from "#libs/contracts/index-template.ts";
import type { Story } from "#libs/contracts/story.ts";

/** What became of one document: `exists` is as good as `created`; `refused` will never be taken, however often it is tried. */
export type Outcome =
	| { readonly kind: "created" }
	| { readonly kind: "exists" }
	/** `fault` names an error type and at most a field, never a value. */
	| { readonly kind: "refused"; readonly fault: string };

/** A document on its way; `again`: it may have been delivered before, so it may be in the index already. */
export interface Delivered extends RecordDocument {
	readonly again: boolean;
}

export interface Index {
	/**
	 * Adds documents, each under its own id, at most once ever; changes and removes nothing. One outcome a document, in their order. When it
	 * resolves, what was created is durable.
	 *
	 * @throws {IndexUnavailable} if the outcome of any of them is not known to be final. Some may have been created: give all of them again.
	 */
	create(documents: readonly Delivered[]): Promise<readonly Outcome[]>;
}

/** The index cannot take or give documents now, and may later. */
export class IndexUnavailable extends ExpectedError {
	/**
	 * `away` no answer · `busy` it asks for patience (429, 5xx, a disk that is full) · `forbidden` our credentials are not enough ·
	 * `outdated` the template or the data stream is missing or older than this service: an operator must provision it.
	 */
	readonly reason: "away" | "busy" | "forbidden" | "outdated";
	constructor(reason: IndexUnavailable["reason"], message: string, options?: ErrorOptions) {
		super(message, options);
		this.reason = reason;
	}
}

/** An event as it is on the record: without what only its reader may open, and with its place in the stream. */
export interface RecordedEvent {
	readonly id: string;
	readonly source: string;
	readonly type: EventType;
	readonly subject: string;
	readonly time: string;
	readonly traceparent?: string;
	readonly position: number;
	readonly item: number;
	readonly data: Readonly<Record<string, unknown>>;
}

/**
 * One of the record's own fields, by the name that a recorded event has for it. `=` is met if one of its values is that (`!=` if none is, so also
 * where there is none); members of arguments and answers are compared as text.
 */
export type Condition =
	| { readonly field: string; readonly operator: "exists" }
	| { readonly field: string; readonly operator: "=" | "!=" | "<" | "<=" | ">" | ">="; readonly value: string | number | boolean };

/** What an auditor looks for; every member narrows. */
export interface RecordQuery {
	/** Words anywhere in the text of an event: simple_query_string without its costly operators. */
	readonly q?: string;
	readonly call?: string;
	readonly type?: EventType;
	/** The caller's subject or e-mail. */
	readonly caller?: string;
	readonly connection?: string;
	readonly function?: string;
	readonly ending?: string;
	/** RFC 3339, inclusive. */
	readonly from?: string;
	/** RFC 3339, exclusive. */
	readonly to?: string;
	/** All of them hold. */
	readonly where?: readonly Condition[];
}

/** Where a page ended: time in milliseconds, position, item. */
export type PageEnd = readonly [number, number, number];

export interface RecordPage {
	/** Newest first. */
	readonly events: readonly RecordedEvent[];
	/** Given if there may be more. */
	readonly end?: PageEnd;
	/** How many match. */
	readonly total: Count;
}

/** Which part of the stream is asked for. */
export interface Stretch {
	/** Not included. */
	readonly after: Place;
	/** Included. */
	readonly upTo: number;
	/** What this reader read of the record is left out: who follows would else be told of following, without end. */
	readonly except?: Pick<Caller, "issuer" | "subject">;
}

/** A count that is exact up to 10,000. */
export interface Count {
	readonly value: number;
	readonly exact: boolean;
}

export interface Stretched {
	/** In the order of the stream. */
	readonly events: readonly RecordedEvent[];
	/** How many more there are in the stretch. */
	readonly left: Count;
}

/** Reads the record; can change nothing. What was created a moment ago may not be found yet. */
export interface RecordReader {
	/** How many words (runs of letters or digits) one query may look for. */
	readonly wordsMax: number;
	/** @throws {IndexUnavailable} */
	search(query: RecordQuery, size: number, after?: PageEnd): Promise<RecordPage>;
	/** The first events that match, at most `size`. @throws {IndexUnavailable} */
	stretch(query: RecordQuery, size: number, stretch: Stretch): Promise<Stretched>;
	/** All events of one call, in the order of the stream. @throws {IndexUnavailable} */
	story(call: string): Promise<readonly RecordedEvent[]>;
	/** Resolves when everything that was created before is found. @throws {IndexUnavailable} */
	refresh(): Promise<void>;
	/** Which of these document ids are on the record, wherever in the data stream. @throws {IndexUnavailable} */
	recorded(ids: readonly string[]): Promise<ReadonlySet<string>>;
	/** The furthest position of the events that happened at `since` (RFC 3339) or later; 0 if there are none. @throws {IndexUnavailable} */
	furthest(since?: string): Promise<number>;
}

/** How far the stories have been made from a record that was there before them: up to a place, or all of it. */
export type Built = Place | "whole";

export interface Stories {
	/**
	 * Merges parts of stories, one a call, into what is told of their calls. Again, in any order, and by several at once comes to the same. Returns
	 * how many the index will never take; the record has them.
	 *
	 * @throws {IndexUnavailable} if not all of them are known to be told: give all of them again.
	 */
	merge(parts: readonly Story[]): Promise<{ readonly refused: number }>;
	/** Undefined: nothing was built. @throws {IndexUnavailable} */
	built(): Promise<Built | undefined>;
	/** @throws {IndexUnavailable} */
	setBuilt(built: Built): Promise<void>;
}

/** What an auditor looks for among calls; every member narrows. Conditions name a story's own fields. */
export interface StoryQuery extends Omit<RecordQuery, "type"> {
	readonly state?: Story["state"];
}

export interface StoryPage {
	/** Newest first, by the time in the call's id. */
	readonly stories: readonly Story[];
	/** Given if there may be more: the last call of the page. */
	readonly end?: string;
	/** How many match; counted exactly up to 10,000. */
	readonly total: { readonly value: number; readonly exact: boolean };
}

/** Reads stories; can change nothing. What was told a moment ago may not be found yet. */
export interface StoryReader {
	/** As of {@link RecordReader}. */
	readonly wordsMax: number;
	/** `from` and `to` are about when the call was received. @throws {IndexUnavailable} */
	calls(query: StoryQuery, size: number, after?: string): Promise<StoryPage>;
}

export interface Auditors {
	/** Whether the active configuration's group `auditors` has this caller, by e-mail or through the groups of the identity provider. */
	has(caller: Caller): boolean;
}

/** Puts an event on the stream; resolves when it is durable. */
export type Say = (event: CallgateEvent) => Promise<unknown>;

/** What those who run audit should know. Names, numbers and codes only. */
export interface AuditLog {
	/** The index did not take a batch; it will be tried again. */
	unavailable(about: { reason: string; message: string; events: number }): void;
	/** The index takes documents again. */
	available(): void;
	/** Alarm: calls whose story the index does not take. The record has their events. */
	untold(stories: number): void;
	/** Alarm: something on the stream has no document. */
	parked(about: { position: number; item: number; type?: string; fault: string }): void;
}

/** What is counted and measured; see docs/operations for what to alarm on. */
export interface AuditMetrics {
	recorded(outcome: Outcome["kind"], events: number): void;
	told(outcome: "told" | "refused", stories: number): void;
	parked(): void;
	/** A batch is in the index; its oldest event became durable then. */
	indexed(oldest: Date): void;
	/** A batch has to wait; its oldest event became durable then. */
	waiting(oldest: Date): void;
}
