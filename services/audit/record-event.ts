// Puts what happened on the record: a batch of events becomes documents, and is acknowledged only when the index has all of them and their calls' stories tell them.
import type { Delivery, StoredEvent } from "#libs/bus/bus.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { documentOf } from "#libs/contracts/index-template.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import {
	type AuditLog,
	type AuditMetrics,
	type Delivered,
	type Index,
	IndexUnavailable,
	type Outcome,
	type Say,
	type Stories,
} from "./ports.ts";
import { recordedEvent } from "./recorded-event.ts";
import { storiesOf } from "./tell-story.ts";

export interface RecorderParts {
	readonly index: Index;
	readonly stories: Pick<Stories, "merge">;
	readonly say: Say;
	readonly now: () => Date;
	/** Milliseconds of a clock that only goes forward: a pause does not last an hour because the time of day was set back. */
	readonly elapsedMs?: () => number;
	readonly log: AuditLog;
	readonly metrics: AuditMetrics;
	/** After a failure nothing is asked of the index for this long; doubles with each failure up to the maximum. */
	readonly pauseMs?: { readonly first: number; readonly max: number };
}

export type Entry = StoredEvent & Delivery;

export interface Recorder {
	/**
	 * Returns when each event of the batch is in the index or parked.
	 *
	 * @throws {IndexUnavailable} when the whole batch must come again. What was indexed already is recognised by its id then.
	 */
	record(batch: readonly Entry[]): Promise<void>;
	/** Parks an item that is no event. */
	parkMalformed(fault: string, delivery: Delivery): Promise<void>;
	/** Why nothing can be indexed now, or undefined. */
	trouble(): string | undefined;
}

/** A second is more than a hiccup and less than a restart; with ten, an index that comes back is used again at once in human terms. */
const pauseDefault = { first: 1_000, max: 10_000 };

export function createRecorder(parts: RecorderParts): Recorder {
	const { elapsedMs = () => performance.now(), log, metrics, pauseMs = pauseDefault } = parts;
	let failures = 0;
	let pausedUntil = Number.NEGATIVE_INFINITY;
	let trouble: IndexUnavailable | undefined;

	const failed = (error: IndexUnavailable, batch: readonly Entry[]): void => {
		pausedUntil = elapsedMs() + Math.min(pauseMs.max, pauseMs.first * 2 ** Math.min(failures++, 16));
		trouble = error;
		metrics.waiting(oldestOf(batch));
		log.unavailable({ reason: error.reason, message: error.message, events: batch.length });
	};
	const succeeded = (): void => {
		if (trouble) log.available();
		failures = 0;
		trouble = undefined;
	};

	return {
		async record(batch) {
			if (batch.length === 0) return;
			// The bus gives the batch again after its own back-off; meanwhile an index that suffers is left alone.
			if (trouble && elapsedMs() < pausedUntil) throw trouble;
			let outcomes: readonly Outcome[];
			try {
				outcomes = await recordEach(parts, batch);
			} catch (error) {
				const known =
					error instanceof IndexUnavailable ? error : new IndexUnavailable("busy", "the index failed unexpectedly", { cause: error });
				failed(known, batch);
				throw known;
			}
			succeeded();
			await parkRefused(parts, batch, outcomes);
			count(metrics, outcomes);
			metrics.indexed(oldestOf(batch));
			crashPoint("between-index-and-ack");
		},
		parkMalformed: (fault, delivery) => park(parts, delivery, fault),
		trouble: () => trouble && `${trouble.reason}: ${trouble.message}`,
	};
}

/** An event of which no document can be made is refused alone: its neighbours must not wait for it. */
async function recordEach(parts: RecorderParts, batch: readonly Entry[]): Promise<Outcome[]> {
	const documents = batch.map(deliveredOf);
	const fit = documents.filter((document) => document !== undefined);
	const created = await parts.index.create(fit);
	if (created.length !== fit.length) throw new IndexUnavailable("busy", "the index answered for another number of documents");
	// Also what was there before: whoever recorded it may have died before its story was told.
	await tell(
		parts,
		fit.filter((_, at) => created[at]?.kind !== "refused"),
	);
	const rest = [...created];
	return documents.map((document) => (document && rest.shift()) ?? { kind: "refused", fault: "no document can be made of it" });
}

/** A story is made of documents, as the record has them: so it can be made of the record again. */
async function tell({ stories, log, metrics }: RecorderParts, documents: readonly Delivered[]): Promise<void> {
	const told = storiesOf(documents.map(({ document }) => recordedEvent(document)));
	if (told.length === 0) return;
	const { refused } = await stories.merge(told);
	metrics.told("told", told.length - refused);
	if (refused === 0) return;
	metrics.told("refused", refused);
	log.untold(refused);
}

function deliveredOf({ event, position, item, tries }: Entry): Delivered | undefined {
	try {
		return { ...documentOf(event, { position, item }), again: tries > 1 };
	} catch {
		// The error's text may quote what it could not make sense of.
		return undefined;
	}
}

async function parkRefused(parts: RecorderParts, batch: readonly Entry[], outcomes: readonly Outcome[]): Promise<void> {
	await Promise.all(
		batch.map(async (entry, at) => {
			const outcome = outcomes[at];
			if (outcome?.kind !== "refused") return;
			// An index that refuses even the note that something was refused would make notes without end.
			if (entry.event.type === "control.message.parked")
				return alarm(parts, entry, `${outcome.fault}, of a parking note`, entry.event.type);
			await park(parts, entry, `the index refuses it: ${outcome.fault}`, entry);
		}),
	);
}

/** Says durably that something was set aside, before it is acknowledged. The note's id follows from the place, so it is said once. */
async function park(parts: RecorderParts, { position, item, tries }: Delivery, fault: string, entry?: Entry): Promise<void> {
	const data = entry?.event.data;
	const call = data && "call" in data && typeof data.call === "string" ? data.call : undefined;
	const note = newEvent(
		"audit",
		"control.message.parked",
		{ service: "audit", position, item, tries, fault: fault.slice(0, 512), ...(call && { call }) },
		{ at: parts.now(), about: `message-${position}`, nth: `audit-${item}` },
	);
	await parts.say(note);
	alarm(parts, { position, item }, fault, entry?.event.type);
}

function alarm(
	{ log, metrics }: RecorderParts,
	{ position, item }: Pick<Delivery, "position" | "item">,
	fault: string,
	type?: string,
): void {
	metrics.parked();
	log.parked({ position, item, fault, ...(type && { type }) });
}

function count(metrics: AuditMetrics, outcomes: readonly Outcome[]): void {
	for (const kind of ["created", "exists", "refused"] as const) {
		const events = outcomes.filter((outcome) => outcome.kind === kind).length;
		if (events > 0) metrics.recorded(kind, events);
	}
}

function oldestOf(batch: readonly Entry[]): Date {
	return new Date(batch.reduce((oldest, { storedAt }) => Math.min(oldest, storedAt.getTime()), Number.POSITIVE_INFINITY));
}
