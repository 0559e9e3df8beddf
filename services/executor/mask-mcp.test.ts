// Nothing that is to be masked leaves with a result of MCP, wherever in it it stands, and bytes that nobody can search stay unless they may pass.
import { expect, test } from "vitest";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { AnswerWithheld } from "./answer-text.ts";
import { maskAnswer } from "./mask-answer.ts";

const card = "4111111111111111";
const spec = { paths: { "$.structuredContent.ssn": "redact" }, detect: ALL_DETECTORS } as const;

function masked(result: object | string, passesMedia = false) {
	const body = Buffer.from(typeof result === "string" ? result : JSON.stringify(result));
	const masks = { mask: compileMask(spec), view: undefined, byPlace: true, isKeyed: false, passesMedia };
	const { result: answer, view, findings } = maskAnswer({ protocol: "mcp", isError: false, body }, masks);
	const text =
		answer.body && "json" in answer.body ? JSON.stringify(answer.body.json) : answer.body && "text" in answer.body ? answer.body.text : "";
	return { text, shown: JSON.stringify(view), findings };
}

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64");
const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0xff, 0xfe]);
const block = (text: string) => ({ content: [{ type: "text", text }] });

test.each<[where: string, result: object]>([
	["structured content, by place and by detector", { content: [], structuredContent: { ssn: "is private", note: card } }],
	["a text that is JSON", block(JSON.stringify({ ssn: "is private", deep: { card } }))],
	["a text", block(`is it ${card}?`)],
	["an embedded resource", { content: [{ type: "resource", resource: { uri: "a:b", text: `{"ssn":"is private","card":"${card}"}` } }] }],
	["bytes that are text", { contents: [{ uri: "a:b", mimeType: "text/plain", blob: base64(`is it ${card}?`) }] }],
	["a text that calls itself an image", { content: [{ type: "image", mimeType: "image/png", data: base64(card) }] }],
	["its meta data", { content: [], _meta: { note: card } }],
	["a message of a prompt", { messages: [{ role: "user", content: { type: "text", text: card } }] }],
])("in %s", (_where, result) => {
	const { text, shown, findings } = masked(result);
	for (const one of [text, shown]) for (const raw of [card, "is private", base64(card)]) expect(one).not.toContain(raw);
	expect(text).not.toMatch(/"(?:blob|data)":"[^"]*NDExMTEx/);
	expect(findings.length).toBeGreaterThan(0);
});

test("findings of a text that is JSON are told at its place", () => {
	const { findings } = masked(block(JSON.stringify({ ssn: "is private" })));
	expect(findings).toEqual([{ detector: "path", path: "/content/0/text/ssn", count: 1 }]);
});

test("without anything to mask it leaves byte by byte", () => {
	const text = '{ "content" : [], "structuredContent": {"n": 1.50, "id": 12345678901234567890} }';
	expect(masked(text).text).toBe(text);
});

test("bytes that are no text are withheld, or pass where they may, and are not on the record", () => {
	const result = {
		content: [
			{ type: "image", mimeType: "image/png", data: base64(png) },
			{ type: "text", text: card },
		],
	};
	expect(() => masked(result)).toThrow(AnswerWithheld);
	const { text, shown } = masked(result, true);
	expect(text).toContain(base64(png));
	expect(text).not.toContain(card);
	expect(shown).not.toContain(base64(png));
	expect(shown).toContain("[image/png, 16 characters of base64]");
});

test.each<[what: string, result: string]>([
	["no object", "[]"],
	["cut off", '{"content":[{"type":"text"'],
	["a text in which places cannot be found", JSON.stringify(block('{"ssn": "is priv'))],
	["no text at all", "\ufffd"],
])("what cannot be read is withheld: %s", (_what, result) => {
	expect(() => masked(result)).toThrow(AnswerWithheld);
});

test("bytes that policy drops do not come back in the place of others", () => {
	const image = (last: number) => ({ type: "image", mimeType: "image/png", data: base64(Uint8Array.of(...png, last)) });
	const body = Buffer.from(JSON.stringify({ content: [image(1), image(2)] }));
	const masks = { mask: compileMask({ paths: { "$.content[0]": "drop" }, detect: [] }), view: undefined, byPlace: true, isKeyed: false };
	const { result } = maskAnswer({ protocol: "mcp", isError: false, body }, { ...masks, passesMedia: true });
	expect(result.body).toEqual({ json: { content: [image(2)] } });
});
