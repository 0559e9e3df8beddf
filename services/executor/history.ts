// What the executors of a pool said about one call, and how the next word is written so that exactly one of them says it.
import type { Bus, Conditional, Position } from "#libs/bus/bus.ts";
import type { Event } from "#libs/contracts/events.ts";

/** Who has a call. */
export interface Claimed {
	/** Of the last word. */
	readonly position: Position;
	/** A take-over is no attempt: whoever wrote it was about to end the call, or to begin another. */
	readonly type: "call.started" | "call.taken";
	/** Attempts that were begun, this one included. */
	readonly attempts: number;
	/** Of its answer there is a piece: the function did run, and its caller may have seen it. */
	readonly hasPieces?: true;
	readonly executor: string;
	readonly claimedAt: Date;
	/** As whoever claimed it said, by its own clock at both ends. Not a number where that cannot be read. */
	readonly leaseMs: number;
}

export interface Told {
	readonly claimed?: Claimed | undefined;
	readonly ended?: { readonly sent?: boolean | undefined } | undefined;
}

/** All may throw {@link EventsUnavailable}: then what was to be written may be stored. */
export interface History {
	told(granted: Event<"call.granted">): Promise<Told>;
	/** Stored only if what was said of the call ends at `after` (0: nothing was). */
	claim(started: Event<"call.started">, after: Position): Promise<Conditional>;
	/** Ends a call of which this process has the claim at this position. Lost if another took it. */
	end(ended: Event<"call.ended">, claim: Position): Promise<Conditional>;
	/** Ends a call that somebody else claimed there, or nobody (0). Lost if more was said of it. */
	endOthers(ended: Event<"call.ended">, after: Position): Promise<Conditional>;
}

export function claimedBy(event: Event<"call.started"> | Event<"call.taken">, position: Position): Claimed {
	const { executor, leaseUntil } = event.data;
	const attempts = event.type === "call.started" ? event.data.attempt : event.data.attempts;
	const leaseMs = Date.parse(leaseUntil) - Date.parse(event.time);
	return { position, type: event.type, attempts, executor, claimedAt: new Date(event.time), leaseMs };
}

/** Of a call that may be asked about by name: on subjects of its own, where one condition covers all that was said of it. */
export class OwnSubjects implements History {
	private readonly bus: Pick<Bus, "last" | "publishAfter">;
	constructor(bus: Pick<Bus, "last" | "publishAfter">) {
		this.bus = bus;
	}

	async told({ data: { call, pool } }: Event<"call.granted">): Promise<Told> {
		const [started, streamed, ended] = await Promise.all([
			this.bus.last("call.started", "executor", call, pool),
			this.bus.last("call.streamed", "executor", call, pool),
			this.bus.last("call.ended", "executor", call, pool),
		]);
		const claimed = started && claimedBy(started.event, started.position);
		if (!claimed || !streamed) return { claimed, ended: ended?.event.data };
		return { claimed: { ...claimed, position: streamed.position, hasPieces: true }, ended: ended?.event.data };
	}

	async claim(started: Event<"call.started">, after: Position): Promise<Conditional> {
		return await this.bus.publishAfter(started, after);
	}

	async end(ended: Event<"call.ended">, claim: Position): Promise<Conditional> {
		return await this.bus.publishAfter(ended, claim);
	}

	async endOthers(ended: Event<"call.ended">, after: Position): Promise<Conditional> {
		return await this.bus.publishAfter(ended, after);
	}
}
