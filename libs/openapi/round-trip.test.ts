// The promise that the proxy and the executor share: what is built from arguments reads back as exactly those arguments, or is not built.
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import type { MadeFunction } from "#libs/functions/function.ts";
import { argumentsFromRequest, type RequestBody } from "./arguments-from-request.ts";
import { offeredType } from "./body-type.ts";
import { buildRequest, type HttpRequest, whyNoRequest } from "./build-request.ts";
import { documentOf, functionOf } from "./document.test-support.ts";
import { functionsFromOpenapi } from "./functions-from-openapi.ts";
import type { HttpTransport } from "./http-transport.ts";
import { matchRoute } from "./match-route.ts";

function bodyOf(fn: MadeFunction<HttpTransport>, { body, contentType = "" }: HttpRequest): { body?: RequestBody } {
	if (body === undefined) return {};
	const text = new TextDecoder().decode(body);
	const encoding = fn.transport.body && offeredType(fn.transport.body, contentType)?.encoding;
	return { body: encoding === "form" ? { contentType, encoding, text } : { contentType, encoding: "json", value: JSON.parse(text) } };
}

function readBack(
	functions: readonly MadeFunction<HttpTransport>[],
	request: HttpRequest,
): { readonly name: string; readonly args: unknown } | undefined {
	const route = matchRoute(functions, request.method, request.path);
	if (!route) return undefined;
	const { pathArgs, fn } = route;
	const read = argumentsFromRequest(fn.transport, { pathArgs, query: request.query, headers: request.headers, ...bodyOf(fn, request) });
	return read.ok ? { name: fn.name, args: read.args } : undefined;
}

