// The subset of RFC 9535: what is understood means what the RFC says, everything else is an error with its place.
import { describe, expect, test } from "vitest";
import type { JsonValue } from "#libs/contracts/json.ts";
import { compileMask } from "./mask.ts";
import { parseSelector } from "./selector.ts";

/** JSON pointers of what the selector selects. */
function selected(selector: string, value: JsonValue): string[] {
	return compileMask({ paths: { [selector]: "redact" }, detect: [] })
		.mask(value)
		.findings.map(({ path }) => path);
}

describe("selects", () => {
	const value = { a: { b: 1, "c d": [1, { b: 2 }, [3]] }, b: { b: { b: 4 } }, é: 5, "": 6 };
	test.each([
		["$", [""]],
		["$.a.b", ["/a/b"]],
		["$['a']['b']", ["/a/b"]],
		['$["a"]["c d"]', ["/a/c d"]],
		["$[ 'a' ].b", ["/a/b"]],
		["$.a['c d'][1].b", ["/a/c d/1/b"]],
		["$.a['c d'][*]", ["/a/c d/0", "/a/c d/1", "/a/c d/2"]],
		["$.*", ["/a", "/b", "/é", "/"]],
		["$.é", ["/é"]],
		["$['\\u00e9']", ["/é"]],
		["$['']", ["/"]],
		// What is redacted is not entered, so `/b/b` inside `/b` is not told apart.
		["$..b", ["/a/b", "/a/c d/1/b", "/b"]],
		["$.b..b", ["/b/b"]],
		["$..[0]", ["/a/c d/0", "/a/c d/2/0"]],
		["$.a..*", ["/a/b", "/a/c d"]],
		["$.nothing.there", []],
		["$[0]", []],
		["$.a['c d']['0']", []],
	] as const)("%s", (selector, paths) => {
		expect(selected(selector, value)).toStrictEqual(paths);
	});
});

describe("refuses", () => {
	test.each([
		["", "found the end at position 1, expected `$`"],
		["a.b", "found `a` at position 1, expected `$`"],
		["$a", "found `a` at position 2, expected `.`, `..` or `[`"],
		["$.", "found the end at position 3"],
		["$.0", "found `0` at position 3"],
		["$.a-b", "found `-` at position 4"],
		["$.[0]", "found `[` at position 3, expected a name or `*` after `.`"],
		["$...a", "found `.` at position 4"],
		["$[-1]", "found `-` at position 3, expected a quoted name, an index from 0, or `*`"],
		["$[01]", "found `1` at position 4, expected `]`"],
		["$[0:2]", "found `:` at position 4, expected `]`"],
		["$['a','b']", "found `,` at position 6, expected `]`"],
		["$[?@.a]", "found `?` at position 3"],
		["$['a", "found the end at position 5, expected a closing '"],
		["$['\\x']", "found `x` at position 5, expected an escape of JSON"],
		["$['\\", "expected an escape of JSON"],
		["$.a ", "found ` ` at position 4"],
		[`$${".a".repeat(33)}`, "more than 32 segments"],
		[`$.${"a".repeat(600)}`, "longer than 512 characters"],
	])("%s", (selector, message) => {
		expect(parseSelector(selector)).toMatchObject({ message: expect.stringContaining(message) });
	});
});
