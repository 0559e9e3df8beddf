// Events in motion: the port every service speaks through, and what it guarantees. Real: bus-nats.ts; in memory, as strict: bus-memory.ts; both pass bus-contract.ts.
import type { Service } from "#libs/contracts/define-event.ts";
import type { CallgateEvent, Event, EventType } from "#libs/contracts/events.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { StoreName } from "./stores.ts";

/** Where a message stands in the stream. Positions only grow. */
export type Position = number;

/** Events cannot be stored or read now. Nothing may run on the strength of an event that met this error. */
export class EventsUnavailable extends ExpectedError {}

/** The event can never be processed, however often it is tried: it is parked at once. The message must not repeat any value. */
export class Unprocessable extends ExpectedError {}

/** Not yet: the event is fine, but someone else may still be at work on it. Delivered again after a while, as often as it takes. */
export class NotYet extends ExpectedError {
	readonly afterMs: number;
	constructor(message: string, afterMs: number) {
		super(message);
		this.afterMs = afterMs;
	}
}

export interface StoredEvent<Kind extends EventType = EventType> {
	readonly event: Event<Kind>;
	readonly position: Position;
}

export type Conditional = { readonly won: true; readonly position: Position } | { readonly won: false; readonly last: Position };

/** How far one process has read a filter, for writing into a ledger. Kept by reading.ts. */
export interface Reading {
	/** The subjects of which every message counts. */
	readonly filter: string;
	/** The last message of the filter that was read, or was written by this process with everything before it read. */
	position(): Position;
	/** This process wrote at `position`, and nothing before it was unread. */
	wrote(position: Position): void;
	/** Whether everything up to `last`, which the server says is the filter's last message, was read within this time. */
	readTo(last: Position, withinMs: number): Promise<boolean>;
}

export interface LedgerTerms {
	/** What is written is stored only if there is nothing in this filter that was not read. */
	readonly reading: Reading;
	/**
	 * Given where a write must not be given up: it is tried until it is stored or lost, however long the stream is away, and this is told of each
	 * try that failed. Without it a write rejects with {@link EventsUnavailable} after a while, and may still be stored.
	 */
	readonly forSure?: (error: EventsUnavailable) => void;
}

export interface LedgerWriter {
	/**
	 * Writes an event, with others that are ready, unless it was lost: `holds` is asked before each try, when everything there is was read, and says
	 * whether what was read still allows it.
	 */
	write(event: CallgateEvent, holds: () => boolean): Promise<Conditional>;
}

export interface Delivery {
	readonly position: Position;
	/** Which event of its message this is: `position` and `item` together name a delivery. */
	readonly item: number;
	/** 1 for the first time. A broker that was killed may forget that it delivered before. */
	readonly tries: number;
	/** When the message became durable. */
	readonly storedAt: Date;
}

/** Handles one event. Returns when all that follows from it is durable; may see an event again at any time later. */
export type Handler = (event: CallgateEvent, delivery: Delivery) => Promise<void>;

export interface ConsumeOptions {
	/** Messages in work at once. */
	readonly concurrency?: number;
	/** How often an event is tried before it is parked. {@link NotYet} and {@link EventsUnavailable} do not count: they are nobody's fault. */
	readonly triesMax?: number;
	/** The service's last word about an event that is being parked: usually the call's ending. */
	readonly onParked?: (event: CallgateEvent, fault: string) => Promise<void>;
}

export interface Consumption {
	/** Takes no more and waits for what is in work. */
	stop(): Promise<void>;
}

export interface FollowOptions {
	/** One subject filter, from `followedBy` in permissions.ts. */
	readonly filter: string;
	readonly from: "beginning" | "now" | Position;
	/** No more than so many messages are on their way at a time: for whoever stops soon. */
	readonly ahead?: number;
	readonly handle: (stored: StoredEvent, delivery: Delivery) => void;
	/** Told of each message when all its events were handled, or if there is nothing in it that can be. */
	readonly passed?: (subject: string, position: Position) => void;
}

export interface Following {
	/** Resolves when everything that was stored when following began has been handled. */
	readonly caughtUp: Promise<void>;
	/** The position up to which everything was handled. */
	position(): Position;
	stop(): Promise<void>;
}

/** A message as the stream has it, whatever is in it. */
export interface StoredMessage {
	readonly subject: string;
	/** Byte by byte what was published. */
	readonly bytes: Uint8Array;
	readonly position: Position;
}

export interface ReadAllOptions {
	readonly from: Position;
	/** From when what there was has been handled to when more is asked for, as in {@link BatchOptions.waitMs}. */
	readonly waitMs: number;
	/**
	 * Given all there is, or as much as one turn takes, in the stream's order. A position that is left out has no message: it was removed. What it
	 * throws is told, and the same is given again.
	 */
	readonly handle: (messages: readonly StoredMessage[]) => Promise<void>;
}