/** JSON has no negative zero: it reads back as zero. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const schemas = {
	string: { type: "string" },
	integer: { type: "integer" },
	number: { type: "number" },
	boolean: { type: "boolean" },
	strings: { type: "array", items: { type: "string" } },
	integers: { type: "array", items: { type: "integer" } },
} as const;
const hostile = fc.constantFrom(
	"..",
	".",
	"",
	"a/b",
	"a%2fb",
	"%2e%2e",
	"a?b",
	"a#b",
	"a&b=c",
	"+",
	" ",
	"é",
	"😀",
	"\ud800",
	"a,b",
	"null",
	"\0",
	"\u001f",
	"\u0085",
	"1e3",
	"\r\nx: y",
	"'\"",
	"a;b",
	"\\",
);
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.string({ maxLength: 12 }), hostile);
const integer = fc.maxSafeInteger();
const values = {
	string: text,
	integer,
	number: fc.oneof(fc.double(), integer),
	boolean: fc.boolean(),
	strings: fc.array(text, { maxLength: 4 }),
	integers: fc.array(integer, { maxLength: 4 }),
} as const;

type Kind = keyof typeof schemas;
const kind = fc.constantFrom(...(Object.keys(schemas) as Kind[]));
const placed = fc.record({
	place: fc.constantFrom("path", "query", "header", "body"),
	kind,
	explode: fc.boolean(),
	required: fc.boolean(),
});

function scenario(contentType: string) {
	return fc.array(placed, { minLength: 1, maxLength: 6 }).chain((parts) => {
		const named = parts.map((part, index) => ({ ...part, name: `p${index}` }));
		const args = fc.record(Object.fromEntries(named.map(({ name, kind: of }) => [name, values[of] as fc.Arbitrary<unknown>])), {
			requiredKeys: named.filter(({ place, required }) => place === "path" || required).map(({ name }) => name),
			noNullPrototype: true,
		});
		const inBody = named.filter(({ place }) => place === "body");
		const fn = functionOf({
			path: `/things${named.flatMap(({ place, name }) => (place === "path" ? [`/{${name}}`] : [])).join("")}`,
			method: "post",
			parameters: named
				.filter(({ place }) => place !== "body")
				.map(({ name, place, kind: of, explode, required }) => ({
					name,
					in: place,
					required: place === "path" || required,
					schema: schemas[of],
					...(place === "query" && { explode }),
				})),
			...(inBody.length > 0 && {
				body: { type: "object", properties: Object.fromEntries(inBody.map(({ name, kind: of }) => [name, schemas[of]])) },
			}),
			contentType,
		});
		return fc.record({ fn: fc.constant(fn), args });
	});
}

test.each(["application/json", "application/x-www-form-urlencoded"])(
	"argumentsFromRequest(buildRequest(args)) = args, or nothing is built: %s",
	(contentType) => {
		let built = 0;
		fc.assert(
			fc.property(scenario(contentType), ({ fn, args }) => {
				const result = buildRequest(fn.transport, args);
				expect(whyNoRequest(fn.transport, args)?.errors).toEqual(result.ok ? undefined : result.errors);
				if (!result.ok) return;
				built++;
				expect(readBack([fn], result.request)).toEqual({ name: fn.name, args: plain(args) });
			}),
			{ numRuns: 600 },
		);
		// A property that nothing satisfies would prove nothing.
		expect(built).toBeGreaterThan(60);
	},
);

test.each(["application/json", "application/x-www-form-urlencoded"])("every finite number arrives as itself: %s", (contentType) => {
	const fn = functionOf({
		parameters: ["query", "header"].map((place) => ({ name: place, in: place, schema: schemas.number })),
		body: { type: "object", properties: { body: schemas.number } },
		contentType,
	});
	fc.assert(
		fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
			const args = { query: number, header: number, body: number };
			const result = buildRequest(fn.transport, args);
			expect(result.ok && readBack([fn], result.request)?.args).toEqual(plain(args));
			expect(result.ok && `${result.request.query} ${result.request.headers.header}`).not.toContain("e-");
		}),
		{ examples: [[1e-7], [5e-324], [1.7976931348623157e308], [0.30000000000000004], [-1e21]] },
	);
});

const siblings = functionsFromOpenapi({
	openapi: "3.1.0",
	paths: Object.fromEntries(
		[
			"/users/{id}",
			"/users/me",
			"/users/{id}/keys/{key}",
			"/users/all/{id}/{key}",
			"/files/{name}.json",
			"/files/{name}",
			"/files/latest:{action}",
		].map((path, index) => [
			path,
			{
				get: {
					operationId: `op${index}`,
					parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
						name,
						in: "path",
						required: true,
						schema: { type: "string" },
					})),
				},
			},
		]),
	),
}).functions;

test("no argument turns a request into that of another function", () => {
	const segment = fc.oneof(text, fc.constantFrom("me", "ME", "Me", "all", "keys", "a.json", "latest:x", "LATEST:y", "a.JSON"));
	fc.assert(
		fc.property(fc.constantFrom(...siblings), segment, segment, (fn, one, other) => {
			const names = fn.transport.parameters.map(({ name }) => name);
			const args = Object.fromEntries(names.map((name, index) => [name, index === 0 ? one : other]));
			const result = buildRequest(fn.transport, args);
			if (result.ok) expect(readBack(siblings, result.request)).toEqual({ name: fn.name, args });
		}),
		{ numRuns: 2_000 },
	);
	const byName = (name: string) => siblings.find((fn) => fn.name === name);
	const user = byName("op0");
	expect(user && compileArguments(user)({ id: "me" })).toMatchObject({ ok: false, errors: [{ pointer: "/id" }] });
	expect(user && compileArguments(user)({ id: "Me" })).toMatchObject({ ok: false });
	expect(user && compileArguments(user)({ id: "mee" })).toEqual({ ok: true });
});

test("a built path is one path: what URL makes of it is the same, and it stays below the base", () => {
	const fn = functionOf({ path: "/a/{x}/b", parameters: [{ name: "x", in: "path", required: true, schema: schemas.string }] });
	fc.assert(
		fc.property(text, (x) => {
			const result = buildRequest(fn.transport, { x });
			if (!result.ok) return;
			const url = new URL(`https://api.example.com/base${result.request.path}`);
			expect(url.pathname).toBe(`/base${result.request.path}`);
			expect(url.pathname.split("/")).toHaveLength(5);
			expect([url.search, url.hash]).toEqual(["", ""]);
		}),
		{ numRuns: 1_000 },
	);
});

test("documents that are not OpenAPI never throw", () => {
	const keys = fc.constantFrom(
		"openapi",
		"paths",
		"/a/{b}",
		"get",
		"post",
		"parameters",
		"schema",
		"$ref",
		"requestBody",
		"content",
		"application/json",
		"name",
		"in",
		"type",
		"properties",
		"allOf",
		"operationId",
	);
	const leaf = fc.oneof(
		fc.constantFrom("3.1.0", "3.0.3", "#/paths", "#/", "path", "query", "object", "op"),
		fc.integer(),
		fc.boolean(),
		fc.constant(null),
	);
	const { tree } = fc.letrec((tie) => ({
		tree: fc.oneof(
			{ maxDepth: 7 },
			leaf,
			fc.dictionary(keys, tie("tree"), { noNullPrototype: true }),
			fc.array(tie("tree"), { maxLength: 3 }),
		),
	}));
	fc.assert(
		fc.property(tree, tree, (one, other) => {
			for (const document of [one, { openapi: "3.1.0", paths: one }, documentOf({ parameters: [one], body: other })])
				functionsFromOpenapi(document);
		}),
	);
});
