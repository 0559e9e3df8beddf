// What the executor would not send is refused before anyone decides about it, at the very same byte.
import { expect, test } from "vitest";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import { whyNoRequest } from "./build-request.ts";
import { functionOf } from "./document.test-support.ts";
import { dialBounds, secretBytesMax } from "./request-bounds.ts";

const to = { url: "https://api.example", limits: { requestBodyBytesMax: 100 } };
const text = { type: "string" };
const fn = functionOf({
	path: "/things/{id}",
	method: "post",
	parameters: [
		{ name: "id", in: "path", required: true, schema: text },
		{ name: "q", in: "query", schema: text },
		...Array.from({ length: 5 }, (_, index) => ({ name: `X-${index}`, in: "header", schema: text })),
	],
	body: { type: "object", properties: { note: text } },
});
const check = compileArguments(fn, to);
const url = "https://api.example/things/1?q=".length;
const headers = (characters: number) => Object.fromEntries([0, 1, 2, 3].map((index) => [`X-${index}`, "x".repeat(characters)]));

test.each<[string, object, object, string, string]>([
	[
		"the URL",
		{ q: "x".repeat(16_384 - url) },
		{ q: "x".repeat(16_385 - url) },
		"invalid_arguments",
		"a URL of at most 16384 bytes, found 16385",
	],
	["the URL, escaped", { q: "é".repeat(2_700) }, { q: "é".repeat(2_740) }, "invalid_arguments", "a URL of at most 16384 bytes"],
	["all headers", headers(4_089), { ...headers(4_089), "X-4": "" }, "invalid_arguments", "at most 16384 bytes of headers, found 16391"],
	["the body", { note: "x".repeat(89) }, { note: "x".repeat(90) }, "body_too_large", "may have 100 bytes, found 101"],
])("%s", (_name, largest, tooLarge, code, message) => {
	expect(check({ id: "1", ...largest })).toEqual({ ok: true });
	expect(check({ id: "1", ...tooLarge })).toEqual({
		ok: false,
		tooLarge: code,
		errors: [{ pointer: "", message: expect.stringContaining(message) }],
	});
});

test("a body that is surely small enough is not measured; one that may be larger is, also under a longer name on the wire", () => {
	const { transport } = fn;
	const args = { id: "1", note: "x".repeat(90) };
	const chars = JSON.stringify(args).length;
	const roomy = (requestBodyBytesMax: number) => ({ ...to, limits: { requestBodyBytesMax } });
	expect(whyNoRequest(transport, args, to, chars)).toMatchObject({ tooLarge: "body_too_large" });
	expect(whyNoRequest(transport, args, roomy(chars * 9), chars)).toBeUndefined();
	let measured = 0;
	const watched = { ...args, note: { toString: () => "", toJSON: () => `${++measured}` } };
	expect(whyNoRequest(transport, watched, roomy(chars * 9), chars)).toBeUndefined();
	expect(measured).toBe(0);
	expect(whyNoRequest(transport, watched, roomy(chars * 9 - 1), chars)).toBeUndefined();
	expect(measured).toBe(1);
	const { body } = transport;
	const renamed = body && { ...transport, body: { ...body, members: [{ name: "n".repeat(1_000), argument: "note" }] } };
	expect(renamed && whyNoRequest(renamed, args, roomy(1_000), 100)).toMatchObject({ tooLarge: "body_too_large" });
});

test("what is let through fits the dialer, with the largest credential in the query or in a header, and the caller's headers", () => {
	const secret = "%".repeat(secretBytesMax);
	expect(16_384 + `?${"n".repeat(128)}=${encodeURIComponent(secret)}`.length).toBeLessThanOrEqual(dialBounds.urlBytesMax);
	const basic = `authorization: Basic ${Buffer.from(`${"u".repeat(128)}:${secret}`).toString("base64")}\r\n`;
	expect(16_384 + 32_768 + basic.length).toBeLessThanOrEqual(dialBounds.headerBytesMax);
});
