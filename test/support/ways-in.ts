// The ways in, for a test that goes all of them: how each asks, and what its caller heard, in words that are the same for all.
import { expect } from "vitest";
import { type Answer, ask, stack } from "./stack.ts";

export interface Asked {
	readonly connection: string;
	readonly fn: "createTransfer" | "getAccount" | "chat";
	readonly args: Readonly<Record<string, unknown>>;
	/** The caller's own name for the call. */
	readonly id: string;
	/** Seconds. */
	readonly wait?: number;
}

/** What a caller learned, whatever the way in calls it. */
export type Heard =
	| { readonly kind: "answered"; readonly body: unknown }
	/** Of an HTTP function with a status. */
	| { readonly kind: "refused by the function"; readonly status?: number }
	| { readonly kind: "problem"; readonly code: string }
	| { readonly kind: "pending"; readonly call: string };

export interface WayIn {
	/** As it is on the record. */
	readonly via: string;
	request(asked: Asked): { readonly path: string; readonly method?: string; readonly body?: unknown; readonly keyed?: boolean };
	hear(answer: Answer): Heard;
	/** Asks how a pending call ended; sending the same again, where nothing is said. */
	readonly askAgain?: (call: string) => Promise<Heard>;
	/** Nothing in a request of this way tells a repetition from another call, once the first was answered. */
	readonly nameless?: true;
}

export const problemOf = ({ status, body }: Answer): Heard | undefined => {
	if (status === 202) return { kind: "pending", call: body.call };
	if (typeof body.type === "string" && body.type.startsWith("urn:callgate:")) return { kind: "problem", code: body.code };
	return undefined;
};
const functionSaid = (status: number, body: unknown): Heard =>
	status < 400 ? { kind: "answered", body } : { kind: "refused by the function", status };
/** An MCP server's tool: of its result, what a program reads. */
const toolSaid = (isError: boolean, body: unknown): Heard => (isError ? { kind: "refused by the function" } : { kind: "answered", body });

function hearCall(answer: Answer): Heard {
	const { problem, result } = answer.body;
	if (problem) return { kind: "problem", code: problem.code };
	if (result?.mcp) return toolSaid(result.mcp.isError, result.body.structuredContent ?? result.body);
	return problemOf(answer) ?? functionSaid(result.status, result.body);
}

const calls: WayIn = {
	via: "calls",
	request: ({ connection, fn, args }) => ({ path: "/v1/calls", body: { connection, function: fn, arguments: args }, keyed: true }),
	hear: hearCall,
	askAgain: async (call) => hearCall(await ask(`${stack.urls.ingress}/v1/calls/${call}`, { as: "ci" })),
};

const proxy: WayIn = {
	via: "proxy",
	request({ fn, args }) {
		if (fn === "getAccount") return { path: `/proxy/bank/accounts/${args.id}`, method: "GET", keyed: true };
		return { path: fn === "chat" ? "/proxy/lab/file/chat/completions" : "/proxy/bank/transfers", body: args, keyed: true };
	},
	hear: (answer) => problemOf(answer) ?? functionSaid(answer.status, answer.body),
};

/** What a model is told of its one call, as JSON. */
function toldOf({ body, text }: Answer, told: unknown): Heard {
	const [{ kind, call }] = body.calls;
	if (kind === "pending") return { kind, call };
	const { error } = told as { error?: { code: string; status?: number } };
	if (error === undefined) return { kind: "answered", body: told };
	expect(kind, text).toBe("failed");
	if (error.code !== "function_refused") return { kind: "problem", code: error.code };
	return error.status === undefined ? toolSaid(true, undefined) : functionSaid(error.status, undefined);
}

function model(
	via: string,
	path: string,
	message: (call: { id: string; name: string; args: object }) => object,
	told: (body: never) => unknown,
): WayIn {
	const parsed = (one: unknown) => (typeof one === "string" && one.startsWith("{") ? JSON.parse(one) : one);
	return {
		via,
		request: ({ connection, fn, args, id }) => ({ path, body: message({ id, name: `${connection}__${fn}`, args }) }),
		hear: (answer) => problemOf(answer) ?? toldOf(answer, parsed(told(answer.body as never))),
	};
}

const mcp: WayIn = {
	via: "mcp",
	nameless: true,
	request: ({ connection, fn, args, id }) => ({
		path: "/mcp",
		body: { jsonrpc: "2.0", id, method: "tools/call", params: { name: `${connection}__${fn}`, arguments: args } },
	}),
	hear(answer) {
		const { result, error } = answer.body;
		if (error) return toolSaid(true, undefined);
		if (!result) return problemOf(answer) ?? expect.fail(answer.text);
		const status = result._meta?.["callgate/status"];
		if (status !== undefined) return functionSaid(status, result.structuredContent);
		if (result._meta?.["callgate/call"] !== undefined) return toolSaid(result.isError ?? false, result.structuredContent ?? result);
		const told = JSON.parse(result.content[0].text);
		return told.code === undefined ? { kind: "pending", call: told.call } : { kind: "problem", code: told.code };
	},
};

export const ways: readonly WayIn[] = [
	mcp,
	calls,
	proxy,
	model(
		"openai-chat",
		"/v1/openai/chat/tool-calls",
		({ id, name, args }) => ({
			role: "assistant",
			tool_calls: [{ id, type: "function", function: { name, arguments: JSON.stringify(args) } }],
		}),
		({ messages: [{ content }] }: { messages: [{ content: string }] }) => content,
	),
	model(
		"openai-responses",
		"/v1/openai/responses/function-calls",
		({ id, name, args }) => [{ type: "function_call", call_id: id, name, arguments: JSON.stringify(args) }],
		({ input: [{ output }] }: { input: [{ output: string }] }) => output,
	),
	model(
		"anthropic",
		"/v1/anthropic/tool-uses",
		({ id, name, args }) => ({ role: "assistant", content: [{ type: "tool_use", id, name, input: args }] }),
		({ messages: [message] }: { messages: [{ content: [{ content: string }] }] }) => message.content[0].content,
	),
	model(
		"gemini",
		"/v1/gemini/function-calls",
		({ id, name, args }) => ({ role: "model", parts: [{ functionCall: { id, name, args } }] }),
		({ contents: [content] }: { contents: [{ parts: [{ functionResponse: { response: { output?: unknown; error?: unknown } } }] }] }) => {
			const { response } = content.parts[0].functionResponse;
			return response.output ?? response;
		},
	),
];
