// What compileMask promises beyond the cases: errors, bounds, and the corners where an earlier version went wrong.
import { describe, expect, test } from "vitest";
import type { JsonValue } from "#libs/contracts/json.ts";
import { ALL_DETECTORS, detectorDescriptions } from "./detectors.ts";
import { findingsMax } from "./findings.ts";
import { compileMask, type MaskSpec, maskLimitsDefault } from "./mask.ts";
import { MaskingError, MaskSpecError } from "./masking-error.ts";

const all = compileMask({ paths: { "$..ssn": "redact", "$..card": "last4" }, detect: ALL_DETECTORS });

describe("compiling", () => {
	test("every problem at once", () => {
		const spec = { paths: { "$.a[?(@.b)]": "redact", "$.c": "blank" }, detect: ["card", "cards"] } as unknown as MaskSpec;
		try {
			compileMask(spec);
			expect.unreachable();
		} catch (error) {
			if (!(error instanceof MaskSpecError)) throw error;
			expect(error.problems).toStrictEqual([
				{
					message: 'path "$.a[?(@.b)]": found `?` at position 5, expected a quoted name, an index from 0, or `*`',
					selector: "$.a[?(@.b)]",
					offset: 4,
				},
				{
					message:
						'path "$.c": no action "blank", expected one of redact, last4, drop, hash, surrogate, tokenize, or tokenize with a kind, such as tokenize name',
					selector: "$.c",
				},
				{ message: 'no detector "cards"' },
			]);
		}
	});

	test("every detector is described, and `secret` stands for what it says", () => {
		for (const name of ALL_DETECTORS) expect(detectorDescriptions[name]).toMatch(/\.$/);
		expect(detectorDescriptions.secret).toBe("All of: jwt, private-key, cloud-token, password.");
	});

	test("a detector that is not named does not run", () => {
		const mask = compileMask({ paths: {}, detect: ["email"] });
		expect(mask.mask(["4111111111111111", "a@b.example"]).value).toStrictEqual(["4111111111111111", "[email]"]);
	});
});

describe("failing closed", () => {
	const limits = { depthMax: 3, nodesMax: 10, charsMax: 100 };
	const bounded = compileMask({ paths: {}, detect: ALL_DETECTORS }, limits);
	const refused = (value: unknown): unknown => {
		try {
			return bounded.mask(value as JsonValue);
		} catch (error) {
			return error instanceof MaskingError ? error.fault : error;
		}
	};

	test("what is beyond a bound is not masked in part: it throws", () => {
		expect(refused([[[1]]])).toMatchObject({ value: [[[1]]] });
		expect(refused([[[[1]]]])).toBe("too_deep");
		expect(refused(Array(9).fill(1))).toMatchObject({ value: Array(9).fill(1) });
		expect(refused(Array(10).fill(1))).toBe("too_many_nodes");
		expect(refused(["x".repeat(50), "x".repeat(51)])).toBe("too_long");
		expect(refused({ ["x".repeat(101)]: 1 })).toBe("too_long");
		expect(() => bounded.maskText("x".repeat(101))).toThrow(MaskingError);
	});

	test("what is not JSON throws, anywhere", () => {
		for (const odd of [
			undefined,
			() => 1,
			Symbol("x"),
			1n,
			new Date(0),
			new Map(),
			Number.NaN,
			Number.POSITIVE_INFINITY,
			new (class {})(),
		]) {
			expect(refused(odd)).toBe("not_json");
			expect(refused({ a: [odd] })).toBe("not_json");
		}
	});

	test("an error never repeats the value", () => {
		expect(() => compileMask({ paths: {}, detect: [] }, { ...limits, charsMax: 5 }).mask("hunter2")).toThrow(
			/^the value has more than 5 characters$/,
		);
	});

	test("the default bounds hold the deepest value that recursion must survive", () => {
		let value: JsonValue = "a@b.example";
		for (let depth = 0; depth < maskLimitsDefault.depthMax; depth++) value = [value];
		expect(JSON.stringify(all.mask(value).value)).toContain("[email]");
		expect(() => all.mask([value])).toThrow(MaskingError);
	});
});

