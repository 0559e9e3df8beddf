// Nothing that is to be masked leaves with an answer, whatever the answer is called, and what cannot be masked stays.
import { describe, expect, test } from "vitest";
import type { HttpAnswer } from "#libs/contracts/answer.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask, type Mask, type MaskSpec } from "#libs/masking/mask.ts";
import { compileView, masksAsView } from "#libs/masking/view.ts";
import { AnswerWithheld } from "./answer-text.ts";
import { answered } from "./granted-call.test-support.ts";
import { type MaskedAnswer, maskAnswer } from "./mask-answer.ts";

const card = "4111111111111111";
const longCard = "6212345678901234569";
const spec: MaskSpec = { paths: { "$..ssn": "redact" }, detect: ["card", "email", "secret"] };

function masked(
	body: string | Uint8Array,
	type: string | undefined,
	{ paths = spec.paths, headers = [] as [string, string][] } = {},
): MaskedAnswer & { readonly result: HttpAnswer } {
	const whole = { ...spec, paths };
	const masks = {
		mask: compileMask(whole),
		view: compileView(whole),
		byPlace: Object.keys(paths).length > 0,
		isKeyed: false,
		passesMedia: false,
	};
	const answer = { protocol: "http" as const, ...answered("", type) };
	const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
	const { result, ...rest } = maskAnswer(
		{ ...answer, headers: [...(type === undefined ? [] : answer.headers), ...headers], body: bytes },
		masks,
	);
	if (result.protocol !== "http") throw new Error("expected an answer of HTTP");
	return { ...rest, result };
}

/** What the caller gets of a body, as text. */
function passed({ result: { body } }: MaskedAnswer): string {
	if (body === undefined) return "";
	if ("json" in body) return JSON.stringify(body.json);
	return "text" in body ? body.text : Buffer.from(body.base64, "base64").toString();
}

function shownOf({ view }: MaskedAnswer): string {
	return JSON.stringify(view);
}

describe("JSON", () => {
	test("without anything to mask leaves byte by byte", () => {
		const body = '{ "amount" : 1.50, "id": 12345678901234567890 }\n';
		const answer = masked(body, "application/json");
		expect(answer.result.body).toEqual({ text: body });
		expect(answer.findings).toEqual([]);
	});
	test("is masked by place and by detector, for the caller and on the record", () => {
		const answer = masked(JSON.stringify({ customer: { ssn: "123-45-6789" }, note: `paid with ${card}` }), "application/json");
		for (const text of [passed(answer), shownOf(answer)]) expect(text).not.toMatch(/6789|4111111/);
		expect(answer.findings.map(({ detector }) => detector).sort()).toEqual(["card", "path"]);
	});
	test("by every detector is masked once, and shown as masking it again would show it", () => {
		const whole: MaskSpec = { paths: { "$..ssn": "redact" }, detect: ALL_DETECTORS };
		const body = JSON.stringify({
			ssn: 1,
			note: `paid with ${card} by ana@example.com`,
			log: '{"password": "hunter2 x"}',
			long: "y".repeat(2_000),
		});
		const answer = { ...{ protocol: "http" as const, ...answered("", "application/json") }, body: new TextEncoder().encode(body) };
		const [once, twice] = [undefined, compileView(whole)].map((view) =>
			maskAnswer(answer, { mask: compileMask(whole), view, byPlace: true, isKeyed: false, passesMedia: false }),
		);
		expect(masksAsView(whole)).toBe(true);
		expect(masksAsView(spec)).toBe(false);
		expect(once).toEqual(twice);
		expect(shownOf(once as MaskedAnswer)).toMatch(/\[card …1111\].*\[password\].*more characters/);
	});
	test("is looked at once, for the caller and the record together", () => {
		const whole: MaskSpec = { paths: {}, detect: ALL_DETECTORS };
		const inner = compileMask(whole);
		const looked: unknown[] = [];
		const mask: Mask = {
			mask: (value) => {
				looked.push(value);
				return inner.mask(value);
			},
			maskText: (text) => {
				looked.push(text);
				return inner.maskText(text);
			},
		};
		for (const [body, type] of [
			['{"to":"ana@example.com"}', "application/json"],
			["to ana@example.com", "text/plain"],
		] as const) {
			looked.length = 0;
			const answer = maskAnswer(
				{ protocol: "http", ...answered(body, type) },
				{ mask, view: undefined, byPlace: false, isKeyed: false, passesMedia: false },
			);
			expect(looked).toHaveLength(1);
			for (const text of [passed(answer), shownOf(answer)]) expect(text).toContain("[email]");
		}
	});
	test.each<[string, string]>([
		["a number", `{"n":${card}}`],
		["a number of nineteen digits", `{"n":${longCard}}`],
		["a number with an exponent", '{"n":4111111111111111e0}'],
		["one of two members of a name", `{"n":1,"n":${card}}`],
		["the other of two members of a name", `{"n":${card},"n":1}`],
		["a long number among members named twice", `{"n":1,"n":1,"m":${longCard}}`],
		["below __proto__", `{"__proto__":{"n":${card}}}`],
		["a long number below __proto__", `{"__proto__":{"n":${longCard}}}`],
		["a member's name", `{"${card}":1}`],
		["escaped", `{"n":"\\u0034111111111111111"}`],
		["deep inside", `${'{"a":'.repeat(40)}${card}${"}".repeat(40)}`],
	])("a card number that is %s is found", (_what, body) => {
		const answer = masked(body, "application/json");
		for (const text of [passed(answer), shownOf(answer)]) expect(text).not.toMatch(/4111111111|62123456789/);
	});
	test("that two readers read in two ways is written anew in the way in which it was masked", () => {
		const answer = masked('{"ssn":1,"a":"first","a":"last"}', "application/json");
		expect(answer.result.body).toEqual({ json: { ssn: "[redacted]", a: "last" } });
		expect(masked('{"a":"first","a":"last"}', "application/json").result.body).toEqual({ json: { a: "last" } });
	});
	test.each([
		["too deep", `${"[".repeat(65)}${"]".repeat(65)}`],
		["half a character", '{"a":"\\ud800"}'],
		["half a character among members named twice", '{"a":1,"a":"\\ud800"}'],
	])("that is %s is withheld", (_what, body) => {
		expect(() => masked(body, "application/json")).toThrow(AnswerWithheld);
	});
});

