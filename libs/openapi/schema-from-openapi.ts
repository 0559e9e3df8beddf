// Schemas of OpenAPI 3.0 and 3.1 documents → JSON Schema 2020-12 that stands alone (`$defs`) and holds only what the validator knows.

import { checkedFormats, isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import { compilePattern, patternFaults } from "#libs/patterns/linear-pattern.ts";
import {
	type Dialect,
	dialectAt,
	dialectNamed,
	expectedDialect,
	hasBooleanBounds,
	hasItemLists,
	isNewerThan,
	readsBesideRef,
} from "./dialect.ts";
import type { OpenapiError } from "./http-transport.ts";
import { markKeyword } from "./marked-places.ts";
import { resolveRef } from "./resolve-ref.ts";
import { whyNotCounted } from "./unevaluated.ts";

type Path = readonly (string | number)[];

/** Bounds for the schemas of one function: beyond them nobody can say what a call's arguments are. */
const nodesMaxDefault = 5_000;
const depthMax = 64;

const single = new Set(["additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames"]);
const lists = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const maps = new Set(["properties", "patternProperties", "dependentSchemas"]);
const kept = new Set([
	...["enum", "const", "multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "maxLength", "minLength"],
	...["maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties", "dependentRequired"],
	...["title", "description", "default", "readOnly", "writeOnly", "deprecated", "x-callgate-sensitive", markKeyword],
]);
/** They change what a `$ref` means; nothing here follows them, so nothing may pretend to. */
const refused = new Set(["$id", "id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"]);

/** The schema whose keywords are read, as it is written. */
interface Place {
	readonly schema: Record<string, unknown>;
	readonly dialect: Dialect;
	readonly depth: number;
}

/** Converts the schemas of one function and collects what they refer to. */
export class SchemaConverter {
	private readonly defs: Record<string, JsonSchema> = {};
	private readonly names = new Map<string, string>();
	private readonly document: unknown;
	private readonly dialect: Dialect;
	private readonly errors: OpenapiError[];
	/** What is referred to and not converted yet. A list, not recursion: a chain of references must not be as deep as the stack. */
	private readonly pending: { readonly name: string; readonly value: unknown; readonly path: Path }[] = [];
	private readonly nodesMax: number;
	private nodes = 0;

	constructor(document: unknown, dialect: Dialect, errors: OpenapiError[], nodesMax = nodesMaxDefault) {
		this.document = document;
		this.dialect = dialect;
		this.errors = errors;
		this.nodesMax = nodesMax;
	}

	/** Converts the schema that stands at `path`. On an error it is reported and nothing matches (`false`). */
	convert(schema: unknown, path: Path): JsonSchema {
		return this.schema(schema, path, this.dialectAt(path), 0);
	}

	dialectAt(path: Path): Dialect {
		return dialectAt(this.document, path, this.dialect);
	}

	private schema(schema: unknown, path: Path, around: Dialect, depth: number): JsonSchema {
		if (typeof schema === "boolean") return schema;
		if (!isRecord(schema)) return this.refuse(path, "expected a schema (a mapping)");
		const { nodesMax } = this;
		if (++this.nodes > nodesMax)
			return this.nodes === nodesMax + 1 ? this.refuse(path, `expected at most ${nodesMax} schemas in one function`) : false;
		if (depth > depthMax) return this.refuse(path, `expected at most ${depthMax} levels of schemas`);
		const dialect = this.ownDialect(schema, path, around);
		const ref = memberOf(schema, "$ref");
		if (ref !== undefined && !readsBesideRef(dialect)) return this.reference(ref, path);
		const converted: Record<string, unknown> = ref === undefined ? {} : { ...asRecord(this.reference(ref, path)) };
		const at: Place = { schema, dialect, depth };
		for (const [keyword, value] of Object.entries(schema)) this.keyword(converted, keyword, value, [...path, keyword], at);
		this.itemsAndDependencies(converted, path, at);
		if (hasBooleanBounds(dialect)) convertBooleanBounds(converted);
		if (dialect === "3.0") convertNullable(converted, schema);
		this.dropReadOnly(converted, schema);
		return converted;
	}

	/** Converts everything that was referred to; each definition once, so circles end. */
	finish(): Readonly<Record<string, JsonSchema>> {
		for (let next = this.pending.pop(); next !== undefined; next = this.pending.pop()) {
			this.defs[next.name] = this.convert(next.value, next.path);
		}
		return this.defs;
	}

	private ownDialect(schema: Record<string, unknown>, path: Path, around: Dialect): Dialect {
		if (around === "3.0" || schema.$schema === undefined) return around;
		const named = dialectNamed(schema.$schema);
		if (named === undefined) this.refuse([...path, "$schema"], `found another $schema, ${expectedDialect}`);
		return named ?? around;
	}

	/** What earlier dialects say in one keyword and 2020-12 in several. */
	private itemsAndDependencies(converted: Record<string, unknown>, path: Path, at: Place): void {
		const { items, additionalItems, dependencies } = at.schema;
		if (Array.isArray(items) && hasItemLists(at.dialect)) {
			if (items.length > 0) converted.prefixItems = this.list(items, [...path, "items"], at);
			if (additionalItems !== undefined) converted.items = this.inner(additionalItems, [...path, "additionalItems"], at);
		}
		if (dependencies === undefined) return;
		if (!isRecord(dependencies)) {
			this.refuse([...path, "dependencies"], "expected a mapping of names to schemas or lists of names");
			return;
		}
		const entries = Object.entries(dependencies).map(([name, needed]): [string, JsonSchema] => [
			name,
			Array.isArray(needed) ? { required: needed } : this.inner(needed, [...path, "dependencies", name], at),
		]);
		converted.allOf = [...(Array.isArray(converted.allOf) ? converted.allOf : []), { dependentSchemas: Object.fromEntries(entries) }];
	}

	private inner(schema: unknown, path: Path, { dialect, depth }: Place): JsonSchema {
		return this.schema(schema, path, dialect, depth + 1);
	}

	private keyword(into: Record<string, unknown>, keyword: string, value: unknown, path: Path, at: Place): void {
		const brought = isNewerThan(at.dialect, keyword);
		if (brought !== undefined) this.refuse(path, `found ${keyword}, expected a keyword of ${at.dialect}: it is there since ${brought}`);
		else if (keyword === "items" && Array.isArray(value) && hasItemLists(at.dialect)) return;
		else if (keyword === "unevaluatedItems" || keyword === "unevaluatedProperties") this.unevaluated(into, keyword, value, path, at);
		else if (refused.has(keyword)) this.refuse(path, `found ${keyword}, expected schemas without it: only $ref is followed`);
		else if (single.has(keyword)) into[keyword] = this.inner(value, path, at);
		else if (lists.has(keyword)) into[keyword] = this.list(value, path, at);
		else if (maps.has(keyword)) into[keyword] = this.map(keyword, value, path, at);
		else if (kept.has(keyword)) into[keyword] = value;
		else if (keyword === "type") into.type = this.type(value, path, at);
		else if (keyword === "required") into.required = value;
		else if (keyword === "pattern") into.pattern = this.pattern(value, path);
		else if (keyword === "format") this.format(into, value);
		// Everything else is an annotation: example, xml, externalDocs, discriminator, x-….
	}

	private unevaluated(
		into: Record<string, unknown>,
		keyword: "unevaluatedItems" | "unevaluatedProperties",
		value: unknown,
		path: Path,
		at: Place,
	): void {
		const why = whyNotCounted(this.document, at.schema, keyword);
		if (why !== undefined) this.refuse(path, `${keyword}: ${why}`);
		into[keyword] = this.inner(value, path, at);
	}

	private list(value: unknown, path: Path, at: Place): JsonSchema[] {
		if (!Array.isArray(value) || value.length === 0) return [this.refuse(path, "expected a list of schemas")];
		return value.map((item, index) => this.inner(item, [...path, index], at));
	}

	private map(keyword: string, value: unknown, path: Path, at: Place): Record<string, JsonSchema> {
		if (!isRecord(value)) {
			this.refuse(path, "expected a mapping of names to schemas");
			return {};
		}
		const entries = Object.entries(value).map(([name, schema]): [string, JsonSchema] => {
			if (name === "__proto__") this.refuse([...path, name], "found __proto__, expected another name");
			if (keyword === "patternProperties") this.pattern(name, [...path, name]);
			return [name, this.inner(schema, [...path, name], at)];
		});
		return Object.fromEntries(entries);
	}

	private type(value: unknown, path: Path, { dialect }: Place): unknown {
		const known = ["null", "boolean", "object", "array", "number", "string", "integer"];
		const types = dialect !== "3.0" && Array.isArray(value) ? value : [value];
		if (types.length === 0 || !types.every((type) => known.includes(type))) this.refuse(path, `expected a type: ${known.join(", ")}`);
		return value;
	}

	private pattern(value: unknown, path: Path): unknown {
		const compiled = typeof value === "string" ? compilePattern(value) : "syntax";
		if (typeof compiled === "string") this.refuse(path, patternFaults[compiled]);
		return value;
	}

	private format(into: Record<string, unknown>, value: unknown): void {
		if (checkedFormats.some((format) => format === value)) into.format = value;
		// What a vendor calls a password is not to be shown, whatever else it says.
		if (value === "password") into["x-callgate-sensitive"] = true;
	}

	private reference(ref: unknown, path: Path): JsonSchema {
		const found = resolveRef(this.document, ref);
		if (!found.ok) return this.refuse([...path, "$ref"], found.message);
		const key = found.path.join("\0");
		let name = this.names.get(key);
		if (name === undefined) {
			name = this.freeName(String(found.path.at(-1)));
			this.names.set(key, name);
			this.defs[name] = true;
			this.pending.push({ name, value: found.value, path: found.path });
		}
		return { $ref: `#/$defs/${name}` };
	}

	private freeName(wanted: string): string {
		const base = wanted.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 80) || "schema";
		let name = base;
		for (let n = 2; Object.hasOwn(this.defs, name) || name === "__proto__"; n++) name = `${base}_${n}`;
		return name;
	}

	/** A `readOnly` member is the server's to fill in: `required` then speaks of answers only (OpenAPI 3.0.3, Schema Object). */
	private dropReadOnly(converted: Record<string, unknown>, schema: Record<string, unknown>): void {
		const { required } = converted;
		if (!Array.isArray(required)) return;
		converted.required = required.filter(
			(name) => typeof name !== "string" || !this.isReadOnly(memberOf(memberOf(schema, "properties"), name)),
		);
	}

	private isReadOnly(schema: unknown): boolean {
		const ref = memberOf(schema, "$ref");
		const target = ref === undefined ? undefined : resolveRef(this.document, ref);
		return memberOf(schema, "readOnly") === true || (target?.ok === true && memberOf(target.value, "readOnly") === true);
	}

	private refuse(path: Path, message: string): false {
		this.errors.push({ path, message });
		return false;
	}
}

function asRecord(schema: JsonSchema): Record<string, unknown> {
	return typeof schema === "boolean" ? { not: {} } : schema;
}

function convertBooleanBounds(converted: Record<string, unknown>): void {
	for (const [exclusive, inclusive] of [
		["exclusiveMinimum", "minimum"],
		["exclusiveMaximum", "maximum"],
	] as const) {
		if (converted[exclusive] === true && converted[inclusive] !== undefined) {
			converted[exclusive] = converted[inclusive];
			delete converted[inclusive];
		} else if (typeof converted[exclusive] === "boolean") delete converted[exclusive];
	}
}

function convertNullable(converted: Record<string, unknown>, schema: Record<string, unknown>): void {
	// Without `type` beside it `nullable` says nothing (OpenAPI 3.0.3, proposal "clarify nullable").
	if (schema.nullable !== true || typeof converted.type !== "string") return;
	converted.type = [converted.type, "null"];
	if (Array.isArray(converted.enum) && !converted.enum.includes(null)) converted.enum = [...converted.enum, null];
}
