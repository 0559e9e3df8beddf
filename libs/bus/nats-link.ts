// The one file that speaks to the NATS client: a connection, requests with plain answers, and readers that never fall silent.
import { setTimeout as delay } from "node:timers/promises";
import {
	type ConsumerMessages,
	connect,
	createInbox,
	DebugEvents,
	ErrorCode,
	Events,
	headers,
	type JsMsg,
	type Msg,
	type MsgHdrs,
	type NatsConnection,
	NatsError,
	nkeyAuthenticator,
	nkeys,
	RequestStrategy,
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

const restartDelayMs = 500;
/** A consumer that heard neither message nor heartbeat for twice this long asks again. */
const heartbeatMs = 5_000;

class NatsLink implements Link {
	private readonly connection: NatsConnection;
	private readonly onStatus: (status: string) => void;
	private readonly replies: ReplyInbox<Msg>;
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
			return await consumer.consume({ max_messages: 500, idle_heartbeat: heartbeatMs, callback });
		});
	}

	readOrdered(stream: string, filter: string, { next, onMessage, onEmpty }: OrderedReader): () => Promise<void> {
		return this.keepReading(`following ${filter}`, async () => {
			const consumer = await this.connection.jetstream().consumers.get(stream, { filterSubjects: filter, opt_start_seq: next() });
			const callback = (message: JsMsg) => onMessage(messageOf(message));
			const messages = await consumer.consume({ max_messages: 1_000, idle_heartbeat: heartbeatMs, callback });
			if ((await consumer.info(true)).num_pending === 0) onEmpty();
			return messages;
		});
	}

	/** A reader that the client gives up, for whatever reason, is started anew until it is stopped. */
	private keepReading(what: string, start: () => Promise<ConsumerMessages>): () => Promise<void> {
		let stopped = false;
		let messages: ConsumerMessages | undefined;
		const wake = Promise.withResolvers<void>();
		const loop = (async () => {
			while (!stopped) {
				try {
					messages = await start();
					if (stopped) void messages.close();
					await messages.closed();
				} catch (error) {
					this.onStatus(`${what}: ${error instanceof Error ? error.message : "failed"}`);
				}
				if (!stopped) await Promise.race([delay(restartDelayMs), wake.promise]);
			}
		})();
		return async () => {
			stopped = true;
			wake.resolve();
			void messages?.close();
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
