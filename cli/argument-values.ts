// `--arg name=value` → JSON values, by the function's own JSON Schema: text is never guessed into a type that the schema leaves open. Pure.
import { didYouMean } from "#libs/configuration/nearest.ts";
import { type JsonObject, JsonRefused, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";
import { type CommandFailed, wrongUsage } from "./command-failed.ts";
import { safeLine } from "./terminal-text.ts";

const kinds = ["string", "number", "integer", "boolean", "null", "object", "array"] as const;
export type ValueKind = (typeof kinds)[number];

type Keywords = Readonly<Record<string, unknown>>;

/** Schemas refer to each other, in circles too. */
const depthMax = 32;

/**
 * Reads each `name=value`.
 *
 * @param schema the function's, of all its arguments
 * @throws {CommandFailed} `wrongUsage`; names arguments and never repeats a value
 */
export function argumentValues(given: readonly string[], schema: unknown): JsonObject {
	const values = new Map<string, JsonValue>();
	for (const one of given) {
		const at = one.indexOf("=");
		if (at < 1) throw wrongUsage('Found an --arg without a name and "=", expected --arg name=value.');
		const name = one.slice(0, at);
		if (values.has(name)) throw twice(name);
		values.set(name, readValue(name, one.slice(at + 1), schema));
	}
	return Object.fromEntries(values);
}

export function twice(name: string): CommandFailed {
	return wrongUsage(`The argument ${safeLine(name)} is given twice. A list is given as JSON: --arg '${safeLine(name)}=["one", "two"]'.`);
}

function readValue(name: string, text: string, schema: unknown): JsonValue {
	const member = memberSchema(name, schema);
	const admitted = member === undefined ? new Set<ValueKind>(kinds) : kindsOf(member, schema, depthMax);
	const read = readings(text).filter(([kind]) => admitted.has(kind) || (kind === "integer" && admitted.has("number")));
	const [first, ...others] = narrowed(read, member, schema);
	if (first === undefined) {
		const expected = [...admitted].join(" or ") || "nothing at all";
		throw wrongUsage(`The argument ${safeLine(name)} is not what the function's schema says, expected ${expected}.`);
	}
	if (others.length === 0) return first[1];
	const meanings = [first, ...others].map(([kind]) => kind).join(" or ");
	throw wrongUsage(
		`The argument ${safeLine(name)} could be read as ${meanings}: its schema leaves that open. Write it as JSON: --json-args '{"${safeLine(name)}": …}'.`,
	);
}

/** What a text can mean, each kind once. */
function readings(text: string): [ValueKind, JsonValue][] {
	const value = jsonIn(text);
	if (value === undefined || typeof value === "string") return [["string", text]];
	return [
		["string", text],
		[kindOf(value), value],
	];
}

function jsonIn(text: string): JsonValue | undefined {
	try {
		return parseJsonStrictly(text);
	} catch (error) {
		if (error instanceof JsonRefused) return undefined;
		throw error;
	}
}

function kindOf(value: JsonValue): ValueKind {
	if (value === null) return "null";
	if (Array.isArray(value)) return "array";
	if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
	return typeof value as "string" | "boolean" | "object";
}

/** Where only certain values are admitted, those of them that were meant. */
function narrowed(read: [ValueKind, JsonValue][], member: unknown, root: unknown): [ValueKind, JsonValue][] {
	const values = valuesOf(resolve(member, root, depthMax));
	if (values === undefined) return read;
	const exact = read.filter(([, value]) => values.some((one) => JSON.stringify(one) === JSON.stringify(value)));
	// None fits: the API says so in the schema's words.
	return exact.length > 0 ? exact : read.slice(0, 1);
}

function valuesOf(schema: Keywords | undefined): readonly unknown[] | undefined {
	if (schema === undefined) return undefined;
	if (Array.isArray(schema.enum)) return schema.enum;
	return "const" in schema ? [schema.const] : undefined;
}

/** The schema of one argument; undefined where the function takes arguments that it does not declare. */
function memberSchema(name: string, schema: unknown): unknown {
	const { properties, additionalProperties, unevaluatedProperties } = keywordsOf(resolve(schema, schema, depthMax));
	const known = keywordsOf(properties);
	if (Object.hasOwn(known, name)) return known[name];
	if (additionalProperties !== false && unevaluatedProperties !== false) return undefined;
	const names = Object.keys(known);
	const takes = names.length === 0 ? "It takes none." : `It takes ${names.map(safeLine).join(", ")}.`;
	throw wrongUsage(
		`The function has no argument ${safeLine(name)}${didYouMean(name, names)} ${takes}`.replace(/([^?])( It takes)/, "$1.$2"),
	);
}

/** The kinds of values that a schema may admit; where it does not say, all of them. */
function kindsOf(schema: unknown, root: unknown, depth: number): Set<ValueKind> {
	const all = new Set<ValueKind>(kinds);
	const found = resolve(schema, root, depth);
	if (found === undefined || depth === 0) return schema === false ? new Set() : all;
	let admitted = all;
	const narrow = (to: Iterable<ValueKind>) => {
		const set = widened(to);
		admitted = new Set([...admitted].filter((kind) => set.has(kind)));
	};
	if (typeof found.type === "string" || Array.isArray(found.type)) {
		const types: unknown[] = [found.type].flat();
		narrow(kinds.filter((kind) => types.includes(kind)));
	}
	const values = valuesOf(found);
	if (values) narrow(values.map((value) => kindOf(value as JsonValue)));
	for (const part of arrayOf(found.allOf)) narrow(kindsOf(part, root, depth - 1));
	for (const parts of [found.anyOf, found.oneOf]) {
		if (Array.isArray(parts)) narrow(parts.flatMap((part) => [...kindsOf(part, root, depth - 1)]));
	}
	return admitted;
}

/** Every integer is a number. */
function widened(set: Iterable<ValueKind>): Set<ValueKind> {
	const all = new Set(set);
	if (all.has("number")) all.add("integer");
	return all;
}

/** Follows `$ref` inside the same document; undefined where there is nothing to follow to. */
function resolve(schema: unknown, root: unknown, depth: number): Keywords | undefined {
	if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return undefined;
	const { $ref: reference, ...others } = schema as Record<string, unknown>;
	if (typeof reference !== "string") return others;
	if (!/^#(\/|$)/.test(reference) || depth === 0) return undefined;
	const path = reference.split("/").slice(1);
	const target = path.reduce<unknown>((at, token) => {
		const name = decodeURIComponent(token).replaceAll("~1", "/").replaceAll("~0", "~");
		return typeof at === "object" && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined;
	}, root);
	const found = resolve(target, root, depth - 1);
	return found && { ...found, ...others };
}

function keywordsOf(value: unknown): Keywords {
	return typeof value === "object" && value !== null ? (value as Keywords) : {};
}

function arrayOf(value: unknown): unknown[] {
	return Array.isArray(value) ? value : [];
}
