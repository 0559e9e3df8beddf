// Arguments checked against their function's schema, before anyone decides about them.
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { fullFormats } from "ajv-formats/dist/formats.js";
import { canonicalJson } from "#libs/contracts/digest.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import { compilePattern } from "#libs/patterns/linear-pattern.ts";
import type { MadeFunction } from "./function.ts";
import { isMultipleOf } from "./multiple-of.ts";
import { type ArgumentError, checkedFormats, isRecord, type JsonSchema, memberOf, pointerTo } from "./schema.ts";
import { type Destination, type NotSent, whyNotSent } from "./transport.ts";

export type CheckedArguments =
	| { readonly ok: true }
	/**
	 * `tooDear`: the check was not brought to its end, and nothing is known about the arguments but that. `tooLarge`: they fit, but so much
	 * would not be sent.
	 */
	| { readonly ok: false; readonly errors: readonly ArgumentError[]; readonly tooDear?: true; readonly tooLarge?: NotSent["tooLarge"] };

/**
 * @param patternWorkMax what the schema's patterns and definitions may cost together, in the units of linear-pattern.ts; absent: {@link patternWork}.here
 * @param charsMax see {@link whyNotSent}
 */
export type ArgumentsCheck = (args: Readonly<Record<string, unknown>>, patternWorkMax?: number, charsMax?: number) => CheckedArguments;

/** What patterns and visits of definitions may cost: where others wait for the same thread some milliseconds, elsewhere a second. */
export const patternWork = { here: 200_000, aside: 20_000_000 } as const;

/** Most errors that are told; more would help nobody. */
const errorsMax = 20;
/** Largest arguments for which all errors are looked for; larger ones get the first. Bounds what wrong input costs. */
const nodesForAllErrorsMax = 2_000;
/** Longest text a format is checked on: RFC formats are shorter, and some of their regular expressions are not linear. */
const formatCharsMax = 2_048;

/** Schemas larger than this are worth trying before a call needs them: the compiler recurses, and may find one too large. */
const easyCharsMax = 20_000;
const easyDefinitionsMax = 50;

/**
 * Compiles the check of a function's arguments; keep the result, compiling takes milliseconds. The check refuses what the schema refuses
 * (JSON Schema 2020-12, formats asserted, nothing coerced, nothing filled in), and what the function's transport could not send `to` its
 * connection ({@link whyNotSent}). Messages say where and
 * what was expected, never the value. A schema that cannot be compiled refuses everything; `whyNotASchema` and `canCompile` tell it beforehand.
 */
export function compileArguments(fn: Pick<MadeFunction, "argumentsSchema" | "transport">, to?: Destination): ArgumentsCheck {
	const schema = fn.argumentsSchema;
	const work: Work = { left: 0 };
	const first = compileSchema(schema, false, work);
	if (!first) return () => ({ ok: false, errors: [{ pointer: "", message: "cannot be checked: the function's schema is too large" }] });
	let every: typeof first | undefined;
	let names: ReadonlySet<string> | undefined;
	/** Whether it fits, or undefined where the patterns would cost more. */
	const check = (validate: typeof first, args: Readonly<Record<string, unknown>>, patternWorkMax: number): boolean | undefined => {
		work.left = patternWorkMax;
		try {
			return validate(args);
		} catch (error) {
			if (error instanceof TooDear) return undefined;
			throw error;
		}
	};
	const errorsOf = (args: Readonly<Record<string, unknown>>): readonly ErrorObject[] => {
		const { errors } = first;
		if (countNodes(args, nodesForAllErrorsMax) >= nodesForAllErrorsMax) return errors ?? [];
		every ??= compileSchema(schema, true, work) ?? first;
		// Runs patterns also on what broke another bound: where that costs too much the first error must do.
		const isTold = check(every, args, patternWork.here) !== undefined;
		return (isTold ? every.errors : errors) ?? [];
	};
	return (args, patternWorkMax = patternWork.here, charsMax) => {
		const fits = check(first, args, patternWorkMax);
		if (fits === undefined) return { ok: false, tooDear: true, errors: [{ pointer: "", message: tooDearMessage }] };
		if (!fits) {
			names ??= declaredNames(schema);
			return { ok: false, errors: explain(schema, names, errorsOf(args)) };
		}
		const notSent = whyNotSent(fn.transport, args, to, charsMax);
		return notSent ? { ok: false, ...notSent } : { ok: true };
	};
}

