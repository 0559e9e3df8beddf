// How much may be on its way through this replica at once, and whether anything may: while events cannot be stored nobody's body is read.
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { oneCaller } from "#libs/service/work-aside.ts";

export interface IntakeOptions {
	/** Bodies of requests that are not answered yet or still worked on, and large answers that are asked for again, together. */
	readonly bytesMax: number;
	/** What a request counts that does not say how large its body is. */
	readonly bodyBytesMax: number;
	readonly bus: Pick<Bus, "checkReady">;
	/** Between two looks whether events can be stored again. */
	readonly lookAgainMs?: number;
}

/** What a request costs beside its body: headers, and what is kept while its caller waits. */
const requestBytes = 4_096;
const lookAgainMsDefault = 250;

/** A request's place, with its size, for as long as it is not answered and someone works on it. */
export interface Place {
	/** Aborted when its caller is gone. */
	readonly gone: AbortSignal;
	/** Work on the request, which has its place also after its caller went away: whoever sends and leaves has its size counted all the same. */
	during<T>(work: (gone: AbortSignal) => Promise<T>): Promise<T>;
	/** It was answered, or its caller is gone: nobody works on it who has not begun. Must be called. @param why nobody hears of it */
	leave(why: Error): void;
}

/**
 * A NATS that hangs is noticed by the first requests that time out. From then on requests are refused at once, so that what waits in this
 * process, and what its connection would have to send, is bounded by what came before; events are asked for until they can be stored again.
 */
export class Intake {
	private readonly options: IntakeOptions;
	private underWay = 0;
	/** Bytes under way by caller, of those who have any. */
	private readonly shares = new Map<string, number>();
	private shut = false;

	constructor(options: IntakeOptions) {
		this.options = options;
	}

	/** Bytes under way. */
	bytes(): number {
		return this.underWay;
	}

	/**
	 * A place for a request of this caller that brings so many bytes, or does not say how many. A caller may have as much under way as is left for
	 * all others: alone one half, beside one who has all that it may a third. So nobody finds no room because of one other.
	 *
	 * @throws {EventsUnavailable}
	 * @throws {Refusal} `too_many_requests`
	 */
	admit(caller: Caller, bytes: number | undefined): Place {
		if (this.shut) throw new EventsUnavailable("events could not be stored a moment ago");
		const { bodyBytesMax } = this.options;
		const whose = oneCaller(caller);
		const size = Math.min(bytes ?? bodyBytesMax, bodyBytesMax) + requestBytes;
		this.checkRoom(this.shares.get(whose) ?? 0, size);
		const gone = new AbortController();
		let holders = 1;
		const letGo = (): void => {
			holders--;
			if (holders === 0) this.count(whose, -size);
		};
		this.count(whose, size);
		return {
			gone: gone.signal,
			during: async (work) => {
				if (holders === 0) this.count(whose, size);
				holders++;
				return await work(gone.signal).finally(letGo);
			},
			leave: (why) => {
				letGo();
				if (holders > 0) gone.abort(why);
			},
		};
	}

	/**
	 * Room for an answer of so many bytes that its caller asks for again, however small his request: it is opened, waits for its turn and is sent.
	 *
	 * @returns what gives it back; must be called
	 * @throws {Refusal} `too_many_requests`
	 */
	admitAnswer(caller: Caller, bytes: number): () => void {
		const whose = oneCaller(caller);
		// So that whoever has nothing else under way finds room for one, however little there is.
		const size = Math.min(bytes, Math.floor(this.options.bytesMax / 4));
		this.checkRoom(this.shares.get(whose) ?? 0, size);
		this.count(whose, size);
		return () => this.count(whose, -size);
	}

	private checkRoom(own: number, size: number): void {
		const { bytesMax } = this.options;
		const left = bytesMax - this.underWay;
		if (own + size <= left) return;
		const found = `you have ${own} bytes of requests under way here, and this one has ${size} more`;
		const expected = `a caller may have as many as are left for all, which are ${left} of ${bytesMax} now`;
		const detail = `${found}; ${expected}. Wait for answers before you send more, or send less at once.`;
		throw new Refusal("too_many_requests", { detail, retryAfterSeconds: 2 });
	}

	private count(whose: string, bytes: number): void {
		this.underWay += bytes;
		const share = (this.shares.get(whose) ?? 0) + bytes;
		if (share > 0) this.shares.set(whose, share);
		else this.shares.delete(whose);
	}

	/** Does something that needs the stream. Where it fails for want of it, nobody else tries until it is back. */
	async through<T>(work: () => Promise<T>): Promise<T> {
		try {
			return await work();
		} catch (error) {
			if (error instanceof EventsUnavailable && !this.shut) this.close();
			throw error;
		}
	}

	private close(): void {
		this.shut = true;
		const look = () => {
			this.options.bus.checkReady().then(
				() => {
					this.shut = false;
				},
				() => void setTimeout(look, this.options.lookAgainMs ?? lookAgainMsDefault).unref(),
			);
		};
		look();
	}
}
