// Functions written out under `functions:` (method, path, JSON Schema): put into OpenAPI's form, so that one reader makes all functions.

import type { MadeFunction } from "#libs/functions/function.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { dialectNamed, expectedDialect } from "#libs/openapi/dialect.ts";
import { functionsFromOpenapi } from "#libs/openapi/functions-from-openapi.ts";
import type { HttpTransport } from "#libs/openapi/http-transport.ts";
import { wholeArguments } from "#libs/openapi/read-operation.ts";
import type { DocumentPath, Fault } from "./configuration-error.ts";
import type { ConnectionDocument } from "./kinds/connection.ts";

type Written = NonNullable<ConnectionDocument["functions"]>[string];
type Found = {
	readonly functions: readonly MadeFunction<HttpTransport>[];
	readonly openapiFaults: readonly Fault[];
	readonly names: readonly string[];
};

const definitionPlaces = ["$defs", "definitions"] as const;
type Definitions = Record<(typeof definitionPlaces)[number], Record<string, unknown>>;

/** Where the parts of an OpenAPI document that is made here stand in what was written. */
type Origins = { readonly operations: Map<string, string> };

/** Reads the written-out functions of a connection without `openapi:`. */
export function writtenFunctions(document: ConnectionDocument, faults: Fault[]): Found {
	const written = Object.entries(document.functions ?? {}).filter(([, fn]) =>
		fn.expose !== false && document.expose !== undefined ? true : fn.expose !== false,
	);
	if (written.length === 0) {
		faults.push({ path: ["name"], message: `found no functions, expected openapi: or functions: in the Connection` });
		return { functions: [], openapiFaults: [], names: [] };
	}
	const origins: Origins = { operations: new Map() };
	const paths: Record<string, Record<string, unknown>> = {};
	const defs: Definitions = { $defs: {}, definitions: {} };
	for (const [name, fn] of written) addOperation(name, fn, paths, defs, origins, faults);
	const read = functionsFromOpenapi({ openapi: "3.1.0", paths, ...defs }, { renames: (name) => document.functions?.[name]?.rename });
	for (const error of read.errors) faults.push({ path: originOf(error.path, origins), message: error.message });
	for (const { name, key, known } of read.unusedRenames) {
		faults.push({
			path: ["functions", name, "rename", key],
			atKey: true,
			message: `found "${key}", expected one of ${known.join(", ")}`,
		});
	}
	return { functions: read.functions, openapiFaults: [], names: written.map(([name]) => name) };
}

function addOperation(
	name: string,
	fn: Written,
	paths: Record<string, Record<string, unknown>>,
	defs: Definitions,
	origins: Origins,
	faults: Fault[],
): void {
	const { method, path } = fn;
	if (method === undefined || path === undefined) {
		faults.push({
			path: ["functions", name],
			atKey: true,
			message: "found no method or no path, expected both: the Connection has no openapi:",
		});
		return;
	}
	const item = paths[path] ?? {};
	paths[path] = item;
	if (item[method.toLowerCase()] !== undefined) {
		faults.push({ path: ["functions", name, "path"], message: `found ${method} ${path} twice, expected one function for it` });
		return;
	}
	origins.operations.set(`${path} ${method.toLowerCase()}`, name);
	const $schema = memberOf(fn.arguments, "$schema");
	if ($schema !== undefined && dialectNamed($schema) === undefined)
		faults.push({ path: ["functions", name, "arguments", "$schema"], message: `found another $schema, ${expectedDialect}` });
	for (const place of definitionPlaces) {
		const own = memberOf(fn.arguments, place);
		defs[place][name] = isRecord(own) ? { ...(rebase(own, name) as object), ...($schema !== undefined && { $schema }) } : {};
	}
	if (fn.rename !== undefined && Object.keys(wholeKeywords(fn.arguments)).length > 0)
		faults.push({
			path: ["functions", name, "rename"],
			atKey: true,
			message: "found rename beside keywords that name arguments, expected the arguments to have their names in the schema",
		});
	item[method.toLowerCase()] = operationOf(name, fn, method, path);
}

