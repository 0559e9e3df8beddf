// A connection to NATS: requests with plain answers, and readers (nats-readers.ts, nats-turns.ts). No other files speak to the NATS client.
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import {
	connect,
	createInbox,
	DebugEvents,
	ErrorCode,
	Events,
	headers,
	type Msg,
	type MsgHdrs,
	type NatsConnection,
	NatsError,
	nkeyAuthenticator,
	nkeys,
	RequestStrategy,
} from "nats";
import { EventsUnavailable } from "./bus.ts";
import { type LinkMessage, type OrderedReader, type OrderedTurnsReader, Readers, type TurnsReader } from "./nats-readers.ts";
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

export interface Link {
	/** Whether NATS is connected, waiting at most `waitMs` for it. */
	isUp(waitMs: number): Promise<boolean>;
	/** What the server that was connected last takes at most (`max_payload`). */
	messageBytesMax(): number;
	request(subject: string, payload: Uint8Array, timeoutMs: number, head?: Record<string, string>): Promise<Requested>;
	/** The answers of all who answer, as far as they come within `forMs`. Nobody's silence or refusal is an error: there are only fewer answers. */
	requestAll(subject: string, payload: Uint8Array, forMs: number): Promise<Reply[]>;
	/** Reads a durable consumer until stopped. `onMessage` must not throw: the reader would begin anew, and the message come again half a minute later. */
	readDurable(stream: string, consumer: string, onMessage: (message: LinkMessage) => void): () => Promise<void>;
	/** As `readDurable`, everything that is there at once and then nothing for a while: what many messages share is paid once. */
	readInTurns(stream: string, consumer: string, reader: TurnsReader): () => Promise<void>;
	/** Reads one filter in order and without gaps from the position that `next` names, also after a reconnect. */
	readOrdered(stream: string, filter: string, reader: OrderedReader): () => Promise<void>;
	/** As `readOrdered`, everything that is there at once and then nothing for a while. */
	readOrderedInTurns(stream: string, filter: string, reader: OrderedTurnsReader): () => Promise<void>;
	close(): Promise<void>;
}

/** @throws {EventsUnavailable} if NATS cannot be reached or refuses the seed. */
export async function connectLink(options: LinkOptions): Promise<Link> {
	const connection = await connect({
		servers: options.servers,
		name: options.name,
		authenticator: nkeyAuthenticator(new TextEncoder().encode(options.seed)),
		inboxPrefix: options.inboxPrefix,
		maxReconnectAttempts: -1,
		// Who is refused twice may be known again later, when a key that was changed is known everywhere.
		ignoreAuthErrorAbort: true,
		timeout: dialMsMax,
		reconnectDelayHandler: createReconnectPace(),
		pingInterval: 5_000,
		maxPingOut: 2,
		// Its only effect would be an Error with a stack for every request of the client's own.
		noAsyncTraces: true,
		...(options.ca && { tls: { ca: options.ca } }),
	}).catch((error: unknown) => {
		throw new EventsUnavailable(`NATS at ${options.servers.join(", ")} cannot be reached or refuses the seed`, { cause: error });
	});
	giveUpLateDials(connection);
	writeTogether(connection);
	return new NatsLink(connection, options);
}

interface Protocol {
	readonly transport: { readonly socket?: Socket; setupHandlers(): void; _closed(): Promise<void> };
	/** Before each dial: makes another transport. */
	prepare(): unknown;
	/** Writes what was said to the socket. */
	flushPending(): void;
}

/**
 * The client leaves a dial that took too long to itself: where the server answers it after all, and then ends it, the client takes that for the
 * end of the connection that it has meanwhile, and in time of the next (`dial` in protocol.js and `connect` in node_transport.js of `nats` 2.29).
 * Here the last dial ends when another begins.
 */
function giveUpLateDials(connection: NatsConnection): void {
	const { protocol } = connection as NatsConnection & { readonly protocol: Protocol };
	const prepare = protocol.prepare.bind(protocol);
	protocol.prepare = () => {
		const last = protocol.transport;
		const hangUp = () => {
			last.socket?.removeAllListeners();
			last.socket?.on("error", () => undefined);
			last.socket?.destroy();
		};
		hangUp();
		Object.assign(last, { setupHandlers: hangUp, _closed: async () => undefined });
		return prepare();
	};
}

/**
 * The client writes to its socket in the microtask after a command, so what says twenty things makes up to twenty system calls (`sendCommand` in
 * protocol.js of `nats` 2.29). Here all that one callback of the event loop says goes out in one write, before the next one runs: to wait for the end
 * of the turn would make each message a turn later.
 */
function writeTogether(connection: NatsConnection): void {
	const { protocol } = connection as NatsConnection & { readonly protocol: Protocol };
	const flush = protocol.flushPending.bind(protocol);
	let isPlanned = false;
	protocol.flushPending = () => {
		if (isPlanned) return;
		isPlanned = true;
		process.nextTick(() => {
			isPlanned = false;
			flush();
		});
	};
}

/** A new NKey pair of a NATS user: the seed goes to the service, the public key into the server's configuration. */
export function newUserKey(): { seed: string; publicKey: string } {
	const pair = nkeys.createUser();
	return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

export function publicKeyOf(seed: string): string {
	return nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey();
}

/** From a dial to the server's first answer. */
const dialMsMax = 5_000;
/** What a connection that is closed waits for what is on its way. */
const closeMsMax = 2_000;

class NatsLink implements Link {
	private readonly connection: NatsConnection;
	private readonly onStatus: (status: string) => void;
	private readonly replies: ReplyInbox<Msg>;
	private readonly readers: Readers;
	private up = Promise.withResolvers<void>();
	private connected = true;

	constructor(connection: NatsConnection, { inboxPrefix, onStatus }: LinkOptions) {
		this.connection = connection;
		this.onStatus = onStatus;
		this.replies = new ReplyInbox(createInbox(inboxPrefix));
		const untilUp = async () => (this.connected ? undefined : await this.up.promise);
		this.readers = new Readers(connection, { onStatus, untilUp, inboxPrefix });
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
				this.readers.abandon();
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

	messageBytesMax(): number {
		return this.connection.info?.max_payload ?? 0;
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
		return this.readers.durable(stream, name, onMessage);
	}

	readInTurns(stream: string, consumer: string, reader: TurnsReader): () => Promise<void> {
		return this.readers.turns(stream, consumer, reader);
	}

	readOrdered(stream: string, filter: string, reader: OrderedReader): () => Promise<void> {
		return this.readers.ordered(stream, filter, reader);
	}

	readOrderedInTurns(stream: string, filter: string, reader: OrderedTurnsReader): () => Promise<void> {
		return this.readers.orderedTurns(stream, filter, reader);
	}

	async close(): Promise<void> {
		this.readers.flush();
		// A server that hangs hears no goodbye.
		if (this.connected) await Promise.race([this.connection.drain().catch(() => undefined), delay(closeMsMax, undefined, { ref: false })]);
		await this.connection.close();
	}
}

function replyOf(message: Msg): Reply {
	return { bytes: message.data, header: (name) => message.headers?.get(name) || undefined };
}

/** What the client refuses to send: a message beyond `max_payload`, or anything on a connection that is closed. */
function requestFaultOf(error: unknown): RequestFault {
	if (!(error instanceof NatsError)) throw error;
	return error.code === ErrorCode.MaxPayloadExceeded ? "too_large" : "timeout";
}
