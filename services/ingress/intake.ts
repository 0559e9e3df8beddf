// How much may be on its way through this replica at once, and whether anything may: while events cannot be stored nobody's body is read.
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { oneCaller } from "#libs/service/work-aside.ts";
import { callerLeft } from "./read-request.ts";

export interface IntakeOptions {
	/** Bodies of requests that are not answered yet or still worked on, together. */
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

interface Incoming {
	readonly raw: object & { readonly headers: Readonly<Record<string, string | string[] | undefined>> };
}
interface Outgoing {
	readonly raw: { readonly destroyed: boolean; once(event: "close", listener: () => void): unknown };
}

/** A request's size, counted while someone holds it: its connection, work on it. */
interface Held {
	readonly size: number;
	/** Whose share it is in. */
	readonly whose: string;
	/** Aborted when its connection is. */
	readonly gone: AbortController;
	holders: number;
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
	private readonly held = new WeakMap<object, Held>();
	private shut = false;

	constructor(options: IntakeOptions) {
		this.options = options;
	}

	/** Bytes under way. */
	bytes(): number {
		return this.underWay;
	}

	/**
	 * A fastify hook for every route that brings a call, once its caller is known. A caller may have as much under way as is left for all
	 * others: alone one half, beside one who has all that it may a third. So nobody finds no room because of one other.
	 *
	 * @throws {EventsUnavailable}
	 * @throws {Refusal} `too_many_requests`
	 */
	readonly admitting =
		(callerOf: (request: Incoming) => Caller) =>
		async (request: Incoming, { raw }: Outgoing): Promise<void> => {
			if (this.shut) throw new EventsUnavailable("events could not be stored a moment ago");
			// While it was found out who it is: its end was told already, and would not be told again.
			if (raw.destroyed) throw callerLeft();
			const whose = oneCaller(callerOf(request));
			const size = sizeOf(request.raw.headers, this.options.bodyBytesMax) + requestBytes;
			this.checkRoom(this.shares.get(whose) ?? 0, size);
			const held: Held = { size, whose, gone: new AbortController(), holders: 0 };
			this.held.set(request.raw, held);
			this.hold(held, 1);
			raw.once("close", () => {
				this.hold(held, -1);
				// Nobody works on a request that was answered.
				if (held.holders > 0) held.gone.abort(callerLeft());
			});
		};

	/**
	 * Work on a request, which has its bytes also after its caller went away: whoever sends and leaves has them counted all the same.
	 *
	 * @param work is told when its caller is gone, so that it need not begin what has not begun.
	 */
	async during<T>({ raw }: Pick<Incoming, "raw">, work: (gone: AbortSignal | undefined) => Promise<T>): Promise<T> {
		const held = this.held.get(raw);
		if (held) this.hold(held, 1);
		try {
			return await work(held?.gone.signal);
		} finally {
			if (held) this.hold(held, -1);
		}
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

	private hold(held: Held, change: 1 | -1): void {
		const before = held.holders;
		held.holders += change;
		if (before === 0) this.count(held.whose, held.size);
		if (held.holders === 0) this.count(held.whose, -held.size);
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

/** By RFC 9112 section 6: a length, or chunks of which nobody knows how many will come, or no body. */
function sizeOf(headers: Incoming["raw"]["headers"], bodyBytesMax: number): number {
	const length = headers["content-length"];
	if (typeof length === "string" && /^\d{1,15}$/.test(length)) return Math.min(Number(length), bodyBytesMax);
	return headers["transfer-encoding"] === undefined ? 0 : bodyBytesMax;
}
