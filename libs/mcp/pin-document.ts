// The document in which a server's lists are pinned: made of what the server said, and compared with what it says now.
import { canonicalJson } from "#libs/contracts/digest.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { definitionOf, type Entry, keys, listed, type PinnedList, picked, pinnedLists } from "./definitions.ts";

/** Entries in the order of their names: a server that lists them in another order did not change. */
export function pinDocument(said: Readonly<Record<string, unknown>>): Record<string, unknown> {
	const { protocolVersion, serverInfo, capabilities } = said;
	const lists = pinnedLists.map((list): [string, Entry[]] => {
		const entries = listed(said, list).map((entry) => definitionOf(list, entry));
		return [list, entries.sort((one, other) => (nameIn(list, one) < nameIn(list, other) ? -1 : 1))];
	});
	return {
		protocolVersion,
		serverInfo: isRecord(serverInfo) ? picked(serverInfo, ["name", "version"]) : {},
		capabilities: isRecord(capabilities) ? capabilities : {},
		...Object.fromEntries(lists),
	};
}

function nameIn(list: PinnedList, entry: Entry): string {
	return String(entry[keys[list]]);
}

export interface Difference {
	readonly list: PinnedList | "revision";
	readonly name: string;
	readonly what: "new" | "gone" | "changed";
	readonly parts?: readonly { readonly part: string; readonly pinned: unknown; readonly present: unknown }[];
}

/** What a document says that another, older one does not. */
export function comparePins(pinned: unknown, present: Readonly<Record<string, unknown>>): Difference[] {
	const [was, is] = [memberOf(pinned, "protocolVersion"), present.protocolVersion];
	const revision = { list: "revision", name: String(is), what: was === undefined ? "new" : "changed" } as const;
	return [
		...(was === is ? [] : [{ ...revision, parts: [{ part: "protocolVersion", pinned: was ?? null, present: is ?? null }] }]),
		...pinnedLists.flatMap((list) => compareLists(list, listed(pinned, list), listed(present, list))),
	];
}

function compareLists(list: PinnedList, pinned: readonly Entry[], present: readonly Entry[]): Difference[] {
	const [before, after] = [pinned, present].map((entries) => new Map(entries.map((entry) => [nameIn(list, entry), entry])));
	const gone = [...(before ?? [])].flatMap(([name]): Difference[] => (after?.has(name) ? [] : [{ list, name, what: "gone" }]));
	const others = [...(after ?? [])].flatMap(([name, entry]): Difference[] => {
		const earlier = before?.get(name);
		const parts = changed(earlier ?? {}, entry);
		if (earlier && parts.length === 0) return [];
		return [{ list, name, what: earlier ? "changed" : "new", parts: earlier ? parts : parts.filter(({ part }) => part !== keys[list]) }];
	});
	return [...gone, ...others];
}

function changed(pinned: Entry, present: Entry) {
	const parts = [...new Set([...Object.keys(pinned), ...Object.keys(present)])];
	const text = (value: unknown): string => canonicalJson((value ?? null) as JsonValue);
	return parts
		.filter((part) => text(memberOf(pinned, part)) !== text(memberOf(present, part)))
		.map((part) => ({ part, pinned: memberOf(pinned, part) ?? null, present: memberOf(present, part) ?? null }));
}
