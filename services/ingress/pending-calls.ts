// Callers that wait at this replica: each hears of its call's ending once that is durable.

import type { Event } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";

export type Ended = Event<"call.ended">;

/** One caller's wait. */
export interface Wait {
	/** Resolves with the ending, or with undefined when the time is over, the caller is gone, or this replica lets its callers go. */
	ended(waitMs: number, gone?: AbortSignal): Promise<Ended | undefined>;
	/** Must be called; a wait that is not cancelled holds its place. */
	cancel(): void;
}

interface Listener {
	readonly pool: string;
	hear(ended: Ended): void;
	leave(): void;
}

export class PendingCalls {
	private readonly waits = new Map<string, Set<Listener>>();
	private readonly max: number;
	private count = 0;
	private taken = 0;
	private isParting = false;
	constructor(max: number) {
		this.max = max;
	}

	/**
	 * Begins to listen for a call's ending; do so before the call is published, or it may have ended unheard. Only what is said in the call's own
	 * pool counts: an executor may say what it likes of calls in its own pool, but of no other's.
	 *
	 * @param places of those who wait; more for one who holds more than a connection
	 * @throws {Refusal} `too_many_requests` when this replica holds as many callers as it may.
	 */
	listen(call: string, pool: string, places = 1): Wait {
		if (this.taken + places > this.max)
			throw new Refusal("too_many_requests", { detail: "too many callers wait at once", retryAfterSeconds: 2 });
		this.count++;
		this.taken += places;
		const heard = Promise.withResolvers<Ended>();
		const waits = this.waits.get(call) ?? new Set();
		this.waits.set(call, waits);
		const listener: Listener = { pool, hear: heard.resolve, leave: () => undefined };
		waits.add(listener);
		return {
			ended: async (waitMs, gone) => {
				const over = Promise.withResolvers<undefined>();
				const leave = () => over.resolve(undefined);
				const timer = setTimeout(leave, waitMs);
				listener.leave = leave;
				gone?.addEventListener("abort", leave);
				if (gone?.aborted || this.isParting) leave();
				try {
					return await Promise.race([heard.promise, over.promise]);
				} finally {
					clearTimeout(timer);
					gone?.removeEventListener("abort", leave);
				}
			},
			cancel: () => {
				if (!waits.delete(listener)) return;
				this.count--;
				this.taken -= places;
				if (waits.size === 0) this.waits.delete(call);
			},
		};
	}

	/** Tells everyone here who waits for this call. */
	settle(ended: Ended): void {
		for (const { pool, hear } of this.waits.get(ended.data.call) ?? []) if (pool === ended.data.pool) hear(ended);
	}

	/** Ends every wait, and every later one at once: whoever waits is told where to ask instead. */
	letGo(): void {
		this.isParting = true;
		for (const waits of this.waits.values()) for (const { leave } of waits) leave();
	}

	size(): number {
		return this.count;
	}
}
