// What becomes of a vendor's document: arguments, schemas, and what is refused.
import { expect, test } from "vitest";
import { functionNamePattern } from "#libs/contracts/call.ts";
import { compileArguments, whyNotASchema } from "#libs/functions/check-arguments.ts";
import { documentOf, functionOf, messagesOf } from "./document.test-support.ts";
import { functionsFromOpenapi } from "./functions-from-openapi.ts";

const id = { name: "id", in: "path", required: true, schema: { type: "string" } };

test("path, query, header and body members become one flat, closed object", () => {
	const fn = functionOf({
		path: "/accounts/{id}/transfers",
		parameters: [
			id,
			{ name: "dryRun", in: "query", schema: { type: "boolean" } },
			{ name: "X-Reason", in: "header", required: true, schema: { type: "string" } },
		],
		body: { type: "object", required: ["amount"], properties: { amount: { type: "number" }, note: { type: "string" } } },
	});
	expect(fn.argumentsSchema).toEqual({
		type: "object",
		properties: {
			id: { type: "string" },
			dryRun: { type: "boolean" },
			"X-Reason": { type: "string" },
			amount: { type: "number" },
			note: { type: "string" },
		},
		required: ["id", "X-Reason", "amount"],
		additionalProperties: false,
	});
	expect(fn.transport.body).toMatchObject({ mode: "members", required: true, open: false });
});

test.each([
	["an array", { type: "array", items: { type: "string" } }],
	["text", { type: "string" }],
	[
		"one of several",
		{
			oneOf: [
				{ type: "object", properties: { a: {} } },
				{ type: "object", properties: { b: {} } },
			],
		},
	],
	["an object with as many members as one likes of a pattern", { type: "object", patternProperties: { "^x-": {} } }],
	["an object or null", { type: ["object", "null"], properties: { a: {} } }],
])("a body that is %s is one argument, body", (_name, body) => {
	const fn = functionOf({ body });
	expect(fn.transport.body).toMatchObject({ mode: "body", argument: "body" });
	expect(fn.argumentsSchema).toMatchObject({ required: ["body"], additionalProperties: false });
});

test("allOf and references are flattened; members said twice must satisfy both; required adds up", () => {
	const fn = functionOf(
		{
			body: {
				allOf: [
					{ $ref: "#/components/schemas/Base" },
					{ type: "object", properties: { name: { maxLength: 5 } }, additionalProperties: false },
					{ required: ["id"] },
				],
			},
		},
		"3.0.3",
		{ schemas: { Base: { type: "object", required: ["name"], properties: { id: { type: "string" }, name: { type: "string" } } } } },
	);
	expect(fn.argumentsSchema).toEqual({
		type: "object",
		properties: { id: { type: "string" }, name: { allOf: [{ type: "string" }, { maxLength: 5 }] } },
		required: ["id", "name"].sort(),
		additionalProperties: false,
	});
});

test.each([
	["nothing said", { type: "object", properties: { a: {} } }, false],
	["closed", { type: "object", properties: { a: {} }, additionalProperties: false }, false],
	["open", { type: "object", properties: { a: {} }, additionalProperties: true }, true],
	["open to numbers", { type: "object", properties: { a: {} }, additionalProperties: { type: "number" } }, { type: "number" }],
	["any object", { type: "object" }, true],
])("undeclared members of the body: %s", (_name, body, additionalProperties) => {
	expect(functionOf({ body }).argumentsSchema).toMatchObject({ additionalProperties });
});

test("a body that may be absent is whole if it is there", () => {
	const fn = functionOf({ body: { type: "object", required: ["a"], properties: { a: {}, b: {} } }, bodyRequired: false });
	const check = compileArguments(fn);
	expect(check({})).toEqual({ ok: true });
	expect(check({ a: 1 })).toEqual({ ok: true });
	expect(check({ b: 1 })).toMatchObject({ ok: false, errors: [{ pointer: "/a", message: "is missing" }] });
});

