// What an MCP server says that it has, as `callgate pull` pinned it in the configuration folder, and what of an entry is held to that pin.
import { canonicalJson, sha256 } from "#libs/contracts/digest.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";

/** Revisions of MCP that servers are spoken to in, the newest first; the last two begin with `initialize`. */
export const serverRevisions = ["2026-07-28", "2025-11-25", "2025-06-18"] as const;
export type ServerRevision = (typeof serverRevisions)[number];

/** The lists of a server that are pinned. */
export const pinnedLists = ["tools", "resources", "resourceTemplates", "prompts"] as const;

export type PinnedList = (typeof pinnedLists)[number];
export type Entry = Readonly<Record<string, unknown>>;

/** By what an entry of a list is known. */
export const keys = { tools: "name", resources: "uri", resourceTemplates: "uriTemplate", prompts: "name" } as const;

/** Parts of an entry, beside its key, that callers and their models are shown. */
export const pinnedParts = {
	tools: ["title", "description", "inputSchema", "outputSchema"],
	resources: ["name", "title", "description", "mimeType"],
	resourceTemplates: ["name", "title", "description", "mimeType"],
	prompts: ["title", "description", "arguments"],
} as const satisfies Record<PinnedList, readonly string[]>;

/** What callers are shown of an entry, part by part: a digest each (`sha256:` over its RFC 8785 form). What is not in it decides nothing. */
export type Pins = Readonly<Record<string, string>>;

/** @throws {RangeError | TypeError} where it is no JSON, or nested beyond counting */
export function pinsOf(list: PinnedList, entry: Entry): Pins {
	const definition = definitionOf(list, entry);
	return Object.fromEntries(pinnedParts[list].map((part) => [part, sha256(canonicalJson((definition[part] ?? null) as JsonValue))]));
}

/** The parts that are not what was pinned. */
export function changedParts(list: PinnedList, pinned: Pins, present: Pins): string[] {
	return pinnedParts[list].filter((part) => pinned[part] !== present[part]);
}

/** An entry without what is not pinned: annotations, icons and extensions are the server's word alone, and nobody is shown them. */
export function definitionOf(list: PinnedList, entry: Entry): Record<string, unknown> {
	const definition = picked(entry, [keys[list], ...pinnedParts[list]]);
	const args = list === "prompts" ? definition.arguments : undefined;
	return Array.isArray(args)
		? { ...definition, arguments: args.map((one) => (isRecord(one) ? picked(one, argumentParts) : one)) }
		: definition;
}

/** Of an argument of a prompt. */
const argumentParts = ["name", "title", "description", "required"] as const;

export function picked(entry: Entry, members: readonly string[]): Record<string, unknown> {
	const present = members.filter((name) => memberOf(entry, name) !== undefined);
	return Object.fromEntries(present.map((name) => [name, entry[name]]));
}

/** The entries of one pinned list that are objects. */
export function listed(document: unknown, list: PinnedList): Entry[] {
	const entries = memberOf(document, list);
	return Array.isArray(entries) ? entries.filter(isRecord) : [];
}
