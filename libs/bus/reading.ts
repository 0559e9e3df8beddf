// How far one process has read a filter that it writes into as well.
import type { Position, Reading } from "./bus.ts";

/** Told of each message of the filter in order; what stood there before reading began is known to be unknown, and looked up where it matters. */
export class FilterReading implements Reading {
	readonly filter: string;
	/** Everything up to here was read, or is known to be unknown. */
	private read: Position;
	private last = 0;
	private readonly waiting = new Set<{ readonly last: Position; readonly done: () => void }>();

	/** @param begun the end of the stream when reading began. */
	constructor(filter: string, begun: Position) {
		this.filter = filter;
		this.read = begun;
	}

	position(): Position {
		return this.last;
	}

	/** A message of the filter was read, and all before it. */
	heard(position: Position): void {
		this.read = Math.max(this.read, position);
		this.last = Math.max(this.last, position);
		for (const one of this.waiting) if (one.last <= position) one.done();
	}

	wrote(position: Position): void {
		this.heard(position);
	}

	async readTo(last: Position, withinMs: number): Promise<boolean> {
		// Where the server is behind what was read, the stream was cut: its word counts.
		if (last < this.last) this.last = last;
		const read = Promise.withResolvers<boolean>();
		const waiter = { last, done: () => read.resolve(true) };
		const timer = setTimeout(() => read.resolve(false), withinMs);
		this.waiting.add(waiter);
		if (last <= this.read) waiter.done();
		const isRead = await read.promise;
		clearTimeout(timer);
		this.waiting.delete(waiter);
		// Of what stood there before reading began nobody claims to know it; of what came since, more may have been read meanwhile.
		if (isRead) this.last = Math.max(this.last, last);
		return isRead;
	}
}
