// The steps of one call, from its beginning to its ending, as they become durable.
import { EventsUnavailable, type Following, type StoredEvent } from "#libs/bus/bus.ts";
import { stepsOf } from "#libs/bus/permissions.ts";
import { answerMarkOf } from "#libs/contracts/answer.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { Pieces } from "./follow-pieces.ts";
import type { Wait } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";
import { type OwnCall, stateOf } from "./show-call.ts";

/** A call that nobody decides is not watched for ever; who watches may come again. */
const watchMsMax = 3_600_000;

export type StepPorts = Pick<IngressPorts, "bus" | "pending" | "ended" | "sealingKeys">;

/** What a caller is told of a step. */
export interface Step {
	/** The event's type. */
	readonly type: string;
	readonly data: object;
}

/** Whoever watches, in its protocol's words. */
export interface StepSink {
	show(step: Step): void;
	/** A piece of the answer, by its number. Resolves when there is room for the next. */
	piece(step: Step, piece: number): Promise<void>;
	/** `ended`: the ending was shown. `left`: it goes on, and whoever watches may come again, elsewhere, and is shown every step from the first. */
	end(why: "ended" | "left"): void;
}

/** One who watches. */
export interface Watch {
	/** Rejects where nothing could be begun: {@link EventsUnavailable}. */
	readonly begun: Promise<void>;
	/** Must be called; a watch that is not left holds its place. */
	leave(): void;
}

export class StepStreams {
	private readonly max: number;
	private readonly open = new Set<Steps>();
	private isParting = false;
	constructor(max: number) {
		this.max = max;
	}

	/** Ends every watch, and every later one at once. */
	letGo(): void {
		this.isParting = true;
		for (const steps of this.open) steps.end("left");
	}

	/**
	 * @param after pieces of the answer up to this number are known already
	 * @throws {Refusal} `too_many_requests`
	 */
	watch(ports: StepPorts, own: OwnCall, sink: StepSink, after = 0): Watch {
		if (this.open.size >= this.max) throw new Refusal("too_many_requests", { detail: "too many event streams are open here" });
		const steps = new Steps(ports, own, sink, after);
		this.open.add(steps);
		const late = setTimeout(() => steps.end("left"), watchMsMax);
		if (this.isParting) steps.end("left");
		const leave = () => {
			this.open.delete(steps);
			clearTimeout(late);
			steps.stop();
		};
		return { begun: steps.begin(), leave };
	}
}

/** One call's steps. They come by two filters that know nothing of each other, and are shown in the order in which they were stored. */
class Steps {
	private readonly ports: StepPorts;
	private readonly own: OwnCall;
	private readonly sink: StepSink;
	private readonly leaving = new AbortController();
	private readonly following: Following[] = [];
	private readonly shown = new Set<string>();
	/** What was heard before both filters had said what there was already. */
	private early: StoredEvent[] | undefined = [];
	private ending = false;
	private over = false;
	private readonly after: number;
	private hasPieces = false;
	/** Resolves when all pieces of the answer were shown. */
	private pieces: Promise<void> | undefined;

	constructor(ports: StepPorts, own: OwnCall, sink: StepSink, after: number) {
		this.ports = ports;
		this.after = after;
		this.own = own;
		this.sink = sink;
	}

	async begin(): Promise<void> {
		const { call, receivedAt, connection, function: name } = this.own;
		this.write("call.received", { call, time: receivedAt, connection, function: name });
		const handle = (stored: StoredEvent) => {
			// Pieces are read by themselves: that there is one is enough.
			if (stored.event.type === "call.streamed") {
				if (this.hasPieces || stored.event.data.pool !== this.own.pool) return;
				this.hasPieces = true;
			}
			if (this.early) this.early.push(stored);
			else this.hear(stored.event);
		};
		const wait = this.listen();
		await Promise.all(stepsOf(call).map((filter) => this.follow(filter, handle)));
		// It may have ended before this began to listen.
		const ended = wait ? (await stateOf(this.ports, this.own)).ended : this.own.standing.ended;
		void Promise.all(this.following.map(({ caughtUp }) => caughtUp)).then(() => {
			const early = this.early ?? [];
			this.early = undefined;
			for (const { event } of early.toSorted((one, other) => one.position - other.position)) this.hear(event);
			if (ended) this.hear(ended);
			else void wait?.ended(watchMsMax, this.leaving.signal).then((heard) => heard && this.hear(heard));
		});
	}