/**
 * A visit of a definition, in the units of patterns: some 0.3 µs. Definitions that lead to each other by several ways (`anyOf: [d, d]`) double with
 * each level, in the schema or in the arguments; an honest tree visits each of its values a few times.
 */
const visitCost = 20;
const visit = "x-callgate-visit";

/** The same schema, in which whoever comes to a definition pays for it. */
function counted(schema: JsonSchema): Record<string, unknown> {
	const copy = mutable(schema);
	const definitions = Object.entries(asRecord(copy.$defs)).map(([name, one]) => [name, isRecord(one) ? { ...one, [visit]: true } : one]);
	return definitions.length > 0 ? { ...copy, $defs: Object.fromEntries(definitions) } : copy;
}

/** What one check may still cost. */
interface Work {
	left: number;
}

class TooDear extends Error {}
const tooDearMessage = "expected shorter texts and fewer values: they take too long to be held against the function's schema";

function compileSchema(schema: JsonSchema, allErrors: boolean, work: Work = { left: 0 }): ValidateFunction | undefined {
	// The compiler holds the schema against the schema of schemas, which has patterns too: an operator's text, not a caller's.
	work.left = Number.POSITIVE_INFINITY;
	try {
		return createAjv(allErrors, work).compile(counted(schema));
	} catch {
		return undefined;
	}
}

/** Why a schema is not JSON Schema 2020-12, or undefined. It may still be too large to be compiled: {@link canCompile}. */
export function whyNotASchema(schema: JsonSchema): string | undefined {
	checker ??= createAjv(false, { left: Number.POSITIVE_INFINITY });
	if (checker.validateSchema(mutable(schema)) === true) return undefined;
	const error = checker.errors?.[0];
	return error ? `at ${error.instancePath || "its top"}: ${error.message ?? "is not valid"}` : "is not valid";
}

/** Whether a schema can be compiled. Small ones always can and are not tried. */
export function canCompile(schema: JsonSchema): boolean {
	const definitions = Object.keys(asRecord(memberOf(schema, "$defs"))).length;
	const isEasy = definitions <= easyDefinitionsMax && JSON.stringify(schema).length <= easyCharsMax;
	return isEasy || compileSchema(schema, false) !== undefined;
}

let checker: Ajv2020 | undefined;

function createAjv(allErrors: boolean, work: Work): Ajv2020 {
	const ajv = new Ajv2020({
		allErrors,
		// The converter let through only what the validator knows; strictness here would refuse what is merely loose (`if` without `then`).
		strictSchema: false,
		strictTypes: false,
		strictTuples: false,
		strictRequired: false,
		strictNumbers: true,
		coerceTypes: false,
		useDefaults: false,
		removeAdditional: false,
		ownProperties: true,
		logger: false,
		code: { regExp: linearEngine(work) },
	});
	for (const mark of ["x-callgate-sensitive", "x-callgate-mask"]) ajv.addKeyword(mark);
	// Before anything else of the definition: what fails early was paid for, too.
	ajv.addKeyword({ keyword: visit, schemaType: "boolean", before: "$ref", validate: () => pay(work, visitCost) });
	// The library's own compares each item with each other.
	ajv.removeKeyword("uniqueItems");
	ajv.addKeyword({ keyword: "uniqueItems", type: "array", schemaType: "boolean", validate: areUnique });
	// The library's own divides doubles: it refuses one amount of cents in nine.
	ajv.removeKeyword("multipleOf");
	ajv.addKeyword({
		...{ keyword: "multipleOf", type: "number", schemaType: "number" },
		compile: (divisor: number) => (value: number) => isMultipleOf(divisor, value),
		error: { message: ({ schema }) => `must be multiple of ${String(schema)}` },
	});
	for (const name of checkedFormats) ajv.addFormat(name, boundedFormat(name));
	return ajv;
}

function areUnique(wanted: boolean, items: readonly JsonValue[]): boolean {
	return !wanted || new Set(items.map(canonicalJson)).size === items.length;
}

function pay(work: Work, cost: number): true {
	work.left -= cost;
	if (work.left < 0) throw new TooDear();
	return true;
}

/** Ajv's regular expressions by RE2, so that no pattern of a document can stall the service; each use is paid for before it is made. */
function linearEngine(work: Work) {
	const compile = (source: string): RegExp => {
		const pattern = compilePattern(source);
		if (typeof pattern === "string") throw new Error("a pattern that is not run");
		const test = (text: string): boolean => {
			return pay(work, pattern.cost * (text.length + 1)) && pattern.test(text);
		};
		// Ajv calls `test` and nothing else (its RegExpLike), and knows patterns apart by their text.
		return { test, toString: () => source } as RegExp;
	};
	return Object.assign(compile, { code: "linearEngine" });
}

