// JSON as Callgate accepts it: stricter than `JSON.parse`, so that two readers of one text can never see two different calls.
import { ExpectedError } from "./expected-error.ts";
/** Any JSON value (RFC 8259). */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** Limits of one JSON text. */
export interface JsonLimits {
	/** Nesting of objects and arrays; what an approver can still read and every recursive reader can still walk. */
	readonly depthMax: number;
	/** Members and array items in total: bounds what masking and policy walk. */
	readonly nodesMax: number;
	/** Numbers a double cannot hold are read as strings with all their digits instead of being refused. */
	readonly longNumbersAsText?: boolean;
	/** Repeated members keep the last and any name is a name, as `JSON.parse` has it: only for what is written anew before anyone else reads it. */
	readonly anyMembers?: boolean;
}

export const jsonLimitsDefault: JsonLimits = { depthMax: 32, nodesMax: 100_000 };

export type JsonFault =
	| "not_json"
	| "duplicate_member"
	| "too_deep"
	| "too_many_nodes"
	| "number_precision"
	| "forbidden_member"
	| "lone_surrogate";

/** Why a text was refused; `offset` is in UTF-16 code units. The message never repeats a value. */
export class JsonRefused extends ExpectedError {
	readonly fault: JsonFault;
	readonly offset: number;
	constructor(fault: JsonFault, offset: number, message: string) {
		super(message);
		this.fault = fault;
		this.offset = offset;
	}
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether the text is JSON (RFC 8259), however else it is written. */
export function isJsonText(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

/**
 * Parses one JSON text and refuses what RFC 8259 leaves to the reader: duplicate member names (also equal ones), numbers a double cannot
 * hold exactly (I-JSON, RFC 7493 section 2.2), lone surrogates, and `__proto__`, which some readers treat as more than a name.
 *
 * @throws {JsonRefused} with a fault from a closed list.
 */
export function parseJsonStrictly(text: string, limits: JsonLimits = jsonLimitsDefault): JsonValue {
	refuseDepth(text, limits.depthMax);
	let value: JsonValue;
	try {
		value = limits.longNumbersAsText ? parseKeepingDigits(text) : (JSON.parse(text) as JsonValue);
	} catch {
		throw new JsonRefused("not_json", 0, "the body is not valid JSON (RFC 8259)");
	}
	if (!text.isWellFormed()) throw new JsonRefused("lone_surrogate", 0, "the body contains a lone UTF-16 surrogate");
	new StrictScan(text, limits).run();
	return value;
}

/** `JSON.parse` source text access (ECMA-262): a reviver sees how a number was written. */
type SourceReviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

function parseKeepingDigits(text: string): JsonValue {
	const keep: SourceReviver = (_name, value, { source }) =>
		typeof value === "number" && source !== undefined && !holdsExactly(source) ? source : value;
	return JSON.parse(text, keep as Parameters<typeof JSON.parse>[1]) as JsonValue;
}

/** Counts brackets outside strings before anything recursive sees the text. */
function refuseDepth(text: string, depthMax: number): void {
	let depth = 0;
	for (let at = 0; at < text.length; at++) {
		const code = text.charCodeAt(at);
		if (code === 0x22) at = endOfString(text, at);
		else if (code === 0x7b || code === 0x5b) {
			if (++depth > depthMax) throw new JsonRefused("too_deep", at, `the body nests deeper than ${depthMax} levels`);
		} else if (code === 0x7d || code === 0x5d) depth--;
	}
}

/** Index of the closing quote of the string that opens at `at`; the text's end if it never closes. */
function endOfString(text: string, at: number): number {
	for (let i = at + 1; i < text.length; i++) {
		const code = text.charCodeAt(i);
		if (code === 0x5c) i++;
		else if (code === 0x22) return i;
	}
	return text.length;
}

/** One pass over a text that is known to be valid JSON. */
class StrictScan {
	private readonly text: string;
	private readonly nodesMax: number;
	private readonly anyNumber: boolean;
	private readonly anyMembers: boolean;
	private nodes = 0;
	constructor(text: string, limits: JsonLimits) {
		this.text = text;
		this.nodesMax = limits.nodesMax;
		this.anyNumber = limits.longNumbersAsText ?? false;
		this.anyMembers = limits.anyMembers ?? false;
	}

	run(): void {
		// One entry an open object or array: the names seen so far, or undefined for an array.
		const open: (Set<string> | undefined)[] = [];
		let expectName = false;
		for (let at = 0; at < this.text.length; at++) {
			const code = this.text.charCodeAt(at);
			switch (code) {
				case 0x7b: // {
					open.push(new Set());
					expectName = true;
					break;
				case 0x5b: // [
					open.push(undefined);
					expectName = false;
					this.count(at);
					break;
				case 0x7d: // }
				case 0x5d: // ]
					open.pop();
					expectName = false;
					break;
				case 0x2c: // ,
					expectName = open.at(-1) !== undefined;
					if (!expectName) this.count(at);
					break;
				case 0x22: {
					const end = endOfString(this.text, at);
					this.string(at, end, expectName ? open.at(-1) : undefined);
					expectName = false;
					at = end;
					break;
				}
				default:
					if (code === 0x2d || (code >= 0x30 && code <= 0x39)) at = this.number(at);
			}
		}
	}

	private count(at: number): void {
		if (++this.nodes > this.nodesMax)
			throw new JsonRefused("too_many_nodes", at, `the body has more than ${this.nodesMax} members and items`);
	}

	/** Checks one string; `names` is given when it is a member's name. */
	private string(start: number, end: number, names: Set<string> | undefined): void {
		const raw = this.text.slice(start + 1, end);
		const text = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
		if (!text.isWellFormed()) throw new JsonRefused("lone_surrogate", start, "the body contains a lone UTF-16 surrogate");
		if (names === undefined) return;
		this.count(start);
		if (this.anyMembers) return;
		if (text === "__proto__") throw new JsonRefused("forbidden_member", start, "a member may not be called __proto__");
		if (names.has(text)) throw new JsonRefused("duplicate_member", start, "the body names a member twice");
		names.add(text);
	}

	/** Checks the number that starts at `at` and returns the index of its last character. */
	private number(at: number): number {
		let end = at;
		while (end + 1 < this.text.length && "0123456789+-.eE".includes(this.text.charAt(end + 1))) end++;
		const raw = this.text.slice(at, end + 1);
		if (!this.anyNumber && !holdsExactly(raw))
			throw new JsonRefused("number_precision", at, "a number cannot be held exactly: send it as a string");
		return end;
	}
}

/** The longest integer a double can hold has 309 digits. Nothing longer is looked at: the comparison below is not linear in its length. */
const numberCharsMax = 400;

/** Whether a double prints the decimal that was written: `0.1` does, `9007199254740993` and `1e400` do not. */
export function holdsExactly(raw: string): boolean {
	if (raw.length > numberCharsMax) return false;
	const value = Number(raw);
	if (!Number.isFinite(value)) return false;
	const isPlain = !raw.includes("e") && !raw.includes("E");
	if (isPlain && (raw.length <= 15 || (Number.isSafeInteger(value) && !raw.includes(".")))) return true;
	return decimalOf(raw) === decimalOf(String(value));
}

/** Sign, significant digits and power of ten, so that `1.50`, `15e-1` and `1.5` are one decimal. */
function decimalOf(raw: string): string {
	const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(raw);
	if (!match) return raw;
	const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
	const all = (whole + fraction).replace(/^0+/, "");
	const digits = all.replace(/0+$/, "");
	if (digits === "") return "0";
	return `${sign}${digits}e${Number(exponent) - fraction.length + (all.length - digits.length)}`;
}
