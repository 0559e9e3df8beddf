// Tool lists: every name in one leads back to its function and its arguments, whatever a document calls them, and no provider refuses it.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { as, Backstage, inForce, openTo, type Replica } from "./ingress.test-support.ts";

const long = "a".repeat(70);
const inner = {
	type: "object",
	required: ["größe"],
	properties: { größe: { type: "integer" }, [long]: {} },
	dependentRequired: { größe: [long] },
};
const properties = {
	"user name": { type: "string" },
	[`${long}1`]: {},
	[`${long}2`]: {},
	"plain.name-1": {},
	nested: { type: "array", items: inner },
};
const odd = { type: "object", required: ["user name"], properties };
const operation = (operationId: string, schema: object = { type: "object", properties: { x: { type: "integer" } } }, description = "") => ({
	...{ operationId, description },
	requestBody: { required: true, content: { "application/json": { schema } } },
});
const openapi = {
	openapi: "3.1.0",
	paths: {
		"/odd": { post: operation("odd.things/make", odd, `${"x".repeat(1_022)}😀${"y".repeat(2_000)}`) },
		"/one": { post: operation(`${long}One`) },
		"/two": { post: operation(`${long}Two`) },
		"/whole": { post: { ...operation("whole"), parameters: [{ name: "id", in: "query", schema: { type: "string" } }] } },
		"/nameless": { get: {} },
	},
};
const connections = `kind: Connection
name: things
protocol: http
url: https://things.example
openapi: things.json
---
kind: Connection
name: written
protocol: http
url: https://written.example
functions:
  pay: { method: POST, path: /pay, arguments: { properties: { a: {}, b: {} }, anyOf: [{ required: [a] }, { required: [b] }] } }
`;
const configuration = openTo(connections, { "things.json": JSON.stringify(openapi) });

interface Tool {
	readonly name: string;
	readonly description: string;
	readonly schema: {
		readonly properties: Record<string, { items?: { properties: object; required: string[]; dependentRequired: object } }>;
		required?: string[];
	};
}

let stage: Backstage;
let replica: Replica;
beforeEach(async () => {
	stage = new Backstage();
	replica = await stage.replica({ configuration: inForce(configuration) });
});
afterEach(() => stage.close());

async function toolsOf(format: string): Promise<Tool[]> {
	const { tools } = (await replica.http.inject({ url: `/v1/functions?format=${format}`, headers: as("robin") })).json();
	return (tools[0].functionDeclarations ?? tools).map((tool: { function?: object }) => {
		const { name, description, ...rest } = (tool.function ?? tool) as Record<string, unknown>;
		return { name, description, schema: rest.parameters ?? rest.parametersJsonSchema ?? rest.input_schema ?? rest.inputSchema };
	});
}
const call = async (payload: object) => {
	const reply = await replica.http.inject({ method: "POST", url: "/v1/calls", headers: as("robin"), payload });
	return { status: reply.statusCode, code: reply.json().code as string | undefined };
};
const propertyNames = (schema: unknown): string[] => {
	if (Array.isArray(schema)) return schema.flatMap(propertyNames);
	if (typeof schema !== "object" || schema === null) return [];
	const own = "properties" in schema ? Object.keys(schema.properties as object) : [];
	return [...own, ...Object.values(schema).flatMap(propertyNames)];
};

describe.each(["openai", "openai-responses", "anthropic", "gemini", "mcp"])("as tools of %s", (format) => {
	test("every name of a tool and of a property is one that may be used there, and none stands for two", async () => {
		const tools = await toolsOf(format);
		expect(tools).toHaveLength(6);
		expect(new Set(tools.map(({ name }) => name)).size).toBe(6);
		for (const { name, schema } of tools) {
			expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
			for (const property of propertyNames(schema)) expect(property).toMatch(/^[a-zA-Z0-9_.-]{1,64}$/);
			for (const keyword of ["anyOf", "oneOf", "allOf", "not", "enum"]) expect(schema).not.toHaveProperty(keyword);
		}
		expect(Object.keys(tools.find(({ name }) => name.startsWith("things__odd"))?.schema.properties ?? {})).toHaveLength(5);
	});

	test("every name leads back to its function", async () => {
		const tools = await toolsOf(format);
		for (const { name, schema } of tools) {
			const args = Object.fromEntries((schema.required ?? ["x"]).map((property) => [property, "1"]));
			const isOdd = name.startsWith("things__odd");
			await call({ function: name, arguments: isOdd ? args : name.includes("pay") ? { a: 1 } : name.includes("nameless") ? {} : { x: 1 } });
		}
		const called = stage.of("call.received").map(({ data }) => `${data.connection} ${data.function}`);
		expect(called.sort()).toEqual(
			[
				...["things GET/nameless", `things ${long}One`, `things ${long}Two`, "things odd.things/make", "things whole", "written pay"],
			].sort(),
		);
	});
});

test("names of arguments lead back, at every depth, and are checked as the function's own", async () => {
	const tool = (await toolsOf("anthropic")).find(({ name }) => name.startsWith("things__odd"));
	const list = tool?.schema.properties.nested?.items ?? expect.fail("the tool has no list");
	const [size = "", other = ""] = Object.keys(list.properties);
	expect([list.required, list.dependentRequired]).toEqual([[size], { [size]: [other] }]);
	const [user = "", first = "", second = ""] = Object.keys(tool?.schema.properties ?? {});
	expect(tool?.schema.required).toEqual([user]);
	const args = { [user]: "dana", [first]: 1, [second]: 2, "plain.name-1": 3, nested: [{ [size]: 4, [other]: 5 }] };
	expect(await call({ function: tool?.name, arguments: args })).toEqual({ status: 202, code: undefined });
	expect((await stage.received()).data.arguments).toEqual({
		...{ "user name": "dana", [`${long}1`]: 1, [`${long}2`]: 2, "plain.name-1": 3 },
		nested: [{ größe: 4, [long]: 5 }],
	});
	for (const wrong of [
		{ ...args, [user]: 1 },
		{ ...args, "user name": "mallory" },
		{ ...args, nested: [{ [size]: 4 }] },
	])
		expect(await call({ function: tool?.name, arguments: wrong })).toEqual({ status: 422, code: "invalid_arguments" });
});

test("a name of a tool list is none beside a connection, and an own name is none without", async () => {
	expect(await call({ function: "whole", arguments: { x: 1 } })).toEqual({ status: 404, code: "function_unknown" });
	expect(await call({ connection: "things", function: "things__whole", arguments: { x: 1 } })).toEqual({
		status: 404,
		code: "function_unknown",
	});
	expect(await call({ connection: "things", function: "whole", arguments: { x: 1 } })).toMatchObject({ status: 202 });
});

test("OpenAI gets a description that it takes; the others, and our own list, all of it", async () => {
	const [cut, ...whole] = await Promise.all(
		["openai", "anthropic", "mcp"].map(
			async (format) => (await toolsOf(format)).find(({ name }) => name.startsWith("things__odd"))?.description ?? "",
		),
	);
	expect(cut).toBe(`${"x".repeat(1_022)}…`);
	for (const description of whole) expect(description).toHaveLength(3_024);
});
