// A function's answer as the result of an MCP tool.

import { jsonText } from "#libs/contracts/ending-answer.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import type { OpenedHttpAnswer } from "../answer-call.ts";
import { structuredContent } from "./mcp/structured-content.ts";

export interface ToolResultTerms {
	readonly call: string;
	/** Undefined where it is gone from the configuration. */
	readonly fn: Pick<ConnectionFunction, "documentedAnswer"> | undefined;
	readonly isModern: boolean;
	/** Members of every result of its revision. */
	readonly more: { readonly _meta?: object };
}

/**
 * As JSON text. A body that the function sent as JSON is the structured content as it was sent, with every digit of every number, and stands
 * beside it as text for clients and models that read nothing else. A status of 400 or more is an error of the tool.
 */
export function toolResultText(
	{ status, headers, body, bodyJson }: OpenedHttpAnswer,
	{ call, fn, isModern, more }: ToolResultTerms,
): string {
	const json = bodyJson ?? jsonText(headers, body);
	const isText = json?.startsWith('"');
	// A JSON string of the text: what is no JSON is one already.
	const text = json === undefined ? undefined : isText ? json : JSON.stringify(json);
	const said = status >= 400 ? [JSON.stringify({ type: "text", text: `The function answered ${status}.` })] : [];
	const content = [...said, ...(text === undefined ? [] : [`{"type":"text","text":${text}}`])].join(",");
	const _meta = { ...more._meta, "callgate/call": call, "callgate/status": status };
	const shell = JSON.stringify({ ...more, _meta, isError: status >= 400 });
	const structured = structuredContent(fn, json, isModern);
	return `${shell.slice(0, -1)},"content":[${content}]${structured === undefined ? "" : `,"structuredContent":${structured}`}}`;
}