test("OpenAPI 3.0 becomes JSON Schema 2020-12; 3.1 already is", () => {
	const body = {
		type: "object",
		properties: {
			a: { type: "string", nullable: true, enum: ["x"], example: "x", xml: {} },
			b: { type: "number", minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
			c: { nullable: true },
		},
	};
	expect(functionOf({ body }, "3.0.3").argumentsSchema).toMatchObject({
		properties: { a: { type: ["string", "null"], enum: ["x", null] }, b: { type: "number", exclusiveMinimum: 0, maximum: 9 }, c: {} },
	});
	const modern = {
		type: "object",
		properties: { a: { type: ["string", "null"] }, b: { exclusiveMinimum: 0 }, c: { $ref: "#/components/schemas/C", maxLength: 2 } },
	};
	const fn = functionOf({ body: modern }, "3.1.1", { schemas: { C: { type: "string" } } });
	expect(fn.argumentsSchema).toMatchObject({
		properties: { a: { type: ["string", "null"] }, b: { exclusiveMinimum: 0 }, c: { $ref: "#/$defs/C", maxLength: 2 } },
	});
	expect(whyNotASchema(fn.argumentsSchema)).toBeUndefined();
});

test("what only the server fills in is not asked for", () => {
	const body = {
		type: "object",
		required: ["id", "name"],
		properties: { id: { type: "string", readOnly: true }, name: { type: "string" } },
	};
	expect(functionOf({ body }).argumentsSchema).toMatchObject({ required: ["name"] });
});

test("schemas that refer to themselves are definitions, and are checked at every depth", () => {
	const tree = {
		type: "object",
		required: ["value"],
		properties: { value: { type: "integer" }, children: { type: "array", items: { $ref: "#/components/schemas/Tree" } } },
	};
	const check = compileArguments(functionOf({ body: { $ref: "#/components/schemas/Tree" } }, "3.0.3", { schemas: { Tree: tree } }));
	expect(check({ value: 1, children: [{ value: 2, children: [{ value: 3 }] }] })).toEqual({ ok: true });
	expect(check({ value: 1, children: [{ value: 2, children: [{ value: "x" }] }] })).toMatchObject({
		ok: false,
		errors: [{ pointer: "/children/0/children/0/value" }],
	});
});

test("secrets among the arguments are found, through references, lists and circles", () => {
	const components = {
		schemas: {
			Node: {
				type: "object",
				properties: { token: { type: "string", "x-callgate-sensitive": true }, next: { $ref: "#/components/schemas/Node" } },
			},
			Pin: { type: "string", writeOnly: true },
		},
	};
	const body = {
		type: "object",
		properties: {
			password: { type: "string", format: "password" },
			cards: { type: "array", items: { type: "object", properties: { "the pin": { $ref: "#/components/schemas/Pin" } } } },
		},
	};
	expect(functionOf({ body }, "3.1.0", components).sensitive).toEqual({ "$.cards[*]['the pin']": "redact", "$.password": "redact" });
	const circle = functionOf({ body: { type: "object", properties: { node: { $ref: "#/components/schemas/Node" } } } }, "3.1.0", components);
	expect(Object.keys(circle.sensitive)).toContain("$..token");
});

test("an argument's mark says what people are shown of it; one that is not understood is an error, wherever it stands", () => {
	const card = { type: "string", "x-callgate-mask": "last4" };
	const body = { type: "object", properties: { card, pin: { type: "string", writeOnly: true, "x-callgate-mask": "drop" } } };
	expect(functionOf({ body }).sensitive).toEqual({ "$.card": "last4", "$.pin": "redact" });
	const schemas = { Card: { properties: { number: { "x-callgate-mask": "lst4" } } } };
	expect(functionsFromOpenapi(documentOf({}, "3.1.0", { schemas })).errors).toEqual([
		{
			path: ["components", "schemas", "Card", "properties", "number", "x-callgate-mask"],
			message: "found another x-callgate-mask, expected one of redact, last4, drop, hash, surrogate, tokenize",
		},
	]);
});

test("the credential's place, and headers of HTTP itself, are not arguments", () => {
	const header = (name: string) => ({ name, in: "header", required: true, schema: { type: "string" } });
	const document = documentOf({
		parameters: [header("Authorization"), header("Accept"), header("X-API-Key"), { name: "key", in: "query", schema: { type: "string" } }],
	});
	const names = (credential: { in: "header" | "query"; name: string }) =>
		functionsFromOpenapi(document, { credential }).functions[0]?.transport.parameters.map(({ name }) => name);
	expect(names({ in: "header", name: "x-api-key" })).toEqual(["key"]);
	expect(names({ in: "query", name: "key" })).toEqual(["X-API-Key"]);
});

test("parameters of the path item hold for its operations, which may replace them", () => {
	const document = {
		openapi: "3.0.0",
		paths: {
			"/a/{id}": {
				parameters: [id, { name: "n", in: "query", schema: { type: "string" } }],
				get: { operationId: "op", parameters: [{ name: "n", in: "query", schema: { type: "integer" } }] },
			},
		},
	};
	expect(functionsFromOpenapi(document).functions[0]?.transport.parameters.map(({ name, kinds }) => [name, ...kinds])).toEqual([
		["id", "string"],
		["n", "integer"],
	]);
});

const query = (schema: unknown, more: object = {}) => ({ parameters: [{ name: "q", in: "query", schema, ...more }] });
test.each([
	["deepObject", query({ type: "object" }, { style: "deepObject" }), "found style: deepObject, expected form"],
	["pipeDelimited", query({ type: "array" }, { style: "pipeDelimited" }), "found style: pipeDelimited, expected form"],
	["matrix", { path: "/a/{id}", parameters: [{ ...id, style: "matrix" }] }, "found style: matrix, expected simple"],
	["an object in the query", query({ type: "object" }), "found an object or a list of lists"],
	["a list or one", query({ anyOf: [{ type: "string" }, { type: "array" }] }), "found a list or a single value"],
	[
		"a parameter with a media type",
		{ parameters: [{ name: "q", in: "query", content: { "application/json": {} } }] },
		"found content, expected schema",
	],
	["a cookie", { parameters: [{ name: "q", in: "cookie", schema: {} }] }, "found in: cookie"],
	["Host", { parameters: [{ name: "Host", in: "header", schema: {} }] }, "found the header Host"],
	["X-Forwarded-For", { parameters: [{ name: "X-Forwarded-For", in: "header", schema: {} }] }, "found the header X-Forwarded-For"],
	["a parameter twice", { parameters: [query({}).parameters[0], query({}).parameters[0]] }, "found the query q parameter twice"],
	["a path parameter nobody declared", { path: "/a/{id}" }, "found {id} in the path"],
	["a path parameter that is not in the path", { parameters: [id] }, 'found the path parameter "id"'],
	["two parameters in one segment", { path: "/a/{id}-{x}" }, "expected at most one {parameter} in a segment"],
	["dot segments", { path: "/a/../b" }, "expected no dot segments"],
	["a query in the path", { path: "/a?x=1" }, "outside the braces"],
	["multipart", { body: {}, contentType: "multipart/form-data" }, "found multipart/form-data, expected application/json"],
	["a body of a GET request", { method: "get", body: {} }, "found a body of a GET request"],
	["a reference elsewhere", { body: { type: "object", properties: { a: { $ref: "other.yaml#/A" } } } }, "found a $ref to another document"],
	[
		"a reference to nothing",
		{ body: { type: "object", properties: { a: { $ref: "#/components/schemas/A" } } } },
		"expected a place that exists",
	],
	["a pattern with look-around", query({ type: "string", pattern: "(?<!a)b" }), "found a pattern that RE2 cannot run"],
	["$dynamicRef", query({ type: "string", $dynamicRef: "#a" }), "found $dynamicRef"],
	["a type that is none", query({ type: "money" }), "expected a type"],
	["__proto__", { body: { type: "object", properties: JSON.parse('{"__proto__": {}}') } }, "found an argument called __proto__"],
])("refused: %s", (_name, operation, message) => {
	expect(messagesOf(operation)).toContainEqual(expect.stringContaining(message));
});

test("references in a circle, and more schemas than a function can have, end", () => {
	const circle = { schemas: { A: { $ref: "#/components/schemas/B" }, B: { $ref: "#/components/schemas/A" } } };
	expect(messagesOf(query({ $ref: "#/components/schemas/A" }), "3.0.0", circle)).toEqual([]);
	expect(
		messagesOf({ parameters: [{ $ref: "#/components/parameters/A" }] }, "3.0.0", {
			parameters: { A: { $ref: "#/components/parameters/A" } },
		}),
	).toContainEqual(expect.stringContaining("references in a circle"));
	const wide = {
		type: "object",
		properties: Object.fromEntries(Array.from({ length: 5_100 }, (_, index) => [`p${index}`, { type: "string" }])),
	};
	expect(messagesOf({ body: wide })).toContainEqual(expect.stringContaining("expected at most 5000 schemas"));
	let deep: unknown = { type: "string" };
	for (let level = 0; level < 70; level++) deep = { type: "array", items: deep };
	expect(messagesOf({ body: { type: "object", properties: { deep } } })).toContainEqual(
		expect.stringContaining("expected at most 64 levels"),
	);
	const chain = Object.fromEntries(
		Array.from({ length: 2_400 }, (_, index) => [`S${index}`, { type: "array", items: { $ref: `#/components/schemas/S${index + 1}` } }]),
	);
	expect(messagesOf({ body: { $ref: "#/components/schemas/S0" } }, "3.0.0", { schemas: { ...chain, S2400: { type: "string" } } })).toEqual(
		[],
	);
});

test("an operation without a usable operationId is a function too, named by method and path", () => {
	const names = (paths: Record<string, object>) => functionsFromOpenapi({ openapi: "3.1.0", paths }).functions.map(({ name }) => name);
	const accounts = {
		get: {},
		delete: { operationId: "2 steps!" },
		post: { operationId: "" },
		put: { operationId: 7 },
		patch: { operationId: "ok" },
	};
	const withId = Object.fromEntries(Object.entries(accounts).map(([method, operation]) => [method, { ...operation, parameters: [id] }]));
	expect(names({ "/accounts/{id}": withId }).sort()).toEqual([
		"DELETE/accounts/:id",
		"GET/accounts/:id",
		"POST/accounts/:id",
		"PUT/accounts/:id",
		"ok",
	]);
	// What a name cannot say exactly is told apart by a hash, and each name can be written into a configuration.
	const odd = names({
		"/a,b": { get: {} },
		"/a_b": { get: {} },
		"/a:b": { get: {} },
		"/x/{id}": { get: { parameters: [id] } },
		"/x/:id": { get: {} },
		[`/${"long/".repeat(50)}`]: { get: {} },
		[`/${"long/".repeat(50)}er`]: { get: {} },
	});
	expect(new Set(odd).size).toBe(7);
	expect(odd).toContain("GET/a_b");
	expect(odd).toContain("GET/x/:id");
	for (const name of odd) expect(name).toMatch(new RegExp(functionNamePattern));
	const { errors } = functionsFromOpenapi({ openapi: "3.1.0", paths: { "/a": { get: {} }, "/b": { get: { operationId: "GET/a" } } } });
	expect(errors).toEqual([
		{ path: ["paths", "/b", "get", "operationId"], message: expect.stringContaining("found two operations called GET/a") },
	]);
});

test("operations that no router can tell apart, and names given twice, are refused", () => {
	const get = (operationId: string, name: string) => ({
		get: { operationId, parameters: [{ name, in: "path", required: true, schema: { type: "string" } }] },
	});
	const { errors } = functionsFromOpenapi({ openapi: "3.1.0", paths: { "/a/{x}": get("one", "x"), "/A/{y}/": get("one", "y") } });
	expect(errors.map(({ path, message }) => [path.join(" "), message.slice(0, 40)])).toEqual([
		["paths /A/{y}/ get operationId", "found two operations called one, expecte"],
		["paths /A/{y}/ get", "found a path that cannot be told from /a"],
	]);
});

test.each([
	[{}, "found no such version"],
	[{ swagger: "2.0" }, "found swagger 2.0"],
	[{ openapi: "4.0.0" }, "found another version"],
	[{ openapi: "3.0.0" }, "expected paths"],
	[null, "found no such version"],
])("not a document: %j", (document, message) => {
	expect(functionsFromOpenapi(document).errors).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })]);
});
