// Raw requests that are read, and those that are refused because they could be read in two ways.
import { expect, test } from "vitest";
import { argumentsFromRequest } from "./arguments-from-request.ts";
import { functionOf } from "./document.test-support.ts";
import { matchRoute } from "./match-route.ts";

const search = functionOf({
	path: "/search/{id}",
	parameters: [
		{ name: "id", in: "path", required: true, schema: { type: "string" } },
		{ name: "n", in: "query", schema: { type: "integer" } },
		{ name: "x", in: "query", schema: { type: "number" } },
		{ name: "b", in: "query", schema: { type: "boolean" } },
		{ name: "t", in: "query", schema: { type: "string" } },
		{ name: "u", in: "query", schema: { anyOf: [{ type: "integer" }, { type: "boolean" }] } },
		{ name: "m", in: "query", schema: { type: ["integer", "string"] } },
		{ name: "many", in: "query", schema: { type: "array", items: { type: "integer" } } },
		{ name: "few", in: "query", explode: false, schema: { type: "array", items: { type: "string" } } },
		{ name: "X-Ids", in: "header", schema: { type: "array", items: { type: "integer" } } },
	],
});

function read(query: string, headers: Record<string, string | string[]> = {}) {
	const result = argumentsFromRequest(search.transport, { pathArgs: { id: "a" }, query, headers });
	return result.ok ? result.args : result.errors.map(({ pointer, message }) => `${pointer} ${message}`);
}

test.each([
	["n=5", { n: 5 }],
	["n=-5", { n: -5 }],
	["x=1.50", { x: 1.5 }],
	["x=0.1", { x: 0.1 }],
	["x=0.0000001", { x: 1e-7 }],
	["x=1e-7", { x: 1e-7 }],
	["x=-2.5E-07", { x: -2.5e-7 }],
	["x=1e3", { x: 1_000 }],
	["x=0.30000000000000004", { x: 0.30000000000000004 }],
	["x=9007199254740992", { x: 9_007_199_254_740_992 }],
	["n=5&", { n: 5 }],
	["&&n=5&&b=true", { n: 5, b: true }],
	["b=true&n=0", { b: true, n: 0 }],
	["t=", { t: "" }],
	["t", { t: "" }],
	["t=a+b%20c%2B", { t: "a b c+" }],
	["t=%C3%A9", { t: "é" }],
	["t=1", { t: "1" }],
	["u=1", { u: 1 }],
	["u=false", { u: false }],
	["m=1", { m: "1" }],
	["many=1&many=2", { many: [1, 2] }],
	["many=1", { many: [1] }],
	["few=a,b%2Cc", { few: ["a", "b,c"] }],
])("read: ?%s", (query, args) => {
	expect(read(query)).toEqual({ id: "a", ...args });
});

test.each([
	...["1e3", "0x10", "", " 1", "01", "+1", "1.0.0", "-0", "9007199254740993", "9007199254740992", "1.5", "१", "NaN", "Infinity", "1_0"].map(
		(text) => `n=${encodeURIComponent(text)}`,
	),
	...["-0.0", ".5", "5.", "1e", "e5", "0x1e3", "1e400", "1e-400", "9007199254740993", "0.30000000000000000001", "1,5", ""].map(
		(text) => `x=${encodeURIComponent(text)}`,
	),
	...["1", "yes", "TRUE", ""].map((text) => `b=${text}`),
	"u=x",
	"n=1&n=2",
	"n=1&%6e=2",
	"t=a&t=a",
	"few=a&few=b",
	"unknown=1",
	"N=1",
	"constructor=1",
	"=",
	"n=1&=",
	"t=%",
	"t=%ff",
	"t=%00",
	"t=a b",
	"t=é",
	"t=a#b",
	"many=1&many=",
])("refused: ?%s", (query) => {
	expect(read(query)).toBeInstanceOf(Array);
});

test("headers: declared ones only, once, items between commas", () => {
	expect(read("", { "x-ids": "1, 2,3", "x-other": "4", authorization: "Bearer x" })).toEqual({ id: "a", "X-Ids": [1, 2, 3] });
	expect(read("", { "x-ids": ["1", "2"] })).toEqual(["/X-Ids expected one header of this name"]);
	expect(read("", { "x-ids": "1,,2" })).toBeInstanceOf(Array);
});

