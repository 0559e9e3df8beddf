// What the schemas of a connection's functions say of their arguments and answers, for policies to be checked against.
import type { MadeFunction } from "#libs/functions/function.ts";
import type { FunctionTypes } from "#libs/policy/compiled-policy.ts";
import { SchemaTypes } from "#libs/policy/schema-type.ts";
import { joined } from "#libs/policy/value-type.ts";

/** Each function's when it is asked for: most are never named by a policy. `document` is what they were made from, if there is one. */
export function functionTypes(functions: readonly MadeFunction[], document: unknown): (name: string) => FunctionTypes | undefined {
	const byName = new Map(functions.map((fn) => [fn.name, fn]));
	const known = new Map<string, FunctionTypes>();
	const answers = new SchemaTypes(document);
	return (name) => {
		const fn = byName.get(name);
		if (!fn) return undefined;
		const types = known.get(name) ?? typesOf(fn, answers);
		known.set(name, types);
		return types;
	};
}

function typesOf({ argumentsSchema, resultSchemas }: MadeFunction, answers: SchemaTypes): FunctionTypes {
	return {
		args: new SchemaTypes(argumentsSchema).of(argumentsSchema),
		answer: resultSchemas.length === 0 ? undefined : joined(resultSchemas.map((schema) => answers.of(schema))),
	};
}
