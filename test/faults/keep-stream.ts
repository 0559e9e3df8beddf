// Everything the stream ever said, kept by the harness itself: trimming removes from the stream, not from the evidence.
import { createHash } from "node:crypto";
import type { Removal, StreamEvent } from "./evidence.ts";
import type { Gone, StoredMessage } from "./operator.ts";
import { eventsOf } from "./read-stream.ts";
import { HeardEvents } from "./read-tree.ts";

export interface KeptStream {
	/** To be told of every message once, in order. */
	hear(message: StoredMessage): void;
	/** In the order of the stream, whatever is gone by now. */
	readonly events: readonly StreamEvent[];
	/** Sequences of messages that are no lists of events. */
	readonly unreadable: readonly number[];
	/** In their own bytes. */
	readonly heard: HeardEvents;
	/** The last message it was told of. */
	reached(): number;
	/** Notes what is gone, as the stream itself says, since a moment in the course of removing. */
	note(gone: Gone, at: number): void;
	readonly removals: readonly Removal[];
	/** Holds what is still on the stream against what was heard: each message as it was, and none gone that was not removed. */
	compare(stillThere: readonly StoredMessage[]): string[];
}

export function keepStream(): KeptStream {
	const events: StreamEvent[] = [];
	const unreadable: number[] = [];
	const heard = new HeardEvents();
	const prints = new Map<number, string>();
	const removals: Removal[] = [];
	const removed = new Set<number>();
	let reached = 0;
	let step = 0;
	let first = 1;
	return {
		...{ events, unreadable, removals, heard },
		hear(message) {
			reached = message.sequence;
			prints.set(message.sequence, printOf(message));
			heard.hear(message);
			const said = eventsOf(message);
			if (said) events.push(...said);
			else unreadable.push(message.sequence);
		},
		reached: () => reached,
		note(gone, at) {
			step++;
			const newly = [...gone.deleted];
			for (; first < gone.first; first++) newly.push(first);
			for (const sequence of newly) {
				if (removed.has(sequence)) continue;
				removed.add(sequence);
				removals.push({ sequence, step, at });
			}
		},
		compare(stillThere) {
			const there = new Map(stillThere.map((message) => [message.sequence, printOf(message)]));
			const changed = [...there].filter(([sequence, print]) => prints.get(sequence) !== print);
			const missing = [...prints.keys()].filter((sequence) => !there.has(sequence) && !removed.has(sequence));
			const back = [...there.keys()].filter((sequence) => removed.has(sequence));
			return [
				...changed.map(([sequence]) => `the message at ${sequence} is another one`),
				...missing.map((sequence) => `the message at ${sequence} is gone`),
				...back.map((sequence) => `the message at ${sequence} was removed and is there again`),
			];
		},
	};
}

function printOf({ subject, bytes }: StoredMessage): string {
	return createHash("sha256").update(subject).update("\n").update(bytes).digest("base64url");
}
