// What people and logs see: masked first, then cut, with a word for everything that was cut.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "#libs/contracts/json.ts";
import { MaskingError } from "./masking-error.ts";
import { compileView, maskedView, viewLimits } from "./view.ts";

function bytesOf(value: JsonValue): number {
	return Buffer.byteLength(JSON.stringify(value));
}

/** Every string of a value, names too. */
function stringsOf(value: JsonValue): string[] {
	if (typeof value === "string") return [value];
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([name, child]) => [name, ...stringsOf(child)]);
}

describe("masking", () => {
	test("all detectors, the policy's paths and the declared sensitive paths", () => {
		const { view, findings } = maskedView(
			{ to: "a@b.example", card: "4111111111111111", note: "x", salary: 5 },
			{ paths: { "$.note": "redact" }, detect: [], sensitivePaths: { "$.salary": "redact" } },
		);
		expect(view).toStrictEqual({ to: "[email]", card: "[card …1111]", note: "[redacted]", salary: "[redacted]" });
		expect(findings.map(({ detector }) => detector)).toStrictEqual(["email", "card", "path", "path"]);
	});

	test("a sensitive path is redacted even where the policy would show the last four", () => {
		expect(
			maskedView({ card: "4111111111111111" }, { paths: { "$.card": "last4" }, sensitivePaths: { "$.card": "redact" } }).view,
		).toStrictEqual({
			card: "[redacted]",
		});
	});

	test("a compiled view is used as it is", () => {
		expect(maskedView({ a: "b@c.example" }, compileView({ sensitivePaths: { "$.x": "redact" } })).view).toStrictEqual({ a: "[email]" });
	});

	test("before cutting: a card that would be cut in half is found", () => {
		const text = `${"x".repeat(viewLimits.stringCharsMax - 10)} 4111111111111111`;
		expect(JSON.stringify(maskedView(text).view)).not.toContain("41111");
		expect(maskedView(text).findings).toHaveLength(1);
	});

	test("what cannot be masked has no view", () => {
		let deep: JsonValue = 1;
		for (let depth = 0; depth < 70; depth++) deep = [deep];
		expect(() => maskedView(deep)).toThrow(MaskingError);
	});
});

describe("cutting", () => {
	test("what is small stays whole", () => {
		const value = { a: [1, "two", null, true], b: { c: 3.5 } };
		expect(maskedView(value).view).toStrictEqual(value);
	});

	test("a long string says how much is missing, and no surrogate pair is split", () => {
		expect(maskedView("x".repeat(600)).view).toBe(`${"x".repeat(512)}… [88 more characters]`);
		expect(maskedView(`${"x".repeat(511)}😀y`).view).toBe(`${"x".repeat(511)}… [3 more characters]`);
	});

	test("a long name too, and two that become equal stay two", () => {
		const { view } = maskedView({ [`${"n".repeat(200)}a`]: 1, [`${"n".repeat(200)}b`]: 2 });
		const name = `${"n".repeat(128)}… [73 more characters]`;
		expect(view).toStrictEqual({ [name]: 1, [`${name} (2)`]: 2 });
	});

	test("many items and members", () => {
		const { view } = maskedView({
			list: Array(1000).fill(1),
			map: Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`m${at}`, 1])),
		});
		const { list, map } = view as { list: JsonValue[]; map: Record<string, JsonValue> };
		expect(list).toHaveLength(201);
		expect(list.at(-1)).toBe("[800 more items]");
		expect(Object.keys(map)).toHaveLength(201);
		expect(map["…"]).toBe("[100 more members]");
	});

	test("deep levels", () => {
		let deep: JsonValue = "bottom";
		for (let depth = 0; depth < 30; depth++) deep = { a: deep };
		expect(JSON.stringify(maskedView(deep).view)).toContain("[deeper levels left out]");
	});

	test("the whole: as much as fits, and words for the rest", () => {
		const { view } = maskedView(Array.from({ length: 150 }, () => ({ text: "y".repeat(500) })));
		expect(bytesOf(view)).toBeLessThanOrEqual(viewLimits.bytesMax);
		expect(bytesOf(view)).toBeGreaterThan(viewLimits.bytesMax * 0.8);
		expect((view as JsonValue[]).at(-1)).toMatch(/^\[1\d\d more items\]$/);
	});

	test("for every value: within the bytes, no string too long for the index, always JSON", () => {
		const wide = fc.oneof(
			fc.string({ maxLength: 20 }),
			fc
				.tuple(fc.constantFrom("x", "é", "漢", "😀", '"', "\u0001"), fc.integer({ min: 0, max: 700 }))
				.map(([unit, count]) => unit.repeat(count)),
		);
		const scalar = fc.oneof(wide, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null));
		const flat = fc.tuple(scalar, fc.integer({ min: 0, max: 250 })).map(([item, count]) => Array<JsonValue>(count).fill(item));
		const object = fc.dictionary(wide, fc.oneof(scalar, flat), { maxKeys: 8, noNullPrototype: true });
		const value = fc.oneof(
			flat,
			object,
			fc.array(object, { maxLength: 5 }),
			fc.tuple(object, fc.integer({ min: 0, max: 40 })).map(([inner, depth]) => {
				let nested: JsonValue = inner;
				for (let level = 0; level < depth; level++) nested = level % 2 === 0 ? [nested] : { inner: nested };
				return nested;
			}),
			fc.tuple(flat, fc.integer({ min: 0, max: 10 })).map(([inner, count]) => Array<JsonValue>(count).fill(inner)),
		);
		fc.assert(
			fc.property(value, (input) => {
				const { view } = maskedView(input);
				expect(bytesOf(view)).toBeLessThanOrEqual(viewLimits.bytesMax);
				for (const text of stringsOf(view)) expect(Buffer.byteLength(text)).toBeLessThan(8 * 1024);
			}),
			{ numRuns: 200 },
		);
	});
});
