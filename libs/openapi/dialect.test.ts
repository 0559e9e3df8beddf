// JSON Schema in the dialect that it is written in, and what the validator would evaluate wrongly.
import { expect, test } from "vitest";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import { documentOf, functionOf, messagesOf } from "./document.test-support.ts";
import { functionsFromOpenapi } from "./functions-from-openapi.ts";

const draft = (name: string) => `http://json-schema.org/${name}/schema#`;
const bodyOf = (a: object) => ({ body: { type: "object", properties: { a } } });
const fits = (a: object, value: unknown, version?: string) => compileArguments(functionOf(bodyOf(a), version))({ a: value }).ok;

test.each<[string, object, unknown[], unknown[]]>([
	["dependencies, names", { dependencies: { card: ["cvc"] } }, [{}, { cvc: 1 }, { card: 1, cvc: 1 }], [{ card: 1 }]],
	["dependencies, schemas", { dependencies: { card: { required: ["cvc"] } } }, [{ card: 1, cvc: 1 }], [{ card: 1 }]],
	[
		"dependencies beside allOf",
		{ allOf: [{ required: ["b"] }], dependencies: { c: ["d"] } },
		[{ b: 1 }],
		[
			{ c: 1, d: 1 },
			{ b: 1, c: 1 },
		],
	],
	["a list of items", { $schema: draft("draft-07"), items: [{ type: "integer" }, { type: "string" }] }, [[1, "a", true], [1]], [["a"]]],
	[
		"additional items",
		{ $schema: draft("draft-07"), items: [{ type: "integer" }], additionalItems: { type: "string" } },
		[[1], [1, "a"]],
		[[1, 2]],
	],
	["no additional items", { $schema: draft("draft-06"), items: [{}], additionalItems: false }, [[1]], [[1, 2]]],
	["additionalItems beside one schema", { $schema: draft("draft-07"), items: {}, additionalItems: false }, [[1, 2]], []],
	[
		"inside a draft-07 schema",
		{ $schema: draft("draft-07"), properties: { x: { items: [{ type: "null" }] } } },
		[{ x: [null] }],
		[{ x: [1] }],
	],
	["draft-04 bounds", { $schema: draft("draft-04"), minimum: 1, exclusiveMinimum: true }, [2], [1]],
	["2019-09", { $schema: "https://json-schema.org/draft/2019-09/schema", items: [{ type: "integer" }] }, [[1]], [["a"]]],
	["2020-12", { $schema: "https://json-schema.org/draft/2020-12/schema", prefixItems: [{ type: "integer" }] }, [[1]], [["a"]]],
])("%s", (_name, schema, right, wrong) => {
	for (const value of right) expect({ value, fits: fits(schema, value) }).toEqual({ value, fits: true });
	for (const value of wrong) expect({ value, fits: fits(schema, value) }).toEqual({ value, fits: false });
});

test("dependencies of a whole body are of the body", () => {
	const check = compileArguments(
		functionOf({ body: { type: "object", properties: { card: {}, cvc: {} }, dependencies: { card: ["cvc"] } } }),
	);
	expect(check({ body: { card: 1 } }).ok).toBe(false);
	expect(check({ body: { card: 1, cvc: 2 } }).ok).toBe(true);
});

test("a dialect holds for the document, and for what a reference leads to", () => {
	const document = {
		...(documentOf(bodyOf({ items: [{ type: "integer" }] })) as object),
		jsonSchemaDialect: draft("draft-07"),
	};
	const [fn] = functionsFromOpenapi(document).functions;
	expect(fn && compileArguments(fn)({ a: ["x"] }).ok).toBe(false);
	const components = { schemas: { Old: { $schema: draft("draft-07"), definitions: { Pair: { items: [{ type: "integer" }] } } } } };
	const through = functionOf(bodyOf({ $ref: "#/components/schemas/Old/definitions/Pair" }), "3.1.0", components);
	expect(compileArguments(through)({ a: ["x"] }).ok).toBe(false);
});

test("what stands beside a reference counts where the dialect says so", () => {
	const components = { schemas: { Named: { type: "object", properties: { name: { type: "string" } } } } };
	const beside = (more: object) =>
		compileArguments(functionOf({ body: { ...more, $ref: "#/components/schemas/Named", required: ["name"] } }, "3.1.0", components));
	expect(beside({})({}).ok).toBe(false);
	expect(beside({ description: "x" })({ name: "a" }).ok).toBe(true);
	expect(beside({ $schema: draft("draft-07") })({}).ok).toBe(true);
});

const conditional = JSON.parse(`{
	"if": { "properties": { "x": { "const": 1 } }, "required": ["x"] },
	"then": { "properties": { "y": {} } },
	"unevaluatedProperties": false
}`) as object;

test.each<[string, object, string]>([
	["an unknown dialect", { $schema: "https://example.com/mine" }, "found another $schema, expected the JSON Schema of draft-04"],
	["a keyword that is too new", { $schema: draft("draft-07"), prefixItems: [{}] }, "found prefixItems, expected a keyword of draft-07"],
	["if in draft-06", { $schema: draft("draft-06"), if: {} }, "found if, expected a keyword of draft-06"],
	["dependencies that are none", { dependencies: [] }, "expected a mapping of names to schemas or lists of names"],
	["if without then", { if: { properties: { x: {} } }, unevaluatedProperties: false }, "unevaluatedProperties: found it beside an if"],
	[
		"if with else alone",
		{ if: { required: ["x"] }, else: { required: ["y"] }, unevaluatedItems: false },
		"unevaluatedItems: found it beside",
	],
	["if with a then that asks nothing", JSON.parse('{"if":{},"then":{"title":"x"},"unevaluatedProperties":false}'), "found it beside an if"],
	["if further inside", { anyOf: [{ allOf: [{ if: {} }] }], unevaluatedProperties: {} }, "found it beside an if"],
	["contains", { contains: { type: "string" }, unevaluatedItems: false }, "unevaluatedItems: found it beside contains"],
	["contains further inside", { allOf: [{ contains: {} }], unevaluatedItems: { type: "string" } }, "found it beside contains"],
])("refused: %s", (_name, schema, message) => {
	expect(messagesOf(bodyOf(schema))).toContainEqual(expect.stringContaining(message));
});

test("and through a reference; but not what the validator evaluates rightly", () => {
	const components = { schemas: { Has: { contains: { type: "string" } } } };
	expect(messagesOf(bodyOf({ $ref: "#/components/schemas/Has", unevaluatedItems: false }), "3.1.0", components)).toHaveLength(1);
	for (const schema of [
		conditional,
		{ contains: {}, unevaluatedProperties: false },
		{ properties: { inner: { contains: {} } }, unevaluatedItems: false },
	])
		expect(messagesOf(bodyOf(schema))).toEqual([]);
	expect([fits(conditional, { x: 1, y: 2 }), fits(conditional, { x: 1, z: 2 }), fits(conditional, { y: 2 })]).toEqual([true, false, false]);
});
