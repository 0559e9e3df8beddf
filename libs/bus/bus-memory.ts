// The bus in memory: for tests that need no server, as strict as NATS about who may say what, conditional writes, redelivery and order.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Service } from "#libs/contracts/define-event.ts";
import { decodeEvents, encodeEvents, joinEvents, MalformedEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { messageBytesMax } from "#libs/contracts/message-size.ts";
import { historyOf, laneOf, readsOf, saysOf, subjectFor, subjectMatches, subjectOf } from "#libs/contracts/subjects.ts";
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
	type StoreEntry,
	type StreamInspector,
	type StreamState,
} from "./bus.ts";
import { collectBatches, createDeliverer, type DeliveryLog, type Message } from "./deliver.ts";
import { type Entry, GroupWriters } from "./group-writer.ts";
import { type StoreName, stores } from "./stores.ts";

interface Stored {
	readonly position: Position;
	readonly subject: string;
	readonly bytes: Uint8Array;
	readonly at: Date;
}

interface Cursor {
	next: number;
	readonly inHand: Set<Stored>;
	readonly again: { message: Stored; tries: number; due: number }[];
}

function newCursor(): Cursor {
	return { next: 0, inHand: new Set(), again: [] };
}

/** The stream and the stores that several memory buses share, as services share one NATS. */
export class MemoryStream {
	readonly messages: Stored[] = [];
	readonly stores = new Map<StoreName, Map<string, StoreEntry>>();
	private readonly listeners = new Set<() => void>();
	private version = 0;
	/** What a server would say of itself; undefined: that there is no stream. */
	kept: Omit<StreamState, "last" | "bytes"> | undefined = {
		...{ identity: "in-memory", acceptedAt: undefined, bytesMax: -1, copies: 1 },
		...{ storage: "memory", retention: "limits", discard: "new" },
	};
	/** While true every read and write fails, as with a NATS that is away. */
	away = false;
	now: () => Date = () => new Date();

	append(subject: string, bytes: Uint8Array): Position {
		if (this.away) throw new EventsUnavailable("the stream in memory is switched off");
		if (bytes.length > messageBytesMax) throw new MalformedEvent("the event is larger than a message may be");
		const position = this.messages.length + 1;
		this.messages.push({ position, subject, bytes, at: this.now() });
		for (const listener of this.listeners) queueMicrotask(listener);
		return position;
	}
	lastOf(filter: string): Stored | undefined {
		return this.messages.findLast(({ subject }) => subjectMatches(filter, subject));
	}
	onAppend(listener: () => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}
	nextVersion(): number {
		return ++this.version;
	}
	/** Everything that was said, in order: for assertions. */
	events(): CallgateEvent[] {
		return this.messages.flatMap(({ subject, bytes }) => decodeEvents(subject, bytes).flatMap((item) => (item.ok ? [item.event] : [])));
	}
	/** Consumers are shared by the replicas of a service: what was handed out, what of it nobody has acknowledged, and when it may be again. */
	readonly cursors = new Map<string, Cursor>();
	/** How fast redelivery is: tests do not wait for back-off. */
	redeliverAfterMs = 0;
}

const silent: DeliveryLog = { retried: () => undefined, parked: () => undefined };

