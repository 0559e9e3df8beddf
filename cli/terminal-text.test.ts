// What others wrote cannot act on a terminal, and JSON made safe is still the same JSON.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExactly, safeJson, safeLine, safeLines, showJson } from "./terminal-text.ts";

const acting = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const anyText = fc.oneof(
	fc.string({ unit: "binary" }),
	fc
		.array(fc.constantFrom("\u001b[31m", "\u009b", "\u202e", "\u2028", "\ud800", "\u{e0001}", "a", "\n", "\t"), { maxLength: 8 })
		.map((parts) => parts.join("")),
);

describe("text for a terminal", () => {
	it("acts on nothing", () => {
		fc.assert(
			fc.property(anyText, (text) => {
				expect(safeLine(text)).not.toMatch(acting);
				for (const line of safeLines(text)) expect(line.replaceAll("\t", "")).not.toMatch(acting);
			}),
		);
	});

	it("is left alone where it is harmless", () => {
		expect(safeLine("Grüße, 東京 🎉 naïve")).toBe("Grüße, 東京 🎉 naïve");
		expect(safeLines("a\tb\r\nc")).toEqual(["a\tb", "c"]);
		expect(safeLine("\u001b[2J\u009b")).toBe("\\u{1b}[2J\\u{9b}");
	});
});

describe("JSON for a terminal", () => {
	it("is the same value, in which nothing acts", () => {
		fc.assert(
			fc.property(fc.dictionary(anyText, anyText), (value) => {
				const shown = safeJson(JSON.stringify(value));
				expect(JSON.parse(shown)).toEqual(value);
				expect(shown).not.toMatch(acting);
				expect(JSON.parse(showJson(value).join("\n"))).toEqual(value);
			}),
		);
	});

	it("keeps every digit of a number", () => {
		const text = '{"a":[12345678901234567890.10,1e400,-0.0],"b":1.00}';
		expect(showJson(parseExactly(text)).join("").replaceAll(" ", "")).toBe(text);
	});
});
