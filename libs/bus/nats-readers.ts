// Readers of the stream that do not fall silent: each lives as long as its connection, and is begun anew until it is stopped.
import { setTimeout as delay } from "node:timers/promises";
import {
	AckPolicy,
	type ConsumerConfig,
	ConsumerEvents,
	type ConsumerMessages,
	createInbox,
	DeliverPolicy,
	type JsMsg,
	type NatsConnection,
	NatsError,
	nanos,
	nuid,
	type Subscription,
} from "nats";
import type { Position } from "./bus.ts";
import { type Delivered, drain, TurnReading, type Turns } from "./nats-turns.ts";

/** A message of a consumer. */
export interface LinkMessage {
	readonly subject: string;
	readonly bytes: Uint8Array;
	readonly position: Position;
	readonly tries: number;
	readonly storedAt: Date;
	/** How many the consumer still has after this one. */
	readonly pending: number;
	ack(): void;
	retry(delayMs: number): void;
	/** Still in work: do not give it to someone else yet. */
	working(): void;
}

export interface OrderedReader {
	readonly next: () => Position;
	readonly ahead?: number | undefined;
	readonly onMessage: (message: LinkMessage) => void;
	/** Reading began (again) and there was nothing to read. */
	readonly onEmpty: () => void;
}

/** As {@link OrderedReader}, in turns. */
export interface OrderedTurnsReader extends Omit<TurnsReader, "onTurn"> {
	readonly next: () => Position;
	/** Reading begins (again), when this has resolved: what came since the last turn's end comes once more. */
	readonly onBegin: () => Promise<void>;
	/** As of {@link Turns}. Where it rejects, reading begins anew at `next`. */
	readonly onTurn: () => Promise<void>;
}

export interface ReadersParts {
	/** Resolves at once while NATS is connected, otherwise when it is again. */
	readonly untilUp: () => Promise<void>;
	/** Told of readers that had to begin anew. */
	readonly onStatus: (status: string) => void;
	readonly inboxPrefix: string;
}

/** As {@link Turns}, of messages as every reader here gives them. */
export interface TurnsReader extends Omit<Turns, "onMessage"> {
	readonly onMessage: (message: LinkMessage) => void;
}

/** What is read, as far as it has begun. */
interface Reading {
	/** Resolves when it has ended: with an error, unless it was closed. */
	closed(): Promise<unknown>;
	/** At once: what is on its way is dropped. */
	close(): unknown;
	/** Takes what is on its way and nothing after it. */
	stop(): Promise<void>;
}

/** Before a reader that could not begin, or that the server ended, begins again. */
const againMs = 500;
/** The server answers what a reader asks of it within this, or is asked again. */
const askMsMax = 2_000;
/** A reader that heard neither message nor heartbeat for twice this long begins anew. */
const heartbeatMs = 5_000;
/** Messages that are on their way to a follower at once. */
const aheadMax = 1_000;
/** How much later an acknowledgement may be said. */
const ackAfterMs = 50;
/** The server removes what a follower read by, once the follower has been away for this long. */
const forgottenAfterMs = 60_000;

export class Readers {
	private readonly connection: NatsConnection;
	private readonly parts: ReadersParts;
	private readonly readings = new Set<Reading>();
	/** Handled, and not said yet. */
	private readonly done: Delivered[] = [];
	private sayDone: NodeJS.Timeout | undefined;
	/** How often the connection was lost. */
	private losses = 0;

	constructor(connection: NatsConnection, parts: ReadersParts) {
		this.connection = connection;
		this.parts = parts;
	}

	/** The connection is lost, and with it what was on its way: everything begins anew on the next one. */
	abandon(): void {
		this.losses++;
		for (const reading of this.readings) void reading.close();
	}

	/** Says what was acknowledged: see {@link ackLater}. */
	flush(): void {
		clearTimeout(this.sayDone);
		this.sayDone = undefined;
		for (const message of this.done.splice(0)) tell(() => message.ack());
	}

	/** An acknowledgement only spares the server a second delivery half a minute later: many of them go together, a little later. */
	private ackLater(message: Delivered): void {
		this.done.push(message);
		this.sayDone ??= setTimeout(() => this.flush(), ackAfterMs);
	}

