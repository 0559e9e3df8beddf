// What detectors find becomes a token, a hash or a surrogate, in whatever form the text is: gone, found once, and the token leads back to the value.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FindAction } from "../action.ts";
import { ALL_DETECTORS } from "../detectors.ts";
import { forms, innermost, planted } from "../forms.test-support.ts";
import { compileMask } from "../mask.ts";
import { compileDetokenizer } from "./detokenize.ts";
import { keysOf } from "./keys.test-support.ts";
import { tokensIn } from "./token.ts";

const keys = keysOf();
const maskWith = (action: FindAction) =>
	compileMask({ paths: {}, detect: ALL_DETECTORS, finds: Object.fromEntries(ALL_DETECTORS.map((detector) => [detector, action])) });
const [tokenized, hashed, surrogated] = [maskWith("tokenize"), maskWith("hash"), maskWith("surrogate")];
const plain = compileMask({ paths: {}, detect: ALL_DETECTORS });

const one = fc.constantFrom(...planted);
const innerForm = fc.constantFrom(...innermost);
const outerForm = fc.constantFrom(...forms);
const before = fc.constantFrom("note", "x y", "see\nbelow", "");

describe("for every text, written twice over", () => {
	test.each([
		["tokens", tokenized],
		["hashes", hashed],
	])("%s stand where something was, and are not masked again", (_what, mask) => {
		fc.assert(
			fc.property(one, innerForm, outerForm, before, ([text, secret], inner, outer, words) => {
				const written = outer.write(inner.write(`${words} ${text} end`));
				const { text: masked, findings } = mask.maskText(written, keys);
				expect(inner.read(outer.read(masked)).length, masked).toBeGreaterThan(0);
				expect(inner.read(outer.read(masked)), masked).not.toContain(secret);
				expect(masked).not.toContain(secret);
				expect(findings.length).toBeGreaterThan(0);
				expect(mask.maskText(masked, keys)).toEqual({ text: masked, findings: [] });
				// What people see is masked by marks alone.
				expect(plain.maskText(masked)).toEqual({ text: masked, findings: [] });
			}),
			{ numRuns: 1_500 },
		);
	});

	test("what was planted is gone where surrogates are put, too", () => {
		fc.assert(
			fc.property(one, innerForm, outerForm, before, ([text, secret], inner, outer, words) => {
				const { text: masked, findings } = surrogated.maskText(outer.write(inner.write(`${words} ${text} end`)), keys);
				expect(inner.read(outer.read(masked)), masked).not.toContain(secret);
				expect(masked).not.toContain(secret);
				expect(findings.length).toBeGreaterThan(0);
			}),
			{ numRuns: 1_500 },
		);
	});

	test("the token of an address leads back to it", () => {
		const open = compileDetokenizer({ $: ["email"] });
		fc.assert(
			fc.property(innerForm, outerForm, (inner, outer) => {
				const written = outer.write(inner.write("note (jamie.okafor@private.example) end"));
				const read = inner.read(outer.read(tokenized.maskText(written, keys).text));
				expect(
					tokensIn(read).map(({ kind }) => kind),
					read,
				).toStrictEqual(["email"]);
				expect(open({ text: `Dear ${read}!` }, keys).arguments).toStrictEqual({ text: "Dear note (jamie.okafor@private.example) end!" });
			}),
		);
	});
});

const mixed = compileMask({
	paths: {},
	detect: ALL_DETECTORS,
	finds: { email: "tokenize", card: "surrogate", phone: "redact", secret: "hash", iban: "tokenize account" },
});

test("each kind becomes what is said of it, and those of which nothing is said become marks", () => {
	const note =
		"Jamie, jamie@private.example, +1 415 555 0132, card 4000 0566 5566 5556, DE89370400440532013000, 00:1A:2B:3C:4D:5E, password=hunter2xyz";
	const { value, findings } = mixed.mask({ note, again: "jamie@private.example" }, keys);
	const masked = value as { note: string; again: string };
	expect(masked.note).toMatch(
		/^Jamie, tok-\w+@[\w.]+callgate\.invalid, \[phone\], card 4242 42\d\d \d{4} \d{4}, <account:[a-z2-7]+>, \[mac-address\], password=\[hash [a-z2-7]{16}\]$/,
	);
	expect(masked.note).toContain(masked.again);
	expect(findings.reduce((sum, { count }) => sum + count, 0)).toBe(7);
});

test("without keys everything becomes a mark", () => {
	expect(mixed.maskText("jamie@private.example 4000056655665556").text).toBe("[email] [card …5556]");
});

test("names of members become marks, and values by their names become what is said of passwords", () => {
	const { value } = mixed.mask({ "jamie@private.example": 1, password: "hunter2" }, keys);
	expect(JSON.stringify(value)).toMatch(/^\{"\[email\]":1,"password":"\[hash [a-z2-7]{16}\]"\}$/);
});

test("a number's surrogate is a number, and a token of one in JSON that is a text has quotes", () => {
	expect(typeof (mixed.mask({ pan: 4000056655665556 }, keys).value as { pan: unknown }).pan).toBe("number");
	expect(typeof JSON.parse(mixed.maskText('{"pan":4000056655665556}', keys).text).pan).toBe("number");
	expect(typeof JSON.parse(tokenized.maskText('{"pan":4000056655665556}', keys).text).pan).toBe("string");
});

test("markup stays markup", () => {
	expect(tokenized.maskText("<a><pan>4000056655665556</pan></a>", keys).text).toMatch(/^<a><pan>&lt;card:[a-z2-7]+&gt;<\/pan><\/a>$/);
});

test("surrogates that were made for a call are not masked again in it", () => {
	const call = { ...keys, made: new Set<string>() };
	const once = surrogated.maskText("to jamie@private.example and 4000056655665556", call);
	expect(surrogated.maskText(once.text, call)).toEqual({ text: once.text, findings: [] });
	expect(surrogated.maskText(once.text, keys).text).not.toBe(once.text);
});

test("a text that consists of equal finds does not become many times as long, one with a find in each line gets a token for each", () => {
	const short = "a1@b.io ".repeat(4_000);
	const { text } = tokenized.maskText(short, keys);
	expect(text).toMatch(/^tok-.* \[email\] $/);
	expect(text.length).toBeLessThan(2 * short.length + 8_192);
	const rows = Array.from({ length: 500 }, (_, id) => `${id};customer${id}@private.example;${"text of a note, ".repeat(3)}`);
	expect(tokenized.maskText(rows.join("\n"), keys).text).not.toContain("[email]");
});

test("a text of nothing but the shortest finds gets marks in the end, an ordinary list none", () => {
	const short = Array.from({ length: 5_000 }, (_, at) => `${at.toString(36)}@b.io`);
	const { text } = tokenized.maskText(short.join(" "), keys);
	expect(text).toMatch(/^tok-.* \[email\]$/);
	expect(text).not.toMatch(/@b\.io/);
	const rows = Array.from({ length: 3_000 }, (_, id) => ({ id, text: `from customer${id}@private.example` }));
	expect(JSON.stringify(tokenized.mask(rows, keys).value)).not.toContain("[email]");
});
