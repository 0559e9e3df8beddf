// Requests of MCP about resources, prompts and completion as calls: of which connection, by which of its functions, with what arguments.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonObject } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { McpMethod } from "#libs/mcp/mcp-transport.ts";
import { callableFor } from "../../list-functions.ts";
import { type Claims, claimsOf } from "./claimed-uris.ts";

export interface MeantCall {
	readonly connection: string;
	readonly function: string;
	readonly arguments: JsonObject;
}

type Method = Exclude<McpMethod, "tools/call">;

/** Who asks, and the connection that is asked alone. */
export interface Asking {
	readonly caller: Caller;
	readonly only?: string | undefined;
}

/** Between a connection's name, which has no underscore, and a prompt's. */
const seam = "__";

/**
 * The connections that answer a method: the one that is asked alone, if it can, or those in which some rule could let this caller use it. What
 * a caller may not use must not decide what a name or a URI means to it.
 */
export function connectionsWith(configuration: Configuration, method: Method, { caller, only }: Asking): Connection[] {
	const asked = only === undefined ? configuration.connections : [configuration.connection(only)];
	return asked.flatMap((connection): Connection[] => {
		const fn = connection?.function(method);
		if (!connection || fn?.transport.protocol !== "mcp" || fn.transport.method !== method) return [];
		return callableFor(configuration, caller, connection.name, fn).length > 0 ? [connection] : [];
	});
}

/**
 * Undefined where nothing of that kind is there.
 *
 * @throws {Refusal} `function_unknown`, `invalid_arguments`
 */
export function meantBy(configuration: Configuration, method: Method, params: JsonObject, asking: Asking): MeantCall | undefined {
	const { _meta, ...args } = params;
	const { only } = asking;
	if (only !== undefined) {
		const transport = configuration.connection(only)?.function(method)?.transport;
		const isThere = transport?.protocol === "mcp" && transport.method === method;
		return isThere ? { connection: only, function: method, arguments: args } : undefined;
	}
	const connections = connectionsWith(configuration, method, asking);
	if (connections.length === 0) return undefined;
	switch (method) {
		case "prompts/get": {
			const { connection, name } = promptOf(connections, args.name);
			return { connection, function: method, arguments: { ...args, name } };
		}
		case "resources/read":
			return { connection: ownerOf(connections, args.uri, (claims, uri) => claims.has(uri)), function: method, arguments: args };
		case "completion/complete": {
			const ref = isJsonObject(args.ref) ? args.ref : {};
			if (ref.type === "ref/resource")
				return { connection: ownerOf(connections, ref.uri, (claims, uri) => claims.lists(uri)), function: method, arguments: args };
			const { connection, name } = promptOf(connections, ref.name);
			return { connection, function: method, arguments: { ...args, ref: { ...ref, name } } };
		}
	}
}

export function promptName(connection: string, name: string): string {
	return `${connection}${seam}${name}`;
}

/** @throws {Refusal} */
function promptOf(connections: readonly Connection[], full: unknown): { readonly connection: string; readonly name: string } {
	const at = typeof full === "string" ? full.indexOf(seam) : -1;
	const connection = at < 0 ? undefined : connections.find((one) => one.name === String(full).slice(0, at));
	if (!connection) throw new Refusal("function_unknown", { detail: "there is no prompt of this name" });
	return { connection: connection.name, name: String(full).slice(at + seam.length) };
}

/** @throws {Refusal} where it is not exactly one */
function ownerOf(connections: readonly Connection[], uri: unknown, isOf: (claims: Claims, uri: string) => boolean): string {
	if (typeof uri !== "string") throw new Refusal("invalid_arguments", { detail: "expected a URI" });
	const [owner, other] = connections.filter((connection) => isOf(claimsOf(connection), uri));
	if (!owner || other) {
		const found = other ? "several connections pin this URI" : "no connection pins this URI";
		throw new Refusal("function_unknown", { detail: `${found}; ask the one that you mean, at /mcp/{connection}` });
	}
	return owner.name;
}
