// How calls ended, as this replica heard it: where each ending stands. What lies before is read again, once, for whoever may ask.
import { setTimeout as delay } from "node:timers/promises";
import { type Bus, EventsUnavailable, type Following, type Position, type StoredEvent } from "#libs/bus/bus.ts";
import { LookBack } from "#libs/bus/look-back.ts";
import { followed } from "#libs/bus/permissions.ts";
import { madeAt } from "#libs/contracts/call.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import type { Clock } from "#libs/service/clock.ts";
import type { Ended } from "./pending-calls.ts";

export interface EndedCallsParts {
	readonly bus: Pick<Bus, "follow" | "lastOf">;
	readonly clock: Clock;
	/** Told of each ending as it is heard. */
	readonly tell: (ended: Ended) => void;
	/** Endings remembered at once. */
	readonly rememberedMax?: number;
	/** How long a request waits for what is read again; the reading goes on for whoever asks next. */
	readonly lookMsMax?: number;
}

const rememberedMaxDefault = 50_000;
const lookMsMaxDefault = 5_000;
/** Calls remembered of which reading again told whether they had ended. */
const lookedForMax = 10_000;

/** A call in its pool, and a position before which nothing was said of it. */
export interface OrdinaryCall {
	readonly call: string;
	readonly pool: string;
	readonly since: Position;
}

export class EndedCalls {
	private readonly parts: EndedCallsParts;
	/** By pool and call, oldest first: an executor may say what it likes of calls in its own pool, but of no other's. */
	private readonly heard = new Map<string, { readonly position: Position; readonly at: Date }>();
	/** What reading again told: where the ending stands, or that there is none before `until`. */
	private readonly lookedFor = new Map<string, { readonly position: Position | undefined; readonly until: Position }>();
	private readonly looking = new Map<string, Promise<void>>();
	private readonly lookBacks = new Map<string, LookBack>();
	private following: Following | undefined;
	/** Each ending that stands here or later, and each that was stored since then by this process' clock, was heard and is remembered. */
	private knownFrom: { position: Position; at: Date } = { position: Infinity, at: new Date(0) };

	private constructor(parts: EndedCallsParts) {
		this.parts = parts;
	}

	/** Begins to hear. @throws {EventsUnavailable} */
	static async follow(parts: EndedCallsParts): Promise<EndedCalls> {
		const ended = new EndedCalls(parts);
		const following = await parts.bus.follow({ filter: followed.endings, from: "now", handle: (stored) => ended.hear(stored) });
		ended.following = following;
		ended.knownFrom = { position: following.position() + 1, at: parts.clock.now() };
		await following.caughtUp;
		return ended;
	}

	async stop(): Promise<void> {
		await this.following?.stop();
	}

	/** A position before which nothing was said of a call that is published from now on: the first that this replica has not heard. */
	since(): Position {
		return (this.following?.position() ?? 0) + 1;
	}

	private hear({ event, position }: StoredEvent): void {
		if (event.type !== "call.ended") return;
		const key = keyOf(event.data.pool, event.data.call);
		if (!this.heard.has(key)) this.heard.set(key, { position, at: this.parts.clock.now() });
		for (const oldest of beyond(this.heard, this.parts.rememberedMax ?? rememberedMaxDefault)) {
			this.knownFrom = { position: oldest.position + 1, at: oldest.at };
		}
		this.parts.tell(event);
	}

	/**
	 * The ending of a call, whoever of its pool said it. Costs nothing for one that was heard or is too young to have ended unheard; for any other
	 * what was said since then is read, so only its own caller may cause it.
	 *
	 * @throws {EventsUnavailable} also where that takes long; who asks again later is told what it came to.
	 */
	async find(ordinary: OrdinaryCall): Promise<Ended | undefined> {
		const key = keyOf(ordinary.pool, ordinary.call);
		for (;;) {
			const looked = this.lookedFor.get(key);
			const position = this.heard.get(key)?.position ?? looked?.position;
			if (position !== undefined) return await this.readAt(ordinary.call, position);
			const from = Math.max(ordinary.since, looked?.until ?? 0);
			if (from >= this.knownFrom.position) return undefined;
			await this.inTime(this.look(key, ordinary, from));
		}
	}

	/**
	 * What was heard of the ending of a call of which nobody knows since when there is one, and in which of these pools: nothing, unless each
	 * ending since the call was made is remembered.
	 */
	async recall(call: string, pools: readonly string[]): Promise<readonly Ended[]> {
		if (madeAt(call) < this.knownFrom.at) return [];
		const heard = pools.flatMap((pool) => {
			const position = this.heard.get(keyOf(pool, call))?.position;
			return position === undefined ? [] : [this.readAt(call, position)];
		});
		return (await Promise.all(heard)).filter((ended) => ended !== undefined);
	}

	private look(key: string, { call, pool }: OrdinaryCall, from: Position): Promise<void> {
		const under = this.looking.get(key);
		if (under) return under;
		const look = async () => {
			try {
				const until = this.knownFrom.position;
				const [found] = await this.lookBack(pool).find(call, from, { until, max: 1 });
				this.lookedFor.set(key, { position: found?.position, until });
				beyond(this.lookedFor, lookedForMax);
			} finally {
				this.looking.delete(key);
			}
		};
		const work = look();
		this.looking.set(key, work);
		return work;
	}

	private lookBack(pool: string): LookBack {
		const known = this.lookBacks.get(pool) ?? new LookBack(this.parts.bus, ledgerOf(pool).endings);
		this.lookBacks.set(pool, known);
		return known;
	}

	private async readAt(call: string, position: Position): Promise<Ended | undefined> {
		const reading = new LookBack(this.parts.bus, followed.endings).find(call, position, { until: position + 1 });
		return (await this.inTime(reading)).map(({ event }) => event).find((event) => event.type === "call.ended");
	}

	private async inTime<T>(reading: Promise<T>): Promise<T> {
		const late = Symbol("late");
		const read = await Promise.race([reading, delay(this.parts.lookMsMax ?? lookMsMaxDefault, late, { ref: false })]);
		if (read === late) throw new EventsUnavailable("how the call ended could not be read in time");
		return read as T;
	}
}

function keyOf(pool: string, call: string): string {
	return `${pool} ${call}`;
}

/** Takes the oldest entries out until no more than `max` are left. */
function beyond<T>(entries: Map<string, T>, max: number): T[] {
	const out: T[] = [];
	for (const [key, entry] of entries) {
		if (entries.size <= max) break;
		entries.delete(key);
		out.push(entry);
	}
	return out;
}