describe("JSON is JSON, whatever it is called:", () => {
	const body = JSON.stringify({ customer: { ssn: "not a number that a detector knows" } });
	test.each([
		...["application/json", "application/json; charset=utf-8", "application/problem+json", "APPLICATION/JSON", "text/json", "text/plain"],
		...["application/octet-stream", "text/html", "", undefined],
	])("%j", (type) => {
		const answer = masked(body, type);
		for (const text of [passed(answer), shownOf(answer)]) expect(text).not.toContain("not a number");
	});
	test("with a byte order mark", () => {
		for (const type of ["application/json", "text/plain"]) expect(passed(masked(`\uFEFF${body}`, type))).not.toContain("not a number");
	});
	test("in UTF-16", () => {
		const answer = masked(new Uint8Array(Buffer.from(body, "utf16le")), "application/json; charset=utf-16le");
		expect(passed(answer)).not.toContain("not a number");
		expect(answer.result.headers).toEqual([["content-type", "application/json; charset=utf-8"]]);
	});
	test("what only looks like it is withheld where places were to be masked", () => {
		for (const [text, type] of [
			[`${body}\n${body}`, "application/x-ndjson"],
			[`${body}\n${body}`, "text/plain"],
			[body.slice(0, -1), "application/json"],
			[`while(1);${body}`, "application/json"],
			["<html>", "application/json"],
		] as const) {
			expect(() => masked(text, type), text).toThrow(AnswerWithheld);
		}
	});
	test("and is text where none were", () => {
		const answer = masked(`{"n":"${card}"}\n{"n":2}`, "application/x-ndjson", { paths: {} });
		expect(passed(answer)).not.toContain(card);
		expect(passed(answer)).toContain('{"n":2}');
		expect(passed(masked("[2026-01-01] started", "text/plain"))).toBe("[2026-01-01] started");
	});
});

