// A token opens for the session that it was made for, as what it was made from, and is nothing to anybody else.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL_DETECTORS } from "../detectors.ts";
import { compileMask } from "../mask.ts";
import { maskedView } from "../view.ts";
import { ann, keysOf, maskingKey, noon } from "./keys.test-support.ts";
import { MaskingKeys, type SessionKeys } from "./session-keys.ts";
import { openToken, tokenOf, tokensIn, wholeToken } from "./token.ts";

const keys = keysOf();
const mask = compileMask({ paths: { "$.v": "tokenize", "$.name": "tokenize name" }, detect: ALL_DETECTORS });
const hourMs = 3_600_000;

function opened(token: string, of: SessionKeys = keys): string | undefined {
	const found = wholeToken(token);
	return found && openToken(of, found.kind, found.body);
}

const values = fc
	.oneof(fc.emailAddress(), fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), fc.stringMatching(/^[0-9 +-]{1,40}$/))
	.filter((text) => text.isWellFormed() && !text.includes("\0"));

test("any value comes back whole, from a token in any case of letters, with text around it", () => {
	fc.assert(
		fc.property(values, fc.constantFrom("email", "text", "card"), (value, kind) => {
			const token = tokenOf(keys, kind, value) ?? "";
			expect(opened(token)).toBe(value);
			expect(opened(token.toUpperCase())).toBe(value);
			const [found] = tokensIn(`Dear ${token}, we write to (${token}).`);
			expect(found && openToken(keys, found.kind, found.body)).toBe(value);
			expect(tokenOf(keys, kind, value)).toBe(token);
		}),
	);
});

test("an e-mail address becomes one that leads nowhere, and everything else names its kind", () => {
	const { v, name } = mask.mask({ v: "ann@bank.example", name: "Ann Lee" }, keys).value as Record<string, string>;
	expect(v).toMatch(/^tok-[a-z2-7]{39,56}@(?:[a-z2-7]+\.)*callgate\.invalid$/);
	expect(name).toMatch(/^<name:[a-z2-7]{39,}>$/);
	expect(mask.mask({ v: "4111 1111 1111 1111" }, keys).value).toEqual({ v: expect.stringMatching(/^<card:[a-z2-7]+>$/) });
	expect(mask.mask({ v: " ann@bank.example " }, keys).value).toEqual({ v: expect.stringMatching(/^<email:[a-z2-7]+>$/) });
	expect(mask.mask({ v: 4711 }, keys).value).toEqual({ v: expect.stringMatching(/^<text:[a-z2-7]+>$/) });
});

describe("a token does not open", () => {
	const token = tokenOf(keys, "email", "ann@bank.example") ?? "";
	test.each<[string, SessionKeys]>([
		["for another caller", keysOf({ ...ann, subject: "bob" })],
		["for the same subject of another issuer", keysOf({ ...ann, issuer: "https://other.example" })],
		["in another session", keysOf({ ...ann, session: "s" })],
		["two windows later", keysOf(ann, new Date(noon.getTime() + 2 * hourMs))],
		["under another key", keysOf(ann, noon, 2)],
	])("%s", (_what, others) => {
		expect(opened(token, others)).toBeUndefined();
	});
	test("as another kind, or with a letter changed anywhere", () => {
		const { body } = wholeToken(token) ?? { body: "" };
		expect(openToken(keys, "card", body)).toBeUndefined();
		for (let at = 0; at < body.length; at++) {
			const changed = body.slice(0, at) + (body[at] === "a" ? "b" : "a") + body.slice(at + 1);
			expect(openToken(keys, "email", changed)).toBeUndefined();
		}
		expect(openToken(keys, "email", body.slice(0, -8))).toBeUndefined();
		expect(openToken(keys, "email", "a".repeat(100_000))).toBeUndefined();
	});
});

test("it opens a window later, at an executor whose clock is behind, and while its key is still held", () => {
	const token = tokenOf(keys, "email", "ann@bank.example") ?? "";
	for (const ms of [hourMs, -hourMs]) expect(opened(token, keysOf(ann, new Date(noon.getTime() + ms)))).toBe("ann@bank.example");
	const rotated = new MaskingKeys([maskingKey(2), maskingKey(1)]).sessionOf(ann, noon) as SessionKeys;
	expect(opened(token, rotated)).toBe("ann@bank.example");
	expect(tokenOf(rotated, "email", "ann@bank.example")).not.toBe(token);
});

test("an address that only has a token in it is no token: opened, it would lead the value to somebody else", () => {
	const token = tokenOf(keys, "email", "ann@bank.example") ?? "";
	for (const around of [`${token}.evil.example`, `${token}-evil.example`, `${token}x`, `me+${token}`, `x${token}`, `me.${token}`])
		expect(tokensIn(around), around).toEqual([]);
	for (const around of [`${token}.`, `(${token})`, `mailto:${token}`, `"${token}", b@c.example`]) expect(tokensIn(around)).toHaveLength(1);
});

test("what is too long, empty or half a character is redacted, and so is a list", () => {
	for (const v of ["", "x".repeat(1_025), "\ud800", "a\0", [1], null]) expect(mask.mask({ v }, keys).value).toEqual({ v: "[redacted]" });
});

test("masked again a token stays, also within text that every detector looks at; another session's is a value like any other", () => {
	const own = mask.mask({ v: "ann@bank.example", name: "Ann" }, keys).value;
	expect(mask.mask(own, keys)).toEqual({ value: own, findings: [] });
	expect(mask.mask(own, keysOf({ ...ann, subject: "bob" })).findings).toHaveLength(2);
	fc.assert(
		fc.property(values, fc.constantFrom("email", "phone", "password", "card"), (value, kind) => {
			const text = `to ${tokenOf(keys, kind, value)}: hello`;
			expect(maskedView({ to: [text], phone: text })).toEqual({ view: { to: [text], phone: text }, findings: [] });
		}),
	);
});
