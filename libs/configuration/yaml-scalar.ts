// From an offset inside a YAML string's value back to the offset in the file: folding, indentation and escapes lie between.
import type { Scalar } from "yaml";

/** One piece of source text and the characters of the value that it writes. */
type Unit = { readonly length: number; readonly value: string };

/**
 * The offset in `text` of the UTF-16 code unit `offset` of a scalar's value. Where the two cannot be brought together, the scalar's start.
 * YAML adds, folds and strips white space only, so everything else stands in value and source in the same order: it is counted. An offset of
 * white space is placed behind what comes before it.
 */
export function sourceOffset(scalar: Scalar, text: string, offset: number): number {
	const [start, end] = scalar.range ?? [0, 0];
	if (typeof scalar.value !== "string") return start;
	const readUnit = scalar.type === "QUOTE_DOUBLE" ? doubleQuoted : scalar.type === "QUOTE_SINGLE" ? singleQuoted : verbatim;
	const isBlank = /\s/.test(scalar.value.charAt(offset));
	let before = scalar.value.slice(0, offset).replace(/\s+/g, "").length;
	let at = start + headerLength(scalar, text, start);
	while (at < end) {
		if (isBlank && before <= 0) return at;
		const unit = readUnit(text, at);
		const written = unit.value.replace(/\s+/g, "").length;
		if (written > before) return at;
		before -= written;
		at += unit.length;
	}
	return before === 0 ? end : start;
}

/** What comes before the first character: a quote, or a block scalar's first line (`|`, `>-`, perhaps a comment). */
function headerLength(scalar: Scalar, text: string, start: number): number {
	if (scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE") return 1;
	if (scalar.type !== "BLOCK_LITERAL" && scalar.type !== "BLOCK_FOLDED") return 0;
	const newline = text.indexOf("\n", start);
	return newline < 0 ? 0 : newline + 1 - start;
}

function verbatim(text: string, at: number): Unit {
	return { length: 1, value: text.charAt(at) };
}

function singleQuoted(text: string, at: number): Unit {
	return text.startsWith("''", at) ? { length: 2, value: "'" } : verbatim(text, at);
}

/** Escapes that write no visible character (YAML 1.2.2 section 5.7): tab, line breaks, spaces, and a line that goes on. */
const blankEscapes = "tnvfr _LP\t\r\n";

/** YAML 1.2.2 section 5.7: `\n` is two characters, `\x41` four, `\u0041` six, `\U00000041` ten. */
function doubleQuoted(text: string, at: number): Unit {
	if (text[at] !== "\\") return verbatim(text, at);
	const code = text.charAt(at + 1);
	const digits = code === "x" ? 2 : code === "u" ? 4 : code === "U" ? 8 : 0;
	if (digits === 0) return { length: 2, value: blankEscapes.includes(code) ? "" : "?" };
	const point = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16);
	return { length: 2 + digits, value: point <= 0x10ffff ? String.fromCodePoint(point) : "?" };
}
