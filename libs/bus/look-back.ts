// Finds what was said of a call on a filter that nobody remembers: by reading it again, once for all who ask meanwhile.
import { type Bus, EventsUnavailable, type Position, type StoredEvent } from "./bus.ts";

/** Nothing more of what must be there came within this. */
const silentMsMax = 5_000;

interface Bounds {
	/** What stands here or later is not asked about. */
	readonly until?: Position;
	/** So many are enough. */
	readonly max?: number;
}

interface Asked extends Required<Bounds> {
	readonly call: string;
	readonly since: Position;
	readonly found: StoredEvent[];
	readonly answer: PromiseWithResolvers<readonly StoredEvent[]>;
}

export class LookBack {
	private readonly bus: Pick<Bus, "follow" | "lastOf">;
	private readonly filter: string;
	private asked: Asked[] = [];
	private isReading = false;

	constructor(bus: Pick<Bus, "follow" | "lastOf">, filter: string) {
		this.bus = bus;
		this.filter = filter;
	}

	/**
	 * What is said of the call on this filter at `since` or later and is stored by now, in order. It costs as much as there is between then and
	 * now, whatever it is about, or until everyone who asked has what they want. A copy of the stream that lags behind is waited for.
	 *
	 * @throws {EventsUnavailable}
	 */
	async find(call: string, since: Position, { until = Infinity, max = Infinity }: Bounds = {}): Promise<readonly StoredEvent[]> {
		const answer = Promise.withResolvers<readonly StoredEvent[]>();
		this.asked.push({ call, since, until, max, found: [], answer });
		if (!this.isReading) {
			this.isReading = true;
			void this.readAll();
		}
		return await answer.promise;
	}

	private async readAll(): Promise<void> {
		for (let batch = this.asked.splice(0); batch.length > 0; batch = this.asked.splice(0)) {
			await this.read(batch).catch((error: unknown) => {
				for (const { answer } of batch) answer.reject(error);
			});
		}
		this.isReading = false;
	}

	private async read(batch: readonly Asked[]): Promise<void> {
		const byCall = Map.groupBy(batch, ({ call }) => call);
		const from = Math.max(1, Math.min(...batch.map(({ since }) => since)));
		const last = Math.min(await this.bus.lastOf(this.filter), Math.max(...batch.map(({ until }) => until)) - 1);
		if (last >= from) await this.readTo(last, from, byCall);
		for (const { found, answer } of batch) answer.resolve(found);
	}

	private async readTo(last: Position, from: Position, byCall: ReadonlyMap<string, readonly Asked[]>): Promise<void> {
		const done = Promise.withResolvers<void>();
		const silent = setTimeout(
			() => done.reject(new EventsUnavailable("what was said of a call could not be read to its end")),
			silentMsMax,
		);
		const open = new Set([...byCall.values()].flat());
		const hear = (asked: Asked, stored: StoredEvent) => {
			const { since, until, max, found, answer } = asked;
			if (stored.position < since || stored.position >= until || found.length >= max) return;
			found.push(stored);
			if (found.length < max) return;
			answer.resolve(found);
			open.delete(asked);
		};
		const reading = await this.bus.follow({
			filter: this.filter,
			from,
			ahead: last - from + 1,
			handle: (stored) => {
				for (const asked of byCall.get(stored.event.subject) ?? []) hear(asked, stored);
			},
			passed: (_subject, position) => {
				silent.refresh();
				if (position >= last || open.size === 0) done.resolve();
			},
		});
		try {
			await done.promise;
		} finally {
			clearTimeout(silent);
			await reading.stop();
		}
	}
}
