// Which JSON Schema a schema is written in (`$schema`, `jsonSchemaDialect`), and what is different in each.
import { memberOf } from "#libs/functions/schema.ts";

/** OpenAPI 3.0 has a dialect of its own; OpenAPI 3.1 is 2020-12 unless it says otherwise. */
export type Dialect = "3.0" | "draft-04" | "draft-06" | "draft-07" | "2019-09" | "2020-12";

const byUri: ReadonlyMap<string, Dialect> = new Map([
	["https://json-schema.org/draft-04/schema", "draft-04"],
	["https://json-schema.org/draft-06/schema", "draft-06"],
	["https://json-schema.org/draft-07/schema", "draft-07"],
	["https://json-schema.org/draft/2019-09/schema", "2019-09"],
	["https://json-schema.org/draft/2020-12/schema", "2020-12"],
]);

/** The dialect that a `$schema` names; undefined where it is none of those that are read. */
export function dialectNamed(uri: unknown): Dialect | undefined {
	if (typeof uri !== "string") return undefined;
	const plain = uri.replace(/^http:/, "https:").replace(/#$/, "");
	return /^https:\/\/spec\.openapis\.org\/oas\/3\.1\/dialect\//.test(plain) ? "2020-12" : byUri.get(plain);
}

/** What to do about a `$schema` that names none. */
export const expectedDialect = "expected the JSON Schema of draft-04, draft-06, draft-07, 2019-09 or 2020-12";

/** The dialect at a place of a document: what the nearest `$schema` around it names. OpenAPI 3.0 knows no `$schema`. */
export function dialectAt(document: unknown, path: readonly (string | number)[], byDefault: Dialect): Dialect {
	if (byDefault === "3.0") return byDefault;
	let dialect: Dialect = byDefault;
	let value = document;
	for (const step of path) {
		value = memberOf(value, step);
		dialect = dialectNamed(memberOf(value, "$schema")) ?? dialect;
	}
	return dialect;
}

/** Whether keywords beside `$ref` count. */
export function readsBesideRef(dialect: Dialect): boolean {
	return dialect === "2019-09" || dialect === "2020-12";
}

/** Whether `items` may be a list, a schema for each item, with `additionalItems` for the rest. */
export function hasItemLists(dialect: Dialect): boolean {
	return dialect !== "3.0" && dialect !== "2020-12";
}

/** Whether `exclusiveMinimum` and `exclusiveMaximum` are true or false. */
export function hasBooleanBounds(dialect: Dialect): boolean {
	return dialect === "3.0" || dialect === "draft-04";
}

/** Keywords that a dialect does not have although later ones do: whoever writes them means them, and they would mean nothing. */
const since: readonly (readonly [dialect: Dialect, keywords: readonly string[]])[] = [
	["draft-06", ["const", "contains", "propertyNames"]],
	["draft-07", ["if", "then", "else"]],
	["2019-09", ["dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "minContains", "maxContains"]],
	["2020-12", ["prefixItems"]],
];
const drafts: readonly Dialect[] = ["draft-04", "draft-06", "draft-07", "2019-09", "2020-12"];

/** The dialect that brought a keyword, where that is later than this one. OpenAPI 3.0 documents are read as generously as they are written. */
export function isNewerThan(dialect: Dialect, keyword: string): Dialect | undefined {
	const first = since.find(([, keywords]) => keywords.includes(keyword))?.[0];
	return first !== undefined && dialect !== "3.0" && drafts.indexOf(first) > drafts.indexOf(dialect) ? first : undefined;
}
