// What an MCP server says that it has, as `callgate pull` pinned it in the configuration folder, and what of a tool is held to that pin.
import { canonicalJson, sha256 } from "#libs/contracts/digest.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import type { ToolPins } from "./mcp-transport.ts";

/** Revisions of MCP that servers are spoken to in, the newest first; the last two begin with `initialize`. */
export const serverRevisions = ["2026-07-28", "2025-11-25", "2025-06-18"] as const;
export type ServerRevision = (typeof serverRevisions)[number];

/** The lists of a server that are pinned. */
export const pinnedLists = ["tools", "resources", "resourceTemplates", "prompts"] as const;

/** Parts of a tool that callers and their models are shown. Its name is how it is found. */
export const pinnedParts = ["title", "description", "inputSchema", "outputSchema"] as const satisfies readonly (keyof ToolPins)[];

/** @throws {RangeError | TypeError} where it is no JSON, or nested beyond counting */
export function pinsOf(tool: Readonly<Record<string, unknown>>): ToolPins {
	const digest = (part: keyof ToolPins): string => sha256(canonicalJson((memberOf(tool, part) ?? null) as JsonValue));
	return {
		title: digest("title"),
		description: digest("description"),
		inputSchema: digest("inputSchema"),
		outputSchema: digest("outputSchema"),
	};
}

/** The parts that are not what was pinned. */
export function changedParts(pinned: ToolPins, present: ToolPins): (keyof ToolPins)[] {
	return pinnedParts.filter((part) => pinned[part] !== present[part]);
}

/** A tool without what is not pinned: annotations, icons and extensions are the server's word alone, and nobody is shown them. */
export function definitionOf(tool: Readonly<Record<string, unknown>>): Record<string, unknown> {
	const parts = ["name", ...pinnedParts].flatMap((part): [string, unknown][] => {
		const value = memberOf(tool, part);
		return value === undefined ? [] : [[part, value]];
	});
	return Object.fromEntries(parts);
}

/** The entries of one pinned list that are objects with a name, or what names them. */
export function listed(document: unknown, list: (typeof pinnedLists)[number]): Readonly<Record<string, unknown>>[] {
	const entries = memberOf(document, list);
	return Array.isArray(entries) ? entries.filter(isRecord) : [];
}
