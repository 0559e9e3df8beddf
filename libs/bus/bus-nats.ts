// The bus on NATS JetStream: every publish is acknowledged before anyone acts on it, and a conditional one has exactly one winner.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Service } from "#libs/contracts/define-event.ts";
import { decodeEvents, encodeEvents, joinEvents, MalformedEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { historyOf, laneOf, saysOf, streamName, subjectFor, subjectMatches, subjectOf } from "#libs/contracts/subjects.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { AckFloor } from "./ack-floor.ts";
import {
	type BatchOptions,
	type Bus,
	type Conditional,
	type ConsumeOptions,
	type Consumption,
	EventsUnavailable,
	type Following,
	type FollowOptions,
	type Handler,
	type LedgerTerms,
	type LedgerWriter,
	type Position,
	type ReadAllOptions,
	type Store,
	type StoredMessage,
	type StreamInspector,
} from "./bus.ts";
import { collectBatches, createDeliverer, type DeliveryLog, Slots } from "./deliver.ts";
import { type Entry, GroupWriters } from "./group-writer.ts";
import { inspectStream } from "./inspect-stream.ts";
import { connectLink, type Link, type Reply } from "./nats-link.ts";
import type { LinkMessage } from "./nats-readers.ts";
import { durableOf, followed, inboxPrefixOf } from "./permissions.ts";
import { bucketOf, type StoreName, stores } from "./stores.ts";

export interface NatsOptions {
	readonly servers: string[];
	readonly service: Service;
	readonly pool?: string;
	readonly seed: string;
	readonly ca?: string | undefined;
	readonly log: DeliveryLog & { connection(status: string): void };
	/** How long one publish may take in all, retries included. Ingress must answer 503 within two seconds. */
	readonly publishTimeoutMs?: number;
	/** What was stored longer ago may have been given to another as well: as long as the server waits for an acknowledgement. */
	readonly secondHandMs?: number;
}

/** Between two attempts of one write. */
const againMs = 10;
/** Between two rounds of a write that must not be given up. */
const forSureAgainMs = 250;
/** What the server waits for an acknowledgement before it delivers again. */
export const ackWaitMs = 30_000;
/** How long a stopping process waits for what is in work: a little less than it is given in all (libs/service/run.ts). */
const stopWaitMsMax = 43_000;

/** Connects one service. @throws {EventsUnavailable} if NATS cannot be reached or refuses the seed. */
export async function connectBus(options: NatsOptions): Promise<Bus> {
	const { service, pool = "default", servers, seed, ca, log, publishTimeoutMs = 1_800, secondHandMs = ackWaitMs } = options;
	const inboxPrefix = inboxPrefixOf(service, pool);
	const link = await connectLink({ servers, seed, ca, name: `callgate-${service}`, inboxPrefix, onStatus: log.connection });
	return new NatsBus({ link, service, pool, log, publishTimeoutMs, secondHandMs });
}

interface Parts {
	readonly link: Link;
	readonly service: Service;
	readonly pool: string;
	readonly log: DeliveryLog;
	readonly publishTimeoutMs: number;
	readonly secondHandMs: number;
}

interface WriteTerms {
	/** By the monotonic clock: the time limit counts from here. */
	readonly sinceMs?: number;
	readonly nonce?: string;
	/** It was written under this nonce before, and nobody knows what became of it. */
	readonly uncertain?: boolean;
}

/** An event of a ledger, and whether what was read still allows it. */
interface Held extends Entry {
	readonly holds: () => boolean;
}

type Ack = { readonly ok: true; readonly position: Position } | { readonly ok: false; readonly last: Position };

class NatsBus implements Bus {
	readonly service: Service;
	readonly stream: StreamInspector;
	private readonly parts: Parts;
	private readonly writers = new GroupWriters<Entry, Position>((subject, entries, sinceMs) => this.writeGroup(subject, entries, sinceMs));
	/** A process' own subjects in the ledger: nobody else writes there, so what stands there last is what it wrote last. */
	private readonly lane = laneOf(newNonce().replaceAll("-", ""));
	private readonly running = new Set<Consumption>();

	constructor(parts: Parts) {
		this.parts = parts;
		this.service = parts.service;
		const consumer = parts.service === "ingress" ? undefined : durableOf(parts.service, parts.pool);
		this.stream = inspectStream(parts.link, consumer, parts.publishTimeoutMs);
	}

	async publish(event: CallgateEvent): Promise<Position> {
		return await this.writers.add(subjectOf(event), { text: JSON.stringify(event) });
	}

	private async writeGroup(subject: string, entries: readonly Entry[], sinceMs: number): Promise<Position[]> {
		const ack = await this.write(subject, joinEntries(entries), {}, { sinceMs });
		if (!ack.ok) throw new EventsUnavailable("the stream refused the event");
		return entries.map(() => ack.position);
	}

	ledger(terms: LedgerTerms): LedgerWriter {
		const writers = new GroupWriters<Held, Conditional>((subject, entries, sinceMs) =>
			this.writeInLedger(terms, subject, entries, sinceMs),
		);
		return { write: async (event, holds) => await writers.add(subjectOf(event, this.lane), { text: JSON.stringify(event), holds }) };
	}

	/** What still holds goes as one message once everything was read; meanwhile somebody else may have written, then it is read on and asked again. */
	private async writeInLedger({ reading, forSure }: LedgerTerms, subject: string, entries: readonly Held[], sinceMs: number) {
		for (;;) {
			const standing = new Set(entries.filter(({ holds }) => holds()));
			const outcomes = (position: Position): Conditional[] =>
				entries.map((entry) => (standing.has(entry) ? { won: true, position } : { won: false, last: reading.position() }));
			if (standing.size === 0) return outcomes(0);
			crashPoint("after-reading-before-writing");
			const condition = conditionOn(reading.filter, reading.position());
			const payload = joinEntries([...standing]);
			const ack = forSure
				? await this.writeForSure(subject, payload, condition, forSure)
				: await this.write(subject, payload, condition, { sinceMs });
			if (ack.ok) {
				if (subjectMatches(reading.filter, subject)) reading.wrote(ack.position);
				return outcomes(ack.position);
			}
			crashPoint("after-lost-condition");
			if (await reading.readTo(ack.last, this.parts.publishTimeoutMs)) continue;
			const error = new EventsUnavailable("what others wrote in the ledger could not be read in time");
			if (!forSure) throw error;
			forSure(error);
		}
	}

	/** Tried under one nonce until it is known what became of it: under a second one it could be stored twice. */
	private async writeForSure(
		subject: string,
		payload: Uint8Array,
		condition: Record<string, string>,
		told: (error: EventsUnavailable) => void,
	) {
		const nonce = newNonce();
		for (let tried = false; ; tried = true) {
			try {
				return await this.write(subject, payload, condition, { nonce, uncertain: tried });
			} catch (error) {
				if (!(error instanceof EventsUnavailable)) throw error;
				told(error);
				await delay(forSureAgainMs);
			}
		}
	}

	/** Where the last message of a subject stands, if it was written under this nonce. */
	private async ownPosition(subject: string, nonce: string): Promise<Position | undefined> {
		const stored = await this.read(streamOf(subject), subject);
		return stored?.header("Nats-Msg-Id") === nonce ? positionOf(stored) : undefined;
	}

	async publishAfter(event: CallgateEvent, after: Position): Promise<Conditional> {
		const filter = historyOf(this.service, event.subject, this.service === "executor" ? this.parts.pool : "*");
		const ack = await this.write(subjectOf(event), encodeEvents([event]), conditionOn(filter, after));
		return ack.ok ? { won: true, position: ack.position } : { won: false, last: ack.last };
	}

	/**
	 * Writes one message and waits for its acknowledgement; where that does not come, writes it again with the same nonce. The nonce is the
	 * broker's duplicate key, and beyond the broker's memory it is read back and compared: a conflict with oneself is never a stranger's.
	 */
	private async write(subject: string, payload: Uint8Array, condition: Record<string, string>, terms: WriteTerms = {}): Promise<Ack> {
		const { link, publishTimeoutMs } = this.parts;
		const { nonce = newNonce(), sinceMs = performance.now() } = terms;
		const until = sinceMs + publishTimeoutMs;
		for (let uncertain = terms.uncertain ?? false; ; uncertain = true) {
			// An attempt may fail at once, and again: the process must not do nothing else meanwhile.
			if (uncertain) await delay(againMs);
			const left = until - performance.now();
			if (left <= 0) throw new EventsUnavailable("the stream did not acknowledge the event in time");
			if (!(await link.isUp(left))) throw new EventsUnavailable("NATS is not connected");
			// An ending's condition does not notice an earlier try of its own, and the broker's memory of nonces may be shorter than an outage.
			const stored = uncertain && terms.nonce !== undefined ? await this.ownPosition(subject, nonce) : undefined;
			if (stored !== undefined) return { ok: true, position: stored };
			const ack = await this.attempt(subject, payload, Math.min(left, publishTimeoutMs / 2), { "Nats-Msg-Id": nonce, ...condition });
			if (ack === undefined) continue;
			if (ack.ok || !uncertain) return ack;
			const position = await this.ownPosition(subject, nonce);
			return position === undefined ? ack : { ok: true, position };
		}
	}

	/** One try. Undefined: no answer came, so nothing is known. */
	private async attempt(subject: string, payload: Uint8Array, timeoutMs: number, head: Record<string, string>): Promise<Ack | undefined> {
		const answer = await this.parts.link.request(subject, payload, timeoutMs, head);
		if (!answer.ok) {
			if (answer.fault === "timeout") return undefined;
			if (answer.fault === "too_large") throw new MalformedEvent("the event is larger than a message may be");
			if (answer.fault === "forbidden") throw new EventsUnavailable(`NATS forbids ${this.service} to publish on ${subject}`);
			throw new EventsUnavailable("no stream takes this subject: it is missing, or NATS runs without JetStream");
		}
		const ack = jsonOf<{ seq?: number; error?: { err_code: number; description: string } }>(answer.reply);
		if (ack.error === undefined) return { ok: true, position: ack.seq ?? 0 };
		// 10071: "wrong last sequence: N"; 10164: the same, for a write of which an equal one is still on its way.
		if (ack.error.err_code === 10071 || ack.error.err_code === 10164) {
			return { ok: false, last: Number(/(\d+)\s*$/.exec(ack.error.description)?.[1] ?? 0) };
		}
		throw new EventsUnavailable(`the stream refused the event: ${ack.error.description} (${ack.error.err_code})`);
	}

	/** The last message of a subject (JetStream direct get), or undefined. */
	private async read(stream: string, subject: string): Promise<Reply | undefined> {
		const { link, publishTimeoutMs } = this.parts;
		if (!(await link.isUp(publishTimeoutMs))) throw new EventsUnavailable("NATS is not connected");
		const answer = await link.request(`$JS.API.DIRECT.GET.${stream}.${subject}`, new Uint8Array(), publishTimeoutMs);
		if (answer.ok) return answer.reply;
		if (answer.fault === "not_found") return undefined;
		throw new EventsUnavailable(`NATS did not answer a read (${answer.fault})`);
	}

	async consume(handleOnce: Handler, options: ConsumeOptions = {}): Promise<Consumption> {
		const { link, log, pool, secondHandMs } = this.parts;
		const publish = (event: CallgateEvent) => this.publish(event);
		const floor = new AckFloor(() => this.settled(), secondHandMs);
		const handle: Handler = async (event, delivery) => {
			if (!(await floor.isDoneElsewhere(delivery))) await handleOnce(event, delivery);
		};
		const deliver = createDeliverer({ service: this.service, handle, options, publish, log, now: () => new Date() });
		const slots = new Slots(options.concurrency ?? 256);
		const inHand = new Set<LinkMessage>();
		const stopReading = link.readDurable(streamName, durableOf(this.service, pool), (message) => {
			inHand.add(message);
			const run = async () => {
				// Not begun before this process stops: at once for whoever goes on.
				if (!(await slots.run(() => deliver(message)))) message.retry(0);
			};
			void run().finally(() => inHand.delete(message));
		});
		const ticker = setInterval(() => sayWorking(inHand), ackWaitMs / 3);
		return this.keep(async () => {
			const stopped = stopReading();
			// A backlog that went on being begun would be cut off in the middle, and calls in it would end as unknown.
			slots.close();
			await stopped;
			await slots.idle(stopWaitMsMax);
			clearInterval(ticker);
		});
	}

	async consumeBatches(handle: Parameters<Bus["consumeBatches"]>[0], options: BatchOptions): Promise<Consumption> {
		const { link, log, pool } = this.parts;
		const batches = collectBatches(handle, options, log);
		const inHand = new Set<LinkMessage>();
		const onMessage = (message: LinkMessage) => {
			inHand.add(message);
			const settled = (say: () => void) => {
				inHand.delete(message);
				say();
			};
			batches.add({ ...message, ack: () => settled(message.ack), retry: (delayMs) => settled(() => message.retry(delayMs)) });
		};
		const reader = { everyMs: options.waitMs, onMessage, onTurn: () => batches.finish() };
		const stopReading = link.readInTurns(streamName, durableOf(this.service, pool), reader);
		const ticker = setInterval(() => sayWorking(inHand), ackWaitMs / 3);
		return this.keep(async () => {
			await stopReading();
			await batches.finish();
			clearInterval(ticker);
		});
	}

	async follow({ filter, from, ahead, handle, passed }: FollowOptions): Promise<Following> {
		const start = from === "beginning" ? 1 : from === "now" ? (await this.lastPosition()) + 1 : from;
		const caughtUp = Promise.withResolvers<void>();
		let position = start - 1;
		const onMessage = (message: LinkMessage): void => {
			if (message.position > position) {
				readable(message.subject, message.bytes).forEach((decoded, item) => {
					const { position: at, storedAt } = message;
					if (decoded.ok) handle({ event: decoded.event, position: at }, { position: at, item, tries: 1, storedAt });
				});
				position = message.position;
				passed?.(message.subject, position);
			}
			if (message.pending === 0) caughtUp.resolve();
		};
		const next = () => position + 1;
		const stopReading = this.parts.link.readOrdered(streamName, filter, { next, ahead, onMessage, onEmpty: caughtUp.resolve });
		const { stop } = this.keep(stopReading);
		return { caughtUp: caughtUp.promise, position: () => position, stop };
	}

	readAll({ from, waitMs, handle }: ReadAllOptions): Consumption {
		let next = from;
		let read: StoredMessage[] = [];
		let handling: Promise<void> = Promise.resolve();
		const handleTurn = async (taken: readonly StoredMessage[]) => {
			await handle(taken);
			next = (taken.at(-1)?.position ?? 0) + 1;
		};
		const stopReading = this.parts.link.readOrderedInTurns(streamName, followed.everything, {
			everyMs: waitMs,
			next: () => next,
			onBegin: async () => {
				// What is in work of a reading that was cut off is not begun a second time beside it.
				await handling.catch(() => undefined);
				read = [];
			},
			onMessage: ({ subject, bytes, position }) => void read.push({ subject, bytes, position }),
			onTurn: async () => {
				const taken = read;
				read = [];
				if (taken.length === 0) return;
				handling = handleTurn(taken);
				await handling;
			},
		});
		return this.keep(async () => {
			await stopReading();
			await handling.catch(() => undefined);
		});
	}

	private async lastPosition(): Promise<Position> {
		const { state } = await this.ask<{ state: { last_seq: number } }>(`STREAM.INFO.${streamName}`);
		return state.last_seq;
	}

	async lastOf(filter: string): Promise<Position> {
		// Only writes are decided by the one server that has everything: this is one that cannot be stored, and is refused with the answer.
		const [own = ""] = saysOf(this.service, this.parts.pool);
		const ack = await this.write(own.replaceAll("*", this.lane), encodeEvents([]), conditionOn(filter, Number.MAX_SAFE_INTEGER));
		if (ack.ok) throw new EventsUnavailable("the stream took what it must refuse");
		return ack.last;
	}

	async last<Kind extends CallgateEvent["type"]>(type: Kind, writer: Service, call: string, pool?: string) {
		const found = await this.read(streamName, subjectFor(type, writer, call, pool));
		const [item] = found ? readable(found.header("Nats-Subject") ?? "", found.bytes) : [];
		return found && item?.ok ? { event: item.event as Event<Kind>, position: positionOf(found) } : undefined;
	}

	store(name: StoreName): Store {
		const bucket = bucketOf(name);
		const subjectOfKey = (key: string) => `$KV.${bucket}.${key}`;
		const read = (key: string) => this.read(`KV_${bucket}`, subjectOfKey(key));
		const write = async (key: string, bytes: Uint8Array, version: number): Promise<Conditional> => {
			const ack = await this.write(subjectOfKey(key), bytes, { "Nats-Expected-Last-Subject-Sequence": `${version}` });
			if (ack.ok) return { won: true, position: ack.position };
			const now = await read(key);
			// A removed key leaves a marker: for whoever expects nothing, that is nothing.
			if (version === 0 && now && isMarker(now)) return await write(key, bytes, positionOf(now));
			return { won: false, last: now ? positionOf(now) : ack.last };
		};
		return {
			get: async (key) => {
				const found = await read(key);
				if (!found || isMarker(found)) return undefined;
				return { value: new TextDecoder().decode(found.bytes), version: positionOf(found), storedAt: storedAtOf(found) };
			},
			write: (key, value, version) => write(key, boundedBytes(name, value), version),
			put: async (key, value) => {
				await this.write(subjectOfKey(key), boundedBytes(name, value), {});
			},
			remove: async (key) => {
				await this.write(subjectOfKey(key), new Uint8Array(), { "KV-Operation": "DEL" });
			},
		};
	}

	async backlog(): Promise<number> {
		const info = await this.consumerInfo();
		return info.num_pending + info.num_ack_pending;
	}

	async settled(): Promise<Position> {
		return (await this.consumerInfo()).ack_floor.stream_seq;
	}

	private async consumerInfo() {
		const consumer = durableOf(this.service, this.parts.pool);
		return await this.ask<{
			readonly ack_floor: { readonly stream_seq: Position };
			readonly num_pending: number;
			readonly num_ack_pending: number;
		}>(`CONSUMER.INFO.${streamName}.${consumer}`);
	}

	/** Asks JetStream's API. */
	private async ask<T>(verb: string): Promise<T> {
		const answer = await this.parts.link.request(`$JS.API.${verb}`, new Uint8Array(), this.parts.publishTimeoutMs);
		if (!answer.ok) throw new EventsUnavailable(`NATS did not answer ${verb} (${answer.fault})`);
		const body = jsonOf<T & { error?: { description: string } }>(answer.reply);
		if (body.error) throw new EventsUnavailable(`NATS cannot answer ${verb}: ${body.error.description}`);
		return body;
	}

	async checkReady(): Promise<void> {
		if (!(await this.parts.link.isUp(0))) throw new EventsUnavailable("NATS is not connected");
		await this.lastPosition();
	}

	async close(): Promise<void> {
		await Promise.all([...this.running].map(({ stop }) => stop()));
		await this.parts.link.close();
	}

	private keep(stop: () => Promise<void>): Consumption {
		const kept: Consumption = {
			stop: async () => {
				if (this.running.delete(kept)) await stop();
			},
		};
		this.running.add(kept);
		return kept;
	}
}

/** What waits for its turn, or for something slow, is still in work: the server learns it before it gives it to someone else. */
function sayWorking(inHand: Iterable<LinkMessage>): void {
	for (const message of inHand) message.working();
}

/**
 * What one write is told from all others by. Not from the runtime's cache: two processes that were resumed from one snapshot would write under the same,
 * and the server would take the second write for the first.
 */
function newNonce(): string {
	return randomUUID({ disableEntropyCache: true });
}

/** A write that is stored only if this is the last message of the filter. 0: if there is none. */
function conditionOn(filter: string, last: Position): Record<string, string> {
	return { "Nats-Expected-Last-Subject-Sequence": `${last}`, "Nats-Expected-Last-Subject-Sequence-Subject": filter };
}

function joinEntries(entries: readonly Entry[]): Uint8Array {
	return joinEvents(entries.map(({ text }) => text));
}

function readable(subject: string, bytes: Uint8Array): ReturnType<typeof decodeEvents> {
	try {
		return decodeEvents(subject, bytes);
	} catch {
		// Whoever consumes it for work parks it; a follower only needs what can be read.
		return [];
	}
}

function streamOf(subject: string): string {
	return subject.startsWith("$KV.") ? `KV_${subject.split(".")[1]}` : streamName;
}

/** A key-value bucket marks a removed key: https://github.com/nats-io/nats-architecture-and-design ADR-8. */
function isMarker(reply: Reply): boolean {
	return reply.header("KV-Operation") !== undefined || reply.header("Nats-Marker-Reason") !== undefined;
}

function boundedBytes(name: StoreName, value: string): Uint8Array {
	const bytes = new TextEncoder().encode(value);
	const max = stores[name].valueBytesMax;
	if (bytes.length > max) throw new RangeError(`an entry of the store ${name} has ${bytes.length} bytes, at most ${max} are kept`);
	return bytes;
}

function positionOf(reply: Reply): Position {
	return Number(reply.header("Nats-Sequence") ?? 0);
}

function storedAtOf(reply: Reply): Date {
	const storedAt = new Date(reply.header("Nats-Time-Stamp") ?? "");
	if (Number.isNaN(storedAt.getTime())) throw new EventsUnavailable("NATS does not say when an entry was stored");
	return storedAt;
}

function jsonOf<T>(reply: Reply): T {
	return JSON.parse(new TextDecoder().decode(reply.bytes)) as T;
}
