// Anthropic's Messages API: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use.
import { isJsonObject } from "#libs/contracts/json.ts";
import { type ModelFormat, malformed, partsOf, textIn } from "./format.ts";

export const anthropic: ModelFormat = {
	via: "anthropic",
	path: "/v1/anthropic/tool-uses",
	takes: "the assistant's message, with its `content`",
	read(body) {
		if (!isJsonObject(body) || body.role !== "assistant") throw malformed(`expected ${anthropic.takes}`);
		return partsOf(body.content, "`content` to be a list", ({ type }) => type === "tool_use").map((block) => {
			if (!isJsonObject(block.input)) throw malformed("the `input` of a tool use is not an object");
			return { id: textIn(block, "id"), name: textIn(block, "name"), arguments: { value: block.input } };
		});
	},
	/** All results of one message stand in one message. */
	write(told) {
		const content = told.map(({ toolCall, kind, text }) => ({
			type: "tool_result",
			tool_use_id: toolCall.id ?? null,
			content: text,
			...(kind === "failed" && { is_error: true }),
		}));
		return { messages: content.length === 0 ? [] : [{ role: "user", content }] };
	},
};
