// Surrogates pass the checks that the real ones pass, belong to nobody, and tell nothing without the key.
import { isPossiblePhoneNumber } from "libphonenumber-js";
import { describe, expect, test } from "vitest";
import { isLuhn } from "../detect/check-digits.ts";
import { ALL_DETECTORS } from "../detectors.ts";
import { compileMask } from "../mask.ts";
import { ann, keysOf, noon } from "./keys.test-support.ts";
import { surrogateOf } from "./surrogate.ts";

const mask = compileMask({ paths: { "$.v": "surrogate" }, detect: ALL_DETECTORS });
const keys = keysOf();
const surrogate = (v: string | number, of = keys) => (mask.mask({ v }, of).value as { v: unknown }).v;
const mod97 = (iban: string) => BigInt([...(iban.slice(4) + iban.slice(0, 4))].map((one) => Number.parseInt(one, 36)).join("")) % 97n;

describe("a surrogate", () => {
	test.each([
		["4111 1111 1111 1111", /^4242 42\d\d \d{4} \d{4}$/],
		["5500005555555559", /^555555\d{10}$/],
		["378734493671000", /^378282\d{9}$/],
	])("of the card %s passes its check digit in a range of test cards", (card, shape) => {
		const made = surrogate(card) as string;
		expect(made).toMatch(shape);
		expect(isLuhn(made.replaceAll(" ", ""))).toBe(true);
	});
	test.each(["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "MT84MALT011000012345MTLCAST001S"])(
		"of the IBAN %s has the country, the length and the check digits of one",
		(iban) => {
			const made = surrogate(iban) as string;
			expect(made).toHaveLength(iban.length);
			expect(made.slice(0, 2)).toBe(iban.slice(0, 2));
			expect(made).not.toBe(iban);
			expect(mod97(made.replaceAll(" ", ""))).toBe(1n);
		},
	);
	test.each([
		["ann@bank.example", /^[a-z2-7]{16}@example\.com$/],
		["0b0c8f0e-7a3d-4b61-9c8d-3f1a2b3c4d5e", /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/],
		["10.20.30.40", /^(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}$/],
		["fe80::1ff:fe23:4567:890a", /^2001:db8:/],
		["00:1B:44:11:3A:B7", /^00:00:5E:00:53:[\da-f]{2}$/],
		["Ann-Lee 42", /^[A-Z][a-z]{2}-[A-Z][a-z]{2} \d\d$/],
	])("of %s is in a range kept for documentation, or of its shape", (value, shape) => {
		expect(surrogate(value)).toMatch(shape);
	});
	test.each([
		["+44 20 7946 0018", /^\+447700900\d{3}$/],
		["+49 30 901820", /^\+1\d{3}55501\d\d$/],
	])("of the phone number %s is one kept for fiction", (phone, shape) => {
		const made = surrogate(phone) as string;
		expect(made).toMatch(shape);
		expect(isPossiblePhoneNumber(made)).toBe(true);
	});
	test("of a number is a number, and of a birth date a date", () => {
		expect(surrogate(471_142)).toEqual(expect.any(Number));
		expect(surrogate(471_142)).not.toBe(471_142);
		expect(surrogateOf(keys, "birth-date", "1984-02-29")).toMatch(/^198[345]-\d\d-\d\d$/);
	});
	test.each(["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "536-90-4399"])(
		"is not made of what has none: %s is redacted",
		(secret) => {
			expect(surrogate(secret)).toBe("[redacted]");
		},
	);
	test("of a list, of nothing, of a text without letters: redacted", () => {
		for (const v of [null, true, [1], { a: 1 }, "—", "x".repeat(2_000)]) expect(mask.mask({ v }, keys).value).toEqual({ v: "[redacted]" });
	});
});

test("an equal value has an equal surrogate, for one caller, in one session, at one time, under one key", () => {
	const card = "4111111111111111";
	const first = surrogate(card);
	expect(surrogate(card, keysOf(ann, new Date(noon.getTime() + 60_000)))).toBe(first);
	const others = [
		keysOf({ ...ann, subject: "bob" }),
		keysOf({ ...ann, issuer: "https://other.example" }),
		keysOf({ ...ann, session: "s1" }),
		keysOf(ann, new Date(noon.getTime() + 3_600_000)),
		keysOf(ann, noon, 2),
	];
	expect(new Set([first, ...others.map((of) => surrogate(card, of))]).size).toBe(6);
});

test("a hash is the gateway's: the same for every caller, and another under another key", () => {
	const hashing = compileMask({ paths: { "$.v": "hash" }, detect: [] });
	const hash = (of: typeof keys) => JSON.stringify(hashing.mask({ v: "4711" }, of).value);
	expect(hash(keys)).toMatch(/\[hash [a-z2-7]{16}\]/);
	expect(hash(keysOf({ ...ann, subject: "bob" }))).toBe(hash(keys));
	expect(hash(keysOf(ann, noon, 2))).not.toBe(hash(keys));
});

test("without keys nothing is made, and nothing stays", () => {
	const keyed = compileMask({ paths: { "$.a": "hash", "$.b": "surrogate" }, detect: [] });
	expect(keyed.mask({ a: "1", b: "2" }).value).toEqual({ a: "[redacted]", b: "[redacted]" });
});
