// How much may be on its way through this replica at once, and whether anything may: while events cannot be stored nobody's body is read.
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { Refusal } from "#libs/contracts/problems.ts";

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
	readonly raw: { once(event: "close", listener: () => void): unknown };
}

/** A request's size, counted while someone holds it: its connection, work on it. */
interface Held {
	readonly size: number;
	holders: number;
}

/**
 * A NATS that hangs is noticed by the first requests that time out. From then on requests are refused at once, so that what waits in this
 * process, and what its connection would have to send, is bounded by what came before; events are asked for until they can be stored again.
 */
export class Intake {
	private readonly options: IntakeOptions;
	private underWay = 0;
	private readonly held = new WeakMap<object, Held>();
	private shut = false;

	constructor(options: IntakeOptions) {
		this.options = options;
	}

	/** Bytes under way. */
	bytes(): number {
		return this.underWay;
	}

	/** A fastify hook for every route that brings a call. @throws {EventsUnavailable} @throws {Refusal} `too_many_requests` */
	readonly onRequest = async ({ raw: request }: Incoming, { raw }: Outgoing): Promise<void> => {
		if (this.shut) throw new EventsUnavailable("events could not be stored a moment ago");
		const size = sizeOf(request.headers, this.options.bodyBytesMax) + requestBytes;
		if (this.underWay + size > this.options.bytesMax)
			throw new Refusal("too_many_requests", { detail: "too much is on its way at once", retryAfterSeconds: 2 });
		const held: Held = { size, holders: 0 };
		this.held.set(request, held);
		this.hold(held, 1);
		raw.once("close", () => this.hold(held, -1));
	};

	/** Work on a request, which has its bytes also after its caller went away: whoever sends and leaves has them counted all the same. */
	async during<T>({ raw }: Pick<Incoming, "raw">, work: () => Promise<T>): Promise<T> {
		const held = this.held.get(raw);
		if (held) this.hold(held, 1);
		try {
			return await work();
		} finally {
			if (held) this.hold(held, -1);
		}
	}

	private hold(held: Held, change: 1 | -1): void {
		const before = held.holders;
		held.holders += change;
		if (before === 0) this.underWay += held.size;
		if (held.holders === 0) this.underWay -= held.size;
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
