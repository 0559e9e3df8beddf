// A segment: what one checkpoint adds to the record, in one object. The events' own bytes with their entries, and the checkpoint that signs them.
import { numberPath } from "#libs/merkle/tile-path.ts";

/** A leaf of the tree: its entry, and of an event the stored bytes that the entry has the digest of. */
export interface Leaf {
	readonly entry: string;
	readonly event?: Uint8Array;
}

export interface Segment {
	/** The checkpoint over everything up to the last of these leaves, a signed note. */
	readonly note: string;
	readonly leaves: readonly Leaf[];
}

/** What should be a segment is none. The message names places, never contents. */
export class SegmentMalformed extends Error {
	constructor(fault: string) {
		super(`the segment cannot be read: ${fault}`);
		this.name = "SegmentMalformed";
	}
}

/** Where the segment of the checkpoint with this number lies; numbers begin at 0 and leave none out. */
export function segmentPath(number: number): string {
	return `segments/${numberPath(number)}`;
}

const lineFeed = Buffer.from("\n");
const headline = "callgate-segment-v1";

/**
 * Lines of text, and behind a line that ends with a length so many bytes and a line feed:
 *
 *     callgate-segment-v1
 *     checkpoint <bytes>
 *     <the note>
 *     <entry>                      of what is no event
 *     <entry> <bytes>              of an event
 *     <the event's own stored bytes>
 */
export function encodeSegment({ note, leaves }: Segment): Buffer {
	const signed = Buffer.from(note);
	const parts: Uint8Array[] = [Buffer.from(`${headline}\ncheckpoint ${signed.length}\n`), signed, lineFeed];
	for (const { entry, event } of leaves) {
		if (event) parts.push(Buffer.from(`${entry} ${event.length}\n`, "latin1"), event, lineFeed);
		else parts.push(Buffer.from(`${entry}\n`, "latin1"));
	}
	return Buffer.concat(parts);
}

/** @throws {SegmentMalformed} also where something is left over. Signature and digests are not looked at. */
export function decodeSegment(bytes: Buffer): Segment {
	let at = 0;
	const line = (): string => {
		const end = bytes.indexOf(0x0a, at);
		if (end < 0) throw new SegmentMalformed(`the line at byte ${at} has no end`);
		const text = bytes.toString("latin1", at, end);
		at = end + 1;
		return text;
	};
	const content = (length: number): Buffer => {
		const end = at + length;
		if (!(end < bytes.length) || bytes[end] !== 0x0a)
			throw new SegmentMalformed(`what begins at byte ${at} is not ${length} bytes and a line feed`);
		const found = bytes.subarray(at, end);
		at = end + 1;
		return found;
	};
	if (line() !== headline) throw new SegmentMalformed(`it does not begin with ${headline}`);
	const [, length] = /^checkpoint (\d{1,5})$/.exec(line()) ?? [];
	if (length === undefined) throw new SegmentMalformed("it has no checkpoint");
	const note = content(Number(length)).toString();
	const leaves: Leaf[] = [];
	while (at < bytes.length) {
		const text = line();
		const [, entry, size] = /^(event .+) (\d{1,8})$/.exec(text) ?? [];
		leaves.push(entry === undefined ? { entry: text } : { entry, event: content(Number(size)) });
	}
	return { note, leaves };
}