	/** The ending is among the call's own subjects, or in a ledger: then it is waited for as callers do. */
	private listen(): Wait | undefined {
		const { call, pool, since, standing } = this.own;
		if (since === undefined || standing.ended) return undefined;
		const wait = this.ports.pending.listen(call, pool);
		this.leaving.signal.addEventListener("abort", () => wait.cancel());
		return wait;
	}

	stop(): void {
		this.leaving.abort();
		for (const one of this.following.splice(0)) void one.stop();
	}

	private async follow(filter: string, handle: (stored: StoredEvent) => void): Promise<Following> {
		const following = await this.ports.bus.follow({ filter, from: "beginning", handle });
		if (this.leaving.signal.aborted) void following.stop();
		else this.following.push(following);
		return following;
	}

	private hear(event: CallgateEvent): void {
		// An executor of another pool may say what it likes about calls that are not its own.
		if ("pool" in event.data && event.data.pool !== this.own.pool) return;
		if (event.type === "call.streamed") this.pieces ??= this.showPieces().catch(() => this.end("left"));
		else if (event.type !== "call.ended") this.show(event);
		else if (!this.ending) {
			this.ending = true;
			void this.finish(event);
		}
	}

	/** What approvers did was stored before the ending, but may be on its way by the other filter: it is read to its end first. */
	private async finish(ended: CallgateEvent): Promise<void> {
		try {
			for (const filter of stepsOf(this.own.call)) {
				const rest = await this.follow(filter, ({ event }) => event.type !== "call.ended" && this.hear(event));
				await rest.caughtUp;
			}
		} catch (error) {
			// The caller learns the ending; the steps before it are on the record.
			if (!(error instanceof EventsUnavailable)) throw error;
		}
		await this.pieces;
		this.show(ended);
		this.end("ended");
	}

	/** Pieces are read beside the steps, no faster than they are taken. */
	private async showPieces(): Promise<void> {
		const pieces = await Pieces.follow(this.ports, this.own);
		this.leaving.signal.addEventListener("abort", () => pieces.leave());
		if (this.leaving.signal.aborted) pieces.leave();
		try {
			for await (const { piece, ...rest } of pieces) {
				if (piece > this.after && !this.over)
					await this.sink.piece({ type: "call.streamed", data: { call: this.own.call, piece, ...rest } }, piece);
			}
		} finally {
			pieces.leave();
		}
	}

	end(why: "ended" | "left"): void {
		if (this.over) return;
		this.over = true;
		this.sink.end(why);
	}

	private show(event: CallgateEvent): void {
		const step = stepOf(event);
		if (!step || this.shown.has(event.id)) return;
		this.shown.add(event.id);
		this.write(event.type, { call: this.own.call, time: event.time, ...step });
	}

	private write(type: string, data: object): void {
		if (!this.over) this.sink.show({ type, data });
	}
}

/** What a caller may know of each step; of who voted it learns with the ending. */
function stepOf(event: CallgateEvent): object | undefined {
	switch (event.type) {
		case "approval.asked": {
			const { rules, reasons, terms } = event.data;
			return { rules, reasons, groups: terms.requirements.map(({ anyOf }) => anyOf), expiresAt: terms.expiresAt };
		}
		case "approval.voted":
			return { verdict: event.data.verdict };
		case "approval.escalated":
			return { to: event.data.to };
		case "call.granted":
			return { rules: event.data.rules };
		case "call.started":
			return { attempt: event.data.attempt };
		case "call.ended": {
			const { ending, code, detail, rules, reasons, by, findings } = event.data;
			return { ending, code, detail, rules, reasons, by, answer: answerMarkOf(event.data), findings };
		}
		default:
			return undefined;
	}
}
