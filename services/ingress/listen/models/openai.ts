// OpenAI's two APIs. A tool call is answered by its id, and every one must be answered before the conversation goes on.
import { isJsonObject, type JsonObject } from "#libs/contracts/json.ts";
import { type ModelFormat, malformed, partsOf, type Told, textIn, textualArguments } from "./format.ts";

/** https://platform.openai.com/docs/api-reference/chat/create: `choices[0].message`, and messages of the role `tool`. */
export const openaiChat: ModelFormat = {
	via: "openai-chat",
	path: "/v1/openai/chat/tool-calls",
	takes: "the assistant's message, as it stands in `choices[0].message`",
	read(body) {
		if (!isJsonObject(body) || body.role !== "assistant") throw malformed(`expected ${openaiChat.takes}`);
		return partsOf(body.tool_calls, "`tool_calls` to be a list", () => true).map((one) => {
			const called = one.function;
			if (one.type !== "function" || !isJsonObject(called)) throw malformed("a tool call is of another type than `function`");
			return { id: textIn(one, "id"), name: textIn(called, "name"), arguments: textualArguments(called) };
		});
	},
	write: (told) => ({
		messages: told.map(({ toolCall, text }) => ({ role: "tool", tool_call_id: toolCall.id ?? null, content: text })),
	}),
};

/** https://platform.openai.com/docs/api-reference/responses: `output`, and items of the next request's `input`. */
export const openaiResponses: ModelFormat = {
	via: "openai-responses",
	path: "/v1/openai/responses/function-calls",
	takes: "the items of the response's `output`, or the response",
	read(body) {
		const items = isJsonObject(body) ? body.output : body;
		if (!Array.isArray(items)) throw malformed(`expected ${openaiResponses.takes}`);
		const isCall = ({ type }: JsonObject) => type === "function_call";
		return partsOf(items, openaiResponses.takes, isCall).map((item) => ({
			id: textIn(item, "call_id"),
			name: textIn(item, "name"),
			arguments: textualArguments(item),
		}));
	},
	write: (told) => ({ input: told.map(responseItem) }),
};

/** The API has an item for a call that waits for a person; the function's output takes its place when the same items are sent again. */
function responseItem({ toolCall, kind, text, call }: Told) {
	if (kind !== "pending" || call === undefined) return { type: "function_call_output", call_id: toolCall.id ?? null, output: text };
	const { name, arguments: args } = toolCall;
	return { type: "mcp_approval_request", id: call, server_label: "callgate", name, arguments: "text" in args ? args.text : "{}" } as const;
}
