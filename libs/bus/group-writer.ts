// The one way to write: a message of a subject is on its way at a time, and what becomes ready meanwhile is the next one. docs/decisions/one-write-in-flight.md
import type { Position } from "./bus.ts";

/** One message carries at most this much: small enough to share a connection fairly, large enough that grouping pays. */
const groupBytesMax = 256 * 1024;

/** Events, as JSON texts, that share a message: one acknowledgement, one fate. */
interface Group {
	readonly texts: string[];
	/** At least: of a text that is not ASCII, characters are counted. */
	bytes: number;
	/** When its first event was ready, by the monotonic clock: its time limit counts from here, not from when its turn comes. */
	readonly sinceMs: number;
	readonly stored: PromiseWithResolvers<Position>;
}

/**
 * Writes the events of one subject in the order they were given. Alone, an event is written at once. While a message is on its way, what comes
 * waits for its acknowledgement and goes together: the busier the subject, the larger the groups, and the fewer the messages and disk syncs.
 */
export class GroupWriter {
	private readonly send: (texts: readonly string[], sinceMs: number) => Promise<Position>;
	private readonly onIdle: () => void;
	private readonly groups: Group[] = [];
	private isWriting = false;

	/** @param onIdle told when nothing is left to write: the writer may be forgotten. */
	constructor(send: GroupWriter["send"], onIdle: () => void) {
		this.send = send;
		this.onIdle = onIdle;
	}

	/** Resolves with the position of the message in which the event is durable; rejects with what its message was refused with. */
	async add(text: string): Promise<Position> {
		let last = this.groups.at(-1);
		if (!last || last.bytes + text.length > groupBytesMax) {
			last = { texts: [], bytes: 0, sinceMs: performance.now(), stored: Promise.withResolvers() };
			this.groups.push(last);
		}
		last.texts.push(text);
		last.bytes += text.length;
		if (!this.isWriting) {
			this.isWriting = true;
			// What is ready in the same turn of the event loop goes together.
			setImmediate(() => void this.writeAll());
		}
		return await last.stored.promise;
	}

	private async writeAll(): Promise<void> {
		for (let group = this.groups.shift(); group; group = this.groups.shift()) {
			await this.send(group.texts, group.sinceMs).then(group.stored.resolve, group.stored.reject);
		}
		this.isWriting = false;
		this.onIdle();
	}
}

/** One writer a subject, for as long as it has something to write. */
export class GroupWriters {
	private readonly send: (subject: string, texts: readonly string[], sinceMs: number) => Promise<Position>;
	private readonly bySubject = new Map<string, GroupWriter>();

	constructor(send: GroupWriters["send"]) {
		this.send = send;
	}

	async add(subject: string, text: string): Promise<Position> {
		const known = this.bySubject.get(subject);
		if (known) return await known.add(text);
		const send = (texts: readonly string[], sinceMs: number) => this.send(subject, texts, sinceMs);
		const writer = new GroupWriter(send, () => this.bySubject.delete(subject));
		this.bySubject.set(subject, writer);
		return await writer.add(text);
	}
}
