// A page of the tools of MCP that a caller has: of one connection under their functions' own names, of all under names with their connections'.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Caller } from "#libs/contracts/call.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import { type Callable, callableOf } from "../../list-functions.ts";
import { toolNameOf, toolSchemaOf } from "../../tool-names.ts";
import { outputSchemaOf } from "./structured-content.ts";

/** Tools of one page: their schemas are written out between other people's requests. */
const pageTools = 100;

export interface ToolsAsked {
	readonly caller: Caller;
	/** The connection whose functions alone are tools. */
	readonly only: string | undefined;
	/** What the page before it said. */
	readonly cursor?: unknown;
	readonly isModern: boolean;
}

export interface ToolsPage {
	readonly tools: readonly object[];
	/** The last tool's name of a page after which there are more: what is listed after it does not depend on which replica is asked. */
	readonly nextCursor?: string;
}

/** Undefined where the cursor names no tool of this caller. */
export function listTools(configuration: Configuration, { caller, only, cursor, isModern }: ToolsAsked): ToolsPage | undefined {
	const callable = callableOf(configuration, caller).filter(
		({ connection, fn }) => (only === undefined || connection === only) && isTool(fn),
	);
	const nameOf = ({ fn }: Callable) => toolNameOf(configuration, fn, only);
	const from = cursor === undefined ? 0 : callable.findIndex((one) => nameOf(one) === cursor) + 1;
	if (from === 0 && cursor !== undefined) return undefined;
	const page = callable.slice(from, from + pageTools);
	const last = page.at(-1);
	const tools = page.map((one) => toolOf(nameOf(one), one, isModern));
	return { tools, ...(last && from + page.length < callable.length && { nextCursor: nameOf(last) }) };
}

/** An MCP server's resources and prompts are asked for in MCP's own words. */
function isTool({ transport }: ConnectionFunction): boolean {
	return transport.protocol !== "mcp" || transport.method === "tools/call";
}

function toolOf(name: string, { fn, mayNeedApproval }: Callable, isModern: boolean): object {
	const outputSchema = outputSchemaOf(fn, isModern);
	return {
		...{ name, description: fn.description, inputSchema: toolSchemaOf(isModern ? wantingHeaders(fn) : fn) },
		...(outputSchema && { outputSchema }),
		annotations: annotationsOf(fn),
		...(!isModern && { execution: { taskSupport: "optional" } }),
		...(mayNeedApproval && { _meta: { "callgate/mayNeedApproval": true } }),
	};
}

/** A tool that wants arguments in headers again says in its schema which ones: its clients put them there, and their calls are held to it. */
function wantingHeaders(fn: ConnectionFunction): ConnectionFunction {
	const { transport } = fn;
	if (transport.protocol !== "mcp" || transport.method !== "tools/call" || transport.parameters.length === 0) return fn;
	const argumentsSchema = transport.parameters.reduce((schema, { header, path }) => marked(schema, path, header), fn.argumentsSchema);
	return { ...fn, argumentsSchema };
}

function marked(schema: JsonSchema, [name, ...rest]: readonly string[], header: string): JsonSchema {
	if (typeof schema === "boolean") return schema;
	if (name === undefined) return { ...schema, "x-mcp-header": header };
	const { properties } = schema;
	const property = memberOf(properties, name) as JsonSchema | undefined;
	if (!isRecord(properties) || property === undefined) return schema;
	return { ...schema, properties: { ...properties, [name]: marked(property, rest, header) } };
}

/**
 * What the method promises (RFC 9110 sections 9.2.1 and 9.2.2) and the Connection declares; of a function that may change something nobody knows
 * whether that destroys anything, and the protocol's default is that it does. They are hints for clients: no decision is made by them.
 */
function annotationsOf({ transport, idempotent }: ConnectionFunction): object {
	switch (transport.protocol) {
		case "http": {
			const { method } = transport;
			if (method === "GET" || method === "HEAD") return { readOnlyHint: true };
			return { readOnlyHint: false, idempotentHint: idempotent || method === "PUT" || method === "DELETE" };
		}
		// What the server says of its own tools binds nobody, and is not passed on.
		case "mcp":
			return idempotent ? { idempotentHint: true } : {};
	}
}
