// A page of the resources, templates or prompts of MCP that a caller has, as they were pinned.
import { setImmediate } from "node:timers/promises";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import { definitionOf, type Entry, keys } from "#libs/mcp/definitions.ts";
import type { PinnedEntries } from "#libs/mcp/pinned-entries.ts";
import { decide } from "#libs/policy/decide.ts";
import { claimsOf } from "./claimed-uris.ts";
import type { Asking } from "./meant.ts";
import { connectionsWith, promptName } from "./meant.ts";

/** What is listed by which request, and the function that it is there for. */
const lists = {
	"resources/list": { list: "resources", method: "resources/read" },
	"resources/templates/list": { list: "resourceTemplates", method: "resources/read" },
	"prompts/list": { list: "prompts", method: "prompts/get" },
} as const;
export type ListMethod = keyof typeof lists;

export function isListMethod(method: string): method is ListMethod {
	return Object.hasOwn(lists, method);
}

const pageEntries = 100;
/** Conditions are asked about so many entries between other people's requests. */
const turnEntries = 8;

export interface EntriesAsked extends Asking {
	readonly method: ListMethod;
	/** What the page before it said. */
	readonly cursor?: unknown;
	readonly now: Date;
}

/** An entry of a connection, by the key that its caller knows it by. */
interface Own {
	readonly connection: Connection;
	readonly entry: Entry;
	readonly key: string;
}

/**
 * Undefined where no connection of this caller has such things; no page where the cursor names nothing of its list.
 *
 * A resource is listed where policy, asked about its URI, would not deny this caller: all that there is to say of a call is known. Of a template
 * or a prompt some arguments are not, so it is listed as a tool is: where some rule could let the call through.
 */
export async function listEntries(
	configuration: Configuration,
	asked: EntriesAsked,
): Promise<{ readonly page: Readonly<Record<string, unknown>> | undefined } | undefined> {
	const { method, cursor } = asked;
	const { list, method: reader } = lists[method];
	const connections = connectionsWith(configuration, reader, asked);
	if (connections.length === 0) return undefined;
	const all = connections.flatMap((connection) => ownOf(connection, list, asked.only));
	const isListed = (own: Own) => isShown(configuration, connections, list, own, asked);
	const from = cursor === undefined ? 0 : all.findIndex((own) => own.key === cursor && isListed(own)) + 1;
	if (from === 0 && cursor !== undefined) return { page: undefined };
	const shown: Own[] = [];
	let at = from;
	for (; at < all.length && shown.length < pageEntries; at++) {
		if (at % turnEntries === 0) await setImmediate();
		const own = all[at];
		if (own && isListed(own)) shown.push(own);
	}
	const last = shown.at(-1);
	const entries = shown.map(({ entry, key }) => ({ ...definitionOf(list, entry), name: nameOf(list, entry, key) }));
	return { page: { [list]: entries, ...(last && at < all.length && { nextCursor: last.key }) } };
}

function ownOf(connection: Connection, list: keyof PinnedEntries, only: string | undefined): Own[] {
	const entries = connection.transport.protocol === "mcp" ? connection.transport.pinned[list] : [];
	return entries.map((entry) => {
		const key = String(entry[keys[list]]);
		return { connection, entry, key: list === "prompts" && only === undefined ? promptName(connection.name, key) : key };
	});
}

/** MCP demands a name of everything that it lists. */
function nameOf(list: keyof PinnedEntries, entry: Entry, key: string): string {
	return list !== "prompts" && typeof entry.name === "string" ? entry.name : key;
}

function isShown(
	configuration: Configuration,
	connections: readonly Connection[],
	list: keyof PinnedEntries,
	{ connection, key }: Own,
	{ caller, now }: EntriesAsked,
): boolean {
	if (list === "prompts") return true;
	// Among all connections a URI is of use only where it leads to one.
	const isMeant = (one: Connection) => (list === "resources" ? claimsOf(one).has(key) : claimsOf(one).lists(key));
	if (connections.some((one) => one !== connection && isMeant(one))) return false;
	if (list === "resourceTemplates") return true;
	const call = { caller, connection: connection.name, function: "resources/read", arguments: { uri: key } };
	return decide(configuration.policy, { ...call, receivedAt: now.toISOString() }).effect !== "deny";
}
