// The pinned lists of an MCP server → functions: one for each tool, and one each for reading resources, getting prompts and completing arguments.
import type { MadeFunction } from "#libs/functions/function.ts";
import { isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import type { OpenapiError } from "#libs/openapi/http-transport.ts";
import { markedArguments } from "#libs/openapi/marked-places.ts";
import { SchemaConverter } from "#libs/openapi/schema-from-openapi.ts";
import { listed, pinsOf, type ServerRevision, serverRevisions } from "./definitions.ts";
import type { McpTransport } from "./mcp-transport.ts";
import { parameterHeaders } from "./parameter-headers.ts";
import { errorsIn } from "./pinned-entries.ts";
import { plainName } from "./suspects.ts";

/** Most tools of one server. */
const toolsMax = 2_000;
/** What is kept of a description; a tool whose server says more is shown with less, and pinned whole. */
const descriptionCharsMax = 4_000;

type McpFunction = MadeFunction<McpTransport>;

export interface FromMcp {
	readonly revision: ServerRevision;
	readonly functions: readonly McpFunction[];
	readonly errors: readonly OpenapiError[];
	/** The names of everything in the document that can be a function, exposed or not. */
	readonly names: readonly string[];
}

/** Reads a document that `callgate pull` wrote. All errors at once; never throws. */
export function functionsFromMcp(document: unknown, exposes: (name: string) => boolean, namePattern: RegExp): FromMcp {
	const errors: OpenapiError[] = [];
	const said = memberOf(document, "protocolVersion");
	const revision = serverRevisions.find((one) => one === said);
	if (revision === undefined)
		errors.push({ path: [], message: `found no protocolVersion that is spoken here, expected one of ${serverRevisions.join(", ")}` });
	const tools = memberOf(document, "tools");
	if (tools !== undefined && !(Array.isArray(tools) && tools.every(isRecord)))
		errors.push({ path: ["tools"], message: "expected a list of tools" });
	errors.push(...errorsIn(document));
	const others = otherFunctions(document);
	const functions = others.filter(({ name }) => exposes(name));
	const names = new Map(others.map(({ name }) => [name, name]));
	for (const [index, tool] of listed(document, "tools").slice(0, toolsMax).entries()) {
		const name = memberOf(tool, "name");
		const path = ["tools", index];
		if (typeof name !== "string") {
			errors.push({ path, message: "found a tool without a name" });
			continue;
		}
		const shadowed = names.get(plainName(name));
		if (shadowed !== undefined)
			errors.push({ path, message: `found the tool ${shown(name)} beside ${shown(shadowed)}, expected names that can be told apart` });
		names.set(plainName(name), name);
		if (!exposes(name)) continue;
		if (!namePattern.test(name))
			errors.push({ path, message: `found the tool ${shown(name)}, expected letters, digits, _ . : / and - only` });
		else functions.push(toolFunction(name, tool, path, errors));
	}
	if (listed(document, "tools").length > toolsMax)
		errors.push({ path: ["tools"], message: `found more than ${toolsMax} tools, expected fewer` });
	return { revision: revision ?? serverRevisions[0], functions, errors, names: [...names.values()] };
}

/** A server's own text in an error: short, and nothing invisible. */
function shown(name: string): string {
	return JSON.stringify(name.slice(0, 64)).replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function toolFunction(
	name: string,
	tool: Readonly<Record<string, unknown>>,
	path: readonly (string | number)[],
	errors: OpenapiError[],
): McpFunction {
	const argumentsSchema = selfContained(memberOf(tool, "inputSchema") ?? {}, [...path, "inputSchema"], errors);
	const outputSchema = memberOf(tool, "outputSchema");
	const structured = outputSchema === undefined ? undefined : selfContained(outputSchema, [...path, "outputSchema"], errors);
	const found = parameterHeaders(memberOf(tool, "inputSchema"));
	if ("fault" in found) errors.push({ path: [...path, "inputSchema"], message: found.fault });
	return {
		name,
		description: descriptionOf(tool),
		argumentsSchema,
		resultSchemas: [resultSchema(structured ?? true)],
		documentedAnswer: () => (typeof structured === "object" ? { schema: structured, isObject: true } : undefined),
		sensitive: markedArguments(argumentsSchema),
		transport: {
			...{ protocol: "mcp", method: "tools/call", tool: name, pins: pinsOf("tools", tool) },
			parameters: "fault" in found ? [] : found.parameters,
		},
	};
}

function descriptionOf(tool: Readonly<Record<string, unknown>>): string {
	const description = memberOf(tool, "description");
	return typeof description === "string" ? description.slice(0, descriptionCharsMax) : "";
}

/** As the checker of arguments reads schemas, with an object at its top: that is what MCP's arguments and structured content are. */
function selfContained(schema: unknown, path: readonly (string | number)[], errors: OpenapiError[]): JsonSchema {
	const own: OpenapiError[] = [];
	const converter = new SchemaConverter(schema, "2020-12", own);
	const converted = converter.convert(schema, []);
	const $defs = converter.finish();
	errors.push(...own.map((error) => ({ ...error, path: [...path, ...error.path] })));
	if (typeof converted === "boolean") return converted ? { type: "object" } : converted;
	return { type: "object", ...converted, ...(Object.keys($defs).length > 0 && { $defs }) };
}

/** The schema of a tool's whole result, whose structured content alone has a schema of its own. Definitions stand where references find them. */
function resultSchema(structured: JsonSchema): JsonSchema {
	const { $defs, ...structuredContent } = typeof structured === "object" ? structured : { $defs: undefined };
	const properties = {
		content: { type: "array", items: true },
		structuredContent: typeof structured === "object" ? structuredContent : structured,
		isError: { type: "boolean" },
		_meta: { type: "object" },
	};
	return { type: "object", properties, ...($defs !== undefined && { $defs }) };
}

const text = { type: "string", maxLength: 8_192 };
const texts = { type: "object", additionalProperties: text };

/**
 * A URI that says what it means: servers resolve `..` (RFC 3986 section 5.2.4), and a rule about how a URI begins must be about what is read.
 */
const resourceUri = {
	...{ type: "string", maxLength: 8_192, pattern: "^[^\\s\\p{Cc}]+$" },
	not: { pattern: "(?:[/\\\\]|%2[fF]|%5[cC])(?:\\.|%2[eE]){1,2}(?:[/\\\\?#]|%2[fF]|%5[cC]|$)" },
};

/** What a server that has resources, prompts or completions can be asked beside its tools. */
function otherFunctions(document: unknown): McpFunction[] {
	const capabilities = memberOf(document, "capabilities");
	const prompts = listed(document, "prompts").flatMap(({ name }) => (typeof name === "string" ? [name] : []));
	const hasResources = listed(document, "resources").length + listed(document, "resourceTemplates").length > 0;
	const functions: McpFunction[] = [];
	const add = (
		method: Exclude<McpTransport["method"], "tools/call">,
		description: string,
		properties: object,
		required: string[],
	): void => {
		const argumentsSchema = { type: "object", properties, required, additionalProperties: false };
		functions.push({
			name: method,
			description,
			argumentsSchema,
			resultSchemas: [],
			sensitive: {},
			transport: { protocol: "mcp", method },
		});
	};
	if (hasResources) add("resources/read", "Reads a resource of the server.", { uri: resourceUri }, ["uri"]);
	if (prompts.length > 0)
		add("prompts/get", "Gets a prompt of the server, filled in with arguments.", { name: { enum: prompts }, arguments: texts }, ["name"]);
	if (memberOf(capabilities, "completions") !== undefined)
		add(
			"completion/complete",
			"Completes an argument of a prompt, or of a template of resources.",
			{
				ref: {
					type: "object",
					properties: { type: { enum: ["ref/prompt", "ref/resource"] }, name: text, uri: text, title: text },
					required: ["type"],
					additionalProperties: false,
				},
				argument: { type: "object", properties: { name: text, value: text }, required: ["name", "value"], additionalProperties: false },
				context: { type: "object", properties: { arguments: texts }, additionalProperties: false },
			},
			["ref", "argument"],
		);
	return functions;
}
