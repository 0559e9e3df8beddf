// An event of an export, as everyone who reads the stream checks it: the subject that vouches for its writer too.
import { decodeEvents } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { readEntry } from "#libs/proof/entry.ts";
import { eventOf, type LeafLine } from "#libs/proof/export-record.ts";
import { CommandFailed } from "./command-failed.ts";
import type { StoryEvent } from "./story.ts";

export type Placed = CallgateEvent & Pick<StoryEvent, "position">;

/** @throws {CommandFailed} where it is no event of Callgate's */
export function readLeaf(leaf: LeafLine): Placed {
	const entry = readEntry(leaf.entry);
	const bytes = eventOf(leaf);
	const [item] =
		entry?.kind === "event" && bytes ? decodeEvents(entry.subject, Buffer.concat([Buffer.from("["), bytes, Buffer.from("]")])) : [];
	if (entry?.kind !== "event" || !item?.ok) throw new CommandFailed(`Record ${leaf.index} is no event of Callgate's.`);
	return { ...item.event, position: entry.position };
}
