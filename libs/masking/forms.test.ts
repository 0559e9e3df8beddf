// Whatever a text is written in, and in what that is written: what is sensitive is gone, and what was valid can still be read.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL_DETECTORS } from "./detectors.ts";
import { forms, innermost, planted } from "./forms.test-support.ts";
import { compileMask } from "./mask.ts";

const mask = compileMask({ paths: {}, detect: ALL_DETECTORS });

const one = fc.constantFrom(...planted);
const form = fc.constantFrom(...forms);
const innerForm = fc.constantFrom(...innermost);

describe("for every text, written twice over", () => {
	test("what was planted is gone, and what is left is read by the same readers", () => {
		fc.assert(
			fc.property(one, innerForm, form, fc.constantFrom("note", "x y", "see\nbelow", ""), ([text, secret], inner, outer, before) => {
				const written = outer.write(inner.write(`${before} ${text} end`));
				const { text: masked, findings } = mask.maskText(written);
				const read = inner.read(outer.read(masked));
				expect(read.length, masked).toBeGreaterThan(0);
				expect(read, masked).not.toContain(secret);
				expect(masked).not.toContain(secret);
				expect(findings.length).toBeGreaterThan(0);
				expect(mask.maskText(masked)).toEqual({ text: masked, findings: [] });
			}),
			{ numRuns: 3_000 },
		);
	});

	test("a finding is only told where something is gone", () => {
		fc.assert(
			fc.property(one, innerForm, fc.string({ maxLength: 20 }), ([text], inner, around) => {
				const written = inner.write(`${around} ${text} ${around}`);
				const { text: masked, findings } = mask.maskText(written);
				expect(findings.length > 0).toBe(masked !== written);
			}),
			{ numRuns: 1_000 },
		);
	});
});

test.each([
	['{"pan": 4242424242424242, "n": [4000056655665556]}', '{"pan": "[card …4242]", "n": ["[card …5556]"]}'],
	['{"a":"{\\"pin\\": 4829, \\"x\\": 1}"}', '{"a":"{\\"pin\\": \\"[password]\\", \\"x\\": 1}"}'],
	['{"credentials": {"user": "a", "n": 1}, "b": true}', '{"credentials": "[password]", "b": true}'],
])("numbers and objects in JSON that is a text leave JSON: %s", (text, expected) => {
	expect(mask.maskText(text).text).toBe(expected);
	JSON.parse(expected);
});

/** What seems to open or close something for who reads it once more than its reader does. */
const odd = [
	"\\",
	"a\\",
	'"',
	'x"y',
	"%22",
	"&quot;",
	"\\u0022",
	'{"',
	"}",
	"password: >-\n  hunter2\n  more",
	"it's",
	"<b>",
	"C:\\temp\\",
];

test("a value ends where its string does, whatever is in it: members behind it stay as they are", () => {
	const value = fc.constantFrom(...odd, "the password is Hx7!kQ9zLm");
	const secret = fc.oneof(value, fc.dictionary(fc.constantFrom("note", "pin", "x"), value, { minKeys: 1 }), fc.array(value));
	const spaces = fc.constantFrom(undefined, 2);
	fc.assert(
		fc.property(secret, value, spaces, (password, note, space) => {
			const written = JSON.stringify({ before: note, in: { password }, after: { kept: "here" }, count: 7 }, null, space);
			const { text: masked } = mask.maskText(written);
			expect(JSON.parse(masked), masked).toMatchObject({ after: { kept: "here" }, count: 7 });
			expect(masked).not.toContain("Hx7!kQ9zLm");
		}),
		{ numRuns: 1_000 },
	);
});

test.each([
	['{"password":"hunter2\\\\","n":7}', '{"password":"[password]","n":7}'],
	['{"note":"setx DB_PASSWORD Hx7kQ9zLm\\\\","n":7}', '{"note":"setx DB_PASSWORD [password]","n":7}'],
	['{"a":{"password":{"c":"%22"}},"n":"here"}', '{"a":{"password":"[password]"},"n":"here"}'],
	['{"n":"{\\"log\\":\\"the password is Hx7!kQ9zLm\\",\\"n\\":7}"}', '{"n":"{\\"log\\":\\"the password is [password]\\",\\"n\\":7}"}'],
	[
		JSON.stringify({ n: JSON.stringify([JSON.stringify({ password: 12, n: 7 })]) }),
		JSON.stringify({ n: JSON.stringify([JSON.stringify({ password: "[password]", n: 7 })]) }),
	],
])("and quotes are written as they are there: %s", (text, expected) => {
	expect(mask.maskText(text).text).toBe(expected);
	JSON.parse(expected);
});