describe("what comes out", () => {
	test("`__proto__` is a member like any other", () => {
		const { value } = all.mask(JSON.parse('{"__proto__": {"ssn": "x", "to": "a@b.example"}}') as JsonValue);
		expect(JSON.stringify(value)).toBe('{"__proto__":{"ssn":"[redacted]","to":"[email]"}}');
	});

	test.each([
		["a number that prints with an exponent is no run of digits", { n: -2.2719505211538505e45 }, { n: -2.2719505211538505e45 }],
		["a key type that is no word makes no JWK, masked or not", { kty: 4111111111111111, d: 1 }, { kty: "[card …1111]", d: 1 }],
		["a mark in a name is no hint about the value", { "+31612345678": "0612345678" }, { "[phone]": "0612345678" }],
		["a mark after `password=` is not masked again", "password=4111 1111 1111 1111", "password=[card …1111]"],
		["a value that is one mark stays it", { dbPassword: "[email]" }, { dbPassword: "[email]" }],
		["what only looks like a mark is masked", { dbPassword: "[hunter]" }, { dbPassword: "[password]" }],
	] as [string, JsonValue, JsonValue][])("%s", (_, input, expected) => {
		expect(all.mask(input).value).toStrictEqual(expected);
		expect(all.mask(expected)).toStrictEqual({ value: expected, findings: [] });
	});

	test("only an object's own members are its members", () => {
		const parent: unknown = Object.assign(Object.create(null), { mail: "jane@customer.example" });
		const object = Object.assign(Object.create(parent as object), { note: "jane@customer.example" }) as JsonValue;
		expect(Object.entries(all.mask(object).value as object)).toEqual([["note", "[email]"]]);
	});

	test("the input is not changed, and only what has nothing in it is shared", () => {
		const input = { list: [{ to: "a@b.example" }, { plain: 1 }] };
		const { value } = all.mask(input);
		expect(input).toStrictEqual({ list: [{ to: "a@b.example" }, { plain: 1 }] });
		expect(value).toStrictEqual({ list: [{ to: "[email]" }, { plain: 1 }] });
		expect((value as { list: unknown[] }).list[1]).toBe(input.list[1]);
	});

	test("members keep their order where a value, a name or both are masked", () => {
		const input = { first: 1, to: "a@b.example", plain: { deep: 2 }, "c@d.example": 3, "e@f.example": "g@h.example", last: 4 };
		const { value } = all.mask(input);
		expect(JSON.stringify(value)).toBe('{"first":1,"to":"[email]","plain":{"deep":2},"[email]":3,"[email] (2)":"[email]","last":4}');
		const hostile = JSON.parse('{"a":"a@b.example","__proto__":{"b":"a@b.example"},"c":1}');
		expect(JSON.stringify(all.mask(hostile).value)).toBe('{"a":"[email]","__proto__":{"b":"[email]"},"c":1}');
	});

	test("findings fit into an event: many become counts at the root, long paths end at an ancestor", () => {
		const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`m${index}`, "a@b.example"]));
		const { findings } = all.mask(many);
		expect(findings.length).toBeLessThanOrEqual(findingsMax);
		expect(findings.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
		const long = all.mask({ near: { ["x".repeat(600)]: "a@b.example" } });
		expect(long.findings).toStrictEqual([{ detector: "email", path: "/near", count: 1 }]);
	});

	test("a finding's path escapes `~` and `/` (RFC 6901)", () => {
		expect(all.mask({ "a/b~c": ["a@b.example"] }).findings).toStrictEqual([{ detector: "email", path: "/a~1b~0c/0", count: 1 }]);
	});

	test("text is masked with the same detectors", () => {
		expect(all.maskText("id;to\n1;a@b.example\n2;c@d.example")).toStrictEqual({
			text: "id;to\n1;[email]\n2;[email]",
			findings: [{ detector: "email", path: "", count: 2 }],
		});
	});

	test("what a mark glued together shows once it is apart is masked too", () => {
		// The IBAN is no IBAN while a letter follows it, and the letter goes with the address.
		const { text } = all.maskText("a@b.example NL91ABNA0417164300x@y.example");
		expect(text).not.toContain("0417164300");
	});
});