/** One service's connection to a {@link MemoryStream}. */
export function createMemoryBus(stream: MemoryStream, service: Service, pool = "default", log: DeliveryLog = silent): Bus {
	const maySay = saysOf(service, pool);
	const lane = laneOf(randomUUID().replaceAll("-", ""));
	const refuseForbidden = (subject: string) => {
		if (!maySay.some((allowed) => subjectMatches(allowed, subject))) throw new EventsUnavailable(`permissions violation: ${subject}`);
	};
	const append = (subject: string, entries: readonly Entry[]) => stream.append(subject, joinEvents(entries.map(({ text }) => text)));
	const writers = new GroupWriters<Entry, Position>(async (subject, entries) => {
		const position = append(subject, entries);
		return entries.map(() => position);
	});
	const publish = async (event: CallgateEvent): Promise<Position> => {
		const subject = subjectOf(event);
		refuseForbidden(subject);
		return await writers.add(subject, { text: JSON.stringify(event) });
	};
	const stops = new Set<() => Promise<void>>();
	const unacknowledged = () => {
		const { next, again, inHand } = stream.cursors.get(`${service}-${service === "executor" ? pool : ""}`) ?? newCursor();
		return { again, inHand, unread: stream.messages.slice(next).filter(({ subject }) => subjectMatches(readsOf(service, pool), subject)) };
	};

	function run(deliver: (message: Message) => Promise<void>, parallel: number, onAll: () => void = () => undefined): Consumption {
		const filter = readsOf(service, pool);
		const name = `${service}-${service === "executor" ? pool : ""}`;
		const cursor = stream.cursors.get(name) ?? newCursor();
		stream.cursors.set(name, cursor);
		const inWork = new Set<Promise<void>>();
		let stopped = false;
		const take = (): { message: Stored; tries: number } | undefined => {
			const index = cursor.again.findIndex(({ due }) => due <= Date.now());
			if (index >= 0) return cursor.again.splice(index, 1)[0];
			while (cursor.next < stream.messages.length) {
				const message = stream.messages[cursor.next++];
				if (message && subjectMatches(filter, message.subject)) return { message, tries: 1 };
			}
			return undefined;
		};
		const pump = (): void => {
			while (!stopped && !stream.away && inWork.size < parallel) {
				const taken = take();
				if (!taken) {
					onAll();
					return;
				}
				const { message, tries } = taken;
				cursor.inHand.add(message);
				const work = deliver({
					...message,
					storedAt: message.at,
					tries,
					ack: () => void cursor.inHand.delete(message),
					retry: () => {
						cursor.inHand.delete(message);
						cursor.again.push({ message, tries: tries + 1, due: Date.now() + stream.redeliverAfterMs });
						setTimeout(pump, stream.redeliverAfterMs);
					},
				}).finally(() => {
					inWork.delete(work);
					// Not in this turn: what comes again at once, again and again, must let timers and sockets have theirs.
					setImmediate(pump);
				});
				inWork.add(work);
			}
		};
		const off = stream.onAppend(pump);
		pump();
		const stop = async () => {
			stopped = true;
			off();
			await Promise.all(inWork);
			stops.delete(stop);
		};
		stops.add(stop);
		return { stop };
	}

	return {
		service,
		publish,
		async publishAfter(event, after): Promise<Conditional> {
			const subject = subjectOf(event);
			refuseForbidden(subject);
			if (stream.away) throw new EventsUnavailable("the stream in memory is switched off");
			const last = stream.lastOf(historyOf(service, event.subject, service === "executor" ? pool : "*"))?.position ?? 0;
			if (last !== after) return { won: false, last };
			return { won: true, position: stream.append(subject, encodeEvents([event])) };
		},
		ledger({ reading, forSure }: LedgerTerms): LedgerWriter {
			type Held = Entry & { readonly holds: () => boolean };
			const written = new GroupWriters<Held, Conditional>(async (subject, entries) => {
				for (;;) {
					const standing = entries.filter(({ holds }) => holds());
					const outcomes = (position: Position): Conditional[] =>
						entries.map((entry) => (standing.includes(entry) ? { won: true, position } : { won: false, last: reading.position() }));
					if (standing.length === 0) return outcomes(0);
					const last = stream.lastOf(reading.filter)?.position ?? 0;
					const isRead = last === reading.position();
					try {
						if (isRead) {
							const position = append(subject, standing);
							if (subjectMatches(reading.filter, subject)) reading.wrote(position);
							return outcomes(position);
						}
						if (stream.away || !(await reading.readTo(last, 1_000))) throw new EventsUnavailable("the ledger in memory cannot be read");
					} catch (error) {
						if (!forSure || !(error instanceof EventsUnavailable)) throw error;
						forSure(error);
						await delay(1);
					}
				}
			});
			return {
				async write(event, holds) {
					const subject = subjectOf(event, lane);
					refuseForbidden(subject);
					return await written.add(subject, { text: JSON.stringify(event), holds });
				},
			};
		},
		async consume(handle: Handler, options: ConsumeOptions = {}) {
			const deliver = createDeliverer({ service, handle, options, publish, log, now: () => stream.now() });
			return run(deliver, options.concurrency ?? 256);
		},
		async consumeBatches(handle, options: BatchOptions) {
			const batches = collectBatches(handle, options, log);
			const running = run(
				(message) => {
					const settled = Promise.withResolvers<void>();
					const settle =
						<Args extends unknown[]>(how: (...args: Args) => void) =>
						(...args: Args) => {
							how(...args);
							settled.resolve();
						};
					batches.add({ ...message, ack: settle(() => message.ack()), retry: settle((delayMs: number) => message.retry(delayMs)) });
					return settled.promise;
				},
				options.eventsMax,
				() => void batches.finish(),
			);
			const stop = async () => {
				await Promise.all([running.stop(), batches.finish()]);
			};
			return { stop };
		},
		async follow({ filter, from, handle, passed }: FollowOptions): Promise<Following> {
			const known = stream.messages.length;
			let next = from === "beginning" ? 0 : from === "now" ? known : from - 1;
			let position = next;
			const caughtUp = Promise.withResolvers<void>();
			const pump = () => {
				while (next < stream.messages.length) {
					const message = stream.messages[next++];
					if (message && subjectMatches(filter, message.subject)) {
						decodeEvents(message.subject, message.bytes).forEach((decoded, item) => {
							if (!decoded.ok) return;
							const delivery = { position: message.position, item, tries: 1, storedAt: message.at };
							handle({ event: decoded.event, position: message.position }, delivery);
						});
						passed?.(message.subject, message.position);
					}
					position = next;
				}
				if (next >= known) caughtUp.resolve();
			};
			const off = stream.onAppend(pump);
			pump();
			return { caughtUp: caughtUp.promise, position: () => position, stop: async () => void off() };
		},
		readAll: ({ from, handle }) => readMemory(stream, service, from, handle),
		async lastOf(filter) {
			if (stream.away) throw new EventsUnavailable("the stream in memory is switched off");
			return stream.lastOf(filter)?.position ?? 0;
		},
		async last(type, writer, call, ofPool) {
			const found = stream.lastOf(subjectFor(type, writer, call, ofPool));
			const item = found && decodeEvents(found.subject, found.bytes)[0];
			return found && item?.ok ? { event: item.event as Event<typeof type>, position: found.position } : undefined;
		},
		store: (name) => memoryStore(stream, service, name),
		stream: inspectMemory(stream, service),
		async backlog() {
			const { unread, again } = unacknowledged();
			return unread.length + again.length;
		},
		async settled() {
			if (stream.away) throw new EventsUnavailable("the stream in memory is switched off");
			const { unread, again, inHand } = unacknowledged();
			const open = [...unread.slice(0, 1), ...again.map(({ message }) => message), ...inHand];
			return Math.min(stream.messages.length, ...open.map(({ position }) => position - 1));
		},
		async checkReady() {
			if (stream.away) throw new EventsUnavailable("the stream in memory is switched off");
		},
		async close() {
			await Promise.all([...stops].map((stop) => stop()));
		},
	};
}

