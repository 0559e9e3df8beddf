// A document against its typebox schema, with messages for people: every member that is unknown, missing or of the wrong form, at once.
import type { TSchema } from "typebox";
import { Check } from "typebox/value";
import { namePattern } from "#libs/contracts/call.ts";
import { durationPattern } from "#libs/policy/duration.ts";
import type { DocumentPath, Fault } from "./configuration-error.ts";
import { didYouMean, nearest } from "./nearest.ts";

/** What the checker reads of a schema: JSON Schema's keywords, and two of ours. */
type Schema = {
	readonly type?: string;
	readonly const?: unknown;
	readonly enum?: readonly unknown[];
	readonly anyOf?: readonly Schema[];
	readonly properties?: Readonly<Record<string, Schema>>;
	readonly patternProperties?: Readonly<Record<string, Schema>>;
	readonly required?: readonly string[];
	readonly items?: Schema;
	readonly pattern?: string;
	readonly minLength?: number;
	readonly maxLength?: number;
	readonly minItems?: number;
	readonly maxItems?: number;
	readonly minimum?: number;
	readonly maximum?: number;
	readonly additionalProperties?: boolean;
	/** What to say instead of the pattern: "a duration such as 30s". */
	readonly expected?: string;
	/** What is written here may be a secret put in the wrong place: a message does not repeat it. */
	readonly hidden?: boolean;
};

const wordsForPatterns: ReadonlyMap<string, string> = new Map([
	[namePattern, "a name of lower-case letters, digits and dashes that starts with a letter, of at most 63 characters"],
	[durationPattern, "a duration such as 30s, 15m, 24h or 7d"],
]);

/** Everything in `value` that `schema` refuses. An empty list means that typebox's own check accepts it too. */
export function checkShape(schema: TSchema, value: unknown): Fault[] {
	const faults = check(schema as Schema, value, []);
	// The checker above knows the keywords that the kinds use. Should one use another, typebox still has the last word.
	if (faults.length === 0 && !Check(schema, value)) return [{ path: [], message: "does not fit the schema of its kind" }];
	return faults;
}

function check(schema: Schema, value: unknown, path: DocumentPath): Fault[] {
	if (schema.anyOf) return checkUnion(schema, schema.anyOf, value, path);
	if (schema.const !== undefined || schema.enum !== undefined) {
		const allowed = schema.enum ?? [schema.const];
		return allowed.includes(value)
			? []
			: [wrong(schema, value, path, typeof value === "string" ? didYouMean(value, allowed.map(String)) : "")];
	}
	if (schema.type === undefined) return [];
	if (schema.type === "object") return isMapping(value) ? checkMapping(schema, value, path) : [wrong(schema, value, path)];
	if (schema.type === "array") return Array.isArray(value) ? checkList(schema, value, path) : [wrong(schema, value, path)];
	return fitsScalar(schema, value) ? [] : [wrong(schema, value, path)];
}

function checkMapping(schema: Schema, value: Readonly<Record<string, unknown>>, path: DocumentPath): Fault[] {
	const faults: Fault[] = [];
	const properties = schema.properties ?? {};
	const patterns = Object.entries(schema.patternProperties ?? {});
	const isClosed = schema.additionalProperties === false || patterns.length > 0;
	for (const [name, member] of Object.entries(value)) {
		const known = Object.hasOwn(properties, name) ? properties[name] : patterns.find(([pattern]) => new RegExp(pattern).test(name))?.[1];
		if (known) faults.push(...check(known, member, [...path, name]));
		else if (isClosed) {
			const meant = nearest(name, Object.keys(properties));
			faults.push({ path: [...path, name], atKey: true, message: unknownMember(name, schema), ...(meant !== undefined && { meant }) });
		}
	}
	const unknown = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
	for (const name of schema.required ?? []) {
		const expected = properties[name];
		// A misspelt member is one mistake, told where it stands; that its right spelling is missing follows from it.
		const isMisspelt = unknown.some((other) => nearest(other, Object.keys(properties)) === name);
		if (!Object.hasOwn(value, name) && !isMisspelt)
			faults.push({ path, message: `found no "${name}", expected ${expected ? expectation(expected) : "one"}` });
	}
	return faults;
}

