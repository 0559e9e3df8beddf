// Which arguments a document declares secret, as JSONPaths for masking.
import { isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";

/** Most places that are walked; schemas that refer to each other often have more places than anyone could list. */
const placesMax = 10_000;
/** Masking takes paths up to this long and deep (libs/masking/selector.ts). */
const pathCharsMax = 512;
const stepsMax = 32;

/**
 * JSONPaths (RFC 9535) of everything marked `writeOnly`, `x-callgate-sensitive` or `format: password`. Where schemas refer to themselves, or
 * have too many places to list, the marked names are covered at every depth (`$..name`): rather too much masked than too little.
 */
export function sensitivePaths(schema: JsonSchema): string[] {
	const walk = new Walk(schema);
	walk.visit(schema, "$", []);
	return [...new Set([...walk.paths, ...(walk.everywhere ? markedNames(schema) : [])])].sort();
}

function isMarked(schema: unknown): boolean {
	return memberOf(schema, "writeOnly") === true || memberOf(schema, "x-callgate-sensitive") === true;
}

class Walk {
	readonly paths: string[] = [];
	everywhere = false;
	private readonly root: JsonSchema;
	private places = 0;

	constructor(root: JsonSchema) {
		this.root = root;
	}

	visit(schema: unknown, path: string, refs: readonly string[], steps = 0): void {
		if (!isRecord(schema) || this.everywhere) return;
		if (++this.places > placesMax || path.length > pathCharsMax || steps > stepsMax) {
			this.everywhere = true;
			return;
		}
		if (isMarked(schema)) {
			this.paths.push(path);
			return;
		}
		const ref = memberOf(schema, "$ref");
		if (typeof ref === "string") {
			if (refs.includes(ref)) this.everywhere = true;
			else this.visit(definitionOf(this.root, ref), path, [...refs, ref], steps);
		}
		for (const { schema: part, step } of partsOf(schema)) this.visit(part, path + step, refs, steps + (step === "" ? 0 : 1));
	}
}

function definitionOf(root: JsonSchema, ref: string): unknown {
	return memberOf(memberOf(root, "$defs"), ref.slice("#/$defs/".length));
}

/** The schemas inside a schema and the step that leads to what they describe. */
function partsOf(schema: Record<string, unknown>): { readonly schema: unknown; readonly step: string; readonly name?: string }[] {
	const parts: { schema: unknown; step: string; name?: string }[] = [];
	for (const [name, member] of entriesOf(schema.properties)) parts.push({ schema: member, step: stepTo(name), name });
	for (const [, member] of entriesOf(schema.patternProperties)) parts.push({ schema: member, step: ".*" });
	for (const [, member] of entriesOf(schema.dependentSchemas)) parts.push({ schema: member, step: "" });
	for (const keyword of ["additionalProperties", "unevaluatedProperties"]) parts.push({ schema: schema[keyword], step: ".*" });
	for (const keyword of ["items", "contains", "unevaluatedItems"]) parts.push({ schema: schema[keyword], step: "[*]" });
	for (const member of listOf(schema.prefixItems)) parts.push({ schema: member, step: "[*]" });
	for (const keyword of ["allOf", "anyOf", "oneOf"]) for (const member of listOf(schema[keyword])) parts.push({ schema: member, step: "" });
	for (const keyword of ["if", "then", "else"]) parts.push({ schema: schema[keyword], step: "" });
	return parts;
}

function entriesOf(value: unknown): [string, unknown][] {
	return isRecord(value) ? Object.entries(value) : [];
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

function stepTo(name: string): string {
	return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `['${name.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}']`;
}

/** `$..name` for every member anywhere whose schema, or a schema it refers to or is made of, is marked. */
function markedNames(root: JsonSchema): string[] {
	const names: string[] = [];
	const seen = new Set<unknown>();
	const pending: unknown[] = [root, ...entriesOf(memberOf(root, "$defs")).map(([, schema]) => schema)];
	for (let schema = pending.pop(); schema !== undefined; schema = pending.pop()) {
		if (!isRecord(schema) || seen.has(schema)) continue;
		seen.add(schema);
		for (const part of partsOf(schema)) {
			if (part.name !== undefined && holdsMark(root, part.schema, new Set())) names.push(`$.${stepTo(part.name).replace(/^\[/, ".[")}`);
			pending.push(part.schema);
		}
	}
	return names;
}

/** Whether a schema itself (not a named member inside it) is or contains something marked. */
function holdsMark(root: JsonSchema, schema: unknown, seen: Set<unknown>): boolean {
	if (!isRecord(schema) || seen.has(schema)) return false;
	seen.add(schema);
	if (isMarked(schema)) return true;
	const ref = memberOf(schema, "$ref");
	if (typeof ref === "string" && holdsMark(root, definitionOf(root, ref), seen)) return true;
	return partsOf(schema).some((part) => part.name === undefined && holdsMark(root, part.schema, seen));
}