	/** Reads a durable consumer. Returns what stops it. */
	durable(stream: string, name: string, onMessage: (message: LinkMessage) => void): () => Promise<void> {
		return this.keepReading(`consumer ${name}`, async () => {
			const consumer = await this.connection.jetstream({ timeout: askMsMax }).consumers.get(stream, name);
			const callback = (message: JsMsg) => onMessage(messageOf(message, () => this.ackLater(message)));
			const options = { max_messages: 500, idle_heartbeat: heartbeatMs, abort_on_missing_resource: true, callback };
			const messages = await consumer.consume(options);
			return this.reading(`consumer ${name}`, messages, () => this.drain(messages));
		});
	}

	/** As {@link Readers.durable}, everything that is there at once and then nothing for a while: for a reader that is in no hurry. */
	turns(stream: string, name: string, { everyMs, onMessage, onTurn }: TurnsReader): () => Promise<void> {
		return this.keepReading(`consumer ${name}`, async () => {
			await this.connection.jetstream({ timeout: askMsMax }).consumers.get(stream, name);
			const parts = { connection: this.connection, inbox: createInbox(this.parts.inboxPrefix), stream, consumer: name };
			const hear = (message: Delivered) => onMessage(messageOf(message, () => this.ackLater(message)));
			const turns = new TurnReading(parts, { everyMs, onMessage: hear, onTurn });
			return { closed: () => turns.closed(), close: () => turns.close(), stop: () => turns.stop() };
		});
	}

	/**
	 * Reads one filter in order and without gaps. Not by the client's own ordered consumer: that begins anew in a promise that nobody holds, and
	 * where it meets a connection which is being closed, the rejection ends the process (`notifyOrderedResetAndReset` in consumer.js of `nats` 2.29).
	 */
	ordered(stream: string, filter: string, { next, ahead = aheadMax, onMessage, onEmpty }: OrderedReader): () => Promise<void> {
		return this.keepReading(`following ${filter}`, async () => {
			const { consumers } = await this.connection.jetstreamManager({ checkAPI: false, timeout: askMsMax });
			const made = await consumers.add(stream, orderedConsumer(filter, next()));
			let heard = 0;
			const callback = (message: JsMsg) => {
				// One that is missing was lost on its way: it is read again.
				if (message.info.deliverySequence !== heard + 1) return void stop();
				heard++;
				onMessage(messageOf(message, () => undefined));
			};
			const consumer = this.connection.jetstream({ timeout: askMsMax }).consumers.getPullConsumerFor(made);
			const options = { max_messages: Math.min(ahead, aheadMax), idle_heartbeat: heartbeatMs, abort_on_missing_resource: true, callback };
			const messages = await consumer.consume(options);
			const stop = async () => {
				await messages.close();
				consumer.delete().catch(() => undefined);
			};
			if (made.num_pending === 0) onEmpty();
			return this.reading(`following ${filter}`, messages, stop);
		});
	}

	/** As {@link Readers.ordered}, everything that is there at once and then nothing for a while. A position that it leaves out is not in the filter. */
	orderedTurns(stream: string, filter: string, { next, everyMs, onBegin, onMessage, onTurn }: OrderedTurnsReader): () => Promise<void> {
		return this.keepReading(`reading ${filter}`, async () => {
			await onBegin();
			const manager = await this.connection.jetstreamManager({ checkAPI: false, timeout: askMsMax });
			const { name } = await manager.consumers.add(stream, orderedConsumer(filter, next()));
			const parts = { connection: this.connection, inbox: createInbox(this.parts.inboxPrefix), stream, consumer: name };
			let heard = 0;
			let isOver = false;
			const fail = (why: string) => {
				isOver = true;
				turns.close(new Error(why));
			};
			const turns = new TurnReading(parts, {
				everyMs,
				onMessage: (message) => {
					if (isOver) return;
					if (message.info.deliverySequence !== heard + 1) return fail("one was lost on its way");
					heard++;
					onMessage(messageOf(message, () => undefined));
				},
				onTurn: () => onTurn().catch((error: unknown) => fail(error instanceof Error ? error.message : "what was read was not taken")),
			});
			const end = (ended: Promise<void> | void) => {
				isOver = true;
				manager.consumers.delete(stream, name).catch(() => undefined);
				return ended;
			};
			return { closed: () => turns.closed(), close: () => end(turns.close()), stop: async () => await end(turns.stop()) };
		});
	}

