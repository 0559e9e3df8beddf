// The record's fields by the names that a recorded event or a story has for them, and what stands at one. Pure.
import { type Mappings, pathsOf, recordMappings } from "./index-template.ts";
import { storyMappings } from "./story.ts";

/** How the values of a field are compared: as text, as numbers, as instants; members of a flat field are text, whatever JSON they were. */
export type FieldKind = "keyword" | "text" | "flat" | "number" | "instant" | "boolean";

const kinds: readonly (readonly [FieldKind, Parameters<typeof pathsOf>[0]])[] = [
	["keyword", ["keyword"]],
	["text", ["text"]],
	["flat", ["flat_object"]],
	["number", ["long", "double"]],
	["instant", ["date"]],
	["boolean", ["boolean"]],
];

/** The index calls it so; a recorded event says `time`. */
export const timeField = "@timestamp";

export type Fields = ReadonlyMap<string, FieldKind>;

/** Of an event. */
export const recordFields = fieldsOf(recordMappings);
/** Of a call's story. */
export const storyFields = fieldsOf(storyMappings);

function fieldsOf(mappings: Mappings): Fields {
	return new Map(
		kinds.flatMap(([kind, types]) => pathsOf(types, mappings).map((path) => [path === timeField ? "time" : path, kind] as const)),
	);
}

/** Undefined if there is no such field. A member of arguments and answers belongs to the flat field that it lies in. */
export function kindOfField(field: string, fields = recordFields): FieldKind | undefined {
	const known = fields.get(field);
	if (known !== undefined) return known;
	for (let dot = field.lastIndexOf("."); dot > 0; dot = field.lastIndexOf(".", dot - 1))
		if (fields.get(field.slice(0, dot)) === "flat") return "flat";
	return undefined;
}

/** What stands in an event at a field, through lists. Names of members may have dots of their own. */
export function valuesAt(event: object, field: string): unknown[] {
	return valuesOn(event, field.split("."));
}

function valuesOn(value: unknown, path: readonly string[]): unknown[] {
	if (value === null || value === undefined) return [];
	if (Array.isArray(value)) return value.flatMap((item) => valuesOn(item, path));
	if (path.length === 0) return [value];
	if (typeof value !== "object") return [];
	const members = value as Record<string, unknown>;
	return path.flatMap((_, end) => {
		const name = path.slice(0, end + 1).join(".");
		return Object.hasOwn(members, name) ? valuesOn(members[name], path.slice(end + 1)) : [];
	});
}
