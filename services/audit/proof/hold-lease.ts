// Who writes the tree: a lease in NATS that keeps two from doing the same work, and the writer's last word where the storage's operator cannot reach it.
import { randomUUID } from "node:crypto";
import { EventsUnavailable, type Store } from "#libs/bus/bus.ts";
import type { Era } from "#libs/proof/entry.ts";

/** The entry of the store `recorded`, written by audit alone; trimming reads it too. */
export const treeKey = "tree";

/** How far the tree has come, as its writer said last. */
export interface TreeMark {
	readonly number: number;
	readonly size: number;
	/** Base64. */
	readonly root: string;
	readonly era: Era;
	/** Everything of the stream up to here is in the tree, signed and durable. */
	readonly position: number;
}

interface Held {
	/** Empty: nobody writes. */
	readonly writer: string;
	readonly mark?: TreeMark;
}

export interface LeaseParts {
	readonly store: Store;
	/** For how long a writer that says nothing is waited for. */
	readonly leaseMs: number;
	/** Milliseconds of a clock that only goes forward. */
	readonly elapsedMs: () => number;
}

/** Nobody's clock is compared with another's: a lease has run out when its entry did not change for its whole length, as seen from here. */
export class Lease {
	private readonly parts: LeaseParts;
	private readonly writer: string = randomUUID();
	private version = 0;
	private seen: { readonly version: number; readonly sinceMs: number } | undefined;
	mark: TreeMark | undefined;

	constructor(parts: LeaseParts) {
		this.parts = parts;
	}

	/** How long ago this process saw the entry change. */
	quietMs(): number {
		return this.seen ? this.parts.elapsedMs() - this.seen.sinceMs : 0;
	}

	/** Whether this process may write from now on. @throws {EventsUnavailable} */
	async take(): Promise<boolean> {
		const { store, elapsedMs, leaseMs } = this.parts;
		const entry = await store.get(treeKey);
		const held = entry && readHeld(entry.value);
		this.mark = held?.mark;
		if (this.seen?.version !== (entry?.version ?? 0)) this.seen = { version: entry?.version ?? 0, sinceMs: elapsedMs() };
		if (held && held.writer !== "" && held.writer !== this.writer && this.quietMs() < leaseMs) return false;
		return await this.write(entry?.version ?? 0, this.writer);
	}

	/** Says that this process still writes, and how far it has come. False: it does not any more. @throws {EventsUnavailable} */
	async renew(mark: TreeMark | undefined = this.mark): Promise<boolean> {
		this.mark = mark;
		return await this.write(this.version, this.writer);
	}

	/** Lets another write at once. */
	async release(): Promise<void> {
		await this.write(this.version, "");
	}

	private async write(version: number, writer: string): Promise<boolean> {
		const held: Held = { writer, ...(this.mark && { mark: this.mark }) };
		const result = await this.parts.store.write(treeKey, JSON.stringify(held), version);
		if (!result.won) return false;
		this.version = result.position;
		this.seen = { version: result.position, sinceMs: this.parts.elapsedMs() };
		return true;
	}
}

function readHeld(text: string): Held {
	try {
		return JSON.parse(text) as Held;
	} catch (error) {
		throw new EventsUnavailable("what the writer of the tree said last cannot be read", { cause: error });
	}
}
