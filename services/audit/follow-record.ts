// An auditor follows the record: each event once, in the order of the stream, without gaps, as soon as it is certain that none before it is still to come.
import { setTimeout as delay } from "node:timers/promises";
import type { Caller } from "#libs/contracts/call.ts";
import type { Place } from "#libs/contracts/index-template.ts";
import type { Count, RecordedEvent, RecordQuery, Stretched } from "./ports.ts";
import { decodeCursor, encodeCursor, type ReadingParts, reading, refuseManyWords, refuseStranger, saidOf, sayRead } from "./read-record.ts";

export interface FollowAnswer {
	/** In the order of the stream. */
	readonly events: readonly RecordedEvent[];
	/** Give it as `cursor` to go on. */
	readonly next: string;
	/** How many more there are already. */
	readonly left: Count;
}

export interface FollowingOptions {
	/** The position up to which everything is in the index: see `settled` of the bus. */
	readonly settled: () => Promise<number>;
	/** Makes what is in the index be found: see `refresh` of the reader. */
	readonly refresh: () => Promise<void>;
	readonly lookEveryMs?: number;
	/** Who wait at once in this process; more are answered at once. */
	readonly waitingMax?: number;
}

const lastItem = Number.MAX_SAFE_INTEGER;

/** How far the record can be followed, for all who follow it, and how many of them wait. */
export class Following {
	readonly settled: () => Promise<number>;
	private readonly refresh: () => Promise<void>;
	private readonly lookEveryMs: number;
	private readonly waitingMax: number;
	private waiting = 0;
	private upTo = 0;
	private looking: Promise<number> | undefined;
	private lookedAt = Number.NEGATIVE_INFINITY;

	constructor({ settled, refresh, lookEveryMs = 500, waitingMax = 64 }: FollowingOptions) {
		this.settled = settled;
		this.refresh = refresh;
		this.lookEveryMs = lookEveryMs;
		this.waitingMax = waitingMax;
	}

	/**
	 * Everything up to here is found by search. OpenSearch shows a document when it next refreshes, which a busy one does late, so it is told to rather
	 * than waited for: once for all who follow, and only where something came. @throws {EventsUnavailable} @throws {IndexUnavailable}
	 */
	findable(): Promise<number> {
		if (this.looking && performance.now() - this.lookedAt < this.lookEveryMs) return this.looking;
		// While it looks nobody else does, however long a busy index takes.
		this.lookedAt = Number.POSITIVE_INFINITY;
		this.looking = this.look().finally(() => {
			this.lookedAt = performance.now();
		});
		return this.looking;
	}

	private async look(): Promise<number> {
		const position = await this.settled();
		if (position > this.upTo) await this.refresh();
		this.upTo = Math.max(this.upTo, position);
		return this.upTo;
	}

	/** Resolves with whether it is worth to look again: not where somebody left, or too many wait. */
	async pause(signal: AbortSignal): Promise<boolean> {
		if (this.waiting >= this.waitingMax) return false;
		this.waiting++;
		try {
			await delay(this.lookEveryMs, undefined, { signal });
			return true;
		} catch {
			return false;
		} finally {
			this.waiting--;
		}
	}
}

export interface AskedToFollow {
	readonly query: RecordQuery;
	readonly size: number;
	readonly cursor?: string | undefined;
	readonly waitMs: number;
	readonly signal: AbortSignal;
}

/**
 * What matches after the cursor; without one, from now on, or from the beginning of the stream where the query says from when. Waits until there
 * is something. What this reader reads is left out.
 *
 * @throws {Refusal} as `searchRecord`
 * @throws {EventsUnavailable} where NATS does not say how far the index has come
 */
export async function followRecord(
	parts: ReadingParts & { readonly following: Following },
	caller: Caller,
	{ query, size, cursor, waitMs, signal }: AskedToFollow,
): Promise<FollowAnswer> {
	refuseStranger(parts, caller);
	refuseManyWords(query.q, parts.reader.wordsMax);
	const { following, reader } = parts;
	const after = await beginning(following, query, cursor);
	const said = saidOf(parts, query, { follow: after.position, size });
	const until = performance.now() + waitMs;
	let { events, left }: Stretched = { events: [], left: { value: 0, exact: true } };
	let upTo = 0;
	/** Up to where nothing was found yet: it is not looked through again. */
	let seen = after;
	for (;;) {
		upTo = await reading(following.findable());
		if (upTo > seen.position || (upTo === seen.position && seen.item < lastItem)) {
			({ events, left } = await reading(reader.stretch(query, size, { after: seen, upTo, except: caller })));
			if (events.length === 0) seen = { position: upTo, item: lastItem };
		}
		if (events.length > 0 || performance.now() >= until || !(await following.pause(signal))) break;
		// Who left the group while they waited reads nothing more.
		refuseStranger(parts, caller);
	}
	await sayRead(parts, caller, said, events.length);
	return { events, next: encodeCursor(endOf(events, size, after, upTo)), left };
}

async function beginning({ settled }: Following, { from }: RecordQuery, cursor: string | undefined): Promise<Place> {
	if (cursor !== undefined) {
		const [position = 0, item = 0] = decodeCursor(cursor, 2);
		return { position, item };
	}
	return from === undefined ? { position: await settled(), item: lastItem } : { position: 0, item: 0 };
}

/** A page that is not full has all that there is up to `upTo`. */
function endOf(events: readonly RecordedEvent[], size: number, after: Place, upTo: number): [number, number] {
	const last = events.at(-1);
	if (last && events.length === size) return [last.position, last.item];
	return upTo > after.position ? [upTo, lastItem] : [last?.position ?? after.position, last?.item ?? after.item];
}
