// The answer of an MCP server: as it is, for clients that speak MCP; as the text that matters, for models behind another API.

import { bodyJsonOf } from "#libs/contracts/ending-answer.ts";
import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { membersOf } from "#libs/mcp/messages.ts";
import type { OpenedMcpAnswer } from "../answer-call.ts";

/**
 * The server's own result as JSON text, masked, with the call's id in its `_meta`.
 *
 * @param more members of every result of the client's revision, where the server says none
 * @param ours members that are not the server's to say
 */
export function nativeResult(call: string, answer: OpenedMcpAnswer, more: { readonly _meta?: object }, ours: object = {}): string {
	const json = bodyJsonOf(answer) ?? "{}";
	const members = new Map(membersOf(json));
	const _meta = { ...metaOf(members.get("_meta")), ...more._meta, "callgate/call": call };
	for (const [name, value] of Object.entries({ ...more, _meta }))
		if (name === "_meta" || !members.has(name)) members.set(name, JSON.stringify(value));
	for (const [name, value] of Object.entries(ours)) members.set(name, JSON.stringify(value));
	return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** Names in a server's `_meta` that are MCP's or ours are not its to say. */
function metaOf(text: string | undefined): Record<string, unknown> {
	const meta = text === undefined ? undefined : (JSON.parse(text) as JsonValue);
	if (!isJsonObject(meta)) return {};
	return Object.fromEntries(Object.entries(meta).filter(([name]) => !/^(?:callgate|io\.modelcontextprotocol)\//.test(name)));
}

/** The structured content where there is some, else the texts, else everything as JSON. */
export function modelText(answer: OpenedMcpAnswer): string {
	const json = bodyJsonOf(answer) ?? "{}";
	const members = membersOf(json);
	const structured = members?.get("structuredContent");
	if (structured !== undefined) return structured;
	const content = JSON.parse(members?.get("content") ?? "null") as JsonValue;
	const texts = Array.isArray(content)
		? content.map((block) => (isJsonObject(block) && block.type === "text" ? block.text : undefined))
		: [];
	return texts.length > 0 && texts.every((text) => typeof text === "string" && text !== "") ? texts.join("\n") : json;
}
