// The request body of one operation: its members become arguments where it is a plain JSON object or a form.

import { isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import { mediaTypeOf } from "./body-type.ts";
import { readsBesideRef } from "./dialect.ts";
import type { BodyType, HttpBody } from "./http-transport.ts";
import type { OperationContext } from "./read-parameters.ts";
import { followRefs } from "./resolve-ref.ts";
import { textFormOf } from "./text-form.ts";

type Path = readonly (string | number)[];

/** A member of the body as an argument. */
export type BodyMember = {
	readonly argument: string;
	readonly name: string;
	readonly schema: JsonSchema;
	readonly required: boolean;
	readonly path: Path;
};

export type ReadBody = {
	readonly body: HttpBody;
	readonly members: readonly BodyMember[];
	/** What `typeArgument` may say. */
	readonly typeSchema?: JsonSchema;
	/** What undeclared members must match; `false` refuses them. */
	readonly rest: JsonSchema;
	readonly path: Path;
};

/**
 * Reads `requestBody`. Of several types, those that share the schema of the first are all offered: JSON before forms, `application/json` before
 * its relatives. A body that Callgate can write in none of its types is refused by name.
 */
export function readBody(context: OperationContext, requestBody: unknown, at: Path): ReadBody | undefined {
	const refuse = (path: Path, message: string): undefined => {
		context.errors.push({ path, message });
		return undefined;
	};
	const resolved = followRefs(context.document, requestBody, at);
	if (!resolved.ok) return refuse([...at, "$ref"], resolved.message);
	const content = memberOf(resolved.value, "content");
	if (!isRecord(content)) return refuse(resolved.path, "expected a body with content");
	const schemaOf = ({ key }: { readonly key: string }): unknown => memberOf(content[key], "schema") ?? true;
	const writable = writableTypes(Object.keys(content));
	const [chosen] = writable;
	if (chosen === undefined) {
		const found = Object.keys(content).slice(0, 5).join(", ") || "nothing";
		return refuse([...resolved.path, "content"], `found ${found}, expected application/json or application/x-www-form-urlencoded`);
	}
	const path = [...resolved.path, "content", chosen.key, "schema"];
	const schema = schemaOf(chosen);
	const alike = writable.filter((type) => JSON.stringify(schemaOf(type)) === JSON.stringify(schema));
	const required = memberOf(resolved.value, "required") === true;
	const base = { required, argument: "", members: [], open: false };
	const flat = flattenObject(context, schema, path, 0);
	if (flat === undefined) {
		if (chosen.encoding === "form") return refuse(path, "expected a form whose schema is a plain object with properties");
		const argument = context.argumentFor("body", "");
		const whole = { argument, name: "", schema: context.converter.convert(schema, path), required, path };
		const types = alike.filter(({ encoding }) => encoding === "json");
		const said = typesOf(context, types, false);
		return { ...said, body: { ...base, ...said.body, mode: "body", argument }, members: [whole], rest: false, path };
	}
	const members = flat.members.map((member) => ({ ...member, argument: context.argumentFor("body", member.name) }));
	const isForm = (type: BodyType): boolean => type.encoding === "form";
	const texts = members.map(({ raw }) => (alike.some(isForm) ? textFormOf(context.document, raw, "repeated") : undefined));
	const wire = members.map(({ name, argument, path: memberPath }, index) => {
		const text = texts[index];
		if (typeof text === "string" && chosen.encoding === "form") refuse(memberPath, `${text}: member "${name}" of a form`);
		return { name, argument, ...(typeof text === "object" && { text }) };
	});
	// Beside JSON a form is offered only where it can carry every member.
	const types = texts.some((text) => typeof text === "string") ? alike.filter(({ encoding }) => encoding === chosen.encoding) : alike;
	const open = chosen.encoding === "json" && flat.rest !== false;
	const said = typesOf(context, types, !required && chosen.encoding === "json");
	return { ...said, body: { ...base, ...said.body, mode: "members", members: wire, open }, members, rest: open ? flat.rest : false, path };
}

type WritableType = BodyType & { readonly key: string };

const jsonPattern = /^[a-z0-9!#$&^_.-]+\/(?:[a-z0-9!#$&^_.+-]+\+)?json(?:;|$)/;

/** The types that Callgate can write, the preferred one first. */
function writableTypes(keys: readonly string[]): WritableType[] {
	const found = new Map<string, WritableType>();
	const add = (key: string, contentType: string, encoding: BodyType["encoding"]): void => {
		if (!found.has(contentType)) found.set(contentType, { key, contentType, encoding });
	};
	const known = keys.flatMap((key) => ({ key, type: mediaTypeOf(key) ?? "" }));
	for (const { key, type } of known) if (type === "application/json") add(key, type, "json");
	for (const { key, type } of known) if (jsonPattern.test(type)) add(key, type, "json");
	// A range names no type that could be asked for: it stands for JSON itself.
	for (const { key, type } of known) if (/^(?:\*\/\*|application\/\*(?:\+json)?)$/.test(type)) add(key, "application/json", "json");
	for (const { key, type } of known) if (type === "application/x-www-form-urlencoded") add(key, type, "form");
	return [...found.values()];
}

/** What of the body's type is the caller's to say, and the argument that says it. */
function typesOf(
	{ argumentFor }: OperationContext,
	writable: readonly WritableType[],
	mayBeEmpty: boolean,
): { readonly body: Pick<HttpBody, "types" | "typeArgument">; readonly typeSchema?: JsonSchema } {
	const types = writable.map(({ contentType, encoding }): BodyType => ({ contentType, encoding }));
	const names = types.map(({ contentType }) => contentType);
	if (names.length < 2 && !mayBeEmpty) return { body: { types } };
	const description =
		names.length > 1
			? `Media type of the body. Left out: ${names[0]}.${mayBeEmpty ? " Given without members of the body: it is sent empty." : ""}`
			: "Given without members of the body: the body is an empty object. Left out: there is none.";
	return { body: { types, typeArgument: argumentFor("header", "Content-Type") }, typeSchema: { type: "string", enum: names, description } };
}

type FlatMember = {
	readonly name: string;
	readonly schema: JsonSchema;
	readonly raw: unknown;
	readonly required: boolean;
	readonly path: Path;
};
type FlatObject = { readonly members: readonly FlatMember[]; readonly rest: JsonSchema };

/** Keywords that speak of the object as a whole: with one of them its members cannot stand among other arguments. */
const wholeObjectKeywords = [
	...["oneOf", "anyOf", "not", "if", "then", "else", "patternProperties", "propertyNames", "minProperties", "maxProperties"],
	...["dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "enum", "const", "nullable"],
] as const;

/** The members of a schema that is a plain object (through `$ref` and `allOf`), or undefined where it is anything else. */
function flattenObject(context: OperationContext, schema: unknown, at: Path, depth: number): FlatObject | undefined {
	const beside = besideRef(context, schema, at);
	if (beside !== undefined) {
		const [target, rest] = [memberOf(schema, "$ref"), beside].map((part, index) =>
			flattenObject(context, index === 0 ? { $ref: part } : part, at, depth + 1),
		);
		return target && rest && mergeObjects(target, rest);
	}
	const resolved = followRefs(context.document, schema, at);
	if (!resolved.ok || depth > 16 || !isRecord(resolved.value)) return undefined;
	const { value, path } = resolved;
	const type = memberOf(value, "type");
	const isObject =
		type === "object" ||
		(type === undefined && ["properties", "required", "allOf"].some((keyword) => memberOf(value, keyword) !== undefined));
	if (!isObject || wholeObjectKeywords.some((keyword) => memberOf(value, keyword) !== undefined && memberOf(value, keyword) !== false))
		return undefined;
	const own = ownMembers(context, value, path);
	const branches = memberOf(value, "allOf");
	if (!Array.isArray(branches)) return own;
	const flats = branches.map((branch, index) => flattenObject(context, branch, [...path, "allOf", index], depth + 1));
	if (flats.includes(undefined)) return undefined;
	return [own, ...flats.filter((flat) => flat !== undefined)].reduce(mergeObjects);
}

/** What stands beside a `$ref` and counts, in the dialects where it does. */
function besideRef({ converter }: OperationContext, schema: unknown, at: Path): Record<string, unknown> | undefined {
	if (!isRecord(schema) || memberOf(schema, "$ref") === undefined || !readsBesideRef(converter.dialectAt(at))) return undefined;
	const { $ref: _, ...rest } = schema;
	return Object.keys(rest).some((keyword) => !/^(?:x-.*|title|description|\$comment|examples?|deprecated)$/.test(keyword))
		? rest
		: undefined;
}

function ownMembers(context: OperationContext, value: Record<string, unknown>, path: Path): FlatObject {
	const properties = memberOf(value, "properties");
	const required = memberOf(value, "required");
	const names = isRecord(properties) ? Object.keys(properties) : [];
	const members = names.map((name): FlatMember => {
		const raw = memberOf(properties, name);
		const memberPath = [...path, "properties", name];
		const target = followRefs(context.document, raw, memberPath);
		const readOnly = target.ok && memberOf(target.value, "readOnly") === true;
		const isRequired = Array.isArray(required) && required.includes(name) && !readOnly;
		return { name, schema: context.converter.convert(raw, memberPath), raw, required: isRequired, path: memberPath };
	});
	const undeclared = (Array.isArray(required) ? required : []).filter((name) => typeof name === "string" && !names.includes(name));
	for (const name of undeclared) members.push({ name, schema: true, raw: true, required: true, path });
	return { members, rest: restOf(context, value, path, members.length === 0) };
}

/** Closed unless the document opens it: JSON Schema's own default would let through what nobody described. A bare `type: object` means any. */
function restOf(context: OperationContext, value: Record<string, unknown>, path: Path, bare: boolean): JsonSchema {
	const additional = memberOf(value, "additionalProperties");
	if (additional !== undefined) return context.converter.convert(additional, [...path, "additionalProperties"]);
	return bare && memberOf(value, "allOf") === undefined;
}

function mergeObjects(one: FlatObject, other: FlatObject): FlatObject {
	const merged = new Map(one.members.map((member) => [member.name, member]));
	for (const member of other.members) {
		const known = merged.get(member.name);
		if (known === undefined) merged.set(member.name, member);
		else {
			const schemas = [known.schema, member.schema].filter((schema) => schema !== true);
			const schema: JsonSchema = schemas.length > 1 ? { allOf: schemas } : (schemas[0] ?? true);
			const raw = known.raw === true ? member.raw : known.raw;
			merged.set(member.name, { ...member, schema, raw, required: known.required || member.required });
		}
	}
	const rest: JsonSchema =
		one.rest === false || other.rest === false ? false : one.rest === true ? other.rest : { allOf: [one.rest, other.rest] };
	return { members: [...merged.values()], rest };
}
