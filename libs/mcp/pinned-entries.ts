// The pinned resources, templates and prompts of a server: what is refused of them, which of them a call is about, and whether a URI is one of theirs.
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import type { OpenapiError } from "#libs/openapi/http-transport.ts";
import { type Entry, keys, listed, type PinnedList } from "./definitions.ts";
import type { McpTransport } from "./mcp-transport.ts";

type OtherList = Exclude<PinnedList, "tools">;
export type PinnedEntries = Readonly<Record<OtherList, readonly Entry[]>>;

const otherLists = ["resources", "resourceTemplates", "prompts"] as const satisfies readonly OtherList[];

/** Most entries of one list. */
const entriesMax = 2_000;
const argumentsMax = 100;
/** What is shown of one text; longer ones are pinned whole and refused here, because an entry is shown whole. */
const textCharsMax = 4_000;
/** As long as the arguments that name them may be. */
const keyCharsMax = { resources: 2_048, resourceTemplates: 2_048, prompts: 256 } as const;
const nounOf = { resources: "resource", resourceTemplates: "template of resources", prompts: "prompt" } as const;

/** Control characters, and those that show nothing or change the order of others. A URI has no spaces either (RFC 3986). */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;

/** What is wrong with the lists beside the tools; all of it at once. */
export function errorsIn(document: unknown): OpenapiError[] {
	return otherLists.flatMap((list): OpenapiError[] => {
		const entries = memberOf(document, list);
		if (entries === undefined) return [];
		if (!Array.isArray(entries)) return [{ path: [list], message: `expected a list of ${list}` }];
		if (entries.length > entriesMax) return [{ path: [list], message: `found ${entries.length} ${list}, expected at most ${entriesMax}` }];
		const known = new Set<string>();
		return entries.flatMap((entry: unknown, index): OpenapiError[] => {
			const key = memberOf(entry, keys[list]);
			const why = whyNoKey(list, key) ?? whyTwice(list, key, known) ?? whyNoEntry(list, entry);
			return why === undefined ? [] : [{ path: [list, index], message: why }];
		});
	});
}

function whyNoKey(list: OtherList, key: unknown): string | undefined {
	const charsMax = keyCharsMax[list];
	if (typeof key === "string" && key !== "" && key.length <= charsMax && !unseen.test(key) && (list === "prompts" || !/\s/.test(key)))
		return undefined;
	const spaces = list === "prompts" ? "" : " and no spaces";
	return `found a ${nounOf[list]} whose ${keys[list]} cannot be called, expected at most ${charsMax} characters that can be seen${spaces}`;
}

function whyTwice(list: OtherList, key: unknown, known: Set<string>): string | undefined {
	if (known.has(String(key))) return `found the same ${nounOf[list]} twice, expected each ${keys[list]} once`;
	known.add(String(key));
	return undefined;
}

function whyNoEntry(list: OtherList, entry: unknown): string | undefined {
	const texts = ["name", "title", "description", "mimeType"];
	const isText = (value: unknown) => value === undefined || (typeof value === "string" && value.length <= textCharsMax);
	const wrong = (of: unknown, members: readonly string[]) => members.find((member) => !isText(memberOf(of, member)));
	const member = wrong(entry, texts);
	if (member !== undefined)
		return `found a ${nounOf[list]} whose ${member} is no text of at most ${textCharsMax} characters, expected one or none`;
	const args = list === "prompts" ? (memberOf(entry, "arguments") ?? []) : [];
	if (!Array.isArray(args) || args.length > argumentsMax) return `found a prompt without a list of at most ${argumentsMax} arguments`;
	const isArgument = (one: unknown) =>
		isRecord(one) &&
		typeof one.name === "string" &&
		wrong(one, ["name", "title", "description"]) === undefined &&
		["undefined", "boolean"].includes(typeof memberOf(one, "required"));
	return args.every(isArgument)
		? undefined
		: "found a prompt with an argument that is none, expected a name, texts and whether it is required";
}

/** The lists as a connection keeps them. */
export function pinnedEntries(document: unknown): PinnedEntries {
	return {
		resources: listed(document, "resources"),
		resourceTemplates: listed(document, "resourceTemplates"),
		prompts: listed(document, "prompts"),
	};
}

/** Entries that the caller was shown of what it asks for: the server must still say the same of them. */
export function entriesAbout(
	pinned: PinnedEntries,
	method: Exclude<McpTransport["method"], "tools/call">,
	args: Readonly<Record<string, unknown>>,
): { readonly list: OtherList; readonly entry: Entry }[] {
	const found = (list: OtherList, is: (entry: Entry) => boolean) => pinned[list].filter(is).map((entry) => ({ list, entry }));
	switch (method) {
		case "prompts/get":
			return found("prompts", ({ name }) => name === args.name);
		case "resources/read": {
			const { uri } = args;
			const own = found("resources", (entry) => entry.uri === uri);
			return own.length > 0 ? own : found("resourceTemplates", (entry) => mayExpandTo(entry, uri));
		}
		case "completion/complete": {
			const { ref } = args;
			if (memberOf(ref, "type") === "ref/prompt") return found("prompts", ({ name }) => name === memberOf(ref, "name"));
			const uri = memberOf(ref, "uri");
			return [...found("resourceTemplates", (entry) => entry.uriTemplate === uri), ...found("resources", (entry) => entry.uri === uri)];
		}
	}
}

/**
 * Whether a URI could be one of a template's: it begins as the template does before its first expression (RFC 6570). Wider than what the template
 * means, because nothing that is decided by this may miss one.
 */
export function mayExpandTo({ uriTemplate }: Entry, uri: unknown): boolean {
	return typeof uri === "string" && typeof uriTemplate === "string" && uri.startsWith(uriTemplate.split("{", 1)[0] ?? "");
}
