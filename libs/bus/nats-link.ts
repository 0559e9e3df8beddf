// The one file that speaks to the NATS client: a connection, requests with plain answers, and readers that never fall silent.
import { setTimeout as delay } from "node:timers/promises";
import {
	AckPolicy,
	type ConsumerMessages,
	connect,
	createInbox,
	DebugEvents,
	DeliverPolicy,
	ErrorCode,
	Events,
	headers,
	type JsMsg,
	type Msg,
	type MsgHdrs,
	type NatsConnection,
	NatsError,
	nanos,
	nkeyAuthenticator,
	nkeys,
	nuid,
	RequestStrategy,
	type Subscription,
} from "nats";
import { EventsUnavailable, type Position } from "./bus.ts";
import { createReconnectPace } from "./reconnect-pace.ts";
import { ReplyInbox } from "./reply-inbox.ts";

export interface LinkOptions {
	readonly servers: string[];
	readonly name: string;
	/** NKey seed (`SU…`): the server knows only its public half. */
	readonly seed: string;
	readonly inboxPrefix: string;
	/** PEM of the authority that signed the server's certificate, where NATS is reached over TLS. */
	readonly ca?: string | undefined;
	/** Told of disconnects, reconnects and readers that had to start anew. */
	readonly onStatus: (status: string) => void;
}

/** An answer or a stored message: bytes and single-valued headers. */
export interface Reply {
	readonly bytes: Uint8Array;
	header(name: string): string | undefined;
}

/** Why a request has no answer. `timeout` and `closed` say nothing about whether the server did what was asked. */
export type RequestFault = "no_responders" | "forbidden" | "not_found" | "too_large" | "timeout";
export type Requested = { readonly ok: true; readonly reply: Reply } | { readonly ok: false; readonly fault: RequestFault };

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

export interface Link {
	/** Whether NATS is connected, waiting at most `waitMs` for it. */
	isUp(waitMs: number): Promise<boolean>;
	request(subject: string, payload: Uint8Array, timeoutMs: number, head?: Record<string, string>): Promise<Requested>;
	/** The answers of all who answer, as far as they come within `forMs`. Nobody's silence or refusal is an error: there are only fewer answers. */
	requestAll(subject: string, payload: Uint8Array, forMs: number): Promise<Reply[]>;
	/** Reads a durable consumer until stopped. `onMessage` must not throw: that would silence the reader for good. */
	readDurable(stream: string, consumer: string, onMessage: (message: LinkMessage) => void): () => Promise<void>;
	/** Reads one filter in order and without gaps from the position that `next` names, also after a reconnect. */
	readOrdered(stream: string, filter: string, reader: OrderedReader): () => Promise<void>;
	close(): Promise<void>;
}

export interface OrderedReader {
	readonly next: () => Position;
	readonly onMessage: (message: LinkMessage) => void;
	/** Reading began (again) and there was nothing to read. */
	readonly onEmpty: () => void;
}

/** @throws {EventsUnavailable} if NATS cannot be reached or refuses the seed. */
export async function connectLink(options: LinkOptions): Promise<Link> {
	const connection = await connect({
		servers: options.servers,
		name: options.name,
		authenticator: nkeyAuthenticator(new TextEncoder().encode(options.seed)),
		inboxPrefix: options.inboxPrefix,
		maxReconnectAttempts: -1,
		reconnectDelayHandler: createReconnectPace(),
		pingInterval: 5_000,
		maxPingOut: 2,
		// Its only effect would be an Error with a stack for every request of the client's own.
		noAsyncTraces: true,
		...(options.ca && { tls: { ca: options.ca } }),
	}).catch((error: unknown) => {
		throw new EventsUnavailable(`NATS at ${options.servers.join(", ")} cannot be reached or refuses the seed`, { cause: error });
	});
	return new NatsLink(connection, options);
}

