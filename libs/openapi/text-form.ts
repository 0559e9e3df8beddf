// How a parameter's schema may be written as text, and which schemas cannot be.
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import type { ScalarKind, TextForm } from "./http-transport.ts";
import { followRefs } from "./resolve-ref.ts";

const scalarKinds: readonly string[] = ["string", "integer", "number", "boolean"];
/** Order in which a text is tried where it may be more than one: the strictest first. */
const order: readonly ScalarKind[] = ["boolean", "integer", "number", "string"];

/** The text form of a schema, or the reason why it has none. `list` is how a list would be written at this place. */
export function textFormOf(document: unknown, schema: unknown, list: "repeated" | "commas"): TextForm | string {
	const types = typesOf(document, schema, 0);
	const itemTypes = types.has("array") ? typesOf(document, itemsOf(document, schema), 0) : types;
	if (types.has("array") && [...types].some((type) => type !== "array" && type !== "null"))
		return "found a list or a single value, expected one of them";
	if (itemTypes.has("object") || itemTypes.has("array"))
		return "found an object or a list of lists, expected text, a number, a boolean or a list of them";
	const kinds = kindsOf(itemTypes);
	return types.has("array") ? { kinds, list } : { kinds };
}

/** Text can always be text; so where text is allowed, `12` is text and nothing is guessed. */
function kindsOf(types: ReadonlySet<string>): ScalarKind[] {
	if (types.has("string") || !scalarKinds.some((kind) => types.has(kind))) return ["string"];
	// Every integer is a number: both together are number.
	return order.filter((kind) => types.has(kind) && !(kind === "integer" && types.has("number")));
}

/** All JSON types that a schema names, through references and combinations; empty if it names none. */
function typesOf(document: unknown, schema: unknown, depth: number): Set<string> {
	const found = followRefs(document, schema, []);
	if (!found.ok || !isRecord(found.value) || depth > 8) return new Set();
	const type = memberOf(found.value, "type");
	const types = new Set<string>((Array.isArray(type) ? type : [type]).filter((name) => typeof name === "string"));
	if (types.size > 0) return types;
	for (const value of [...listOf(memberOf(found.value, "enum")), memberOf(found.value, "const")])
		if (value !== undefined) types.add(typeOf(value));
	if (memberOf(found.value, "properties") !== undefined) types.add("object");
	if (memberOf(found.value, "items") !== undefined) types.add("array");
	for (const keyword of ["allOf", "anyOf", "oneOf"]) {
		for (const branch of listOf(memberOf(found.value, keyword))) for (const name of typesOf(document, branch, depth + 1)) types.add(name);
	}
	return types;
}

function itemsOf(document: unknown, schema: unknown): unknown {
	const found = followRefs(document, schema, []);
	return found.ok ? memberOf(found.value, "items") : undefined;
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value.slice(0, 256) : [];
}

function typeOf(value: unknown): string {
	if (value === null) return "null";
	if (Array.isArray(value)) return "array";
	return Number.isInteger(value) ? "integer" : typeof value;
}
