// What compileMask promises beyond the cases: errors, bounds, and that nothing sensitive survives, whatever surrounds it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
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
				{ message: 'path "$.c": no action "blank", expected redact or last4', selector: "$.c" },
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

	test("the input is not changed and not shared", () => {
		const input = { list: [{ to: "a@b.example" }, { plain: 1 }] };
		const { value } = all.mask(input);
		expect(input).toStrictEqual({ list: [{ to: "a@b.example" }, { plain: 1 }] });
		expect((value as { list: unknown[] }).list[1]).not.toBe(input.list[1]);
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

const issuers = [
	["4", 16],
	["4", 13],
	["4", 19],
	["51", 16],
	["2221", 16],
	["34", 15],
	["37", 15],
	["36", 14],
	["6011", 16],
	["3530", 16],
	["62", 17],
	["50", 18],
	["2200", 16],
] as const;

/** A card number with a right check digit. */
const card = fc
	.tuple(fc.constantFrom(...issuers), fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 19, maxLength: 19 }))
	.map(([[prefix, length], random]) => {
		const body = (prefix + random.join("")).slice(0, length - 1);
		let sum = 0;
		for (let at = body.length - 1, double = true; at >= 0; at--, double = !double) {
			const value = Number(body[at]) * (double ? 2 : 1);
			sum += value > 9 ? value - 9 : value;
		}
		return body + String((10 - (sum % 10)) % 10);
	});

/** The number as somebody may write it: grouped, in another script's digits, with invisible characters. */
const writtenCard = fc
	.tuple(
		card,
		fc.constantFrom("", " ", "-", " - ", "\u200b", "\u00a0", "\u2011"),
		fc.integer({ min: 1, max: 6 }),
		fc.constantFrom(0x30, 0xff10, 0x660),
	)
	.map(([number, separator, size, zero]) => ({
		number,
		written: (number.match(new RegExp(`.{1,${size}}`, "g")) ?? [])
			.join(separator)
			.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit))),
	}));

/** All digits of a text, in ASCII, without anything between them. */
function digitsOf(text: string): string {
	return text
		.normalize("NFKC")
		.replace(/[\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) - 0x660))
		.replace(/[^0-9]/g, "");
}

// What may stand directly beside a card: not another digit, which would make it another number, and not `0.`, which makes it a fraction.
const surrounding = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replace(/[\p{N}.]/gu, "x"));

/** Random JSON with the text at one random place: a value, an item or a member's name. */
function jsonAround(text: string): fc.Arbitrary<JsonValue> {
	return fc
		.tuple(fc.jsonValue({ maxDepth: 3 }), fc.array(fc.tuple(fc.string(), fc.constantFrom("value", "item", "name")), { maxLength: 4 }))
		.map(([other, wraps]) =>
			wraps.reduce<JsonValue>((inner, [name, kind]) => {
				if (kind === "item") return [other as JsonValue, inner];
				const out: JsonObject = { other: other as JsonValue };
				if (kind === "value") Object.defineProperty(out, name, { value: inner, enumerable: true });
				else Object.defineProperty(out, typeof inner === "string" ? inner : name, { value: inner, enumerable: true });
				return out;
			}, text),
		);
}

describe("for every value", () => {
	test("a card never survives, however it is written and wherever it stands", () => {
		fc.assert(
			fc.property(writtenCard, surrounding, surrounding, ({ number, written }, before, after) => {
				const text = `${before} ${written} ${after}`;
				expect(digitsOf(all.maskText(text).text)).not.toContain(number);
				expect(all.maskText(text).findings).not.toStrictEqual([]);
			}),
			{ numRuns: 2000 },
		);
	});

	test("nor in JSON, as a string, an item or a name", () => {
		fc.assert(
			fc.property(
				writtenCard.chain((one) => jsonAround(one.written).map((value) => ({ ...one, value }))),
				({ number, value }) => {
					const masked = all.mask(value);
					expect(digitsOf(JSON.stringify(masked.value))).not.toContain(number);
					expect(digitsOf(JSON.stringify(masked.findings))).not.toContain(number);
				},
			),
			{ numRuns: 1000 },
		);
	});

	test("nor as a number, negative or not", () => {
		fc.assert(
			fc.property(card, fc.boolean(), (number, negative) => {
				const value = Number(number) * (negative ? -1 : 1);
				const masked = JSON.stringify(all.mask([value]).value);
				expect(masked).toMatch(/^\["\[card( …\d{4})?\]"\]$/);
			}),
		);
	});

	/** Values dense with things that detectors look at. */
	const spicy = fc.oneof(
		fc.constantFrom(
			"4111111111111111",
			"a@b.example",
			"+31612345678",
			"123-45-6789",
			"NL91ABNA0417164300",
			"password=",
			"pwd: ",
			"://u:p@",
			"Bearer ",
			"Basic ",
			"-----BEGIN PRIVATE KEY-----",
			"eyJhbGciOiJIUzI1NiJ9",
			".",
			"@",
			"[",
			"]",
			"…",
			"[card …1111]",
			"[email]",
			"…1111",
			"ghp_",
			"AKIAIOSFODNN7EXAMPLE",
			"sk-",
			"ssn",
			" ",
			"-",
			"0",
			"5",
			"\u0664",
			"\u200b",
			"phone",
			"é",
			'"',
			"'",
			"=",
			":",
		),
		fc.string({ maxLength: 6 }),
	);
	const text = fc.array(spicy, { maxLength: 12 }).map((parts) => parts.join(""));
	const value = fc.letrec<{ value: JsonValue }>((tie) => ({
		value: fc.oneof(
			{ maxDepth: 4 },
			text,
			fc.oneof(
				fc.integer(),
				fc.double({ noNaN: true, noDefaultInfinity: true }),
				fc.boolean(),
				fc.constant(null),
				fc.constant(4111111111111111),
				fc.maxSafeInteger(),
			),
			fc.array(tie("value"), { maxLength: 4 }),
			fc.dictionary(fc.oneof(text, fc.constantFrom("phone", "ssn", "card", "password", "cvc", "kty", "d", "__proto__")), tie("value"), {
				maxKeys: 4,
				noNullPrototype: true,
			}),
		),
	})).value;

	test("masking twice is masking once, and finds nothing the second time", () => {
		fc.assert(
			fc.property(value, (input) => {
				const once = all.mask(input);
				expect(all.mask(once.value)).toStrictEqual({ value: once.value, findings: [] });
			}),
			{ numRuns: 3000 },
		);
	});

	test("the same for text", () => {
		fc.assert(
			fc.property(text, (input) => {
				const once = all.maskText(input);
				expect(all.maskText(once.text)).toStrictEqual({ text: once.text, findings: [] });
			}),
			{ numRuns: 5000 },
		);
	});

	test("the structure stays: arrays keep their length, objects the number of their members, other scalars their value", () => {
		const sameShape = (before: JsonValue, after: JsonValue): boolean => {
			if (typeof after === "string") return true;
			if (Array.isArray(before))
				return Array.isArray(after) && before.length === after.length && before.every((item, at) => sameShape(item, after[at] ?? null));
			if (typeof before !== "object" || before === null) return Object.is(before, after);
			if (typeof after !== "object" || after === null || Array.isArray(after)) return false;
			const [values, others] = [Object.values(before), Object.values(after)];
			return values.length === others.length;
		};
		fc.assert(fc.property(value, (input) => sameShape(input, all.mask(input).value)));
	});
});
