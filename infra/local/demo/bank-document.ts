// The bank's OpenAPI document read into operations, so that its routes and checks are derived from the file that Callgate reads too.
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A JSON Schema without references. */
export type Schema = { readonly [key: string]: unknown };

/** One operation of the document; `path` is as Fastify writes it (`/accounts/:id`). */
export type Operation = {
	readonly operationId: string;
	readonly method: "GET" | "POST" | "DELETE";
	readonly path: string;
	readonly params: Schema;
	readonly query: Schema;
	readonly body: Schema | undefined;
	/** By status code, then media type; an answer without a body has no media types. */
	readonly responses: ReadonlyMap<number, ReadonlyMap<string, Schema>>;
};

/** The address of the document, for whoever serves or copies it. */
export const bankDocumentUrl = new URL("./bank.openapi.yaml", import.meta.url);

/** Reads the document. Throws when it uses something that this reader does not know: a half-read document would agree with anything. */
export function readBankOperations(text: string = readFileSync(bankDocumentUrl, "utf8")): Operation[] {
	const document: unknown = parse(text);
	const operations: Operation[] = [];
	for (const [path, item] of Object.entries(members(member(document, "paths")))) {
		const shared = list(members(item).parameters);
		for (const method of ["GET", "POST", "DELETE"] as const) {
			const found = members(item)[method.toLowerCase()];
			if (found !== undefined) operations.push(readOperation(document, method, path, members(found), shared));
		}
	}
	return operations;
}

function readOperation(document: unknown, method: Operation["method"], path: string, found: Schema, shared: readonly unknown[]): Operation {
	const parameters = [...shared, ...list(found.parameters)].map((parameter) => members(withoutReferences(document, parameter)));
	const body = found.requestBody === undefined ? undefined : member(found, "requestBody", "content", "application/json", "schema");
	return {
		operationId: String(found.operationId),
		method,
		path: path.replaceAll(/\{([^}]+)\}/g, ":$1"),
		params: parameterSchema(parameters, "path"),
		query: parameterSchema(parameters, "query"),
		body: body === undefined ? undefined : members(withoutReferences(document, body)),
		responses: readResponses(document, members(found.responses)),
	};
}

function parameterSchema(parameters: readonly Schema[], place: string): Schema {
	const here = parameters.filter((parameter) => parameter.in === place);
	return {
		type: "object",
		additionalProperties: false,
		required: here.filter((parameter) => parameter.required === true).map((parameter) => parameter.name),
		properties: Object.fromEntries(here.map((parameter) => [String(parameter.name), parameter.schema])),
	};
}

function readResponses(document: unknown, responses: Schema): Operation["responses"] {
	return new Map(
		Object.entries(responses).map(([status, response]) => {
			const content = members(members(withoutReferences(document, response)).content ?? {});
			return [Number(status), new Map(Object.entries(content).map(([type, media]) => [type, members(members(media).schema)]))];
		}),
	);
}

/** Replaces each `$ref` by what it points to. The document has no cycles; 32 levels is far more than it nests. */
function withoutReferences(document: unknown, value: unknown, depth = 0): unknown {
	if (depth > 32) throw new Error("The bank's OpenAPI document refers to itself.");
	if (Array.isArray(value)) return value.map((item) => withoutReferences(document, item, depth + 1));
	if (typeof value !== "object" || value === null) return value;
	const reference = "$ref" in value ? value.$ref : undefined;
	if (typeof reference === "string") return withoutReferences(document, member(document, ...reference.split("/").slice(1)), depth + 1);
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutReferences(document, item, depth + 1)]));
}

function member(value: unknown, ...path: readonly string[]): unknown {
	return path.reduce((at, key) => {
		const next = members(at)[key];
		if (next === undefined) throw new Error(`The bank's OpenAPI document has no ${path.join("/")}.`);
		return next;
	}, value);
}

function members(value: unknown): Schema {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		throw new Error("The bank's OpenAPI document has something else where an object belongs.");
	return { ...value };
}

function list(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}
