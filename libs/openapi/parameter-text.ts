// Parameters as text: how an argument is written into a path, query or header, and how that text is read back, strictly.
import type { ScalarKind, TextForm } from "./http-function.ts";

export type Scalar = string | number | boolean;

/**
 * The one way a scalar is written: numbers in plain decimal, never with an exponent (servers differ in reading those).
 * Returns undefined for what has no such text: non-finite numbers and numbers too large or small for plain decimal.
 */
export function writeScalar(value: unknown): string | undefined {
	if (typeof value === "string") return value;
	if (typeof value === "boolean") return String(value);
	if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
	const text = String(value);
	return text.includes("e") ? undefined : text;
}

/** Reads one text as one of the kinds; undefined if it is none of them, or if reading it would change it (`1e3`, `0x10`, `007`, ``). */
export function readScalar(text: string, kinds: readonly ScalarKind[]): Scalar | undefined {
	for (const kind of kinds) {
		if (kind === "string") return text;
		if (kind === "boolean" && (text === "true" || text === "false")) return text === "true";
		if (kind === "integer" || kind === "number") {
			const value = readNumber(text);
			if (value !== undefined && (kind === "number" || Number.isSafeInteger(value))) return value;
		}
	}
	return undefined;
}

/** A plain decimal that a double holds exactly as written, up to trailing zeros of the fraction. */
function readNumber(text: string): number | undefined {
	if (text.length > 40 || !/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) return undefined;
	const value = Number(text);
	const plain = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
	if (Object.is(value, -0) || String(value) !== plain) return undefined;
	return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : value;
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
