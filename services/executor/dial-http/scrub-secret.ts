// Takes a credential out of whatever a function sends back, in every way of writing it that servers commonly use when they echo a request.
import { setImmediate } from "node:timers/promises";

/** What stands where a credential stood; safe inside JSON strings and header values. */
export const SCRUBBED = "[credential]";

/**
 * Replaces every occurrence of the secrets it was made for; what holds none comes back unchanged (the same object). Between two pieces of the
 * work others have their turn, however it is spread over texts.
 */
export type Scrubber = {
	text(text: string): Promise<string>;
	bytes(bytes: Uint8Array): Promise<Uint8Array>;
};

/** A written secret: for each of its characters, sticky expressions that match one way of writing it. */
type Needle = readonly (readonly RegExp[])[];

/** What was compared since others had their turn: an answer has many headers, and each may take nearly a whole piece. */
type Effort = { comparisons: number };

/**
 * How many characters of a needle the search expression holds; the rest is compared step by step. One expression for the whole of a long
 * secret would be refused by the engine, with an error whose message is the expression.
 */
const ANCHOR_LENGTH = 8;
/** An anchor is at most this long: 8 characters of up to four bytes, each byte written as %2525XX. */
const ANCHOR_CHARS_MAX = ANCHOR_LENGTH * 4 * 8;
/** What is searched in one piece: the slowest text takes some 4 ms. */
const WINDOW_CHARS = 64 * 1024;
/** Comparisons in one piece, where a text repeats a secret's beginning: some 10 ms. */
const COMPARISONS_IN_A_PIECE = 50_000;

/**
 * Compiles secrets into a {@link Scrubber}. Found are: the secret as it is, in other letter case, percent-encoded (also repeatedly, also
 * form-encoded), JSON- or HTML-escaped, any mixture of these by character, as hexadecimal, and in base64 or base64url at any position of
 * the encoded text, itself escaped or not. Not found: parts of a secret, and a secret that was hashed, compressed or encrypted.
 *
 * Works on bytes as Latin-1, so a body needs no valid encoding. Time grows with the text alone, unless the text repeats a secret's beginning.
 */
export const scrubber = (secrets: readonly string[]): Scrubber => {
	const written = secrets.filter((secret) => secret !== "").flatMap(waysToWriteSecret);
	if (written.length === 0) return { text: async (text) => text, bytes: async (bytes) => bytes };
	const anchor = new RegExp(written.map((ways) => ways.slice(0, ANCHOR_LENGTH).map(anyOf).join("")).join("|"), "gi");
	const sticky = new Map<string, RegExp>();
	const needles = written.map((ways): Needle => ways.map((sources) => sources.map((source) => compileOnce(sticky, source))));
	const effort: Effort = { comparisons: 0 };
	const scrubLatin1 = async (latin1: string): Promise<string> => {
		const work = replaceAll(latin1, anchor, needles, effort);
		for (;;) {
			const { done, value } = work.next();
			if (done) return value;
			await setImmediate();
		}
	};
	const scrubBytes = async (bytes: Uint8Array): Promise<Uint8Array> => {
		const before = latin1Of(bytes);
		const after = await scrubLatin1(before);
		return after === before ? bytes : Buffer.from(after, "latin1");
	};
	const scrubText = async (text: string): Promise<string> => {
		// A header's value is bytes in a string already; any other text has to be written in UTF-8 to be looked at.
		const once = isLatin1(text) ? await scrubLatin1(text) : text;
		if (isAscii(once)) return once;
		const before = Buffer.from(once, "utf8");
		const after = await scrubBytes(before);
		return after === before ? once : Buffer.from(after).toString("utf8");
	};
	return { text: scrubText, bytes: scrubBytes };
};

const latin1Of = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

const isLatin1 = (text: string): boolean => /^[\0-\xff]*$/.test(text);
const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** Yields between two pieces of the work. The anchor is looked for in windows that overlap, what follows it in the whole text: no seam hides a secret. */
function* replaceAll(text: string, anchor: RegExp, needles: readonly Needle[], effort: Effort): Generator<void, string> {
	let scrubbed = "";
	let kept = 0;
	for (let start = 0; start < text.length; start = Math.max(start + WINDOW_CHARS, kept)) {
		if (start > 0) yield;
		const window = text.slice(start, start + WINDOW_CHARS + ANCHOR_CHARS_MAX);
		for (let at = 0; at < WINDOW_CHARS; ) {
			// Set each time: meanwhile the same expression may have searched another text.
			anchor.lastIndex = at;
			const found = anchor.exec(window);
			if (found === null || found.index >= WINDOW_CHARS) break;
			const index = start + found.index;
			let end = -1;
			for (const needle of needles) {
				const match = matchAt(text, index, needle);
				end = Math.max(end, match.end);
				effort.comparisons += match.comparisons;
			}
			if (end === -1) at = found.index + 1;
			else {
				scrubbed += text.slice(kept, index) + SCRUBBED;
				kept = end;
				at = end - start;
			}
			if (effort.comparisons < COMPARISONS_IN_A_PIECE) continue;
			effort.comparisons = 0;
			yield;
		}
	}
	return kept === 0 ? text : scrubbed + text.slice(kept);
}

/** Where the needle that begins at `start` ends, or -1, and what it took to know. A backslash can be a character or the escape of the next: all readings are followed. */
const matchAt = (text: string, start: number, needle: Needle): { end: number; comparisons: number } => {
	let ends = new Set([start]);
	let comparisons = 0;
	for (const ways of needle) {
		const next = new Set<number>();
		for (const end of ends) {
			for (const way of ways) {
				comparisons++;
				way.lastIndex = end;
				if (way.test(text)) next.add(way.lastIndex);
			}
		}
		if (next.size === 0) return { end: -1, comparisons };
		ends = next;
	}
	return { end: Math.max(...ends), comparisons };
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
