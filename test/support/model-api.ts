// The model APIs that agents talk to, as far as an agent loop needs them: what a model emits is scripted, what it is sent back is held to the APIs' rules.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface ScriptedCall {
	readonly name: string;
	readonly args: object;
}

interface Answered {
	readonly id: string;
	readonly text: string;
}

/** One API: what the model emits, which calls a request answers, and the model's last words. */
interface Api {
	readonly emit: (calls: readonly (ScriptedCall & { id: string })[]) => object;
	readonly results: (body: Body) => Answered[];
	readonly say: (words: string) => object;
}
// biome-ignore lint/suspicious/noExplicitAny: whatever an agent sends; what is needed of it is asserted by the rules below
type Body = any;

const usage = { input_tokens: 1, output_tokens: 1, prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const completion = (message: object, finish_reason: string) => ({
	...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "scripted", usage },
	choices: [{ index: 0, finish_reason, message: { role: "assistant", content: null, refusal: null, ...message } }],
});
const response = (output: object[]) => ({
	...{ id: "resp_1", object: "response", created_at: 1, status: "completed", model: "scripted", usage, output },
});
const message = (content: object[], stop_reason: string) => ({
	...{ id: "msg_1", type: "message", role: "assistant", model: "scripted", usage, content, stop_reason, stop_sequence: null },
});
const candidate = (parts: object[]) => ({ candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }] });

const apis: Readonly<Record<string, Api>> = {
	"/v1/chat/completions": {
		emit: (calls) => {
			const tool_calls = calls.map(({ id, name, args }) => ({ id, type: "function", function: { name, arguments: JSON.stringify(args) } }));
			return completion({ tool_calls }, "tool_calls");
		},
		results: ({ messages }) =>
			messages.flatMap(({ role, tool_call_id: id, content: text }: Body) => (role === "tool" ? [{ id, text }] : [])),
		say: (content) => completion({ content }, "stop"),
	},
	"/v1/responses": {
		emit: (calls) =>
			response(
				calls.map(({ id, name, args }) => ({
					...{ type: "function_call", id: `fc_${id}`, call_id: id, name, arguments: JSON.stringify(args), status: "completed" },
				})),
			),
		results: ({ input }) =>
			input.flatMap(({ type, call_id: id, output: text }: Body) => (type === "function_call_output" ? [{ id, text }] : [])),
		say: (text) =>
			response([
				{ type: "message", id: "m1", role: "assistant", status: "completed", content: [{ type: "output_text", text, annotations: [] }] },
			]),
	},
	"/v1/messages": {
		emit: (calls) =>
			message(
				calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args })),
				"tool_use",
			),
		results: ({ messages }) =>
			messages.flatMap(({ role, content }: Body) =>
				role !== "user" || typeof content === "string" ? [] : content.map(({ tool_use_id: id, content: text }: Body) => ({ id, text })),
			),
		say: (text) => message([{ type: "text", text }], "end_turn"),
	},
	"/v1beta/models/scripted:generateContent": {
		emit: (calls) => candidate(calls.map(({ id, name, args }) => ({ functionCall: { id, name, args } }))),
		results: ({ contents }) =>
			contents.flatMap(({ parts }: Body) =>
				parts.flatMap(({ functionResponse: said }: Body) =>
					said ? [{ id: said.id, text: JSON.stringify(said.response.output ?? said.response) }] : [],
				),
			),
		say: (text) => candidate([{ text }]),
	},
};

/**
 * Serves the APIs on a free port. The first request of a conversation is answered with the scripted calls, among the tools that were offered; the
 * next with what was said of them, joined by a line each. A call without a result is refused as the APIs do.
 */
export async function startModelApi(calls: readonly ScriptedCall[]) {
	const server = createServer(async (request, response) => {
		const body = JSON.parse(await textOf(request));
		const api = apis[new URL(request.url ?? "", "http://x").pathname];
		const { status, answer } = api ? turn(api, body, calls) : { status: 404, answer: {} };
		response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		[Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
	};
}

function turn(api: Api, body: Body, calls: readonly ScriptedCall[]): { status: number; answer: object } {
	const refuse = (text: string) => ({ status: 400, answer: { error: { type: "invalid_request_error", message: text } } });
	const offered = JSON.stringify(body.tools ?? []);
	const unknown = calls.find(({ name }) => !offered.includes(`"${name}"`));
	if (unknown) return refuse(`the tool ${unknown.name} was not offered`);
	const identified = calls.map((call, nth) => ({ ...call, id: `call_${createId(body, nth)}` }));
	const results = api.results(body);
	if (results.length === 0) return { status: 200, answer: api.emit(identified) };
	const missing = identified.find(({ id }) => !results.some((result) => result.id === id));
	if (missing) return refuse(`No tool output found for ${missing.id}`);
	return { status: 200, answer: api.say(results.map(({ text }) => text).join("\n")) };
}

/** The same in every request of one conversation, and another in another. */
function createId(body: Body, nth: number): string {
	const [first] = body.messages ?? body.input ?? body.contents;
	return `${Buffer.from(JSON.stringify(first)).toString("hex").slice(-24)}${nth}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
	let text = "";
	for await (const chunk of request) text += chunk;
	return text;
}
