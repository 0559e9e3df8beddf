// What passes as words is what no detector finds anything in: masking does not look at it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodedIn } from "./base64.ts";
import { vendorTokens } from "./detect/vendor-shapes.ts";
import { ALL_DETECTORS, detectorsNamed } from "./detectors.ts";
import { KnownNames } from "./known-names.ts";
import { detectorSet, scanText } from "./mask-string.ts";
import { isProse } from "./prose.ts";

const detectors = detectorSet(detectorsNamed(ALL_DETECTORS));
const names = new KnownNames();

/** Words after or before which something is looked for, and some that look like what is. */
const telling =
	"the password is passphrase passwort secret code your PIN otp bearer Bearer basic Basic BASIC token Token digest ApiKey key is API key login set ENV setx user curl mysql redis echo sudo VALUES IDENTIFIED BY born birthday March phone call tel passport number IBAN card BEGIN PRIVATE KEY mnemonic Ohabcdefg YWFhYTph eyJ for to changed hunter tiger now Pass id ssn cvv".split(
		" ",
	);
const vendors = [...new Set(vendorTokens.filter(({ near }) => near).flatMap(({ anchors }) => anchors))];
const word = fc.oneof(
	fc.constantFrom(...telling, ...vendors),
	fc.stringMatching(/^[A-Za-z][a-z]{0,11}$/),
	fc.stringMatching(/^[A-Z]{1,7}$/),
	fc.stringMatching(/^\d{1,5}$/),
	fc.stringMatching(/^[a-zA-Z]{1,12}$/),
	fc.stringMatching(/^[A-Za-z]{1,8}[-_ ]?\d{1,4}$/),
);
const gap = fc.constantFrom(...Array.from({ length: 20 }, () => " "), ", ", ". ", "; ", "  ", "-", "_", ": ", ".", "/");
const text = fc
	.tuple(fc.array(fc.tuple(word, gap), { maxLength: 7 }), word, fc.constantFrom("", "", ".", "!", ";"))
	.map(([pairs, last, end]) => `${pairs.map((pair) => pair.join("")).join("")}${last}${end}`);

describe("words", () => {
	test("no detector finds anything in them, and they are no base64", () => {
		let asked = 0;
		fc.assert(
			fc.property(text, (one) => {
				if (!isProse(one)) return;
				asked++;
				expect(scanText(detectors, one, 0, names).spans).toEqual([]);
				expect(encodedIn(one, true)).toEqual([]);
			}),
			{ numRuns: 40_000, seed: 1 },
		);
		expect(asked).toBeGreaterThan(3_000);
	});

	test.each([
		"Northwind Traders",
		"Thank you for your order, it is on its way; we wrote to ACME Ltd.",
		"Item 3",
		"entry-399",
		"page 12 of the report",
	])("%j is one", (one) => expect(isProse(one)).toBe(true));

	test("a text of any length is asked without running out of memory", () => {
		expect(isProse("word ".repeat(800).trimEnd())).toBe(true);
		expect(isProse("word ".repeat(1_000_000))).toBe(false);
	});

	test.each(["code 4829", "the password is hunter2", "Basic Ohabcdefg", "key is abcdefghijklmnop", "pw: x", "12 of 14 words", "a-b"])(
		"%j is none",
		(one) => expect(isProse(one)).toBe(false),
	);
});
