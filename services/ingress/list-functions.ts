// What a caller may call, with JSON Schemas: as Callgate's own list, or as a tool list of OpenAI, Anthropic or MCP.
import { createHash } from "node:crypto";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { ConnectionFunction } from "#libs/configuration/kinds/connection.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { candidatesFor } from "#libs/policy/rule-index.ts";

export const toolFormats = ["callgate", "openai", "anthropic", "mcp"] as const;
export type ToolFormat = (typeof toolFormats)[number];

interface Callable {
	readonly connection: string;
	readonly fn: ConnectionFunction;
	/** Whether a rule may hold it for people. */
	readonly mayNeedApproval: boolean;
}

/**
 * Functions for which some rule could let this caller through. What a rule asks of the arguments is not known here, so a call may still be
 * denied; a function that no rule could ever allow is not shown.
 */
export function listFunctions(configuration: Configuration, caller: Caller, format: ToolFormat): object {
	const callable = configuration.connections.flatMap(({ name, functions }) =>
		functions.flatMap((fn) => callableFor(configuration, caller, name, fn)),
	);
	switch (format) {
		case "callgate":
			return { functions: callable.map(ownForm) };
		case "openai":
			return { tools: callable.map(({ connection, fn }) => ({ type: "function", function: openaiForm(connection, fn) })) };
		case "anthropic":
			return { tools: callable.map(({ connection, fn }) => ({ ...named(connection, fn), input_schema: fn.argumentsSchema })) };
		case "mcp":
			return { tools: callable.map(({ connection, fn }) => ({ ...named(connection, fn), inputSchema: fn.argumentsSchema })) };
	}
}

function callableFor({ policy }: Configuration, caller: Caller, connection: string, fn: ConnectionFunction): Callable[] {
	const rules = candidatesFor(policy.shelves, { caller, connection, function: fn.name });
	const unconditional = rules.some((rule) => rule.effect === "deny" && rule.condition === undefined);
	if (unconditional || !rules.some((rule) => rule.effect !== "deny")) return [];
	return [{ connection, fn, mayNeedApproval: rules.some((rule) => rule.effect === "hold") }];
}

function ownForm({ connection, fn, mayNeedApproval }: Callable) {
	const { name, description, argumentsSchema, idempotent } = fn;
	return { connection, function: name, description, arguments: argumentsSchema, idempotent, mayNeedApproval };
}

function openaiForm(connection: string, fn: ConnectionFunction) {
	return { ...named(connection, fn), parameters: fn.argumentsSchema };
}

const toolNameCharsMax = 64;

/**
 * Tool names are at most 64 of these characters; two underscores part connection and function. Where that changes or cuts the name, some of
 * its hash is added: two functions never share a name.
 */
function named(connection: string, { name, description }: ConnectionFunction) {
	const full = `${connection}__${name}`;
	const safe = full.replace(/[^A-Za-z0-9_-]/g, "_");
	if (safe === full && full.length <= toolNameCharsMax) return { name: full, description };
	const hash = createHash("sha256").update(full).digest("hex").slice(0, 8);
	return { name: `${safe.slice(0, toolNameCharsMax - hash.length - 1)}_${hash}`, description };
}
