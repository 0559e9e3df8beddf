// A vendor's OpenAPI 3.0 or 3.1 document → functions.
import {
	type HttpFunction,
	type HttpMethod,
	httpMethods,
	isRecord,
	type JsonSchema,
	memberOf,
	type OpenapiError,
	type PathSegment,
} from "./http-function.ts";
import { overlapsOf, parsePathTemplate, shapeOf } from "./path-template.ts";
import { type BodyMember, type ReadBody, readBody } from "./read-body.ts";
import { type OperationContext, type PlacedParameter, readParameters } from "./read-parameters.ts";
import { followRefs } from "./resolve-ref.ts";
import { type Dialect, SchemaConverter } from "./schema-from-openapi.ts";
import { sensitivePaths } from "./sensitive-paths.ts";

/** Most operations of one document. */
const operationsMax = 5_000;
const operationIdPattern = /^_?[A-Za-z][A-Za-z0-9_.:/-]{0,126}$/;

export type FromOpenapiOptions = {
	/** Which operations become functions; errors of others do not matter. Default: all. */
	readonly exposes?: (operationId: string) => boolean;
	/** `path.id: account` and the like: new names of arguments by place and wire name. `body` alone renames a body that is one argument. */
	readonly renames?: (operationId: string) => Readonly<Record<string, string>> | undefined;
	/** Where the credential goes: a parameter of that name is not an argument. */
	readonly credential?: { readonly in: "header" | "query"; readonly name: string };
};

export type FromOpenapi = {
	readonly functions: readonly HttpFunction[];
	readonly errors: readonly OpenapiError[];
	/** Every operationId of the document, exposed or not, in the document's order. */
	readonly operationIds: readonly string[];
	/** Renames that named nothing, with what they could have named. */
	readonly unusedRenames: readonly { readonly operationId: string; readonly key: string; readonly known: readonly string[] }[];
};

/** Reads every operation with an `operationId`. All errors at once; a function with an error is left out. Never throws. */
export function functionsFromOpenapi(document: unknown, options: FromOpenapiOptions = {}): FromOpenapi {
	const errors: OpenapiError[] = [];
	const unusedRenames: FromOpenapi["unusedRenames"][number][] = [];
	const dialect = dialectOf(document, errors);
	if (dialect === undefined) return { functions: [], errors, operationIds: [], unusedRenames };
	const operations = findOperations(document, errors);
	refuseSameNames(operations, errors);
	const functions: HttpFunction[] = [];
	for (const found of operations) {
		if (found.operationId === undefined || options.exposes?.(found.operationId) === false) continue;
		const reader = new OperationReader(document, dialect, found, options);
		const fn = reader.read(operations);
		errors.push(...reader.errors);
		unusedRenames.push(...reader.unusedRenames());
		if (fn && reader.errors.length === 0) functions.push(fn);
	}
	const operationIds = operations.flatMap(({ operationId }) => operationId ?? []);
	return { functions, errors: withoutRepeats(errors), operationIds, unusedRenames };
}