test("bodies: what is declared, where it is declared", () => {
	const fn = functionOf({
		path: "/a/{id}",
		parameters: [{ name: "id", in: "path", required: true, schema: {} }],
		body: { type: "object", properties: { a: {} }, additionalProperties: true },
	});
	const base = { pathArgs: { id: "1" }, query: "", headers: {} };
	const withBody = (value: unknown) =>
		argumentsFromRequest(fn.transport, { ...base, body: { contentType: "application/json", encoding: "json", value } });
	expect(withBody({ a: 1, b: 2 })).toEqual({ ok: true, args: { id: "1", a: 1, b: 2 } });
	expect(withBody({ a: 1, id: "2" }).ok).toBe(false);
	expect(withBody([1]).ok).toBe(false);
	expect(withBody(null).ok).toBe(false);
	expect(argumentsFromRequest(fn.transport, base).ok).toBe(false);
	expect(
		argumentsFromRequest(fn.transport, {
			...base,
			body: { contentType: "application/x-www-form-urlencoded", encoding: "form", text: "a=1" },
		}).ok,
	).toBe(false);
	expect(
		argumentsFromRequest(search.transport, { ...base, body: { contentType: "application/json", encoding: "json", value: {} } }).ok,
	).toBe(false);
	const closed = functionOf({ body: { type: "object", properties: { a: {} } } });
	expect(
		argumentsFromRequest(closed.transport, { ...base, body: { contentType: "application/json", encoding: "json", value: { a: 1, b: 1 } } })
			.ok,
	).toBe(false);
});

test("a form may end with an ampersand, as a query may", () => {
	const form = functionOf({
		body: { type: "object", properties: { a: { type: "number" } } },
		contentType: "application/x-www-form-urlencoded",
	});
	const withBody = (text: string) =>
		argumentsFromRequest(form.transport, {
			pathArgs: {},
			query: "",
			headers: {},
			body: { contentType: "application/x-www-form-urlencoded", encoding: "form", text },
		});
	expect(withBody("a=1&")).toEqual({ ok: true, args: { a: 1 } });
	expect(withBody("a=1.5e-9")).toEqual({ ok: true, args: { a: 1.5e-9 } });
	expect(withBody("a=1&=2").ok).toBe(false);
});

test("messages say what was expected and not what was sent", () => {
	expect(JSON.stringify(read("n=4111111111111111x&4111111111111111=1&t=%ff4111111111111111"))).not.toContain("4111");
});

test.each([
	["/search/a", { id: "a" }],
	["/search/%61", { id: "a" }],
	["/search/a%20b", { id: "a b" }],
	["/search/a;b=c", { id: "a;b=c" }],
	["/search/100%25", { id: "100%" }],
])("path read: %s", (path, pathArgs) => {
	expect(matchRoute([search], "GET", path)?.pathArgs).toEqual(pathArgs);
});

test.each([
	"/search/",
	"/search",
	"/search/a/",
	"/search/a/b",
	"//search/a",
	"/search//a",
	"/Search/a",
	"search/a",
	"/search/..",
	"/search/%2e%2e",
	"/search/.%2E",
	"/search/%2e",
	"/search/a%2fb",
	"/search/a%5Cb",
	"/search/a\\b",
	"/search/%252e%252e",
	"/search/%2561",
	"/search/%",
	"/search/%zz",
	"/search/%ff",
	"/search/%00",
	"/search/a%0d%0ab",
	"/search/a b",
	"/search/é",
	"/search/a?b",
	"/search/a#b",
	`/search/${"a".repeat(9_000)}`,
])("path refused: %s", (path) => {
	expect(matchRoute([search], "GET", path)).toBeUndefined();
});

test("the method is part of the route", () => {
	expect(matchRoute([search], "get", "/search/a")).toBeUndefined();
	expect(matchRoute([search], "HEAD", "/search/a")).toBeUndefined();
});
