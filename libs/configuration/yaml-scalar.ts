// From an offset inside a YAML string's value back to the offset in the file: folding, indentation and escapes lie between.
import type { Scalar } from "yaml";

/**
 * The offset in `text` of the UTF-16 code unit `offset` of a scalar's value. Where the two cannot be brought together, the scalar's start.
 * YAML folds and strips white space only, so the other characters of value and source are the same, in the same order (escapes apart).
 */
export function sourceOffset(scalar: Scalar, text: string, offset: number): number {
	const [start, end] = scalar.range ?? [0, 0];
	if (typeof scalar.value !== "string") return start;
	const lengthAt = scalar.type === "QUOTE_DOUBLE" ? doubleQuoted : scalar.type === "QUOTE_SINGLE" ? singleQuoted : verbatim;
	let at = start + headerLength(scalar, text, start);
	for (let index = 0; index < scalar.value.length; index++) {
		if (/\s/.test(scalar.value.charAt(index)) && lengthAt(text, at) === 1) {
			// One blank of the value may be any number of blanks in the source; an exact blank is stepped over as itself.
			if (index === offset) return at;
			if (/\s/.test(text.charAt(at))) at++;
			continue;
		}
		// In double quotes a backslash before a line break only says that the line goes on.
		while (at < end && (/\s/.test(text.charAt(at)) || (lengthAt === doubleQuoted && /^\\\r?\n/.test(text.slice(at, at + 3))))) at++;
		if (index === offset) return at;
		if (at >= end) return start;
		at += lengthAt(text, at);
	}
	return Math.min(at, end);
}

/** What comes before the first character: a quote, or a block scalar's first line (`|`, `>-`, perhaps a comment). */
function headerLength(scalar: Scalar, text: string, start: number): number {
	if (scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE") return 1;
	if (scalar.type !== "BLOCK_LITERAL" && scalar.type !== "BLOCK_FOLDED") return 0;
	const newline = text.indexOf("\n", start);
	return newline < 0 ? 0 : newline + 1 - start;
}

const verbatim = (): number => 1;

function singleQuoted(text: string, at: number): number {
	return text.startsWith("''", at) ? 2 : 1;
}

/** YAML 1.2.2 section 5.7: `\n` is two characters, `\x41` four, `\u0041` six, `\U00000041` ten. */
function doubleQuoted(text: string, at: number): number {
	if (text[at] !== "\\") return 1;
	const lengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };
	return lengths[text.charAt(at + 1)] ?? 2;
}
