// Schemas of OpenAPI 3.0 and 3.1 documents → JSON Schema 2020-12 that stands alone (`$defs`) and holds only what the validator knows.
import { compilePattern, patternFaults } from "#libs/patterns/linear-pattern.ts";
import { isRecord, type JsonSchema, memberOf, type OpenapiError } from "./http-function.ts";
import { resolveRef } from "./resolve-ref.ts";

export type Dialect = "3.0" | "3.1";
type Path = readonly (string | number)[];

/** Bounds for the schemas of one function: beyond them nobody can say what a call's arguments are. */
const nodesMax = 5_000;
const depthMax = 64;

/** Formats that are checked; others are annotations (JSON Schema 2020-12, section 7). */
export const checkedFormats = [
	...["date", "time", "date-time", "duration", "uri", "uri-reference", "email", "hostname", "ipv4", "ipv6", "uuid"],
	...["json-pointer", "byte", "int32", "int64", "float", "double"],
] as const;

const single = new Set([
	"additionalProperties",
	"items",
	"contains",
	"not",
	"if",
	"then",
	"else",
	"propertyNames",
	"unevaluatedProperties",
	"unevaluatedItems",
]);
const lists = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const maps = new Set(["properties", "patternProperties", "dependentSchemas"]);
const kept = new Set([
	...["enum", "const", "multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "maxLength", "minLength"],
	...["maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties", "dependentRequired"],
	...["title", "description", "default", "readOnly", "writeOnly", "deprecated", "x-callgate-sensitive"],
]);
/** They change what a `$ref` means; nothing here follows them, so nothing may pretend to. */
const refused = new Set(["$id", "id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"]);

/** Converts the schemas of one function and collects what they refer to. */
export class SchemaConverter {
	private readonly defs: Record<string, JsonSchema> = {};
	private readonly names = new Map<string, string>();
	private readonly document: unknown;
	private readonly dialect: Dialect;
	private readonly errors: OpenapiError[];
	/** What is referred to and not converted yet. A list, not recursion: a chain of references must not be as deep as the stack. */
	private readonly pending: { readonly name: string; readonly value: unknown; readonly path: Path }[] = [];
	private nodes = 0;

	constructor(document: unknown, dialect: Dialect, errors: OpenapiError[]) {
		this.document = document;
		this.dialect = dialect;
		this.errors = errors;
	}

	/** Converts the schema that stands at `path`. On an error it is reported and nothing matches (`false`). */
	convert(schema: unknown, path: Path, depth = 0): JsonSchema {
		if (typeof schema === "boolean") return schema;
		if (!isRecord(schema)) return this.refuse(path, "expected a schema (a mapping)");
		if (++this.nodes > nodesMax)
			return this.nodes === nodesMax + 1 ? this.refuse(path, `expected at most ${nodesMax} schemas in one function`) : false;
		if (depth > depthMax) return this.refuse(path, `expected at most ${depthMax} levels of schemas`);
		const ref = memberOf(schema, "$ref");
		if (ref !== undefined && this.dialect === "3.0") return this.reference(ref, path);
		const converted: Record<string, unknown> = ref === undefined ? {} : { ...asRecord(this.reference(ref, path)) };
		for (const [keyword, value] of Object.entries(schema)) this.keyword(converted, keyword, value, [...path, keyword], depth);
		if (this.dialect === "3.0") convertFrom30(converted, schema);
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

	private keyword(into: Record<string, unknown>, keyword: string, value: unknown, path: Path, depth: number): void {
		if (refused.has(keyword)) this.refuse(path, `found ${keyword}, expected schemas without it: only $ref is followed`);
		else if (single.has(keyword)) into[keyword] = this.convert(value, path, depth + 1);
		else if (lists.has(keyword)) into[keyword] = this.list(value, path, depth);
		else if (maps.has(keyword)) into[keyword] = this.map(keyword, value, path, depth);
		else if (kept.has(keyword)) into[keyword] = value;
		else if (keyword === "type") into.type = this.type(value, path);
		else if (keyword === "required") into.required = value;
		else if (keyword === "pattern") into.pattern = this.pattern(value, path);
		else if (keyword === "format") this.format(into, value);
		// Everything else is an annotation: example, xml, externalDocs, discriminator, x-….
	}

	private list(value: unknown, path: Path, depth: number): JsonSchema[] {
		if (!Array.isArray(value) || value.length === 0) return [this.refuse(path, "expected a list of schemas")];
		return value.map((item, index) => this.convert(item, [...path, index], depth + 1));
	}

	private map(keyword: string, value: unknown, path: Path, depth: number): Record<string, JsonSchema> {
		if (!isRecord(value)) {
			this.refuse(path, "expected a mapping of names to schemas");
			return {};
		}
		const entries = Object.entries(value).map(([name, schema]): [string, JsonSchema] => {
			if (name === "__proto__") this.refuse([...path, name], "found __proto__, expected another name");
			if (keyword === "patternProperties") this.pattern(name, [...path, name]);
			return [name, this.convert(schema, [...path, name], depth + 1)];
		});
		return Object.fromEntries(entries);
	}

	private type(value: unknown, path: Path): unknown {
		const known = ["null", "boolean", "object", "array", "number", "string", "integer"];
		const types = this.dialect === "3.1" && Array.isArray(value) ? value : [value];
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

/** What OpenAPI 3.0 (JSON Schema draft 5) says differently: `nullable`, and boolean `exclusiveMinimum` and `exclusiveMaximum`. */
function convertFrom30(converted: Record<string, unknown>, schema: Record<string, unknown>): void {
	for (const [exclusive, inclusive] of [
		["exclusiveMinimum", "minimum"],
		["exclusiveMaximum", "maximum"],
	] as const) {
		if (converted[exclusive] === true && converted[inclusive] !== undefined) {
			converted[exclusive] = converted[inclusive];
			delete converted[inclusive];
		} else if (typeof converted[exclusive] === "boolean") delete converted[exclusive];
	}
	// Without `type` beside it `nullable` says nothing (OpenAPI 3.0.3, proposal "clarify nullable").
	if (schema.nullable !== true || typeof converted.type !== "string") return;
	converted.type = [converted.type, "null"];
	if (Array.isArray(converted.enum) && !converted.enum.includes(null)) converted.enum = [...converted.enum, null];
}
