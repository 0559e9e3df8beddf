// A page of what a server lists: what each entry is called, and the digests that are held against its pins.
import { isRecord } from "#libs/functions/schema.ts";
import { type Entry, keys, type PinnedList, type Pins, pinsOf } from "#libs/mcp/definitions.ts";
import { parseResult } from "#libs/mcp/messages.ts";

export interface PageText {
	readonly list: PinnedList;
	/** The result, as the server wrote it. */
	readonly text: string;
}

export interface Page {
	readonly entries: readonly (readonly [key: string, pins: Pins])[];
	readonly nextCursor: string | undefined;
}

/** Undefined where it is nothing that is read. A megabyte takes some third of a second, so large pages are read in another thread. */
export function readPage({ list, text }: PageText): Page | undefined {
	const result = parseResult(text);
	if (!result) return undefined;
	const listed = result[list];
	const entries = (Array.isArray(listed) ? listed : []).flatMap((entry: unknown) => {
		const key = isRecord(entry) ? entry[keys[list]] : undefined;
		return isRecord(entry) && typeof key === "string" ? [[key, presentPins(list, entry)] as const] : [];
	});
	const { nextCursor } = result;
	return { entries, nextCursor: typeof nextCursor === "string" ? nextCursor : undefined };
}

/** What has no canonical form (RFC 8785), such as a number that is none in JavaScript, is nothing that was pinned. */
function presentPins(list: PinnedList, entry: Entry): Pins {
	try {
		return pinsOf(list, entry);
	} catch {
		return {};
	}
}