type FormatName = (typeof checkedFormats)[number];

function boundedFormat(name: FormatName) {
	const format = fullFormats[name];
	if (typeof format === "object" && "type" in format && format.type === "number") return format;
	const test = (text: string): boolean => {
		if (typeof format === "function") return format(text);
		if (format instanceof RegExp) return format.test(text);
		if (typeof format !== "object" || !("validate" in format)) return false;
		return typeof format.validate === "function" ? format.validate(text as never) === true : false;
	};
	// Base64 is as long as what it carries; its expression is linear.
	const charsMax = name === "byte" ? Number.POSITIVE_INFINITY : formatCharsMax;
	return { type: "string", validate: (text: string) => text.length <= charsMax && test(text) } as const;
}

/** Ajv's types ask for mutable schemas; it does not change them. */
function mutable(schema: JsonSchema): Record<string, unknown> {
	return typeof schema === "object" ? { ...schema } : schema ? {} : { not: {} };
}

function countNodes(value: unknown, max: number): number {
	let count = 0;
	const pending = [value];
	while (pending.length > 0 && count < max) {
		const next = pending.pop();
		count++;
		if (Array.isArray(next)) pending.push(...next.slice(0, max));
		else if (isRecord(next)) pending.push(...Object.values(next).slice(0, max));
	}
	return count;
}

function explain(schema: JsonSchema, names: ReadonlySet<string>, errors: readonly ErrorObject[]): ArgumentError[] {
	const told = errors.filter(({ keyword }) => keyword !== "if" && keyword !== "propertyNames").slice(0, errorsMax);
	const explained = told.map((error) => ({
		pointer: safePointer(names, error.instancePath + subject(error)),
		message: messageOf(schema, error),
	}));
	return explained.length > 0 ? explained : [{ pointer: "", message: "does not match the function's schema" }];
}

/** The member an error is about, where Ajv names its parent. */
function subject({ keyword, params }: ErrorObject): string {
	if (keyword === "required" || keyword === "dependentRequired") return pointerTo(String(params.missingProperty));
	if (keyword === "additionalProperties") return pointerTo(String(params.additionalProperty));
	if (keyword === "unevaluatedProperties") return pointerTo(String(params.unevaluatedProperty));
	return "";
}

function messageOf(schema: JsonSchema, { keyword, params, instancePath, message }: ErrorObject): string {
	if (keyword === "required" || keyword === "dependentRequired") return "is missing";
	if (keyword === "enum") return `expected one of ${listed(params.allowedValues)}`;
	if (keyword === "const") return `expected ${listed([params.allowedValue])}`;
	if (keyword === "pattern") return "does not match its pattern";
	if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") {
		const known = instancePath === "" ? Object.keys(asRecord(memberOf(schema, "properties"))) : [];
		return known.length > 0
			? `is not an argument of this function; expected ${known.slice(0, 30).join(", ")}`
			: "is not a member that is allowed here";
	}
	if (keyword === "uniqueItems") return "expected items that differ";
	return message ?? "does not match its schema";
}

function asRecord(value: unknown): Record<string, unknown> {
	return isRecord(value) ? value : {};
}

/** Allowed values come from the schema, not from the caller. */
function listed(values: unknown): string {
	return JSON.stringify(values).slice(0, 300);
}

/** A member's name is the caller's text: shown where the schema knows it, else only where it looks like a name rather than like data. */
function safePointer(names: ReadonlySet<string>, pointer: string): string {
	const tokens = pointer.split("/").slice(1);
	const isName = (token: string): boolean => names.has(token) || /^(?:[A-Za-z_$][A-Za-z_.$-]{0,39}\d{0,3}|\d{1,6})$/.test(token);
	return tokens.map((token) => `/${isName(token) ? token : "…"}`).join("");
}

/** Names of members that the schema declares anywhere, as tokens of a JSON Pointer. */
function declaredNames(schema: JsonSchema): ReadonlySet<string> {
	const names = new Set<string>();
	const pending: unknown[] = [schema];
	for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
		if (Array.isArray(next)) pending.push(...next);
		if (!isRecord(next)) continue;
		for (const name of Object.keys(asRecord(next.properties))) names.add(pointerTo(name).slice(1));
		pending.push(...Object.values(next));
	}
	return names;
}
