// Reads a durable consumer in turns: everything that is there at once, then nothing for a while. What many messages share, server and reader pay once.
import { setTimeout as delay } from "node:timers/promises";
import { type DeliveryInfo, type JsMsg, type Msg, type NatsConnection, nanos, type Subscription } from "nats";

/** What of the client's own message is used here; the client makes them for its own readers only. */
export type Delivered = Pick<JsMsg, "subject" | "data" | "ack" | "nak" | "working"> & {
	readonly info: Pick<DeliveryInfo, "streamSequence" | "deliverySequence" | "deliveryCount" | "timestampNanos" | "pending">;
};

export interface Turns {
	/** From one turn's end to the next one's request. Where there is nothing then, the first that comes begins the turn at once. */
	readonly everyMs: number;
	readonly onMessage: (message: Delivered) => void;
	/** Everything that was there has come, or as much as one turn takes. The next turn waits for what this does. */
	readonly onTurn: () => Promise<void>;
}

/** Asked for at once. A turn that brought as many is followed by the next without a pause. */
const turnMessagesMax = 2_000;
/** The same in bytes: any one message has room in it (message-size.ts). */
const turnBytesMax = 32 * 1024 * 1024;
/** The server ends a request to which nothing came, and the next one is made. */
const expiresMs = 30_000;
/** While it waits the server says so this often; who hears nothing for twice as long begins anew. */
const heartbeatMs = 5_000;

/** With both `no_wait` and `expires` the server waits for the first message, and ends the request when there are no more (ADR-13 of nats-architecture-and-design). */
const wanted = {
	batch: turnMessagesMax,
	max_bytes: turnBytesMax,
	no_wait: true,
	expires: nanos(expiresMs),
	idle_heartbeat: nanos(heartbeatMs),
};
/** The server's word for a turn that is full before it has as many messages (409). */
const isFullOfBytes = /exceeds maxbytes/i;

export interface TurnsParts {
	readonly connection: NatsConnection;
	/** Where its own requests are answered. */
	readonly inbox: string;
	readonly stream: string;
	readonly consumer: string;
}

export class TurnReading {
	private readonly parts: TurnsParts;
	private readonly turns: Turns;
	private readonly sub: Subscription;
	private readonly over = Promise.withResolvers<undefined | Error>();
	private turn = 0;
	/** How many more this turn may bring; undefined between turns. */
	private left: number | undefined;
	private timer: NodeJS.Timeout | undefined;
	private isOver = false;

	constructor(parts: TurnsParts, turns: Turns) {
		this.parts = parts;
		this.turns = turns;
		this.sub = parts.connection.subscribe(`${parts.inbox}.*`, {
			callback: (error, message) => (error ? this.close(error) : this.hear(message)),
		});
		this.ask();
	}

	/** Resolves when it has ended: with why, unless it was closed. */
	closed(): Promise<undefined | Error> {
		return this.over.promise;
	}

	close(error?: Error): void {
		this.isOver = true;
		clearTimeout(this.timer);
		this.sub.unsubscribe();
		this.over.resolve(error);
	}

	/** Asks for nothing more, takes what is on its way, and ends. */
	async stop(error?: Error): Promise<void> {
		this.isOver = true;
		this.left = undefined;
		clearTimeout(this.timer);
		await drain(this.parts.connection, this.sub);
		this.close(error);
	}

	private ask(): void {
		if (this.isOver) return;
		const { connection, inbox, stream, consumer } = this.parts;
		this.turn++;
		this.left = turnMessagesMax;
		this.timer = setTimeout(() => void this.stop(new Error("hears nothing")), 2 * heartbeatMs);
		connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(wanted), { reply: `${inbox}.${this.turn}` });
	}

	private hear(message: Msg): void {
		const { connection, inbox } = this.parts;
		if (this.left !== undefined) this.timer?.refresh();
		// A message of the stream comes with the subject it has there, what the server says of a request with the request's own.
		if (!message.subject.startsWith(`${inbox}.`)) {
			const delivered = deliveredOf(connection, message);
			if (!delivered) return void this.close(new Error("was sent what no consumer says"));
			this.turns.onMessage(delivered);
			if (this.left !== undefined && --this.left === 0) this.endTurn(0);
			return;
		}
		const { code, description } = message.headers ?? {};
		if (message.subject !== `${inbox}.${this.turn}` || code === 100) return;
		// There is nothing more, or nothing came.
		if (code === 404 || code === 408) this.endTurn(this.turns.everyMs);
		else if (isFullOfBytes.test(description ?? "")) this.endTurn(0);
		else this.close(new Error(description || `status ${code}`));
	}

	private endTurn(pauseMs: number): void {
		if (this.left === undefined) return;
		this.left = undefined;
		clearTimeout(this.timer);
		const done = this.turns.onTurn();
		this.timer = setTimeout(() => void done.then(() => this.ask()), pauseMs);
	}
}

/** Where a message stands is told in the subject of its acknowledgement, with a domain and an account before it or without (ADR-15 of nats-architecture-and-design). */
function deliveredOf(connection: NatsConnection, { subject, data, reply = "" }: Msg): Delivered | undefined {
	const tokens = reply.split(".");
	const [tries, position, delivery, nanoseconds, pending] = tokens.slice(tokens.length > 9 ? 6 : 4).map(Number);
	if (tries === undefined || !position || !delivery || nanoseconds === undefined || pending === undefined) return undefined;
	return {
		...{ subject, data },
		info: { deliveryCount: tries, streamSequence: position, deliverySequence: delivery, timestampNanos: nanoseconds, pending },
		ack: () => connection.publish(reply, "+ACK"),
		nak: (delayMs = 0) => connection.publish(reply, `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`),
		working: () => connection.publish(reply, "+WPI"),
	};
}

/** What a reader that stops waits for what is on its way to it. */
const drainMsMax = 1_000;

/** Takes what is on its way on a subscription, and nothing after it. It cannot be done where the connection is lost or the subscription has ended. */
export async function drain(connection: NatsConnection, sub: Subscription | undefined): Promise<void> {
	// A server that hears at once of a reader's request for messages and that the reader is gone may go on delivering to nobody until the
	// request ends, half a minute later (2.15): the one, and then the other.
	const drained = connection.flush().then(() => sub?.drain());
	await Promise.race([drained.catch(() => undefined), delay(drainMsMax, undefined, { ref: false })]);
}
