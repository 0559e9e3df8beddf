// What the schemas of a connection's functions say of their arguments and answers, for policies to be checked against.
import { answerSchemas } from "#libs/openapi/answer-schemas.ts";
import type { HttpFunction } from "#libs/openapi/http-function.ts";
import type { FunctionTypes } from "#libs/policy/compiled-policy.ts";
import { SchemaTypes } from "#libs/policy/schema-type.ts";
import { joined } from "#libs/policy/value-type.ts";

/** Each function's when it is asked for: most are never named by a policy. `openapi` is the document they were made from, if there is one. */
export function functionTypes(functions: readonly HttpFunction[], openapi: unknown): (name: string) => FunctionTypes | undefined {
	const byName = new Map(functions.map((fn) => [fn.name, fn]));
	const known = new Map<string, FunctionTypes>();
	const answers = new SchemaTypes(openapi);
	return (name) => {
		const fn = byName.get(name);
		if (!fn) return undefined;
		const types = known.get(name) ?? typesOf(fn, openapi, answers);
		known.set(name, types);
		return types;
	};
}

function typesOf(fn: HttpFunction, openapi: unknown, answers: SchemaTypes): FunctionTypes {
	const schemas = answerSchemas(openapi, fn);
	return {
		args: new SchemaTypes(fn.argumentsSchema).of(fn.argumentsSchema),
		answer: schemas.length === 0 ? undefined : joined(schemas.map((schema) => answers.of(schema))),
	};
}