function dialectOf(document: unknown, errors: OpenapiError[]): Dialect | undefined {
	const version = memberOf(document, "openapi");
	if (typeof version === "string" && /^3\.0\.\d+$/.test(version)) return "3.0";
	if (typeof version === "string" && /^3\.1\.\d+$/.test(version)) return "3.1";
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

type Operation = {
	readonly operationId: string | undefined;
	readonly method: HttpMethod;
	readonly template: string;
	readonly segments: readonly PathSegment[] | undefined;
	readonly templateProblem: string | undefined;
	readonly item: Record<string, unknown>;
	readonly operation: Record<string, unknown>;
	readonly itemPath: readonly (string | number)[];
	readonly path: readonly (string | number)[];
};

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
			const id = memberOf(operation, "operationId");
			operations.push({
				operationId: typeof id === "string" ? id : undefined,
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
	const ids = new Set<string>();
	const shapes = new Map<string, string>();
	for (const { operationId, method, template, segments, path } of operations) {
		if (operationId !== undefined) {
			if (ids.has(operationId))
				errors.push({ path: [...path, "operationId"], message: "found an operationId twice, expected it to be unique" });
			ids.add(operationId);
		}
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

/** Reads one operation. */
class OperationReader {
	readonly errors: OpenapiError[] = [];
	private readonly found: Operation;
	private readonly name: string;
	private readonly renames: Readonly<Record<string, string>>;
	private readonly renamable = new Set<string>();
	private readonly context: OperationContext;

	constructor(document: unknown, dialect: Dialect, found: Operation, options: FromOpenapiOptions) {
		this.found = found;
		this.name = found.operationId ?? "";
		this.renames = options.renames?.(this.name) ?? {};
		this.context = {
			document,
			converter: new SchemaConverter(document, dialect, this.errors),
			errors: this.errors,
			argumentFor: (place, name) => this.argumentFor(place, name),
			...(options.credential && { credential: options.credential }),
		};
	}

	read(all: readonly Operation[]): HttpFunction | undefined {
		const { item, operation, itemPath, path, segments, templateProblem, template, method } = this.found;
		if (!operationIdPattern.test(this.name)) {
			this.refuse(
				[...path, "operationId"],
				"expected a name of letters, digits and _.:/- that starts with a letter, of at most 128 characters",
			);
		}
		if (segments === undefined) return this.refuse(itemPath, templateProblem ?? "expected a path template");
		const parameters = readParameters(this.context, [
			{ list: memberOf(item, "parameters"), path: [...itemPath, "parameters"] },
			{ list: memberOf(operation, "parameters"), path: [...path, "parameters"] },
		]);
		this.refuseOtherPathParameters(segments, parameters);
		const body = this.readBody();
		this.refuseCollisions(parameters, body);
		const sameMethod = all
			.filter((other) => other !== this.found && other.method === method)
			.flatMap((other) => (other.segments ? [other.segments] : []));
		const argumentsSchema = this.argumentsSchema(parameters, body);
		return {
			name: this.name,
			method,
			pathTemplate: template,
			path: segments,
			overlaps: overlapsOf(segments, sameMethod),
			parameters: parameters.map(({ parameter }) => parameter),
			...(body && { body: body.body }),
			argumentsSchema,
			description: descriptionOf(operation),
			sensitive: sensitivePaths(argumentsSchema),
		};
	}

	unusedRenames(): FromOpenapi["unusedRenames"] {
		const known = [...this.renamable];
		const unused = Object.keys(this.renames).filter((key) => !this.renamable.has(key));
		return unused.map((key) => ({ operationId: this.name, key, known }));
	}

	private argumentFor(place: "path" | "query" | "header" | "body", name: string): string {
		const key = name === "" ? place : `${place}.${name}`;
		this.renamable.add(key);
		const renamed = memberOf(this.renames, key);
		return typeof renamed === "string" ? renamed : name === "" ? place : name;
	}

	private readBody(): ReadBody | undefined {
		const { operation, method, path } = this.found;
		const requestBody = memberOf(operation, "requestBody");
		if (requestBody === undefined) return undefined;
		if (method === "GET" || method === "HEAD")
			return this.refuse(
				[...path, "requestBody"],
				`found a body of a ${method} request, expected none: it has no meaning there (RFC 9110 section 9.3.1)`,
			);
		return readBody(this.context, requestBody, [...path, "requestBody"]);
	}

	private refuseOtherPathParameters(segments: readonly PathSegment[], parameters: readonly PlacedParameter[]): void {
		const inTemplate = segments.flatMap((segment) => ("parameter" in segment ? [segment.parameter] : []));
		const declared = parameters.filter(({ parameter }) => parameter.in === "path");
		for (const name of inTemplate) {
			if (!declared.some(({ parameter }) => parameter.name === name))
				this.refuse(this.found.path, `found {${name}} in the path, expected a parameter "${name}" with in: path`);
		}
		for (const { parameter, path } of declared) {
			if (!inTemplate.includes(parameter.name))
				this.refuse(path, `found the path parameter "${parameter.name}", expected {${parameter.name}} in the path ${this.found.template}`);
		}
	}

	private refuseCollisions(parameters: readonly PlacedParameter[], body: ReadBody | undefined): void {
		const places = [
			...parameters.map(({ parameter, path }) => ({ argument: parameter.argument, key: `${parameter.in}.${parameter.name}`, path })),
			...(body?.members ?? []).map(({ argument, name, path }) => ({ argument, key: name === "" ? "body" : `body.${name}`, path })),
		];
		const byArgument = new Map<string, string>();
		for (const { argument, key, path } of places) {
			const other = byArgument.get(argument);
			if (argument === "__proto__") this.refuse(path, "found an argument called __proto__, expected another name");
			if (other === undefined) byArgument.set(argument, key);
			else
				this.refuse(
					path,
					`found two arguments of ${this.name} called "${argument}": ${other} and ${key}, expected different names; settle it in the Connection: functions: { ${this.name}: { rename: { ${key}: … } } }`,
				);
		}
	}

	private argumentsSchema(parameters: readonly PlacedParameter[], body: ReadBody | undefined): JsonSchema {
		const properties = new Map<string, JsonSchema>();
		for (const placed of parameters) properties.set(placed.parameter.argument, parameterSchema(placed));
		for (const member of body?.members ?? []) properties.set(member.argument, member.schema);
		const bodyRequired = requiredMembers(body?.members ?? []);
		const required = [
			...parameters.flatMap(({ parameter }) => (parameter.required ? [parameter.argument] : [])),
			...(body?.body.required ? bodyRequired : []),
		];
		const optionalBody = body !== undefined && !body.body.required && bodyRequired.length > 0;
		const defs = this.context.converter.finish();
		return {
			type: "object",
			properties: Object.fromEntries(properties),
			...(required.length > 0 && { required }),
			// A body that may be absent: whoever gives one of its members gives the required ones too.
			...(optionalBody && { dependentRequired: Object.fromEntries(body.members.map(({ argument }) => [argument, bodyRequired])) }),
			additionalProperties: body?.body.open ? body.rest : false,
			...(Object.keys(defs).length > 0 && { $defs: defs }),
		};
	}

	private refuse(path: readonly (string | number)[], message: string): undefined {
		this.errors.push({ path, message });
		return undefined;
	}
}

function requiredMembers(members: readonly BodyMember[]): string[] {
	return members.flatMap(({ argument, required }) => (required ? [argument] : []));
}

/** The parameter's own schema, narrowed to what its place can carry. */
function parameterSchema({ parameter, description }: PlacedParameter): JsonSchema {
	const { schema, kinds, list } = parameter;
	const single: JsonSchema = { type: kinds.length === 1 ? kinds[0] : kinds };
	const carried = list ? { type: "array", minItems: 1, items: single } : single;
	const own: { readonly [keyword: string]: unknown } = typeof schema === "object" ? schema : {};
	const told = typeof description === "string" && own.description === undefined ? { description } : {};
	// Most parameters say exactly what they carry; only the others need a second schema.
	const isExact = !list && own.$ref === undefined && own.type === single.type;
	return isExact ? { ...own, ...told } : { ...told, allOf: [schema, carried] };
}

function descriptionOf(operation: Record<string, unknown>): string {
	const texts = [memberOf(operation, "summary"), memberOf(operation, "description")].filter(
		(text) => typeof text === "string" && text.trim() !== "",
	);
	return texts.join("\n\n").slice(0, 4_000);
}

/** A schema that several functions share is wrong once, not once for each of them. */
function withoutRepeats(errors: readonly OpenapiError[]): OpenapiError[] {
	return [...new Map(errors.map((error) => [JSON.stringify([error.path, error.message]), error])).values()];
}
