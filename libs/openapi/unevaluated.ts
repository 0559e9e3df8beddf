// `unevaluatedProperties` and `unevaluatedItems` where the validator would count wrongly what other keywords have looked at.
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { followRefs } from "./resolve-ref.ts";

/** Schemas that are looked at, and how deep: more is refused by the converter's own bounds. */
const schemasMax = 2_000;

/**
 * Why the validator would evaluate this keyword wrongly, or undefined. Ajv counts what `if` has looked at only where a `then` asks something,
 * and takes all items for evaluated as soon as `contains` matches (JSON Schema 2020-12 core, sections 10.2.2.1 and 11.2).
 */
export function whyNotCounted(
	document: unknown,
	schema: unknown,
	keyword: "unevaluatedItems" | "unevaluatedProperties",
): string | undefined {
	const seen = new Set<unknown>();
	const pending: unknown[] = [schema];
	for (let next = pending.pop(); next !== undefined && seen.size < schemasMax; next = pending.pop()) {
		if (!isRecord(next) || seen.has(next)) continue;
		seen.add(next);
		if (keyword === "unevaluatedItems" && next.contains !== undefined)
			return "found it beside contains, expected only one of them: the validator takes every item for evaluated once contains matches";
		if (next.if !== undefined && !asksSomething(next.then))
			return "found it beside an if without then, expected a then that asks something, or anyOf: the validator does not count what such an if has looked at";
		pending.push(...besides(document, next));
	}
	return undefined;
}

/** Schemas that speak of the same value. */
function besides(document: unknown, schema: Record<string, unknown>): unknown[] {
	const lists = ["allOf", "anyOf", "oneOf"].flatMap((keyword) => (Array.isArray(schema[keyword]) ? (schema[keyword] as unknown[]) : []));
	const maps = ["dependentSchemas", "dependencies"].flatMap((keyword) => (isRecord(schema[keyword]) ? Object.values(schema[keyword]) : []));
	const target = memberOf(schema, "$ref") === undefined ? undefined : followRefs(document, schema, []);
	return [...lists, ...maps, schema.if, schema.then, schema.else, target?.ok ? target.value : undefined].filter(isRecord);
}

/** Keywords that refuse nothing, or not always. */
const annotations =
	/^(?:x-.*|title|description|default|examples?|deprecated|readOnly|writeOnly|\$comment|\$schema|format|content.*|xml|externalDocs|discriminator|nullable)$/;

function asksSomething(then: unknown): boolean {
	return then === false || (isRecord(then) && Object.keys(then).some((keyword) => !annotations.test(keyword)));
}
