// Parameters as text: how an argument is written into a path, query or header, and how that text is read back, strictly.
import { holdsExactly } from "#libs/contracts/json.ts";
import type { ScalarKind, TextForm } from "./http-transport.ts";

export type Scalar = string | number | boolean;

/**
 * The one way a scalar is written: numbers in plain decimal, never with an exponent (servers differ in reading those).
 * Returns undefined for what has no such text: numbers that are not finite.
 */
export function writeScalar(value: unknown): string | undefined {
	if (typeof value === "string") return value;
	if (typeof value === "boolean") return String(value);
	return typeof value === "number" && Number.isFinite(value) ? plainDecimal(value) : undefined;
}

/** The shortest decimal that names the double, `1e-7` as `0.0000001`: at most 326 characters. */
function plainDecimal(value: number): string {
	const [, sign = "", whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
	const digits = whole + fraction;
	const point = whole.length + Number(exponent);
	if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
	if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
	return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Reads one text as one of the kinds; undefined if it is none of them, or if reading it would change it (`0x10`, `007`, ``). */
export function readScalar(text: string, kinds: readonly ScalarKind[]): Scalar | undefined {
	for (const kind of kinds) {
		if (kind === "string") return text;
		if (kind === "boolean" && (text === "true" || text === "false")) return text === "true";
		if (kind === "integer" && /^-?(?:0|[1-9]\d*)(?:\.0+)?$/.test(text)) {
			const value = readNumber(text);
			if (value !== undefined && Number.isSafeInteger(value)) return value;
		}
		// Clients print numbers below 0.000001 with an exponent; the function gets them in plain decimal.
		if (kind === "number" && /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/.test(text)) {
			const value = readNumber(text);
			if (value !== undefined) return value;
		}
	}
	return undefined;
}

/** By the rule of JSON bodies: a decimal that names the double it becomes. `-0` would be sent as `0`. */
function readNumber(text: string): number | undefined {
	const value = Number(text);
	return holdsExactly(text) && !Object.is(value, -0) ? value : undefined;
}

/** The texts of a value: one for a single value, one an item for a list. Undefined where a value has no text. */
export function writeTexts(form: TextForm, value: unknown): string[] | undefined {
	const values = form.list ? value : [value];
	if (!Array.isArray(values)) return undefined;
	const texts: string[] = [];
	for (const item of values) {
		const text = writeScalar(item);
		// What is written must be read back as itself: a string where only numbers are readable has no text.
		if (text === undefined || readScalar(text, form.kinds) !== (Object.is(item, -0) ? 0 : item)) return undefined;
		texts.push(text);
	}
	return texts;
}

/** Reads the texts of a value back. */
export function readTexts(form: TextForm, texts: readonly string[]): Scalar | Scalar[] | undefined {
	const values: Scalar[] = [];
	for (const text of texts) {
		const value = readScalar(text, form.kinds);
		if (value === undefined) return undefined;
		values.push(value);
	}
	return form.list ? values : values[0];
}

/** What a parameter's text must look like, for messages. */
export function expectedText(form: TextForm): string {
	const words: Record<ScalarKind, string> = {
		string: "text",
		integer: "an integer in plain decimal digits",
		number: "a number in plain decimal digits",
		boolean: "true or false",
	};
	const one = form.kinds.map((kind) => words[kind]).join(" or ");
	return form.list ? `a list, each item ${one}` : one;
}

/** Why a text may not be a header's value (RFC 9110 section 5.5, printable ASCII only), or undefined. */
export function whyNotAHeaderValue(text: string): string | undefined {
	if (text.length > 4_096) return "expected at most 4096 characters: it is sent as a header";
	if (!/^[\x20-\x7e]*$/.test(text)) return "expected printable ASCII: it is sent as a header";
	if (text !== text.trim()) return "expected no space at either end: it is sent as a header";
	return undefined;
}

/** Why a text may not stand in a query or form, or undefined. A zero byte ends the text for some servers. */
export function whyNotQueryText(text: string): string | undefined {
	if (!text.isWellFormed()) return "expected well-formed Unicode";
	return text.includes("\0") ? "expected no zero bytes" : undefined;
}
