// What the schemas of a connection's functions say of their arguments and answers, for policies to be checked against.
import type { MadeFunction } from "#libs/functions/function.ts";
import type { FunctionTypes } from "#libs/policy/compiled-policy.ts";
import { SchemaTypes } from "#libs/policy/schema-type.ts";
import { joined } from "#libs/policy/value-type.ts";

/**
 * Each function's when it is asked for: most are never named by a policy. `document` is what they were made from, if references of their answers'
 * schemas lead there; else each of those stands alone.
 */
export function functionTypes(functions: readonly MadeFunction[], document: unknown): (name: string) => FunctionTypes | undefined {
	const byName = new Map(functions.map((fn) => [fn.name, fn]));
	const known = new Map<string, FunctionTypes>();
	const shared = document === undefined ? undefined : new SchemaTypes(document);
	return (name) => {
		const fn = byName.get(name);
		if (!fn) return undefined;
		const types = known.get(name) ?? typesOf(fn, shared);
		known.set(name, types);
		return types;
	};
}

function typesOf({ argumentsSchema, resultSchemas }: MadeFunction, shared: SchemaTypes | undefined): FunctionTypes {
	const answer = (schema: unknown) => (shared ?? new SchemaTypes(schema)).of(schema);
	return {
		args: new SchemaTypes(argumentsSchema).of(argumentsSchema),
		answer: resultSchemas.length === 0 ? undefined : joined(resultSchemas.map(answer)),
	};
}
