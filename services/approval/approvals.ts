// Every approval as the stream tells it: each replica folds approval's own events, so all see the same and none owns any.
import { type Bus, EventsUnavailable, type Following, type Position, type StoredEvent } from "#libs/bus/bus.ts";
import { followed } from "#libs/bus/permissions.ts";
import { callOf } from "#libs/contracts/envelope.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { type Approval, absent, apply, type Waiting } from "./approval.ts";

interface Waiter {
	readonly until: () => boolean;
	readonly resolve: () => void;
}

export class Approvals {
	private readonly all = new Map<string, Approval>();
	private readonly open = new Map<string, Waiting>();
	private readonly waiters = new Set<Waiter>();
	private folded: Position = 0;
	private following: Following | undefined;

	/** Resolves when everything said before is known: not ready earlier. */
	async follow(bus: Pick<Bus, "follow">): Promise<void> {
		this.following = await bus.follow({ filter: followed.approvals, from: "beginning", handle: (stored) => this.fold(stored) });
		crashPoint("during-recovery-at-start");
		await this.following.caughtUp;
	}

	async stop(): Promise<void> {
		await this.following?.stop();
	}

	get(call: string): Approval {
		return this.all.get(call) ?? absent;
	}

	/** What a log line says about a call: its id, and its trace (W3C Trace Context) where it has one. */
	about(call: string): { readonly call: string; readonly trace?: string } {
		const approval = this.get(call);
		const trace = "question" in approval ? approval.question?.traceparent?.split("-")[1] : undefined;
		return { call, ...(trace !== undefined && { trace }) };
	}

	/** Those that still wait, oldest first. */
	waiting(): IterableIterator<[string, Waiting]> {
		return this.open.entries();
	}

	get pending(): number {
		return this.open.size;
	}

	/** Everything that is held in memory. */
	entries(): IterableIterator<[string, Approval]> {
		return this.all.entries();
	}

	fold(stored: StoredEvent): void {
		const call = callOf(stored.event.data);
		this.folded = Math.max(this.folded, stored.position);
		if (call !== undefined && stored.event.source === "/callgate/approval" && !stored.event.type.startsWith("control.")) {
			const next = apply(this.get(call), stored);
			this.all.set(call, next);
			if (next.state === "waiting") this.open.set(call, next);
			else this.open.delete(call);
		}
		for (const waiter of this.waiters) if (waiter.until()) waiter.resolve();
	}

	/**
	 * Resolves when the event at `position`, one of approval's own, has been folded.
	 *
	 * @throws {EventsUnavailable} if that takes longer than `withinMs`: the stream cannot be read now.
	 */
	async reach(position: Position, withinMs = 5_000): Promise<void> {
		const reached = await this.until(() => this.folded >= position, withinMs);
		if (!reached) throw new EventsUnavailable("the stream does not show what was written to it");
	}

	/** Whether `condition` became true within the time. It is looked at after each event. */
	async until(condition: () => boolean, withinMs: number): Promise<boolean> {
		if (condition()) return true;
		const { promise, resolve } = Promise.withResolvers<boolean>();
		const waiter: Waiter = { until: condition, resolve: () => resolve(true) };
		const timer = setTimeout(() => resolve(false), withinMs);
		this.waiters.add(waiter);
		try {
			return await promise;
		} finally {
			clearTimeout(timer);
			this.waiters.delete(waiter);
		}
	}

	/**
	 * Drops what was settled before `before`. The stream still knows it: the first event about a call can only be written if there is none,
	 * so a hold that is delivered again after years settles nothing twice.
	 */
	forget(before: Date): void {
		for (const [call, approval] of this.all) {
			const done = approval.state === "granted" || approval.state === "ended" || approval.state === "withdrawn-early";
			if (approval.state === "forgotten" || (done && approval.at < before)) this.all.delete(call);
		}
	}
}
