// For every value: a card never survives, masking twice is masking once, the structure stays.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
import { ALL_DETECTORS } from "./detectors.ts";
import { compileMask } from "./mask.ts";

const all = compileMask({ paths: { "$..ssn": "redact", "$..card": "last4" }, detect: ALL_DETECTORS });

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