export interface StoreEntry {
	readonly value: string;
	readonly version: number;
	/** When it was written, by the clock of the server. */
	readonly storedAt: Date;
}

/** A small durable table: last value per key, conditional writes, an age limit set where the store is declared. */
export interface Store {
	get(key: string): Promise<StoreEntry | undefined>;
	/** Writes only if the key has `version` (0: is absent). At most one of several writers at the same version wins. */
	write(key: string, value: string, version: number): Promise<Conditional>;
	put(key: string, value: string): Promise<void>;
	remove(key: string): Promise<void>;
}

export interface StreamState {
	readonly identity: string | undefined;
	readonly acceptedAt: string | undefined;
	readonly last: Position;
	readonly bytes: number;
	readonly bytesMax: number;
	/** Copies in a NATS cluster. */
	readonly copies: number;
	readonly storage: string;
	readonly retention: string;
	/** What happens to an event that finds the stream full: `new` refuses it, `old` drops another. */
	readonly discard: string;
}

export interface ConsumerState {
	readonly name: string;
	/** The furthest position that was delivered. */
	readonly delivered: Position;
	/** Messages that nobody has acknowledged yet. */
	readonly pending: number;
}

/** One service's view. Each question throws {@link EventsUnavailable} where NATS does not answer it. */
export interface StreamInspector {
	/** Undefined: NATS answers that there is none. */
	state(): Promise<StreamState | undefined>;
	/** This service's durable consumer; `none` where a service has none to have, undefined where it should have one and NATS answers that there is none. */
	consumer(): Promise<ConsumerState | "none" | undefined>;
	/**
	 * When each NATS server that answers brings writes to the disk: `always` before it acknowledges them, or after so many milliseconds. Empty where
	 * they do not say; never throws.
	 */
	syncIntervals(): Promise<readonly ("always" | number)[]>;
}

export interface Bus {
	readonly service: Service;
	/**
	 * Publishes one event. One message of a subject is on its way at a time: what is published meanwhile shares the next one, in the order it was
	 * given. Resolves when it is durable. Rejects with {@link EventsUnavailable} when it is not known to be: it may still be stored.
	 */
	publish(event: CallgateEvent): Promise<Position>;
	/**
	 * Publishes only if what this service said about the call so far, on its per-call subjects, ends at `after` (0: it said nothing).
	 * Exactly one of several writers wins; a writer whose acknowledgement was lost still learns that it won.
	 */
	publishAfter(event: CallgateEvent, after: Position): Promise<Conditional>;
	/** A way to write into the ledger of this service's pool. See docs/decisions/the-ledger.md. */
	ledger(terms: LedgerTerms): LedgerWriter;
	/** Each event addressed to this service goes to one of its replicas, again and again until its handler returns. */
	consume(handle: Handler, options?: ConsumeOptions): Promise<Consumption>;
	/** As `consume`, several at once: acknowledged together after `handle` returns, delivered again if it throws. */
	consumeBatches(handle: (batch: readonly (StoredEvent & Delivery)[]) => Promise<void>, options: BatchOptions): Promise<Consumption>;
	/** Every replica sees every event of the filter, in order, once, without gaps, also across reconnects. `handle` must not throw. */
	follow(options: FollowOptions): Promise<Following>;
	/** Every message of the whole stream, in order, its bytes as they are. Only audit may. */
	readAll(options: ReadAllOptions): Consumption;
	/**
	 * Where the last message of a filter stands (0: there is none), by the word of whoever decides about writes: a copy that is read may lag behind
	 * it.
	 */
	lastOf(filter: string): Promise<Position>;
	/** The last event of one type that one service said about one call on its own subject. */
	last<Kind extends EventType>(type: Kind, writer: Service, call: string, pool?: string): Promise<StoredEvent<Kind> | undefined>;
	store(name: StoreName): Store;
	/** What the servers say of the stream and of how they keep it. */
	readonly stream: StreamInspector;
	/** How many messages this service's replicas have not acknowledged yet, by the stream's count. */
	backlog(): Promise<number>;
	/** Everything up to here was acknowledged by this service's replicas, whichever of them had it. Only rises. */
	settled(): Promise<Position>;
	/** Throws {@link EventsUnavailable} with the reason unless the stream is there and can be written. */
	checkReady(): Promise<void>;
	close(): Promise<void>;
}

export interface BatchOptions {
	readonly eventsMax: number;
	/**
	 * From when everything there was has been handled to be taken, to when more is asked for: what comes meanwhile is the next batch. Where nothing
	 * came, whatever comes first is taken at once.
	 */
	readonly waitMs: number;
	/** Messages held at once, in bytes; what comes beyond them is delivered again later. */
	readonly heldBytesMax?: number;
	/** Told of items that are no events; they are parked and acknowledged with their message. */
	readonly onMalformed: (fault: string, delivery: Delivery) => Promise<void>;
}
