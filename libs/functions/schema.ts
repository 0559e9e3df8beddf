// JSON Schemas and the values that documents hold, as every maker of functions reads them.

/** A JSON Schema (2020-12): an object of keywords, or `true`/`false`. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** Formats that are checked; others are annotations (JSON Schema 2020-12, section 7). */
export const checkedFormats = [
	...["date", "time", "date-time", "duration", "uri", "uri-reference", "email", "hostname", "ipv4", "ipv6", "uuid"],
	...["json-pointer", "byte", "int32", "int64", "float", "double"],
] as const;

/** What is wrong with an argument: `pointer` is an RFC 6901 pointer into the arguments. The message never repeats a value. */
export type ArgumentError = { readonly pointer: string; readonly message: string };

/** RFC 6901 section 3. */
export function pointerTo(...tokens: readonly (string | number)[]): string {
	return tokens.map((token) => `/${String(token).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member only if it is the object's own: `constructor` and its kin are not members of a document. */
export function memberOf(value: unknown, name: string | number): unknown {
	if (Array.isArray(value)) return typeof name === "number" || /^(0|[1-9]\d*)$/.test(name) ? value[Number(name)] : undefined;
	return isRecord(value) && Object.hasOwn(value, String(name)) ? value[String(name)] : undefined;
}
