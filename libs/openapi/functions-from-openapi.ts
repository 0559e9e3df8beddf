// A vendor's OpenAPI 3.0 or 3.1 document → functions.

import type { MadeFunction } from "#libs/functions/function.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { actionNames, isNamed } from "#libs/masking/action.ts";
import { type Dialect, dialectNamed, expectedDialect } from "./dialect.ts";
import { type HttpTransport, httpMethods, type OpenapiError } from "./http-transport.ts";
import { markKeyword } from "./marked-places.ts";
import { operationName } from "./operation-name.ts";
import { parsePathTemplate, shapeOf } from "./path-template.ts";
import { type FromOpenapiOptions, type Operation, OperationReader, type UnusedRename } from "./read-operation.ts";
import { followRefs } from "./resolve-ref.ts";

/** Most operations of one document. */
const operationsMax = 5_000;

export type FromOpenapi = {
	readonly functions: readonly MadeFunction<HttpTransport>[];
	readonly errors: readonly OpenapiError[];
	/** The names of all operations of the document, exposed or not, in the document's order. */
	readonly names: readonly string[];
	/** Renames that named nothing, with what they could have named. */
	readonly unusedRenames: readonly UnusedRename[];
};

/** Reads every operation. All errors at once; a function with an error is left out. Never throws. */
export function functionsFromOpenapi(document: unknown, options: FromOpenapiOptions = {}): FromOpenapi {
	const errors: OpenapiError[] = [];
	const unusedRenames: UnusedRename[] = [];
	const dialect = dialectOf(document, errors);
	if (dialect === undefined) return { functions: [], errors, names: [], unusedRenames };
	const operations = findOperations(document, errors);
	refuseSameNames(operations, errors);
	refuseUnknownMarks(document, errors);
	const functions: MadeFunction<HttpTransport>[] = [];
	for (const found of operations) {
		if (options.exposes?.(found.name) === false) continue;
		const reader = new OperationReader(document, dialect, found, options);
		const fn = reader.read(operations);
		errors.push(...reader.errors);
		unusedRenames.push(...reader.unusedRenames());
		if (fn && reader.errors.length === 0) functions.push(fn);
	}
	const names = operations.map(({ name }) => name);
	return { functions, errors: withoutRepeats(errors), names, unusedRenames };
}

function dialectOf(document: unknown, errors: OpenapiError[]): Dialect | undefined {
	const version = memberOf(document, "openapi");
	if (typeof version === "string" && /^3\.0\.\d+$/.test(version)) return "3.0";
	if (typeof version === "string" && /^3\.1\.\d+$/.test(version)) {
		const said = memberOf(document, "jsonSchemaDialect");
		const dialect = said === undefined ? "2020-12" : dialectNamed(said);
		if (dialect === undefined) errors.push({ path: ["jsonSchemaDialect"], message: `found another dialect, ${expectedDialect}` });
		return dialect;
	}
	const found = memberOf(document, "swagger") === undefined ? "no such version" : "swagger 2.0";
	errors.push({
		path: version === undefined ? [] : ["openapi"],
		message:
			version === undefined
				? `found ${found}, expected openapi: 3.0.x or 3.1.x`
				: "found another version, expected openapi: 3.0.x or 3.1.x",
	});
	return undefined;
}

function findOperations(document: unknown, errors: OpenapiError[]): Operation[] {
	const paths = memberOf(document, "paths");
	if (!isRecord(paths)) {
		errors.push({ path: [], message: "expected paths: a mapping of path templates" });
		return [];
	}
	const operations: Operation[] = [];
	for (const [template, raw] of Object.entries(paths)) {
		if (template.startsWith("x-")) continue;
		const item = followRefs(document, raw, ["paths", template]);
		if (!item.ok || !isRecord(item.value)) {
			errors.push({ path: ["paths", template], message: item.ok ? "expected a mapping of methods" : item.message });
			continue;
		}
		const parsed = parsePathTemplate(template);
		for (const method of httpMethods) {
			const path = [...item.path, method.toLowerCase()];
			const operation = memberOf(item.value, method.toLowerCase());
			if (operation === undefined) continue;
			if (!isRecord(operation)) {
				errors.push({ path, message: "expected an operation (a mapping)" });
				continue;
			}
			operations.push({
				name: operationName(memberOf(operation, "operationId"), method, template),
				method,
				template,
				segments: parsed.ok ? parsed.path : undefined,
				templateProblem: parsed.ok ? undefined : parsed.message,
				item: item.value,
				operation,
				itemPath: item.path,
				path,
			});
		}
	}
	if (operations.length > operationsMax) {
		errors.push({ path: ["paths"], message: `found ${operations.length} operations, expected at most ${operationsMax}` });
		return [];
	}
	return operations;
}

/** Two operations with one name, and two templates no router can tell apart: nobody could say which one a call means. */
function refuseSameNames(operations: readonly Operation[], errors: OpenapiError[]): void {
	const names = new Set<string>();
	const shapes = new Map<string, string>();
	for (const { name, operation, method, template, segments, path } of operations) {
		if (names.has(name)) {
			const at = memberOf(operation, "operationId") === name ? [...path, "operationId"] : path;
			errors.push({ path: at, message: `found two operations called ${name}, expected an operationId of its own for each` });
		}
		names.add(name);
		const shape = segments && `${method} ${shapeOf(segments)}`;
		const same = shape && shapes.get(shape);
		if (same)
			errors.push({
				path,
				message: `found a path that cannot be told from ${same}, expected paths that differ in more than parameter names, letter case and a trailing slash`,
			});
		if (shape) shapes.set(shape, template);
	}
}

/** A mark that is not understood is a value that somebody wanted hidden: said here, for every schema of the document at once. */
function refuseUnknownMarks(document: unknown, errors: OpenapiError[]): void {
	interface Place {
		readonly value: unknown;
		readonly name: string | number;
		readonly parent: Place | undefined;
	}
	const pathOf = ({ name, parent }: Place): (string | number)[] => (parent ? [...pathOf(parent), name] : []);
	const pending: Place[] = [{ value: document, name: "", parent: undefined }];
	for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
		const { value } = at;
		const members = Array.isArray(value) ? value.entries() : isRecord(value) ? Object.entries(value) : [];
		for (const [name, member] of members) {
			const place = { value: member as unknown, name, parent: at };
			if (name === markKeyword && !isNamed(member))
				errors.push({ path: pathOf(place), message: `found another ${markKeyword}, expected one of ${actionNames.join(", ")}` });
			if (typeof member === "object") pending.push(place);
		}
	}
}

/** A schema that several functions share is wrong once, not once for each of them. */
function withoutRepeats(errors: readonly OpenapiError[]): OpenapiError[] {
	return [...new Map(errors.map((error) => [JSON.stringify([error.path, error.message]), error])).values()];
}
