// A JSON Schema → what is known of the values that fit it. What a keyword says that is not read here only makes the type wider, never wrong.
import { resolveRef } from "#libs/openapi/resolve-ref.ts";
import { compilePattern } from "#libs/patterns/linear-pattern.ts";
import {
	anyJson,
	both,
	either,
	joined,
	type Kind,
	type Member,
	nothing,
	remembered,
	type Scalar,
	typeOf,
	type ValueType,
} from "./value-type.ts";

type Keywords = Readonly<Record<string, unknown>>;

const kindsByType: Readonly<Record<string, Kind>> = {
	...{ boolean: "bool", integer: "double", number: "double", string: "string", array: "list", object: "map", null: "null" },
};

/** Keywords that may evaluate members which are not looked for here. */
const alsoEvaluate = ["if", "then", "else", "dependentSchemas", "patternProperties"];

/** Reads the schemas of one document, which `$ref`s lead into; each once. JSON Schema 2020-12, and `nullable` of OpenAPI 3.0. */
export class SchemaTypes {
	private readonly document: unknown;
	private readonly known = new Map<object, ValueType>();

	constructor(document: unknown) {
		this.document = document;
	}

	of(schema: unknown): ValueType {
		if (schema === false) return nothing;
		if (!isRecord(schema)) return anyJson;
		const known = this.known.get(schema);
		if (known) return known;
		// A schema that leads back to itself without an object or a list in between says nothing by that.
		this.known.set(schema, anyJson);
		const type = this.read(schema);
		this.known.set(schema, type);
		return type;
	}

	private read(schema: Keywords): ValueType {
		let type = this.plain(schema);
		const ref = own(schema, "$ref");
		const target = ref === undefined ? undefined : resolveRef(this.document, ref);
		if (target?.ok) type = both(type, this.of(target.value));
		for (const part of listOf(own(schema, "allOf"))) type = both(type, this.of(part));
		for (const keyword of ["anyOf", "oneOf"]) {
			const options = listOf(own(schema, keyword));
			if (options.length > 0) type = both(type, joined(options.map((option) => this.of(option))));
		}
		const isClosed = own(schema, "unevaluatedProperties") === false && !alsoEvaluate.some((keyword) => own(schema, keyword) !== undefined);
		return isClosed ? withoutTolerated(type) : type;
	}

	private plain(schema: Keywords): ValueType {
		const written = own(schema, "type");
		const named = typeof written === "string" ? [written] : listOf(written);
		const kinds = named.flatMap((name) => kindsByType[String(name)] ?? []);
		if (own(schema, "nullable") === true && kinds.length > 0) kinds.push("null");
		const type = typeOf(written === undefined ? [...anyJson.kinds] : kinds, {
			min: highest(numberOf(own(schema, "minimum")), numberOf(own(schema, "exclusiveMinimum"))),
			max: -highest(negated(own(schema, "maximum")), negated(own(schema, "exclusiveMaximum"))),
			allows: (value) => allows(schema, value),
			items: () => this.items(schema),
			members: {
				names: () => new Set(Object.keys(record(own(schema, "properties")))),
				of: remembered((name) => this.member(schema, name)),
			},
		});
		const constant = Object.hasOwn(schema, "const") ? [schema.const] : undefined;
		return [own(schema, "enum"), constant].filter(Array.isArray).reduce((narrowed, values) => both(narrowed, valuesType(values)), type);
	}

	private items(schema: Keywords): ValueType {
		const first = listOf(own(schema, "prefixItems")).map((item) => this.of(item));
		const items = own(schema, "items");
		return first.reduce(either, items === undefined ? anyJson : this.of(items));
	}

	private member(schema: Keywords, name: string): Member | undefined {
		const properties = record(own(schema, "properties"));
		if (Object.hasOwn(properties, name)) return present(this.of(properties[name]), "declared");
		if (own(schema, "patternProperties") !== undefined) return { type: anyJson, standing: "allowed" };
		const additional = own(schema, "additionalProperties");
		if (additional !== undefined) return present(this.of(additional), "allowed");
		return { type: anyJson, standing: own(schema, "properties") === undefined ? "allowed" : "tolerated" };
	}
}

/** A member whose schema nothing fits is never there. */
function present(type: ValueType, standing: Member["standing"]): Member | undefined {
	return type.kinds.size === 0 ? undefined : { type, standing };
}

function valuesType(all: readonly unknown[]): ValueType {
	const values = new Map<Kind, Set<Scalar>>();
	const kinds = new Set<Kind>();
	for (const value of all) {
		const kind = value === null ? "null" : Array.isArray(value) ? "list" : kindsByType[typeof value];
		if (kind === undefined) continue;
		kinds.add(kind);
		if (isScalar(value)) values.set(kind, new Set([...(values.get(kind) ?? []), value]));
	}
	return typeOf([...kinds], { values });
}

/** What a schema says of one text or number. Lengths are in code points (JSON Schema Validation section 6.3). */
function allows(schema: Keywords, value: Scalar): boolean {
	if (typeof value === "number") return own(schema, "type") !== "integer" || Number.isInteger(value);
	if (typeof value !== "string") return true;
	const [pattern, longest, shortest] = [own(schema, "pattern"), own(schema, "maxLength"), own(schema, "minLength")];
	const { length } = Array.from(value);
	if ((typeof longest === "number" && length > longest) || (typeof shortest === "number" && length < shortest)) return false;
	const compiled = typeof pattern === "string" ? compilePattern(pattern) : "syntax";
	return typeof compiled === "string" || compiled.test(value);
}

function withoutTolerated(type: ValueType): ValueType {
	const { names, of } = type.members;
	const declared = (name: string) => {
		const member = of(name);
		return member?.standing === "tolerated" ? undefined : member;
	};
	return { ...type, members: { names, of: declared } };
}

function isScalar(value: unknown): value is Scalar {
	return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function numberOf(value: unknown): number {
	return typeof value === "number" ? value : Number.NEGATIVE_INFINITY;
}

function negated(value: unknown): number {
	return typeof value === "number" ? -value : Number.NEGATIVE_INFINITY;
}

function highest(...bounds: number[]): number {
	return Math.max(...bounds);
}

function isRecord(value: unknown): value is Keywords {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown): Keywords {
	return isRecord(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

function own(schema: Keywords, keyword: string): unknown {
	return Object.hasOwn(schema, keyword) ? schema[keyword] : undefined;
}
