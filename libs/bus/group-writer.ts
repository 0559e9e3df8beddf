// The one way to write: a message of a subject is on its way at a time, and what becomes ready meanwhile is the next one. docs/decisions/one-write-in-flight.md

/** One message carries at most this much: small enough to share a connection fairly, large enough that grouping pays. */
const groupBytesMax = 256 * 1024;

/** An event, as JSON text. */
export interface Entry {
	readonly text: string;
}

/** Events that share a message. */
interface Group<Written extends Entry, Outcome> {
	readonly entries: Written[];
	/** At least: of a text that is not ASCII, characters are counted. */
	bytes: number;
	/** When its first event was ready, by the monotonic clock: its time limit counts from here, not from when its turn comes. */
	readonly sinceMs: number;
	readonly outcomes: PromiseWithResolvers<readonly Outcome[]>;
}

/**
 * Writes the events of one subject in the order they were given. Alone, an event is written at once. While a message is on its way, what comes
 * waits for its acknowledgement and goes together: the busier the subject, the larger the groups, and the fewer the messages and disk syncs.
 */
export class GroupWriter<Written extends Entry, Outcome> {
	private readonly send: (entries: readonly Written[], sinceMs: number) => Promise<readonly Outcome[]>;
	private readonly onIdle: () => void;
	private readonly groups: Group<Written, Outcome>[] = [];
	private isWriting = false;

	/**
	 * @param send writes one message, and says what became of each of its entries.
	 * @param onIdle told when nothing is left to write: the writer may be forgotten.
	 */
	constructor(send: GroupWriter<Written, Outcome>["send"], onIdle: () => void) {
		this.send = send;
		this.onIdle = onIdle;
	}

	/** Resolves with what became of the event; rejects with what its message was refused with. */
	async add(entry: Written): Promise<Outcome> {
		let last = this.groups.at(-1);
		if (!last || last.bytes + entry.text.length > groupBytesMax) {
			last = { entries: [], bytes: 0, sinceMs: performance.now(), outcomes: Promise.withResolvers() };
			this.groups.push(last);
		}
		const nth = last.entries.push(entry) - 1;
		last.bytes += entry.text.length;
		if (!this.isWriting) {
			this.isWriting = true;
			// What is ready in the same turn of the event loop goes together.
			setImmediate(() => void this.writeAll());
		}
		return (await last.outcomes.promise)[nth] as Outcome;
	}

	private async writeAll(): Promise<void> {
		for (let group = this.groups.shift(); group; group = this.groups.shift()) {
			await this.send(group.entries, group.sinceMs).then(group.outcomes.resolve, group.outcomes.reject);
		}
		this.isWriting = false;
		this.onIdle();
	}
}

/** One writer a subject, for as long as it has something to write. */
export class GroupWriters<Written extends Entry, Outcome> {
	private readonly send: (subject: string, entries: readonly Written[], sinceMs: number) => Promise<readonly Outcome[]>;
	private readonly bySubject = new Map<string, GroupWriter<Written, Outcome>>();

	constructor(send: GroupWriters<Written, Outcome>["send"]) {
		this.send = send;
	}

	async add(subject: string, entry: Written): Promise<Outcome> {
		const known = this.bySubject.get(subject);
		if (known) return await known.add(entry);
		const send = (entries: readonly Written[], sinceMs: number) => this.send(subject, entries, sinceMs);
		const writer = new GroupWriter(send, () => this.bySubject.delete(subject));
		this.bySubject.set(subject, writer);
		return await writer.add(entry);
	}
}
