// `$ref` inside one document: found by JSON Pointer, never outside of it.
import { isRecord, memberOf } from "#libs/functions/schema.ts";

export type Resolved =
	| { readonly ok: true; readonly value: unknown; readonly path: readonly (string | number)[] }
	| { readonly ok: false; readonly message: string };

/** Most references in a row: `A → B → C …`; more is a circle. */
const hopsMax = 32;

/** The place a local reference names (RFC 6901 section 6). */
export function resolveRef(document: unknown, ref: unknown): Resolved {
	if (typeof ref !== "string" || !ref.startsWith("#/")) {
		return { ok: false, message: "found a $ref to another document, expected one into this document that starts with #/" };
	}
	let value: unknown = document;
	const path: (string | number)[] = [];
	for (const raw of ref.slice(2).split("/")) {
		const token = decodeToken(raw);
		const member = token === undefined ? undefined : memberOf(value, token);
		if (token === undefined || member === undefined)
			return { ok: false, message: `found $ref ${shown(ref)}, expected a place that exists in this document` };
		path.push(Array.isArray(value) ? Number(token) : token);
		value = member;
	}
	return { ok: true, value, path };
}

/** Follows references until a value that is not one. `path` is where `value` itself stands. */
export function followRefs(document: unknown, value: unknown, path: readonly (string | number)[]): Resolved {
	let current: { readonly value: unknown; readonly path: readonly (string | number)[] } = { value, path };
	for (let hop = 0; hop < hopsMax; hop++) {
		if (!isRecord(current.value) || memberOf(current.value, "$ref") === undefined) return { ok: true, ...current };
		const next = resolveRef(document, memberOf(current.value, "$ref"));
		if (!next.ok) return next;
		current = next;
	}
	return { ok: false, message: "found references in a circle, expected a $ref that ends somewhere" };
}

function decodeToken(raw: string): string | undefined {
	try {
		return decodeURIComponent(raw).replaceAll("~1", "/").replaceAll("~0", "~");
	} catch {
		return undefined;
	}
}

function shown(ref: string): string {
	return ref.length > 120 ? `${ref.slice(0, 120)}…` : ref;
}
