// Takes a credential out of whatever a function sends back, in every way of writing it that servers commonly use when they echo a request.

/** What stands where a credential stood; safe inside JSON strings and header values. */
export const SCRUBBED = "[credential]";

/** Replaces every occurrence of the secrets it was made for; what holds none comes back unchanged (the same object). */
export type Scrubber = {
	text(text: string): string;
	bytes(bytes: Uint8Array): Uint8Array;
};

/** A written secret: for each of its characters, sticky expressions that match one way of writing it. */
type Needle = readonly (readonly RegExp[])[];

/**
 * How many characters of a needle the search expression holds; the rest is compared step by step. One expression for the whole of a long
 * secret would be refused by the engine, with an error whose message is the expression.
 */
const ANCHOR_LENGTH = 8;

/**
 * Compiles secrets into a {@link Scrubber}. Found are: the secret as it is, in other letter case, percent-encoded (also repeatedly, also
 * form-encoded), JSON- or HTML-escaped, any mixture of these by character, as hexadecimal, and in base64 or base64url at any position of
 * the encoded text, itself escaped or not. Not found: parts of a secret, and a secret that was hashed, compressed or encrypted.
 *
 * Works on bytes as Latin-1, so a body needs no valid encoding. Time grows with the text alone, unless the text repeats a secret's beginning.
 */
export const scrubber = (secrets: readonly string[]): Scrubber => {
	const written = secrets.filter((secret) => secret !== "").flatMap(waysToWriteSecret);
	if (written.length === 0) return { text: (text) => text, bytes: (bytes) => bytes };
	const anchor = new RegExp(written.map((ways) => ways.slice(0, ANCHOR_LENGTH).map(anyOf).join("")).join("|"), "gi");
	const sticky = new Map<string, RegExp>();
	const needles = written.map((ways): Needle => ways.map((sources) => sources.map((source) => compileOnce(sticky, source))));
	const scrubLatin1 = (latin1: string): string => replaceAll(latin1, anchor, needles);

	const scrubBytes = (bytes: Uint8Array): Uint8Array => {
		const before = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
		const after = scrubLatin1(before);
		return after === before ? bytes : Buffer.from(after, "latin1");
	};
	const scrubText = (text: string): string => {
		// A header's value is bytes in a string already; any other text has to be written in UTF-8 to be looked at.
		const once = isLatin1(text) ? scrubLatin1(text) : text;
		if (isAscii(once)) return once;
		const before = Buffer.from(once, "utf8");
		const after = scrubBytes(before);
		return after === before ? once : Buffer.from(after).toString("utf8");
	};
	return { text: scrubText, bytes: scrubBytes };
};

const isLatin1 = (text: string): boolean => /^[\0-\xff]*$/.test(text);
const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

const replaceAll = (text: string, anchor: RegExp, needles: readonly Needle[]): string => {
	let scrubbed = "";
	let kept = 0;
	anchor.lastIndex = 0;
	for (let found = anchor.exec(text); found !== null; found = anchor.exec(text)) {
		const end = Math.max(...needles.map((needle) => matchAt(text, found.index, needle)));
		if (end === -1) {
			anchor.lastIndex = found.index + 1;
			continue;
		}
		scrubbed += text.slice(kept, found.index) + SCRUBBED;
		kept = end;
		anchor.lastIndex = end;
	}
	return kept === 0 ? text : scrubbed + text.slice(kept);
};

/** Where the needle that begins at `start` ends, or -1. A backslash can be a character or the escape of the next: all readings are followed. */
const matchAt = (text: string, start: number, needle: Needle): number => {
	let ends = new Set([start]);
	for (const ways of needle) {
		const next = new Set<number>();
		for (const end of ends) {
			for (const way of ways) {
				way.lastIndex = end;
				if (way.test(text)) next.add(way.lastIndex);
			}
		}
		if (next.size === 0) return -1;
		ends = next;
	}
	return Math.max(...ends);
};

const compileOnce = (known: Map<string, RegExp>, source: string): RegExp => {
	const compiled = known.get(source) ?? new RegExp(source, "iy");
	known.set(source, compiled);
	return compiled;
};

const anyOf = (sources: readonly string[]): string => `(?:${sources.join("|")})`;

/** Each writing of a secret as a list of characters, each character as the sources of its ways. */
const waysToWriteSecret = (secret: string): string[][][] => {
	const bytes = Buffer.from(secret, "utf8");
	const writings = [Array.from(secret, waysToWrite), Array.from(bytes.toString("hex"), waysToWrite)];
	// A base64 character holds six bits, so the same bytes look different at each of three positions; the characters that would also hold
	// bits of a neighbour are left out.
	for (const before of [0, 1, 2]) {
		const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
		const own = encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.byteLength) * 8) / 6));
		// Shorter than this it would be found in innocent text.
		if (own.length >= 6) writings.push(Array.from(own, waysToWriteBase64));
	}
	return writings;
};

const waysToWriteBase64 = (char: string): string[] => {
	const url = char === "+" ? waysToWrite("-") : char === "/" ? waysToWrite("_") : [];
	return [...waysToWrite(char), ...url];
};

const HTML_NAMES: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" };

/**
 * All the ways to write one character, as sources of case-insensitive regular expressions over Latin-1. Where a way may swallow characters
 * that belong to the next one (a run of backslashes, a percent sign encoded again), each length is a way of its own.
 */
const waysToWrite = (char: string): string[] => {
	const code = char.codePointAt(0) ?? 0;
	const utf8 = Buffer.from(char, "utf8");
	const ways = [literally(utf8), ...percentEncoded(utf8)];
	if (code > 0x7f && code <= 0xff) ways.push(literally([code]), ...percentEncoded([code]));
	if (char === " ") ways.push("\\+");
	// JSON within JSON doubles the backslashes: one, two, four
	ways.push(Array.from({ length: char.length }, (_, unit) => `\\\\{1,4}u${hex(char.charCodeAt(unit), 4)}`).join(""));
	if (/["\\/']/.test(char)) ways.push(...[1, 2, 3, 7].map((backslashes) => `\\\\{${backslashes}}${literally(utf8)}`));
	const name = HTML_NAMES[char];
	const reference = `(?:#0{0,4}${code}|#x0{0,4}${code.toString(16)}${name === undefined ? "" : `|${name}`});`;
	ways.push(`&${reference}`, `&amp;${reference}`);
	return ways;
};

const literally = (bytes: Iterable<number>): string => Array.from(bytes, (byte) => `\\x${hex(byte, 2)}`).join("");

/** %41; %2541 where it was encoded again, and again. */
const percentEncoded = (bytes: Iterable<number>): string[] =>
	["", "25", "2525"].map((again) => Array.from(bytes, (byte) => `%${again}${hex(byte, 2)}`).join(""));

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
