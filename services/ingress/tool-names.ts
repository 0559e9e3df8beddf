// The names that functions and their arguments have in the tool lists of model providers, and the way back to the function that is meant.
import { createHash } from "node:crypto";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { isRecord } from "#libs/functions/schema.ts";

/** What all providers take: OpenAI and Anthropic bound tools so, Anthropic bounds properties so. */
const toolPattern = /^[A-Za-z0-9_-]{1,64}$/;
const propertyPattern = /^[A-Za-z0-9_.-]{1,64}$/;
const nameCharsMax = 64;

/** Names of ours → names that a provider takes. A name that is not here is its own. */
type Renaming = ReadonlyMap<string, string>;

/**
 * Renames what does not fit: other characters become `_`, and some of the hash is added, more of it until the name is no other's. The same names
 * in any order are renamed in the same way.
 */
function renamingOf(names: Iterable<string>, pattern: RegExp): Renaming {
	const all = [...new Set(names)].sort();
	const taken = new Set(all.filter((name) => pattern.test(name)));
	const renamed = new Map<string, string>();
	for (const name of all) {
		if (pattern.test(name)) continue;
		const hash = createHash("sha256").update(name).digest("hex");
		const safe = name.replace(/[^A-Za-z0-9_-]/g, "_");
		let digits = 8;
		const candidate = (): string => `${safe.slice(0, nameCharsMax - digits - 1)}_${hash.slice(0, digits)}`;
		while (taken.has(candidate()) && digits < nameCharsMax - 8) digits += 8;
		taken.add(candidate());
		renamed.set(name, candidate());
	}
	return renamed;
}

interface Named {
	readonly connection: string;
	readonly fn: ConnectionFunction;
}

interface ToolNames {
	readonly nameOf: ReadonlyMap<ConnectionFunction, string>;
	readonly named: ReadonlyMap<string, Named>;
}

/** Made once for a configuration, which never changes, and for what is listed of it. */
const toolNames = new WeakMap<Configuration, Map<string | undefined, ToolNames>>();

/** @param only a connection whose functions are listed alone: their own names then tell them apart. */
function toolNamesOf(configuration: Configuration, only: string | undefined): ToolNames {
	const made = toolNames.get(configuration) ?? new Map<string | undefined, ToolNames>();
	toolNames.set(configuration, made);
	const known = made.get(only);
	if (known) return known;
	// A connection's name has no underscore: two of them part it from the function's.
	const all = configuration.connections
		.filter(({ name }) => only === undefined || name === only)
		.flatMap(({ name, functions }) =>
			functions.map((fn) => ({ connection: name, fn, full: only === undefined ? `${name}__${fn.name}` : fn.name })),
		);
	const renaming = renamingOf(
		all.map(({ full }) => full),
		toolPattern,
	);
	const nameOf = new Map(all.map(({ fn, full }) => [fn, renaming.get(full) ?? full]));
	const named = new Map(all.map(({ connection, fn, full }) => [renaming.get(full) ?? full, { connection, fn }]));
	// A name that is no connection's must not be remembered: anyone may make up many.
	if (all.length > 0) made.set(only, { nameOf, named });
	return { nameOf, named };
}

export function toolNameOf(configuration: Configuration, fn: ConnectionFunction, only?: string): string {
	return toolNamesOf(configuration, only).nameOf.get(fn) ?? fn.name;
}

/** Keywords about the object as a whole, which providers refuse at the top of a tool's schema. Ingress asks them of every call. */
const refusedAtTop = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const"];

/** A function's schema as providers take it. */
export function toolSchemaOf(fn: ConnectionFunction): unknown {
	const schema = renameInSchema(fn.toolSchema ?? fn.argumentsSchema, propertyRenamingOf(fn));
	return isRecord(schema) ? Object.fromEntries(Object.entries(schema).filter(([keyword]) => !refusedAtTop.includes(keyword))) : schema;
}

/**
 * The call that a model asked for: a tool's name and its arguments, as they stand in a tool list.
 *
 * @throws {Refusal} `function_unknown`, and `invalid_arguments` where a member is given under both of its names.
 */
export function calledTool(configuration: Configuration, tool: string, args: JsonObject, only?: string) {
	const found = toolNamesOf(configuration, only).named.get(tool);
	if (!found)
		throw new Refusal("function_unknown", {
			detail: only === undefined ? "there is no tool of this name, and no connection was named" : `${only} has no tool of this name`,
		});
	const { connection, fn } = found;
	const back = new Map([...propertyRenamingOf(fn)].map(([own, safe]) => [safe, own]));
	const renamed = renameInValue(args, back);
	return { connection, function: fn.name, arguments: isJsonObject(renamed) ? renamed : {} };
}

const propertyRenamings = new WeakMap<ConnectionFunction, Renaming>();

function propertyRenamingOf(fn: ConnectionFunction): Renaming {
	const known = propertyRenamings.get(fn);
	if (known) return known;
	const renaming = renamingOf(propertiesIn(fn.argumentsSchema), propertyPattern);
	propertyRenamings.set(fn, renaming);
	return renaming;
}

/** Names of properties at any depth. */
function propertiesIn(schema: unknown): string[] {
	const names: string[] = [];
	const pending: unknown[] = [schema];
	for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
		if (Array.isArray(next)) pending.push(...next);
		if (!isRecord(next)) continue;
		if (isRecord(next.properties)) names.push(...Object.keys(next.properties));
		pending.push(...Object.values(next));
	}
	return names;
}

/** A name means the same wherever it stands: a member is renamed at every depth, in what a schema says of it too. */
function renameInSchema(schema: unknown, names: Renaming): unknown {
	if (names.size === 0 || !isRecord(schema)) return schema;
	const rename = (name: unknown): unknown => (typeof name === "string" ? (names.get(name) ?? name) : name);
	const inner = (one: unknown): unknown => renameInSchema(one, names);
	const members = (map: unknown, key: (name: string) => unknown, value: (one: unknown) => unknown): unknown =>
		isRecord(map) ? Object.fromEntries(Object.entries(map).map(([name, one]) => [key(name), value(one)])) : map;
	const listed = (list: unknown): unknown => (Array.isArray(list) ? list.map(rename) : list);
	const entries = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
		switch (keyword) {
			case "properties":
			case "dependentSchemas":
				return [keyword, members(value, rename as (name: string) => unknown, inner)];
			case "patternProperties":
			case "$defs":
				return [keyword, members(value, (name) => name, inner)];
			case "dependentRequired":
				return [keyword, members(value, rename as (name: string) => unknown, listed)];
			case "required":
				return [keyword, listed(value)];
			case "enum":
			case "const":
			case "default":
				return [keyword, renameInValue(value as JsonValue, names)];
			default:
				return [keyword, Array.isArray(value) ? value.map(inner) : inner(value)];
		}
	});
	return Object.fromEntries(entries);
}

function renameInValue(value: JsonValue, names: Renaming): JsonValue {
	if (names.size === 0) return value;
	if (Array.isArray(value)) return value.map((item) => renameInValue(item, names));
	if (!isJsonObject(value)) return value;
	const renamed = new Map<string, JsonValue>();
	for (const [name, member] of Object.entries(value)) {
		const to = names.get(name) ?? name;
		if (renamed.has(to))
			throw new Refusal("invalid_arguments", { detail: "a member is given twice, under its own name and under its tool list's" });
		renamed.set(to, renameInValue(member, names));
	}
	return Object.fromEntries(renamed);
}
