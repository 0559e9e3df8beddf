// How much may be on its way through this replica at once, and whether anything may: while events cannot be stored nobody's body is read.
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { Refusal } from "#libs/contracts/problems.ts";

export interface IntakeOptions {
	/** Bodies of requests that are not answered yet, together. */
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
	readonly raw: { readonly headers: Readonly<Record<string, string | string[] | undefined>> };
}
interface Outgoing {
	readonly raw: { once(event: "close", listener: () => void): unknown };
}

/**
 * A NATS that hangs is noticed by the first requests that time out. From then on requests are refused at once, so that what waits in this
 * process, and what its connection would have to send, is bounded by what came before; events are asked for until they can be stored again.
 */
export class Intake {
	private readonly options: IntakeOptions;
	private underWay = 0;
	private shut = false;

	constructor(options: IntakeOptions) {
		this.options = options;
	}

	/** Bytes under way. */
	bytes(): number {
		return this.underWay;
	}

	/** A fastify hook for every route that brings a call. @throws {EventsUnavailable} @throws {Refusal} `too_many_requests` */
	readonly onRequest = async ({ raw: { headers } }: Incoming, { raw }: Outgoing): Promise<void> => {
		if (this.shut) throw new EventsUnavailable("events could not be stored a moment ago");
		const size = sizeOf(headers, this.options.bodyBytesMax) + requestBytes;
		if (this.underWay + size > this.options.bytesMax)
			throw new Refusal("too_many_requests", { detail: "too much is on its way at once", retryAfterSeconds: 2 });
		this.underWay += size;
		raw.once("close", () => {
			this.underWay -= size;
		});
	};

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
