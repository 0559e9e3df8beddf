// What an operation answers when it succeeds, as its document says it: a schema that stands alone, for whoever is shown the function.
import { isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import type { Dialect } from "./dialect.ts";
import type { OpenapiError } from "./http-transport.ts";
import { followRefs } from "./resolve-ref.ts";
import { SchemaConverter } from "./schema-from-openapi.ts";

type Path = readonly (string | number)[];

/** An answer that succeeds, in JSON. */
export interface DocumentedAnswer {
	/** 2020-12, self-contained (`$defs`). */
	readonly schema: { readonly [keyword: string]: unknown };
	/** Whether whatever fits it is an object. */
	readonly isObject: boolean;
}

/** It is shown in lists, to models too: what is larger helps nobody there, and vendors' answers often hold half of their document. */
const shownNodesMax = 400;
const shownCharsMax = 8_192;

/**
 * Undefined where some success is no JSON, or not described, or described at a length that is not shown. What cannot be read as a schema is not
 * shown either: nothing is refused for its answers.
 */
export function documentedAnswer(document: unknown, dialect: Dialect, operation: unknown, path: Path): DocumentedAnswer | undefined {
	const places = successes(document, operation, path);
	if (places === undefined || places.length === 0) return undefined;
	const errors: OpenapiError[] = [];
	const converter = new SchemaConverter(document, dialect, errors, shownNodesMax);
	const [one, ...others] = places.map(({ schema, at }) => converter.convert(schema, at));
	const $defs = converter.finish();
	if (errors.length > 0 || !isRecord(one)) return undefined;
	const answer: JsonSchema = others.length === 0 ? one : { anyOf: [one, ...others] };
	const schema = { ...answer, ...(Object.keys($defs).length > 0 && { $defs }) };
	if (JSON.stringify(schema).length > shownCharsMax) return undefined;
	return { schema, isObject: places.every(({ schema, at }) => isObjectAt(document, schema, at)) };
}

/** The schemas of all that the document calls a success, each once; undefined where one of them has none. */
function successes(document: unknown, operation: unknown, path: Path): { readonly schema: unknown; readonly at: Path }[] | undefined {
	const responses = memberOf(operation, "responses");
	if (!isRecord(responses)) return undefined;
	const named = Object.keys(responses).filter((status) => /^2(\d\d|XX)$/i.test(status));
	const statuses = named.length === 0 && Object.hasOwn(responses, "default") ? ["default"] : named;
	const found = new Map<string, { readonly schema: unknown; readonly at: Path }>();
	for (const status of statuses) {
		const response = followRefs(document, responses[status], [...path, "responses", status]);
		const content = response.ok ? memberOf(response.value, "content") : undefined;
		if (!response.ok || !isRecord(content) || Object.keys(content).length === 0) return undefined;
		for (const [type, media] of Object.entries(content)) {
			const schema = /^[^;]*[/+]json\b/i.test(type) ? memberOf(media, "schema") : undefined;
			if (schema === undefined) return undefined;
			const at = followRefs(document, schema, [...response.path, "content", type, "schema"]);
			if (!at.ok) return undefined;
			found.set(JSON.stringify(at.path), { schema: at.value, at: at.path });
		}
	}
	return [...found.values()];
}

function isObjectAt(document: unknown, schema: unknown, path: Path, depth = 0): boolean {
	const found = followRefs(document, schema, path);
	if (!found.ok || !isRecord(found.value) || depth > 8) return false;
	const { type, nullable, allOf } = found.value;
	if (type !== undefined) return type === "object" && nullable !== true;
	return Array.isArray(allOf) && allOf.some((part, index) => isObjectAt(document, part, [...found.path, "allOf", index], depth + 1));
}