	private reading(what: string, messages: ConsumerMessages, stop: () => Promise<void>): Reading {
		void this.stopWhenSilent(what, messages, stop);
		return { closed: () => messages.closed(), close: () => messages.close(), stop };
	}

	private keepReading(what: string, begin: () => Promise<Reading>): () => Promise<void> {
		const stopped = Promise.withResolvers<void>();
		let isStopped = false;
		let reading: Reading | undefined;
		const loop = (async () => {
			for (;;) {
				await Promise.race([this.parts.untilUp(), stopped.promise]);
				if (isStopped || this.connection.isClosed()) return;
				const { losses } = this;
				try {
					reading = await begin();
					this.readings.add(reading);
					if (isStopped) void reading.stop();
					else if (this.losses !== losses) void reading.close();
					const fault = await reading.closed();
					if (fault) throw fault;
				} catch (error) {
					this.parts.onStatus(`${what}: ${error instanceof Error ? error.message : "failed"}`);
					await Promise.race([delay(againMs), stopped.promise]);
				} finally {
					if (reading) this.readings.delete(reading);
					reading = undefined;
				}
			}
		})();
		return async () => {
			isStopped = true;
			stopped.resolve();
			await reading?.stop();
			await loop;
		};
	}

	/** Left alone, the client asks the server once whether its consumer is there, and where that is not answered waits for half a minute. */
	private async stopWhenSilent(what: string, messages: ConsumerMessages, stop: () => Promise<void>): Promise<void> {
		for await (const { type } of await messages.status()) {
			if (type !== ConsumerEvents.HeartbeatsMissed) continue;
			this.parts.onStatus(`${what}: hears nothing`);
			askNothingMore(messages);
			// What a server that is slow has said comes first: nobody else has it.
			await this.connection.flush().catch(() => undefined);
			await stop();
		}
	}

	/**
	 * Takes what is on its way and nothing after it. The client's `close` drops what is on its way, and the server would give it to someone else
	 * only when it has waited for its acknowledgement in vain. The client drains subscriptions, but has no word for the one of a reader, its `sub`.
	 */
	private async drain(messages: ConsumerMessages): Promise<void> {
		const { sub } = askNothingMore(messages);
		await drain(this.connection, sub);
		await messages.close();
	}
}

/** A consumer of one reader, which keeps the order itself and forgets nothing: what was not acknowledged is not given again. */
function orderedConsumer(filter: string, from: Position): Partial<ConsumerConfig> {
	return {
		name: nuid.next(),
		filter_subject: filter,
		deliver_policy: DeliverPolicy.StartSequence,
		opt_start_seq: from,
		ack_policy: AckPolicy.None,
		max_deliver: 1,
		mem_storage: true,
		num_replicas: 1,
		inactive_threshold: nanos(forgottenAfterMs),
	};
}

/** The client's reader goes on asking for messages while it is drained, and once after it was closed: its `pull` is made to do nothing. */
function askNothingMore(messages: ConsumerMessages): ConsumerMessages & { readonly sub?: Subscription } {
	return Object.assign(messages, { pull: () => undefined });
}

function messageOf(message: Delivered, ack: () => void): LinkMessage {
	const { streamSequence, deliveryCount, timestampNanos, pending } = message.info;
	return {
		subject: message.subject,
		bytes: message.data,
		position: streamSequence,
		tries: deliveryCount,
		storedAt: new Date(timestampNanos / 1e6),
		pending,
		ack,
		retry: (delayMs) => tell(() => message.nak(delayMs)),
		working: () => tell(() => message.working()),
	};
}

/** Says something about a delivery. On a connection that is closed for good it cannot be said, and the server delivers again to whoever is there. */
function tell(say: () => void): void {
	try {
		say();
	} catch (error) {
		if (!(error instanceof NatsError)) throw error;
	}
}
