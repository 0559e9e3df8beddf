// One operation of an OpenAPI document → a function: its parameters, its body, and the one schema of its arguments.
import type { MadeFunction } from "#libs/functions/function.ts";
import { type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import { answerSchemas } from "./answer-schemas.ts";
import type { Dialect } from "./dialect.ts";
import { type DocumentedAnswer, documentedAnswer } from "./documented-answer.ts";
import type { HttpMethod, HttpTransport, OpenapiError, PathSegment } from "./http-transport.ts";
import { markedArguments } from "./marked-places.ts";
import { overlapsOf } from "./path-template.ts";
import { type BodyMember, type ReadBody, readBody } from "./read-body.ts";
import { type OperationContext, type PlacedParameter, readParameters } from "./read-parameters.ts";
import { SchemaConverter } from "./schema-from-openapi.ts";

/** Keywords for all arguments of an operation. */
export const wholeArguments = "x-callgate-arguments";

export type FromOpenapiOptions = {
	/** Which operations become functions; errors of others do not matter. Default: all. */
	readonly exposes?: (name: string) => boolean;
	/** `path.id: account` and the like: new names of arguments by place and wire name. `body` alone renames a body that is one argument. */
	readonly renames?: (name: string) => Readonly<Record<string, string>> | undefined;
	/** Where the credential goes: a parameter of that name is not an argument. */
	readonly credential?: { readonly in: "header" | "query"; readonly name: string };
};

/** A rename that named nothing, and what it could have named. */
export type UnusedRename = { readonly name: string; readonly key: string; readonly known: readonly string[] };

/** An operation as it was found in the document. */
export type Operation = {
	/** Of its function: {@link operationName}. */
	readonly name: string;
	readonly method: HttpMethod;
	readonly template: string;
	readonly segments: readonly PathSegment[] | undefined;
	readonly templateProblem: string | undefined;
	readonly item: Record<string, unknown>;
	readonly operation: Record<string, unknown>;
	readonly itemPath: readonly (string | number)[];
	readonly path: readonly (string | number)[];
};

/** Reads one operation into a function; what is wrong with it is in `errors`. */
export class OperationReader {
	readonly errors: OpenapiError[] = [];
	private readonly found: Operation;
	private readonly dialect: Dialect;
	private readonly name: string;
	private readonly renames: Readonly<Record<string, string>>;
	private readonly renamable = new Set<string>();
	private readonly context: OperationContext;

	constructor(document: unknown, dialect: Dialect, found: Operation, options: FromOpenapiOptions) {
		this.found = found;
		this.dialect = dialect;
		this.name = found.name;
		this.renames = options.renames?.(this.name) ?? {};
		this.context = {
			document,
			converter: new SchemaConverter(document, dialect, this.errors),
			errors: this.errors,
			argumentFor: (place, name) => this.argumentFor(place, name),
			...(options.credential && { credential: options.credential }),
		};
	}

	read(all: readonly Operation[]): MadeFunction<HttpTransport> | undefined {
		const { item, operation, itemPath, path, segments, templateProblem, template, method } = this.found;
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
			description: descriptionOf(operation),
			argumentsSchema,
			resultSchemas: answerSchemas(this.context.document, operation),
			documentedAnswer: this.documentedAnswer(),
			sensitive: markedArguments(argumentsSchema),
			transport: {
				protocol: "http",
				method,
				pathTemplate: template,
				path: segments,
				overlaps: overlapsOf(segments, sameMethod),
				parameters: parameters.map(({ parameter }) => parameter),
				...(body && { body: body.body }),
			},
		};
	}

	/** Most functions are never listed by a client that asks for it. */
	private documentedAnswer(): NonNullable<MadeFunction["documentedAnswer"]> {
		const { operation, path } = this.found;
		const { document } = this.context;
		const dialect = this.dialect;
		let made: { readonly answer: DocumentedAnswer | undefined } | undefined;
		return () => {
			made ??= { answer: documentedAnswer(document, dialect, operation, path) };
			return made.answer;
		};
	}

	unusedRenames(): readonly UnusedRename[] {
		const known = [...this.renamable];
		const unused = Object.keys(this.renames).filter((key) => !this.renamable.has(key));
		return unused.map((key) => ({ name: this.name, key, known }));
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
			...(body?.body.typeArgument === undefined ? [] : [{ argument: body.body.typeArgument, key: "header.Content-Type", path: body.path }]),
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
		const { typeArgument } = body?.body ?? {};
		if (typeArgument !== undefined) properties.set(typeArgument, body?.typeSchema ?? true);
		const whole = this.wholeSchema();
		const defs = this.context.converter.finish();
		return {
			type: "object",
			properties: Object.fromEntries(properties),
			...(required.length > 0 && { required }),
			// A body that may be absent: whoever gives one of its members gives the required ones too.
			...(body && !body.body.required && dependentRequired(body, bodyRequired)),
			...whole,
			additionalProperties: body?.body.open ? body.rest : false,
			...(Object.keys(defs).length > 0 && { $defs: defs }),
		};
	}

	/** What functions that are written out ask of their arguments together (`oneOf`, `dependencies`): an OpenAPI document has no place for it. */
	private wholeSchema(): { readonly [keyword: string]: unknown } {
		const { operation, path } = this.found;
		const written = memberOf(operation, wholeArguments);
		const converted = written === undefined ? {} : this.context.converter.convert(written, [...path, wholeArguments]);
		if (typeof converted !== "object") return {};
		const { dependentRequired: needed, ...rest } = converted;
		return needed === undefined
			? rest
			: { ...rest, allOf: [...(Array.isArray(rest.allOf) ? rest.allOf : []), { dependentRequired: needed }] };
	}

	private refuse(path: readonly (string | number)[], message: string): undefined {
		this.errors.push({ path, message });
		return undefined;
	}
}

function dependentRequired({ body, members }: ReadBody, bodyRequired: readonly string[]): { dependentRequired?: object } {
	const needed = body.mode === "body" ? [body.argument] : bodyRequired;
	const named = [...members.map(({ argument }) => argument), body.typeArgument].filter((name) => name !== undefined);
	const dependents = named.filter((name) => needed.some((one) => one !== name));
	return dependents.length > 0 ? { dependentRequired: Object.fromEntries(dependents.map((name) => [name, needed])) } : {};
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
