// The parameters of one operation: merged from path and operation, references followed, styles that are not the default refused by name.

import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { whyNotHeader } from "#libs/outbound/header-owners.ts";
import type { HttpParameter, OpenapiError } from "./http-transport.ts";
import { followRefs } from "./resolve-ref.ts";
import type { SchemaConverter } from "./schema-from-openapi.ts";
import { textFormOf } from "./text-form.ts";

type Path = readonly (string | number)[];

/** What reading one operation needs. */
export type OperationContext = {
	readonly document: unknown;
	readonly converter: SchemaConverter;
	readonly errors: OpenapiError[];
	/** The flat argument for a place and wire name: `rename:` applied. */
	readonly argumentFor: (place: "path" | "query" | "header" | "body", name: string) => string;
	/** Where Callgate puts the credential: a parameter there is not the caller's to give. */
	readonly credential?: { readonly in: "header" | "query"; readonly name: string };
};

/** OpenAPI: definitions with these names "shall be ignored"; they are headers of HTTP itself. Codings are between the executor and the function. */
const ignoredHeaders = new Set(["accept", "content-type", "authorization", "accept-encoding"]);
const tokenPattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

/** A parameter with the place it was declared at, for later errors. */
export type PlacedParameter = { readonly parameter: HttpParameter; readonly path: Path; readonly description: unknown };

/** Reads the parameters that apply to an operation; those of the operation replace those of its path by name and place. */
export function readParameters(
	context: OperationContext,
	levels: readonly { readonly list: unknown; readonly path: Path }[],
): PlacedParameter[] {
	const found = new Map<string, PlacedParameter>();
	for (const { list, path } of levels) {
		if (list === undefined) continue;
		if (!Array.isArray(list)) {
			context.errors.push({ path, message: "expected a list of parameters" });
			continue;
		}
		const seen = new Set<string>();
		for (const [index, item] of list.entries()) {
			const placed = readParameter(context, item, [...path, index]);
			if (placed === undefined) continue;
			const key = `${placed.parameter.in} ${placed.parameter.in === "header" ? placed.parameter.name.toLowerCase() : placed.parameter.name}`;
			if (seen.has(key)) context.errors.push({ path: placed.path, message: `found the ${key} parameter twice, expected it once` });
			seen.add(key);
			found.set(key, placed);
		}
	}
	return [...found.values()];
}

function readParameter(context: OperationContext, item: unknown, itemPath: Path): PlacedParameter | undefined {
	const resolved = followRefs(context.document, item, itemPath);
	const refuse = (path: Path, message: string): undefined => {
		context.errors.push({ path, message });
		return undefined;
	};
	if (!resolved.ok) return refuse([...itemPath, "$ref"], resolved.message);
	const { value, path } = resolved;
	const name = memberOf(value, "name");
	const place = memberOf(value, "in");
	if (!isRecord(value) || typeof name !== "string" || name === "") return refuse(path, "expected a parameter with a name");
	if (place !== "path" && place !== "query" && place !== "header")
		return refuse([...path, "in"], `found in: ${String(place)}, expected path, query or header`);
	if (isNotTheCallers(context, place, name)) return undefined;
	if (place === "header") {
		const why = tokenPattern.test(name) ? whyNotHeader(name, "argument") : "it is no name of a header";
		if (why !== undefined) return refuse([...path, "name"], `found the header ${name}, expected one that a caller may set: ${why}`);
	}
	const list = place === "query" && memberOf(value, "explode") !== false ? "repeated" : "commas";
	const problem = whyNotDefaultStyle(value, place);
	if (problem !== undefined) return refuse(path, problem);
	const schema = memberOf(value, "schema");
	const form = textFormOf(context.document, schema, list);
	if (typeof form === "string") return refuse([...path, "schema"], `${form}: parameter "${name}"`);
	const parameter: HttpParameter = {
		name,
		argument: context.argumentFor(place, name),
		in: place,
		required: place === "path" || memberOf(value, "required") === true,
		...form,
		schema: context.converter.convert(schema, [...path, "schema"]),
	};
	return { parameter, path, description: memberOf(value, "description") };
}

function isNotTheCallers({ credential }: OperationContext, place: string, name: string): boolean {
	if (place === "header" && ignoredHeaders.has(name.toLowerCase())) return true;
	if (credential === undefined || credential.in !== place) return false;
	return place === "header" ? credential.name.toLowerCase() === name.toLowerCase() : credential.name === name;
}

/** OpenAPI 3.0.3, Parameter Object: `simple` in paths and headers, `form` in queries. */
function whyNotDefaultStyle(parameter: Record<string, unknown>, place: "path" | "query" | "header"): string | undefined {
	const expected = place === "query" ? "form" : "simple";
	const style = memberOf(parameter, "style") ?? expected;
	if (style !== expected) return `found style: ${String(style)}, expected ${expected}: other styles are not supported in the ${place}`;
	if (memberOf(parameter, "content") !== undefined) return "found content, expected schema: parameters with a media type are not supported";
	if (memberOf(parameter, "schema") === undefined) return "expected a schema";
	return undefined;
}