/** What the path does not take goes into the query where the method has no body, else into the body, but for what `query:` names. */
function operationOf(name: string, fn: Written, method: string, path: string): Record<string, unknown> {
	const schema = rebase(fn.arguments ?? { type: "object", properties: {} }, name);
	const properties = memberOf(schema, "properties");
	const required = memberOf(schema, "required");
	const isRequired = (argument: string): boolean => Array.isArray(required) && required.includes(argument);
	const inPath = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, parameter]) => parameter ?? "");
	const bodyless = method === "GET" || method === "HEAD" || method === "DELETE";
	const names = isRecord(properties) ? Object.keys(properties) : [];
	const inQuery = names.filter((argument) => !inPath.includes(argument) && (bodyless || fn.query?.includes(argument)));
	const parameter = (argument: string, place: string) => ({
		name: argument,
		in: place,
		required: isRequired(argument),
		schema: memberOf(properties, argument),
	});
	const parameters = [
		...inPath.filter((argument) => names.includes(argument)).map((argument) => parameter(argument, "path")),
		...inQuery.map((argument) => parameter(argument, "query")),
	];
	const inBody = names.filter((argument) => !inPath.includes(argument) && !inQuery.includes(argument));
	const additional = memberOf(schema, "additionalProperties");
	const hasBody = !bodyless && (inBody.length > 0 || (additional !== undefined && additional !== false));
	const body = {
		type: "object",
		properties: Object.fromEntries(inBody.map((argument) => [argument, memberOf(properties, argument)])),
		required: inBody.filter(isRequired),
		additionalProperties: additional ?? false,
	};
	const $schema = memberOf(fn.arguments, "$schema");
	const whole = wholeKeywords(schema);
	return {
		operationId: name,
		// For every schema below it.
		...($schema !== undefined && { $schema }),
		...(Object.keys(whole).length > 0 && { [wholeArguments]: whole }),
		...(fn.description !== undefined && { description: fn.description }),
		parameters,
		...(hasBody && { requestBody: { required: body.required.length > 0, content: { "application/json": { schema: body } } } }),
	};
}

/** What the places of the arguments already say, and what says nothing. */
const ofThePlaces = [
	...["type", "properties", "required", "additionalProperties", ...definitionPlaces],
	...["$schema", "$id", "id", "title", "description", "default", "examples", "$comment"],
] as readonly string[];

/** What a schema asks of the arguments together. */
function wholeKeywords(schema: unknown): Record<string, unknown> {
	const entries = Object.entries(isRecord(schema) ? schema : {});
	return Object.fromEntries(entries.filter(([keyword]) => !ofThePlaces.includes(keyword) && !keyword.startsWith("x-")));
}

/** `#/$defs/x` of one function's schema is `#/$defs/<function>/x` of the document that is made here. */
function rebase(schema: unknown, name: string): unknown {
	if (Array.isArray(schema)) return schema.map((item) => rebase(item, name));
	if (!isRecord(schema)) return schema;
	const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
		const place = definitionPlaces.find((one) => key === "$ref" && typeof value === "string" && value.startsWith(`#/${one}/`));
		if (place !== undefined)
			return [key, `#/${place}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}/${String(value).slice(place.length + 3)}`];
		return [key, rebase(value, name)];
	});
	return Object.fromEntries(entries);
}

function originOf(path: DocumentPath, origins: Origins): DocumentPath {
	const [top, template, method] = path;
	if (top === "$defs" || top === "definitions") return ["functions", String(template), "arguments", top, ...path.slice(2)];
	const name =
		origins.operations.get(`${template} ${method}`) ?? [...origins.operations].find(([key]) => key.startsWith(`${template} `))?.[1];
	if (top !== "paths" || name === undefined) return ["functions"];
	const wholeAt = path.indexOf(wholeArguments);
	if (wholeAt > 0) return ["functions", name, "arguments", ...path.slice(wholeAt + 1)];
	const schemaAt = path.indexOf("schema");
	const isBody = path.includes("requestBody") && schemaAt > 0;
	return isBody ? ["functions", name, "arguments", ...path.slice(schemaAt + 1)] : ["functions", name];
}
