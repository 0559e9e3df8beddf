// What a caller may call, with JSON Schemas: as Callgate's own list, or as a tool list of OpenAI, Anthropic, Gemini or MCP.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Caller } from "#libs/contracts/call.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { candidatesFor } from "#libs/policy/rule-index.ts";
import { toolNameOf, toolSchemaOf } from "./tool-names.ts";

export const toolFormats = ["callgate", "openai", "openai-responses", "anthropic", "gemini", "mcp"] as const;
export type ToolFormat = (typeof toolFormats)[number];

export interface Callable {
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
	const callable = callableOf(configuration, caller);
	if (format === "callgate") return { functions: callable.map(ownForm) };
	const tools = callable.map(({ fn }) => toolForms[format](toolNameOf(configuration, fn), fn));
	return { tools: format === "gemini" ? [{ functionDeclarations: tools }] : tools };
}

/** What some rule could let this caller call, in the order of the lists. */
export function callableOf(configuration: Configuration, caller: Caller): Callable[] {
	return configuration.connections.flatMap(({ name, functions }) =>
		functions.flatMap((fn) => callableFor(configuration, caller, name, fn)),
	);
}

const toolForms = {
	openai: (name: string, fn: ConnectionFunction) => ({
		type: "function",
		function: { name, description: cut(fn.description, openaiDescriptionCharsMax), parameters: toolSchemaOf(fn) },
	}),
	/** Its `strict` is true where it is not said, and refuses most schemas. */
	"openai-responses": (name: string, fn: ConnectionFunction) => ({
		...{ type: "function", name, description: cut(fn.description, openaiDescriptionCharsMax), parameters: toolSchemaOf(fn), strict: false },
	}),
	gemini: (name: string, fn: ConnectionFunction) => ({ name, description: fn.description, parametersJsonSchema: toolSchemaOf(fn) }),
	anthropic: (name: string, fn: ConnectionFunction) => ({ name, description: fn.description, input_schema: toolSchemaOf(fn) }),
	mcp: (name: string, fn: ConnectionFunction) => ({ name, description: fn.description, inputSchema: toolSchemaOf(fn) }),
} as const;

/** OpenAI refuses the whole request over a longer one. */
const openaiDescriptionCharsMax = 1_024;

function cut(text: string, charsMax: number): string {
	return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** The function, if some rule could let this caller call it. */
export function callableFor({ policy }: Configuration, caller: Caller, connection: string, fn: ConnectionFunction): Callable[] {
	const rules = candidatesFor(policy.shelves, { caller, connection, function: fn.name });
	const unconditional = rules.some((rule) => rule.effect === "deny" && rule.condition === undefined);
	if (unconditional || !rules.some((rule) => rule.effect !== "deny")) return [];
	return [{ connection, fn, mayNeedApproval: rules.some((rule) => rule.effect === "hold") }];
}

function ownForm({ connection, fn, mayNeedApproval }: Callable) {
	const { name, description, argumentsSchema, idempotent, contract } = fn;
	return { connection, function: name, description, arguments: argumentsSchema, idempotent, contract, mayNeedApproval };
}