/** A new NKey pair of a NATS user: the seed goes to the service, the public key into the server's configuration. */
export function newUserKey(): { seed: string; publicKey: string } {
	const pair = nkeys.createUser();
	return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

export function publicKeyOf(seed: string): string {
	return nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey();
}

/** A reader that could not begin, or that the server ended. */
const restartDelayMs = 500;
/** What a reader that stops waits for what is on its way to it. */
const drainMsMax = 1_000;
/** The server removes what a reader followed by, once the reader has been away for this long. */
const forgottenAfterMs = 60_000;
/** A consumer that heard neither message nor heartbeat for twice this long asks again. */
const heartbeatMs = 5_000;

interface Reading {
	readonly messages: ConsumerMessages;
	stop(): Promise<void>;
}

class NatsLink implements Link {
	private readonly connection: NatsConnection;
	private readonly onStatus: (status: string) => void;
	private readonly replies: ReplyInbox<Msg>;
	private readonly reading = new Set<ConsumerMessages>();
	/** Another one for each time that the connection is lost. */
	private up = Promise.withResolvers<void>();
	private connected = true;

	constructor(connection: NatsConnection, { inboxPrefix, onStatus }: LinkOptions) {
		this.connection = connection;
		this.onStatus = onStatus;
		this.replies = new ReplyInbox(createInbox(inboxPrefix));
		const hear = (error: Error | null, message: Msg) => {
			if (error === null) this.replies.hear(message.subject, message);
		};
		connection.subscribe(this.replies.filter, { callback: hear });
		void this.watch();
	}

	private async watch(): Promise<void> {
		for await (const status of this.connection.status()) {
			const { type } = status;
			if (type === Events.Disconnect && this.connected) {
				this.up = Promise.withResolvers();
				this.connected = false;
				// Whoever waits tries again when the connection is back, instead of at the end of its time.
				this.replies.abandon();
				for (const messages of this.reading) void messages.close();
			}
			const { permissionContext: denied } = status;
			if (denied?.operation === "publish") this.replies.forbid(denied.subject);
			if (type === Events.Reconnect) {
				this.connected = true;
				this.up.resolve();
			}
			if (type !== DebugEvents.PingTimer) this.onStatus(type);
		}
	}

	async isUp(waitMs: number): Promise<boolean> {
		if (this.connected) return true;
		return await Promise.race([this.up.promise.then(() => true), delay(waitMs, false, { ref: false })]);
	}

	async request(subject: string, payload: Uint8Array, timeoutMs: number, head?: Record<string, string>): Promise<Requested> {
		const options: { reply: string; headers?: MsgHdrs } = { reply: "" };
		if (head) {
			options.headers = headers();
			for (const [name, value] of Object.entries(head)) options.headers.set(name, value);
		}
		try {
			const answered = await this.replies.ask(subject, timeoutMs, (reply) =>
				this.connection.publish(subject, payload, { ...options, reply }),
			);
			if ("fault" in answered) return { ok: false, fault: answered.fault };
			const { message } = answered;
			if (message.headers?.code === 404) return { ok: false, fault: "not_found" };
			if (message.headers?.code === 503 && message.data.length === 0) return { ok: false, fault: "no_responders" };
			return { ok: true, reply: replyOf(message) };
		} catch (error) {
			return { ok: false, fault: requestFaultOf(error) };
		}
	}

	async requestAll(subject: string, payload: Uint8Array, forMs: number): Promise<Reply[]> {
		const replies: Reply[] = [];
		try {
			// After the first answer the others have a fifth of the time.
			const options = { strategy: RequestStrategy.JitterTimer, maxWait: forMs, jitter: forMs / 5 };
			for await (const message of await this.connection.requestMany(subject, payload, options)) {
				if (!message.headers?.code) replies.push(replyOf(message));
			}
		} catch {
			// What came until then is what there is.
		}
		return replies;
	}

	readDurable(stream: string, name: string, onMessage: (message: LinkMessage) => void): () => Promise<void> {
		return this.keepReading(`consumer ${name}`, async () => {
			const consumer = await this.connection.jetstream().consumers.get(stream, name);
			const callback = (message: JsMsg) => onMessage(messageOf(message));
			const messages = await consumer.consume({ max_messages: 500, idle_heartbeat: heartbeatMs, callback });
			return { messages, stop: () => this.drain(messages) };
		});
	}

	/**
	 * Takes what is on its way and nothing after it. The client's `close` drops what is on its way, and the server would give it to someone else
	 * only when it has waited for its acknowledgement in vain. The client drains subscriptions, but has no word for the one of a reader, its `sub`.
	 */
	private async drain(messages: ConsumerMessages): Promise<void> {
		const { sub } = messages as ConsumerMessages & { readonly sub?: Subscription };
		// A server that hears at once of a reader's request for messages and that the reader is gone may go on delivering to nobody until the
		// request ends, half a minute later (2.15): the one, and then the other.
		const drained = this.connection.flush().then(() => sub?.drain());
		// It cannot be done where the connection is lost or the reader has ended by itself.
		await Promise.race([drained.catch(() => undefined), delay(drainMsMax, undefined, { ref: false })]);
		await messages.close();
	}

	/**
	 * Not the client's own ordered consumer: it begins anew in a promise that nobody holds, and where that meets a connection which is being
	 * closed, the rejection ends the process (`notifyOrderedResetAndReset` in consumer.js of `nats` 2.29).
	 */
	readOrdered(stream: string, filter: string, { next, onMessage, onEmpty }: OrderedReader): () => Promise<void> {
		return this.keepReading(`following ${filter}`, async () => {
			const { consumers } = await this.connection.jetstreamManager({ checkAPI: false });
			const made = await consumers.add(stream, {
				name: nuid.next(),
				filter_subject: filter,
				deliver_policy: DeliverPolicy.StartSequence,
				opt_start_seq: next(),
				ack_policy: AckPolicy.None,
				max_deliver: 1,
				mem_storage: true,
				num_replicas: 1,
				inactive_threshold: nanos(forgottenAfterMs),
			});
			let heard = 0;
			const callback = (message: JsMsg) => {
				// One that is missing was lost on its way: it is read again.
				if (message.info.deliverySequence !== heard + 1) return void messages.close();
				heard++;
				onMessage(messageOf(message));
			};
			const consumer = this.connection.jetstream().consumers.getPullConsumerFor(made);
			const options = { max_messages: 1_000, idle_heartbeat: heartbeatMs, abort_on_missing_resource: true, callback };
			const messages = await consumer.consume(options);
			if (made.num_pending === 0) onEmpty();
			const forget = () => void consumer.delete().catch(() => undefined);
			return { messages, stop: () => messages.close().then(forget) };
		});
	}

	/** A reader lives as long as its connection; whatever ends it, it is started anew until it is stopped. */
	private keepReading(what: string, start: () => Promise<Reading>): () => Promise<void> {
		const stopped = Promise.withResolvers<void>();
		let isStopped = false;
		let reading: Reading | undefined;
		const loop = (async () => {
			for (;;) {
				if (!this.connected) await Promise.race([this.up.promise, stopped.promise]);
				if (isStopped) return;
				const { up } = this;
				try {
					reading = await start();
					this.reading.add(reading.messages);
					if (isStopped) void reading.stop();
					else if (this.up !== up) void reading.messages.close();
					const fault = await reading.messages.closed();
					if (fault) throw fault;
				} catch (error) {
					this.onStatus(`${what}: ${error instanceof Error ? error.message : "failed"}`);
					await Promise.race([delay(restartDelayMs), stopped.promise]);
				} finally {
					if (reading) this.reading.delete(reading.messages);
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

	async close(): Promise<void> {
		if (this.connected) await this.connection.drain();
		else await this.connection.close();
	}
}

function replyOf(message: Msg): Reply {
	return { bytes: message.data, header: (name) => message.headers?.get(name) || undefined };
}

function messageOf(message: JsMsg): LinkMessage {
	const { streamSequence, deliveryCount, timestampNanos, pending } = message.info;
	return {
		subject: message.subject,
		bytes: message.data,
		position: streamSequence,
		tries: deliveryCount,
		storedAt: new Date(timestampNanos / 1e6),
		pending,
		ack: () => tell(() => message.ack()),
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

/** What the client refuses to send: a message beyond `max_payload`, or anything on a connection that is closed. */
function requestFaultOf(error: unknown): RequestFault {
	if (!(error instanceof NatsError)) throw error;
	return error.code === ErrorCode.MaxPayloadExceeded ? "too_large" : "timeout";
}
