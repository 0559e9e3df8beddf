// The pinned lists of a server as functions, and what is refused of them.
import { expect, test } from "vitest";
import { functionNamePattern } from "#libs/contracts/call.ts";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import { functionsFromMcp } from "./functions-from-mcp.ts";

const revision = { protocolVersion: "2025-11-25" };
const read = (document: object, exposes: (name: string) => boolean = () => true) =>
	functionsFromMcp({ ...revision, ...document }, exposes, new RegExp(functionNamePattern));
const tool = (name: string, inputSchema: unknown = { type: "object" }) => ({ name, inputSchema });

test("a tool's arguments are checked by its own schema, in the dialect that it is written in", () => {
	const inputSchema = {
		$schema: "http://json-schema.org/draft-07/schema#",
		type: "object",
		properties: { at: { $ref: "#/definitions/place" }, secret: { type: "string", writeOnly: true } },
		required: ["at"],
		additionalProperties: false,
		definitions: { place: { type: "string", minLength: 2 } },
	};
	const { functions, errors } = read({ tools: [tool("go", inputSchema)] });
	expect(errors).toEqual([]);
	const [go] = functions;
	const check = go && compileArguments(go);
	expect(check?.({ at: "ab" })).toEqual({ ok: true });
	expect(check?.({ at: "a", more: 1 })).toMatchObject({ ok: false });
	expect(Object.keys(go?.sensitive ?? {})).toEqual(["$.secret"]);
});

test("what a server has beside tools is a function each, where it has it", () => {
	const lists = { resources: [{ uri: "a:b", name: "b" }], prompts: [{ name: "p" }], capabilities: { completions: {} } };
	const { functions } = read({ tools: [tool("a")], ...lists });
	expect(functions.map(({ name }) => name).sort()).toEqual(["a", "completion/complete", "prompts/get", "resources/read"]);
	const get = functions.find(({ name }) => name === "prompts/get");
	expect(get && compileArguments(get)({ name: "p", arguments: { x: "1" } })).toEqual({ ok: true });
	expect(get && compileArguments(get)({ name: "q" })).toMatchObject({ ok: false });
});

test.each<[what: string, document: object, message: string]>([
	["a revision that nobody speaks", { protocolVersion: "2024-11-05", tools: [] }, "expected one of 2026-07-28, 2025-11-25, 2025-06-18"],
	["a name that cannot be called", { tools: [tool("rm -rf")] }, 'found the tool "rm -rf"'],
	[
		"names that differ in what nobody sees",
		{ tools: [tool("send_mail"), tool("Send-Mail")] },
		'found the tool "Send-Mail" beside "send_mail"',
	],
	[
		"a tool in the place of a function of ours",
		{ tools: [tool("resources/read")], resources: [{ uri: "a:b" }] },
		'beside "resources/read"',
	],
	["an invisible character in a name", { tools: [tool("a\u200bb")] }, '"a\\u200bb"'],
	["a schema that is none", { tools: [tool("a", { type: "object", properties: { b: { type: "txt" } } })] }, "expected a type"],
	["a list that is none", { prompts: {} }, "expected a list of prompts"],
	["a prompt without a name", { prompts: [{}] }, "found a prompt whose name cannot be called"],
	["a prompt whose name shows less than it has", { prompts: [{ name: "re\u200bview" }] }, "characters that can be seen"],
	["the same prompt twice", { prompts: [{ name: "p" }, { name: "p" }] }, "found the same prompt twice"],
	["an argument of a prompt that is none", { prompts: [{ name: "p", arguments: ["x"] }] }, "an argument that is none"],
	[
		"a description without an end",
		{ resources: [{ uri: "a:b", description: "x".repeat(5_000) }] },
		"whose description is no text of at most",
	],
	["a URI with a space", { resources: [{ uri: "a: b" }] }, "found a resource whose uri cannot be called"],
	["a URI without an end", { resourceTemplates: [{ uriTemplate: `a:${"b".repeat(3_000)}` }] }, "expected at most 2048 characters"],
	["more than anybody reads", { resources: Array.from({ length: 2_001 }, (_none, at) => ({ uri: `a:${at}` })) }, "found 2001 resources"],
	[
		"a header where it means nothing",
		{ tools: [tool("a", { type: "object", "x-mcp-header": "A" })] },
		"x-mcp-header where it has no meaning",
	],
])("%s is told", (_what, document, message) => {
	expect(read(document).errors.map((error) => error.message)).toContainEqual(expect.stringContaining(message));
});

test("of a tool that is left out nothing is read but its name", () => {
	expect(read({ tools: [tool("a"), tool("b b", { type: "txt" })] }, (name) => name === "a").errors).toEqual([]);
});
