// Clients that listen for changes at this replica: how many there may be, and what wakes each of them.
import { type Caller, sameCaller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";

export interface SubscriptionBounds {
	/** Open at once at this replica. */
	readonly subscriptionsMax: number;
	/** Between two signs of life, each with another look at the client's token. */
	readonly beatMs?: number;
}

/** A program listens at an address or two, and may run several times. */
const perCallerMax = 16;
/** Proxies close what is silent for a minute. */
const beatMsDefault = 15_000;

export class Subscriptions {
	private readonly bounds: SubscriptionBounds;
	private readonly open = new Set<Subscription>();
	private isParting = false;
	private turn: Promise<unknown> = Promise.resolve();

	constructor(bounds: SubscriptionBounds) {
		this.bounds = bounds;
	}

	/**
	 * Must be left.
	 *
	 * @param isAdmitted whether the caller would still be let in
	 * @throws {Refusal} `too_many_requests`
	 */
	begin(caller: Caller, isAdmitted: () => Promise<boolean>): Subscription {
		const { subscriptionsMax, beatMs = beatMsDefault } = this.bounds;
		const own = [...this.open].filter((one) => sameCaller(one.caller, caller)).length;
		if (own >= perCallerMax)
			throw new Refusal("too_many_requests", { detail: `you listen ${own} times here already: at most ${perCallerMax} times` });
		if (this.open.size >= subscriptionsMax)
			throw new Refusal("too_many_requests", { detail: "too many clients listen here, ask again later" });
		const subscription = new Subscription({ caller, isAdmitted, beatMs, left: (one) => this.open.delete(one) });
		this.open.add(subscription);
		if (this.isParting) subscription.end();
		return subscription;
	}

	/** Lists may be others by now. */
	configurationChanged(): void {
		for (const one of this.open) one.listsMayDiffer();
	}

	/** Ends every subscription, and every later one at once. */
	letGo(): void {
		this.isParting = true;
		for (const one of this.open) one.end();
	}

	/** Lists of many callers are made one after the other: they all change at once. */
	async inTurn<T>(work: () => Promise<T>): Promise<T> {
		const mine = this.turn.then(work);
		this.turn = mine.catch(() => undefined);
		return await mine;
	}
}

interface SubscriptionParts {
	readonly caller: Caller;
	readonly isAdmitted: () => Promise<boolean>;
	readonly beatMs: number;
	readonly left: (one: Subscription) => void;
}

/** What happened since its client was told, however often it happened: nothing queues for a client that reads slowly. */
export interface Happened {
	readonly mayListsDiffer: boolean;
	/** By their ids alone: answers of tasks wait on the record for a client that reads slowly, not in memory. */
	readonly stoppedTasks: readonly string[];
}

export class Subscription {
	readonly caller: Caller;
	private readonly parts: SubscriptionParts;
	private readonly leaving = new AbortController();
	private readonly beat: NodeJS.Timeout;
	private alarm = Promise.withResolvers<void>();
	private mayListsDiffer = false;
	private readonly stoppedTasks = new Set<string>();
	private isOver = false;

	constructor(parts: SubscriptionParts) {
		this.parts = parts;
		this.caller = parts.caller;
		this.beat = setInterval(() => void this.look(), parts.beatMs);
	}

	/** Aborted when nobody listens any more. */
	get gone(): AbortSignal {
		return this.leaving.signal;
	}

	/** Calls back then, or at once. */
	whenGone(undo: () => void): void {
		if (this.gone.aborted) undo();
		else this.gone.addEventListener("abort", undo);
	}

	/** Waits until something happened, or a sign of life is due. Undefined when the subscription is over. */
	async next(): Promise<Happened | undefined> {
		await this.alarm.promise;
		this.alarm = Promise.withResolvers();
		const { mayListsDiffer } = this;
		const stoppedTasks = [...this.stoppedTasks];
		this.mayListsDiffer = false;
		this.stoppedTasks.clear();
		const isNews = mayListsDiffer || stoppedTasks.length > 0;
		// Nothing is told to a token that ended since the last beat.
		if (this.isOver || (isNews && !(await this.parts.isAdmitted()))) return undefined;
		return { mayListsDiffer, stoppedTasks };
	}

	listsMayDiffer(): void {
		this.mayListsDiffer = true;
		this.alarm.resolve();
	}

	/** It has ended, or asks. */
	taskStopped(taskId: string): void {
		this.againAtNextBeat(taskId);
		this.alarm.resolve();
	}

	/** What one copy of the record has, another may not have yet. */
	againAtNextBeat(taskId: string): void {
		this.stoppedTasks.add(taskId);
	}

	/** Its client is told that it is over, as soon as it takes that. */
	end(): void {
		this.isOver = true;
		this.alarm.resolve();
	}

	leave(): void {
		clearInterval(this.beat);
		this.leaving.abort();
		this.parts.left(this);
		this.end();
	}

	private async look(): Promise<void> {
		// Who has not even taken the end of it by now is not waited for.
		if (this.isOver) this.leave();
		else if (await this.parts.isAdmitted()) this.alarm.resolve();
		else this.end();
	}
}
