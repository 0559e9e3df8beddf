// What a client of MCP and a model are told of an MCP server's answer: the server's own words, but for those that are not its to say.
import { expect, test } from "vitest";
import type { OpenedMcpAnswer } from "../answer-call.ts";
import { modelText, nativeResult } from "./write-mcp-answer.ts";

const call = "01900000-0000-7000-8000-000000000000";
const said = (text: string): OpenedMcpAnswer => ({ protocol: "mcp", isError: false, body: { text } });

test("a result is the server's text, with every digit of every number and in its order, and the call's id beside it", () => {
	const result = '{"structuredContent":{"n":12345678901234567890.10,"n2":1e400},"content":[],"isError":false}';
	expect(nativeResult(call, said(result), {})).toBe(`${result.slice(0, -1)},"_meta":{"callgate/call":"${call}"}}`);
});

test("of its _meta the server says what is its own, and nothing in our name or in MCP's", () => {
	const _meta = {
		"example.com/cost": 3,
		"callgate/call": "another",
		"callgate/status": 200,
		"io.modelcontextprotocol/serverInfo": { name: "someone else" },
	};
	const more = { resultType: "complete", _meta: { "io.modelcontextprotocol/serverInfo": { name: "callgate" } } };
	expect(JSON.parse(nativeResult(call, said(JSON.stringify({ content: [], _meta })), more))).toEqual({
		content: [],
		resultType: "complete",
		_meta: { "example.com/cost": 3, "io.modelcontextprotocol/serverInfo": { name: "callgate" }, "callgate/call": call },
	});
});

test.each(["null", "7", '"x"', "[]"])("a _meta that is no object (%s) is none", (meta) => {
	expect(JSON.parse(nativeResult(call, said(`{"_meta":${meta}}`), {}))).toEqual({ _meta: { "callgate/call": call } });
});

test("what its revision demands is added where the server says none; what is ours is ours", () => {
	const written = nativeResult(call, said('{"resultType":"odd","ttlMs":9}'), { resultType: "complete" } as object, { ttlMs: 1 });
	expect(JSON.parse(written)).toMatchObject({ resultType: "odd", ttlMs: 1 });
});

test("members with names that mean something to JavaScript are members", () => {
	const written = nativeResult(call, said('{"__proto__":{"isError":true},"constructor":1}'), {});
	expect(written.startsWith('{"__proto__":{"isError":true},"constructor":1,')).toBe(true);
});

test("an answer that was masked is told as it was masked", () => {
	const masked: OpenedMcpAnswer = {
		protocol: "mcp",
		isError: false,
		body: { json: { content: [{ type: "text", text: "[card …1111]" }] } },
	};
	expect(JSON.parse(nativeResult(call, masked, {})).content).toEqual([{ type: "text", text: "[card …1111]" }]);
	expect(modelText(masked)).toBe("[card …1111]");
});

test.each<[what: string, result: string, told: string]>([
	["structured content before texts", '{"content":[{"type":"text","text":"a"}],"structuredContent":{"n":1.0}}', '{"n":1.0}'],
	["texts, each on its line", '{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}', "a\nb"],
	[
		"everything, where a block is no text",
		'{"content":[{"type":"text","text":"a"},{"type":"image","data":"aa=="}]}',
		'{"content":[{"type":"text","text":"a"},{"type":"image","data":"aa=="}]}',
	],
	["everything, where there is no text: no provider takes an empty answer", '{"content":[]}', '{"content":[]}'],
	["everything, where a text is empty", '{"content":[{"type":"text","text":""}]}', '{"content":[{"type":"text","text":""}]}'],
	["everything, where the content is no list", '{"content":"a"}', '{"content":"a"}'],
	["everything, of a prompt or a resource", '{"contents":[{"uri":"a:b","text":"x"}]}', '{"contents":[{"uri":"a:b","text":"x"}]}'],
])("a model is told %s", (_what, result, told) => {
	expect(modelText(said(result))).toBe(told);
});
