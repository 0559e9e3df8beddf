// How far a forwarder is behind, as Prometheus reads it: one process is one receiver, so these are the receiver's.
import type { Metrics } from "#libs/service/metrics.ts";

/** A record that was not read for so long counts as one that waits: audit answers within a minute where it can. */
const silentAfterMs = 60_000;

export interface Waiting {
	/** Read, and not delivered yet. */
	readonly inHand: number;
	/** When the oldest of them happened, RFC 3339. */
	readonly oldest?: string | undefined;
	/** On the record behind them; counted up to 10,000. */
	readonly left: number;
}

export class Lag {
	private waiting: Waiting = { inHand: 0, left: 0 };
	/** When the last event that the receiver has happened. */
	private delivered: string | undefined;
	private readAtMs: number;
	private readonly now: () => number;
	private readonly counters: { readonly events: { inc(by: number): void }; readonly failures: { inc(): void } };
	private isAvailable = true;

	/** @param now milliseconds since 1970 */
	constructor(metrics: Metrics, now: () => number) {
		this.now = now;
		this.readAtMs = now();
		this.counters = {
			events: metrics.counter("callgate_forward_events_total", "Events that the receiver has"),
			failures: metrics.counter("callgate_forward_failures_total", "How often the receiver did not take what was sent"),
		};
		metrics.gauge("callgate_forward_lag_seconds", "How long the oldest event that the receiver does not have is on the record", () =>
			this.seconds(),
		);
		metrics.gauge("callgate_forward_lag_events", "Events that the receiver does not have, counted up to some 10,000", () => this.events());
		metrics.gauge("callgate_forward_receiver_available", "Whether the receiver took what it was sent last", () => Number(this.isAvailable));
	}

	/** The record was read. */
	read(waiting: Waiting): void {
		this.waiting = waiting;
		this.readAtMs = this.now();
	}

	/** The receiver has all that was in hand. @param last when the last of it happened */
	took(events: number, last: string): void {
		this.counters.events.inc(events);
		this.waiting = { inHand: 0, left: this.waiting.left };
		this.delivered = last;
		this.isAvailable = true;
	}

	failed(): void {
		this.counters.failures.inc();
		this.isAvailable = false;
	}

	private events(): number {
		return this.waiting.inHand + this.waiting.left;
	}

	/** Behind a page whose last event is old the next one is about as old. */
	private seconds(): number {
		const { oldest, left } = this.waiting;
		const since = oldest ?? (left > 0 ? this.delivered : undefined);
		const waitsMs = since === undefined ? 0 : this.now() - Date.parse(since);
		const silentMs = this.now() - this.readAtMs;
		return Math.max(0, waitsMs, silentMs > silentAfterMs ? silentMs : 0) / 1_000;
	}
}
