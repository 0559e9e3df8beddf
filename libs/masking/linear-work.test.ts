// No text makes a scan slow: the characters looked at grow with the length of the text, whatever is in it. Counted, not timed.
import { describe, expect, test } from "vitest";
import { ALL_DETECTORS, detectorsNamed } from "./detectors.ts";
import { KnownNames } from "./known-names.ts";
import { compileMask } from "./mask.ts";
import { detectorSet, scanText } from "./mask-string.ts";
import { hint } from "./names.ts";

const detectors = detectorSet(detectorsNamed(ALL_DETECTORS));
const length = 128 * 1024;
/**
 * Looks a character may get from all detectors together. Ordinary text gets two to five; the worst are lone digits with spaces between, each
 * of which may begin or be within seven lengths of card.
 */
const looksMax = 96;

/** Each is repeated to fill the text: what detectors start at, what they run through, and what makes them give up late. */
const pieces = [
	// One long run with many places where a token's header could begin.
	`${"eyJ".repeat(1000)}.`,
	"a",
	"0",
	"4",
	" ",
	"@",
	"a@",
	"@a.",
	"a@a.a@",
	'"@',
	'"a"@b.c',
	".",
	"a.",
	"-",
	"+",
	"+1",
	"+1 ",
	"+31 6 1234 567",
	"+12345678 ",
	"4 ",
	"41 ",
	"4-1 ",
	"4111 ",
	"4111111111111111 ",
	"4111111111111112-",
	"4111.",
	"5.1.",
	"eyJ",
	"eyJ.",
	"eyJa.eyJa.",
	"eyJhbGciOiJIUzI1NiJ9.",
	"eyAiewogew0K",
	"-----BEGIN ",
	"-----BEGIN PRIVATE KEY-----",
	"-----BEGIN A PRIVATE KEY",
	"-----BEGIN PRIVATE KEY----------END ",
	"Private-Lines:",
	"b3BlbnNzaC1rZXktdjE",
	"VALUES (",
	"(password) VALUES ('a',",
	"IDENTIFIED BY '",
	"net use a b /user:c ",
	"htpasswd -b a b ",
	"password | a1 | ",
	'password: "a ',
	'setPassword("',
	'auth("a", "b1", ',
	"<td>password</td><td>",
	'variable "password" {',
	"password **",
	"echo a1 | sudo -S ",
	":5432:a:b:",
	"the password for a is ",
	"perm:aaaaaaaaaaaaaaaaaaaa.",
	"t1.aaaaaaa.",
	"sk-",
	"sk-a",
	" sk-aaaaaaaaaaaaaaaaaaaaa",
	"ghp_",
	"ghp_a",
	"AKIA",
	"AKIAIOSFODNN7EXAMPLE",
	"AKIAIOSFODNN7EXAMPLE ",
	"SG.",
	"SG.a1A",
	" SK",
	"xoxb-",
	"glpat-",
	"sig=",
	"sig=a",
	"password",
	"password=",
	"password=a",
	'password: "',
	"pwd==",
	"://",
	"://a:",
	"://a:@",
	"a://a:b@c ",
	"Bearer ",
	"Bearer a",
	"Basic ",
	"Basic aaaaaaaa",
	"NL91",
	"NL91 ",
	"NL91ABNA0417164300 ",
	"NL91 ABNA-",
	"GB00aaaa",
	"123-45-6789 ",
	"123-",
	"12345678Z",
	"X1",
	"AB123456C ",
	"RSSMRA85T10A562S",
	"756.9217.",
	"ssn 123456789 ",
	"a1",
	"41111111-1111-1111-8111-111111111111 ",
	"a4111111111111111",
	"٤",
	"٤\u200b",
	"é@",
	"\u200b",
	"[card …1111]",
	"password: {",
	"secret=[{",
	"<password>",
	"</password>",
	"a=b=",
	"key:\n",
	"key: |\n  ",
	"::",
	"1:",
	"00:1A:",
	"born ",
	"né le 1",
	"passport ",
	"passport A1",
	"0x",
	"bc1q",
	"<<",
	"A<",
	"datadog ",
	"datadog a1",
	"near ghost ",
	"--api-key ",
	"name: password ",
	'"name":"token",',
	"+ASt",
	"Q~",
	"1.2.3.4 ",
	"1.2.",
	"call 12",
	"call 555 0132 ",
	"(415) ",
	"0 12 ",
	"the password is ",
	"BOXW310820",
	"d3-d3-",
	"12-12-",
	"token is ",
	"amFtaWVAYi5leGFtcGxl ",
	"aGVsbG8gd29ybGQh/",
];

function workOf(piece: string, size: number): number {
	const text = piece.repeat(Math.ceil(size / piece.length)).slice(0, size);
	const scan = scanText(detectors, text, hint.phone | hint.nationalId, new KnownNames());
	return scan.work;
}

describe("128 KiB of", () => {
	test.each(pieces)("%j", (piece) => {
		const work = workOf(piece, length);
		// Invisible characters fold to nothing, so there is nothing left to look at.
		if (piece === "\u200b") return expect(work).toBe(0);
		expect(work).toBeGreaterThanOrEqual(length / 4);
		expect(work / length).toBeLessThan(looksMax);
		// Twice the text is twice the work, and not four times: that is what `looksMax` alone could hide in a short text.
		expect(work / workOf(piece, length / 2)).toBeLessThan(2.3);
	});
});

test("a MiB of everything, one after the other", () => {
	const work = workOf(pieces.join(""), 1024 * 1024);
	expect(work / (1024 * 1024)).toBeLessThan(looksMax / 4);
});

test("a MiB of one digit, masked to the end", () => {
	const mask = compileMask({ paths: {}, detect: ALL_DETECTORS });
	expect(mask.maskText("4".repeat(1024 * 1024)).findings).toStrictEqual([]);
});

test("a hundred thousand names that mask to the same", () => {
	const mask = compileMask({ paths: {}, detect: ["email"] });
	const { value } = mask.mask(Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`u${at}@b.example`, at])));
	expect(Object.keys(value as object).at(-1)).toBe("[email] (100000)");
});