describe("text", () => {
	test("is masked by detectors, and leaves as it is where they find nothing", () => {
		const answer = masked(`a,b\n${card},dana@example.com\n`, "text/csv");
		expect(passed(answer)).not.toMatch(/4111111|dana@/);
		expect(shownOf(answer)).not.toMatch(/4111111|dana@/);
		expect(passed(masked("a,b\n1,2\n", "text/csv"))).toBe("a,b\n1,2\n");
	});
	test("in another character set is read in that one, and leaves as UTF-8 that says so", () => {
		const answer = masked(new Uint8Array(Buffer.from("grüße", "latin1")), 'text/plain; charset="iso-8859-1"');
		expect(passed(answer)).toBe("grüße");
		expect(answer.result.headers).toEqual([["content-type", "text/plain; charset=utf-8"]]);
	});
	test.each([
		["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00, 0x80]), "application/octet-stream"],
		["text that is not in its character set", new Uint8Array([0x61, 0xff]), "text/plain; charset=utf-8"],
		["text in a character set nobody knows", new Uint8Array([0x61]), "text/plain; charset=x-unknown"],
		["an image", new Uint8Array([0x89, 0x50, 0x4e, 0x47]), "image/png"],
	])("%s: withheld", (_what, bytes, type) => {
		expect(() => masked(bytes, type)).toThrow(AnswerWithheld);
	});
	test("that a JSON string would make much longer is passed on in another writing", () => {
		const text = '\u0001"\n'.repeat(200_000);
		const answer = masked(text, "text/plain");
		expect(passed(answer)).toBe(text);
		expect(JSON.stringify(answer.result).length).toBeLessThan(text.length * 1.4);
	});
	test("nothing is nothing", () => {
		const answer = masked("", "image/png");
		expect(answer.result.body).toBeUndefined();
		expect(answer.view).toEqual({ status: 200 });
	});
});

describe("headers", () => {
	const headersOf = (...headers: [string, string][]) => masked("{}", "application/json", { headers }).result.headers.slice(1);
	test("are masked, and still are headers", () => {
		const [[, value = ""] = []] = headersOf(["location", `/cards/${card}`]);
		expect(value).not.toContain(card);
		expect(value).toMatch(/^\/cards\/\[card/);
		expect(value).toMatch(/^[\x20-\xff]*$/);
	});
	test("of one name stay several, in their order", () => {
		const fields: [string, string][] = [
			["link", "</a>; rel=next"],
			["vary", "accept"],
			["link", "</b>; rel=prev"],
			["vary", "origin"],
		];
		expect(headersOf(...fields)).toEqual(fields);
	});
	test("a length stays a number, whatever else it looks like, or does not leave", () => {
		expect(headersOf(["content-length", "301234567"])).toEqual([["content-length", "301234567"]]);
		expect(headersOf(["content-length", card])).toEqual([]);
	});
	test("of the function's own session stay behind", () => {
		expect(headersOf(["set-cookie", "session=1"], ["x-a", "b"])).toEqual([["x-a", "b"]]);
	});
});

test("an error about an answer never repeats any of it", () => {
	const bodies: [string | Uint8Array, string][] = [
		[`{"card":"${card}"`, "application/json"],
		[`{"card":"${card}","a":"\\ud800"}`, "application/json"],
		[new Uint8Array([...Buffer.from(card), 0xff]), "text/plain"],
	];
	for (const [body, type] of bodies) {
		expect(() => masked(body, type)).toThrow(expect.not.objectContaining({ message: expect.stringContaining("4111") }));
	}
});

test("any JSON value leaves as JSON of the same shape", () => {
	const value: JsonValue = { a: [1, null, true, { b: "x" }], ssn: 1 };
	expect(masked(JSON.stringify(value), "application/json").result.body).toEqual({
		json: { a: [1, null, true, { b: "x" }], ssn: "[redacted]" },
	});
});

test("a type's parameters are masked as any header is, and its charset is that of what leaves", () => {
	const masks = {
		mask: compileMask({ paths: {}, detect: ALL_DETECTORS }),
		view: undefined,
		byPlace: false,
		isKeyed: false,
		passesMedia: false,
	};
	const type = 'text/plain; charset="iso-8859-1"; name="jane.doe@customer.example.pdf"';
	const { result } = maskAnswer({ protocol: "http", status: 200, headers: [["content-type", type]], body: Buffer.from("x") }, masks);
	expect(result).toMatchObject({ headers: [["content-type", 'text/plain; charset=utf-8; name="[email]"']] });
});
