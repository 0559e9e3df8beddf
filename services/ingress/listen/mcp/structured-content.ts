// What a tool says of its results, and results that keep to it: clients throw away what does not fit, although the function ran.
import type { ConnectionFunction } from "#libs/functions/function.ts";

type Documented = Pick<ConnectionFunction, "documentedAnswer">;

/** Masking changes what the document says, and functions answer what theirs does not say. Nothing of that may cost the caller its answer. */
const anythingElse = { description: "Anything else: what was masked, or what the function answers although its document does not say so." };

/**
 * The schema of `structuredContent`, where the function's document describes what succeeds. 2026-07-28 takes any JSON there; the revisions before
 * it an object alone, so what is not documented as one is its member `result`.
 */
export function outputSchemaOf(fn: Documented, isModern: boolean): object | undefined {
	const documented = fn.documentedAnswer?.();
	if (!documented) return undefined;
	const { $defs, ...schema } = documented.schema;
	const defs = $defs === undefined ? {} : { $defs };
	const either = { anyOf: [schema, anythingElse] };
	if (isModern) return { ...either, ...defs };
	if (documented.isObject) return { type: "object", ...either, ...defs };
	return { type: "object", properties: { result: either }, required: ["result"], ...defs };
}

/**
 * `structuredContent` as JSON text, as the schema of {@link outputSchemaOf} has it. Without one: what is an object.
 *
 * @param json what the function answered, as it stands in JSON; undefined where it answered nothing
 */
export function structuredContent(fn: Documented | undefined, json: string | undefined, isModern: boolean): string | undefined {
	const isObject = json !== undefined && /^[ \t\r\n]*\{/.test(json);
	const documented = fn?.documentedAnswer?.();
	if (!documented) return isObject ? json : undefined;
	if (isModern || (documented.isObject && isObject)) return json ?? "null";
	return `{"result":${json ?? "null"}}`;
}