function readMemory(stream: MemoryStream, service: Service, from: Position, handle: ReadAllOptions["handle"]): Consumption {
	if (service !== "audit") throw new EventsUnavailable(`permissions violation: ${service} may not read everything`);
	let next = from;
	let isStopped = false;
	let reading: Promise<void> | undefined;
	const read = async (): Promise<void> => {
		while (!isStopped && !stream.away) {
			const messages = stream.messages.filter(({ position }) => position >= next);
			if (messages.length === 0) return;
			try {
				await handle(messages);
				next = (messages.at(-1)?.position ?? 0) + 1;
			} catch {
				await delay(stream.redeliverAfterMs);
			}
		}
	};
	const pump = () => {
		reading ??= read().finally(() => {
			reading = undefined;
		});
	};
	const off = stream.onAppend(pump);
	pump();
	return {
		async stop() {
			isStopped = true;
			off();
			await reading;
		},
	};
}

function inspectMemory(stream: MemoryStream, service: Service): StreamInspector {
	const refuse = () => {
		if (stream.away) throw new EventsUnavailable("the stream in memory is switched off");
	};
	return {
		async state() {
			refuse();
			const bytes = stream.messages.reduce((sum, message) => sum + message.bytes.length, 0);
			return stream.kept && { ...stream.kept, last: stream.messages.length, bytes };
		},
		async consumer() {
			refuse();
			return service === "ingress" ? "none" : { name: service, delivered: 0, pending: 0 };
		},
		syncIntervals: async () => [],
	};
}

function memoryStore(stream: MemoryStream, service: Service, name: StoreName): Store {
	const table = stream.stores.get(name) ?? new Map<string, StoreEntry>();
	stream.stores.set(name, table);
	const refuse = (writing: boolean) => {
		if (stream.away) throw new EventsUnavailable("the stores in memory are switched off");
		const { writer, readers } = stores[name];
		const allowed = writing ? writer === service : (readers as readonly Service[]).includes(service);
		if (!allowed) throw new EventsUnavailable(`permissions violation: store ${name}`);
	};
	return {
		async get(key) {
			refuse(false);
			return table.get(key);
		},
		async write(key, value, version) {
			refuse(true);
			const last = table.get(key)?.version ?? 0;
			if (last !== version) return { won: false, last };
			const position = stream.nextVersion();
			table.set(key, { value, version: position, storedAt: stream.now() });
			return { won: true, position };
		},
		async put(key, value) {
			refuse(true);
			table.set(key, { value, version: stream.nextVersion(), storedAt: stream.now() });
		},
		async remove(key) {
			refuse(true);
			table.delete(key);
		},
	};
}