function unknownMember(name: string, schema: Schema): string {
	const names = Object.keys(schema.properties ?? {});
	const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name;
	if (names.length === 0)
		return `found the name "${shown}", expected ${schema.expected ?? `a name like ${Object.keys(schema.patternProperties ?? {}).join(" or ")}`}`;
	return `found the unknown member "${shown}", expected one of ${names.join(", ")}${didYouMean(name, names)}`;
}

function checkList(schema: Schema, value: readonly unknown[], path: DocumentPath): Fault[] {
	const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema;
	if (value.length < minItems) return [{ path, message: `found ${counted(value.length)}, expected at least ${minItems}` }];
	if (value.length > maxItems) return [{ path, message: `found ${counted(value.length)}, expected at most ${maxItems}` }];
	return items ? value.flatMap((item, index) => check(items, item, [...path, index])) : [];
}

function counted(count: number): string {
	return count === 0 ? "an empty list" : `a list of ${count}`;
}

function fitsScalar(schema: Schema, value: unknown): boolean {
	if (schema.type === "boolean") return typeof value === "boolean";
	if (schema.type === "string") {
		if (typeof value !== "string") return false;
		const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
		return value.length >= minLength && value.length <= maxLength && (pattern === undefined || new RegExp(pattern, "u").test(value));
	}
	if (typeof value !== "number" || !Number.isFinite(value)) return false;
	if (schema.type === "integer" && !Number.isSafeInteger(value)) return false;
	return value >= (schema.minimum ?? Number.NEGATIVE_INFINITY) && value <= (schema.maximum ?? Number.POSITIVE_INFINITY);
}

/** Of several forms the one that was probably meant is reported: the one of the same JSON type with the fewest faults. */
function checkUnion(schema: Schema, branches: readonly Schema[], value: unknown, path: DocumentPath): Fault[] {
	const tried = branches.map((branch) => ({ branch, faults: check(branch, value, path) }));
	if (tried.some(({ faults }) => faults.length === 0)) return [];
	const sameForm = tried.filter(
		({ branch }) => (branch.type === "object" && isMapping(value)) || (branch.type === "array" && Array.isArray(value)),
	);
	const [best] = sameForm.toSorted((one, other) => one.faults.length - other.faults.length);
	if (best) return best.faults;
	const constants = branches.flatMap((branch) => (typeof branch.const === "string" ? [branch.const] : []));
	return [wrong(schema, value, path, typeof value === "string" ? didYouMean(value, constants) : "")];
}

function wrong(schema: Schema, value: unknown, path: DocumentPath, hint = ""): Fault {
	return { path, message: `found ${schema.hidden ? kindOf(value) : shown(value)}, expected ${expectation(schema)}${hint}` };
}

/** What a schema wants, in words. */
function expectation(schema: Schema): string {
	if (schema.expected !== undefined) return schema.expected;
	if (schema.const !== undefined) return String(schema.const);
	if (schema.enum) return `one of ${schema.enum.join(", ")}`;
	if (schema.anyOf) {
		const allConstant = schema.anyOf.every((branch) => branch.const !== undefined);
		return allConstant ? `one of ${schema.anyOf.map((branch) => branch.const).join(", ")}` : schema.anyOf.map(expectation).join(" or ");
	}
	if (schema.type === "object") return "a mapping";
	if (schema.type === "array") return schema.items ? `a list, each item ${expectation(schema.items)}` : "a list";
	if (schema.type === "string") return textExpectation(schema);
	if (schema.type === "boolean") return "true or false";
	const noun = schema.type === "integer" ? "a whole number" : "a number";
	const from = schema.minimum === undefined ? "" : ` from ${schema.minimum}`;
	return noun + from + (schema.maximum === undefined ? "" : ` up to ${schema.maximum}`);
}

function textExpectation({ pattern, maxLength }: Schema): string {
	if (pattern !== undefined) return wordsForPatterns.get(pattern) ?? `text like ${pattern}`;
	return maxLength === undefined ? "text" : `text of at most ${maxLength} characters`;
}

function kindOf(value: unknown): string {
	if (value === null || value === undefined) return "nothing";
	if (Array.isArray(value)) return "a list";
	return typeof value === "object" ? "a mapping" : typeof value === "string" ? (value === "" ? "empty text" : "text") : `a ${typeof value}`;
}

function shown(value: unknown): string {
	if (typeof value === "string" && value !== "") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
	if (typeof value === "number" || typeof value === "boolean") return String(value);
	return kindOf(value);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
