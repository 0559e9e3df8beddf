// What a document says of an answer that succeeds, and when nothing of it is shown.
import { expect, test } from "vitest";
import { functionsFromOpenapi } from "./functions-from-openapi.ts";

function answerOf(responses: object, schemas: object = {}, openapi = "3.1.0") {
	const paths = { "/a": { get: { operationId: "a", responses } } };
	return functionsFromOpenapi({ openapi, paths, components: { schemas } }).functions[0]?.documentedAnswer?.();
}
const json = (schema: unknown) => ({ content: { "application/json": { schema } } });
const thing = { type: "object", properties: { id: { type: "string" } } };

test("the schema of its success stands alone, and failures have no part in it", () => {
	const responses = { 200: json({ $ref: "#/components/schemas/Thing" }), 404: json({ type: "string" }) };
	const withPart = { ...thing, properties: { part: { $ref: "#/components/schemas/Part" } } };
	expect(answerOf(responses, { Thing: withPart, Part: { type: "string", nullable: true } }, "3.0.3")).toEqual({
		schema: { type: "object", properties: { part: { $ref: "#/$defs/Part" } }, $defs: { Part: { type: ["string", "null"] } } },
		isObject: true,
	});
});

test.each<[string, object, object]>([
	["a list", { 200: json({ type: "array", items: thing }) }, { schema: { type: "array" }, isObject: false }],
	["an object or null", { 200: json({ ...thing, type: ["object", "null"] }) }, { isObject: false }],
	[
		"one of two, by status",
		{ 200: json(thing), 201: json({ type: "string" }) },
		{ schema: { anyOf: [thing, { type: "string" }] }, isObject: false },
	],
	[
		"the same, by two statuses",
		{ 200: json({ $ref: "#/components/schemas/T" }), 201: json({ $ref: "#/components/schemas/T" }) },
		{ schema: thing },
	],
	["an object by one of its parts", { "2XX": json({ allOf: [{ $ref: "#/components/schemas/T" }, {}] }) }, { isObject: true }],
	["whatever status it has", { default: json(thing) }, { schema: thing, isObject: true }],
])("it is %s", (_what, responses, expected) => {
	expect(answerOf(responses, { T: thing })).toMatchObject(expected);
});

const deep = Object.fromEntries(Array.from({ length: 500 }, (_none, at) => [`m${at}`, { type: "string" }]));
test.each<[string, object]>([
	["no responses", {}],
	["a success without a body beside it", { 200: json(thing), 204: { description: "gone" } }],
	["a success that is no JSON", { 200: { content: { "text/csv": { schema: { type: "string" } } } } }],
	["a success that is not described", { 200: { content: { "application/json": {} } } }],
	["more than anyone reads", { 200: json({ type: "object", properties: deep }) }],
	["long texts", { 200: json({ ...thing, description: "x".repeat(10_000) }) }],
	["a schema that cannot be read", { 200: json({ $ref: "#/components/schemas/None" }) }],
	["a circle", { 200: json({ $ref: "#/components/schemas/Circle" }) }],
])("of %s nothing is shown", (_what, responses) => {
	expect(answerOf(responses, { Circle: { $ref: "#/components/schemas/Circle" } })).toBeUndefined();
});

test("one that contains itself is shown with its parts once", () => {
	const tree = { type: "object", properties: { children: { type: "array", items: { $ref: "#/components/schemas/Tree" } } } };
	expect(answerOf({ 200: json({ $ref: "#/components/schemas/Tree" }) }, { Tree: tree })).toMatchObject({
		schema: { properties: { children: { items: { $ref: "#/$defs/Tree" } } }, $defs: { Tree: { type: "object" } } },
	});
});
