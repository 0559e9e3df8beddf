// Every character of a YAML string's value is found again in the file, however the string is written.
import fc from "fast-check";
import { expect, test } from "vitest";
import { isScalar, LineCounter, parseDocument, type Scalar, stringify } from "yaml";
import { sourceOffset } from "./yaml-scalar.ts";

function scalarOf(text: string): Scalar & { value: string } {
	const node = parseDocument(text, { lineCounter: new LineCounter() }).get("when", true);
	if (!isScalar(node) || typeof node.value !== "string") throw new Error("no text");
	return node as Scalar & { value: string };
}

test.each([
	["plain", "when: a b  c\n"],
	["plain over lines", "when: a b\n  c\n\n  d\nx: 1\n"],
	["single quotes", "when: 'it''s   a'\n"],
	["single quotes over lines", "when: 'a\n  b'\n"],
	["double quotes", 'when: "a\\n\\u0041 \\x42 b"\n'],
	["double quotes that go on", 'when: "a b\\\n   c"\n'],
	["literal", "when: |\n  a\n\n    b\n  c\n"],
	["literal with a comment", "when: |- # why\n    a b\n    c\n"],
	["folded", "when: >\n  a\n  b\n\n  c\n   d\n"],
])("%s", (_name, text) => {
	const scalar = scalarOf(text);
	const letters = { "\u0041": "\\u0041", B: "\\x42", "'": "''" } as Record<string, string>;
	for (const [offset, letter] of [...scalar.value].entries()) {
		if (/\s/.test(letter)) continue;
		const at = sourceOffset(scalar, text, offset);
		const written = [letter, letters[letter] ?? letter];
		expect(written.some((one) => text.startsWith(one, at))).toBe(true);
	}
});

test("any text, in any style that the library writes it in", () => {
	const styles = fc.constantFrom("PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE", "BLOCK_LITERAL", "BLOCK_FOLDED") as fc.Arbitrary<Scalar.Type>;
	const word = fc.stringMatching(/^[a-z&|=.<>0-9'"]{1,12}$/);
	const value = fc.array(fc.tuple(word, fc.constantFrom(" ", "  ", "\n", "\n\n", " \n ")), { minLength: 1, maxLength: 12 });
	fc.assert(
		fc.property(styles, value, (defaultStringType, words) => {
			const text = stringify({ when: words.flat().join("").trim() }, { defaultStringType, defaultKeyType: "PLAIN", lineWidth: 30 });
			const scalar = scalarOf(text);
			for (const [offset, letter] of [...scalar.value].entries()) {
				if (!/[a-z&|=.<>0-9]/.test(letter)) continue;
				expect(text.charAt(sourceOffset(scalar, text, offset))).toBe(letter);
			}
		}),
	);
});
