// An export of the record: lines of JSON with every leaf, the events' own bytes and the checkpoints. All that a verifier needs beside the key.
import { decodeSegment, type Leaf, segmentPath } from "./segment.ts";
import type { ProofStore } from "./store.ts";

/** The first line of an export: which form it has. */
export const exportHead = { callgate: "record-export", version: 1 } as const;

/** A leaf as a line: `event` is the text of the event's own bytes, or `bytes` these in base64 where they are no UTF-8. */
export interface LeafLine {
	readonly index: number;
	readonly entry: string;
	readonly event?: string;
	readonly bytes?: string;
}
export interface CheckpointLine {
	/** A signed note (C2SP tlog-checkpoint) over all leaves before this line. */
	readonly checkpoint: string;
}

/**
 * Every leaf from the first, each checkpoint behind the last leaf it counts; one string for each segment, of whole lines.
 *
 * @throws {SegmentMalformed} @throws {StoreUnavailable}
 */
export async function* exportRecord(store: ProofStore): AsyncGenerator<string> {
	yield `${JSON.stringify(exportHead)}\n`;
	let index = 0;
	for (let number = 0; ; number++) {
		const stored = await store.get(segmentPath(number));
		if (!stored) return;
		const { note, leaves } = decodeSegment(stored);
		const lines = leaves.map((leaf) => JSON.stringify(leafLine(leaf, index++)));
		yield `${[...lines, JSON.stringify({ checkpoint: note } satisfies CheckpointLine)].join("\n")}\n`;
	}
}

export function leafLine({ entry, event }: Leaf, index: number): LeafLine {
	if (!event) return { index, entry };
	const bytes = Buffer.from(event.buffer, event.byteOffset, event.byteLength);
	const text = bytes.toString();
	return Buffer.from(text).equals(bytes) ? { index, entry, event: text } : { index, entry, bytes: bytes.toString("base64") };
}

/** The stored bytes of the event on a line; undefined where it has none. */
export function eventOf({ event, bytes }: LeafLine): Buffer | undefined {
	if (event !== undefined) return Buffer.from(event);
	return bytes === undefined ? undefined : Buffer.from(bytes, "base64");
}
