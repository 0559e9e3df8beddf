// The tool calls of models, by the API whose message they stand in.

/** Where each API's messages go, what its answer is appended as, and how its list of tools is called. */
export const modelFormats = {
	"openai-chat": { path: "/v1/openai/chat/tool-calls", append: "messages", tools: "openai" },
	"openai-responses": { path: "/v1/openai/responses/function-calls", append: "input", tools: "openai-responses" },
	anthropic: { path: "/v1/anthropic/tool-uses", append: "messages", tools: "anthropic" },
	gemini: { path: "/v1/gemini/function-calls", append: "contents", tools: "gemini" },
} as const;

export type ModelFormat = keyof typeof modelFormats;

export interface ToolCallsRan<Append> {
	/** To be appended to the conversation, in this order. */
	readonly append: readonly Append[];
	/** For the application: each call's own id, the model's id for it, and whether it is settled. */
	readonly calls: readonly {
		readonly id?: string;
		readonly kind: "answered" | "failed" | "pending";
		readonly call?: string;
		readonly location?: string;
	}[];
}
