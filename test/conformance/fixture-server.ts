// The MCP server that the conformance suite's scenarios ask for: the tools, resources and prompts that they name, made with the official SDK.
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node";
import {
	type CallToolResult,
	type ClientCapabilities,
	type ContentBlock,
	createMcpHandler,
	type InputRequiredResult,
	inputRequired,
	ProtocolError,
	Server,
	type ServerContext,
	type TextContent,
} from "@modelcontextprotocol/server";

type Answer = CallToolResult | InputRequiredResult;

interface Tool {
	readonly name: string;
	readonly properties?: Record<string, { readonly type: string; readonly "x-mcp-header"?: string }>;
	readonly answer: (args: Record<string, unknown>, context: ServerContext) => Answer | Promise<Answer>;
}

const text = (said: string): TextContent => ({ type: "text", text: said });
const textResource = (uri: string, mimeType: string, said: string) => ({ uri, mimeType, text: said });
/** A red pixel, and a sound of no length. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const image: ContentBlock = { type: "image", data: png, mimeType: "image/png" };

const tools: readonly Tool[] = [
	{ name: "test_simple_text", answer: () => ({ content: [text("This is a simple text response for testing.")] }) },
	{ name: "test_image_content", answer: () => ({ content: [image] }) },
	{ name: "test_audio_content", answer: () => ({ content: [{ type: "audio", data: wav, mimeType: "audio/wav" }] }) },
	{
		name: "test_embedded_resource",
		answer: () => ({
			content: [
				{ type: "resource", resource: textResource("test://embedded-resource", "text/plain", "This is an embedded resource content.") },
			],
		}),
	},
	{
		name: "test_multiple_content_types",
		answer: () => ({
			content: [
				text("Multiple content types test:"),
				image,
				{ type: "resource", resource: textResource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}') },
			],
		}),
	},
	{
		name: "test_error_handling",
		answer: () => ({ isError: true, content: [text("This tool intentionally returns an error for testing")] }),
	},
	{
		name: "test_tool_with_progress",
		answer: async (_args, { mcpReq }) => {
			const progressToken = mcpReq._meta?.progressToken;
			for (const progress of [0, 50, 100]) {
				if (progressToken !== undefined)
					await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
				await delay(50);
			}
			return { content: [text("Progress was told.")] };
		},
	},
	{ name: "greet", properties: { name: { type: "string" } }, answer: ({ name }) => ({ content: [text(`Hello, ${name}!`)] }) },
	{
		name: "routed",
		properties: { region: { type: "string", "x-mcp-header": "Region" } },
		answer: ({ region }) => ({ content: [text(`routed to ${region}`)] }),
	},
	{
		name: "slow_compute",
		properties: { seconds: { type: "number" }, label: { type: "string" } },
		answer: async ({ seconds, label }, { mcpReq }) => {
			await delay(Number(seconds) * 1_000, undefined, { signal: mcpReq.signal, ref: false });
			return { content: [text(`computed ${label}`)] };
		},
	},
	{
		name: "failing_job",
		answer: async () => {
			await delay(1_000);
			return { isError: true, content: [text("The job failed.")] };
		},
	},
	{
		name: "protocol_error_job",
		answer: async () => {
			await delay(1_000);
			throw new ProtocolError(-32_603, "The job broke");
		},
	},
];

interface FixturePrompt {
	readonly name: string;
	readonly description: string;
	readonly arguments?: { name: string; description: string; required: boolean }[];
	readonly messages: (args: Record<string, string>) => ContentBlock[];
}

const cannotBeAsked: Answer = { isError: true, content: [text("This client cannot be asked.")] };
const logging: Tool = {
	name: "test_tool_with_logging",
	answer: async (_args, { mcpReq }) => {
		for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
			await mcpReq.notify({ method: "notifications/message", params: { level: "info", logger: "fixture", data } });
			await delay(50);
		}
		return { content: [text("It was logged.")] };
	},
};

const form = (message: string, name: string, type: "string" | "boolean" = "string") => {
	const properties = { [name]: type === "string" ? { type: "string" as const } : { type: "boolean" as const } };
	return inputRequired.elicit({ message, requestedSchema: { type: "object", properties, required: [name] } });
};
const sample = (said: string) =>
	inputRequired.createMessage({ messages: [{ role: "user", content: { type: "text", text: said } }], maxTokens: 100 });

/** What is asked in the round of each state; after the last of them the tool answers. */
type Rounds = readonly { readonly requests: Parameters<typeof inputRequired>[0]["inputRequests"]; readonly state?: string }[];

/** A tool that asks in rounds (2026-07-28), each known by the state that the one before it gave. */
function inRounds(name: string, rounds: Rounds, last: (responses: Record<string, unknown>) => Answer | Promise<Answer>): Tool {
	return {
		name,
		answer: async (_args, { mcpReq }) => {
			const { inputResponses = {} } = mcpReq;
			const state = mcpReq.requestState() as string | undefined;
			const [first] = rounds;
			const isKnown = Object.keys(first?.requests ?? {}).every((key) => Object.hasOwn(inputResponses, key));
			const at = state === undefined ? (isKnown ? 0 : -1) : rounds.findIndex((round) => round.state === state);
			const next = rounds[at + 1];
			if (!next) return await last(inputResponses);
			return inputRequired({
				...(next.requests && { inputRequests: next.requests }),
				...(next.state !== undefined && { requestState: next.state }),
			});
		},
	};
}

/** Longer than a call is waited for before it is a task. */
const workMs = 4_000;

/** A tool that asks in the middle of its work, and not before it has begun. */
function asksAtWork(name: string, requests: Readonly<Record<string, ReturnType<typeof form>>>): Tool {
	return {
		name,
		answer: async (_args, { mcpReq }) => {
			if (!declaredBy(mcpReq).elicitation) return cannotBeAsked;
			const { inputResponses = {} } = mcpReq;
			if (Object.keys(requests).every((key) => Object.hasOwn(inputResponses, key))) return { content: [text("It was done.")] };
			await delay(workMs);
			return inputRequired({ inputRequests: requests });
		},
	};
}

/** The SDK's type names no members. */
function declaredBy({ envelope }: ServerContext["mcpReq"]): ClientCapabilities {
	return (envelope as Record<string, ClientCapabilities> | undefined)?.["io.modelcontextprotocol/clientCapabilities"] ?? {};
}

const told = async (responses: Record<string, unknown>): Promise<Answer> => ({ content: [text(`state-ok: ${JSON.stringify(responses)}`)] });
const userName = { requests: { user_name: form("What is your name?", "name") } };
const confirm = { requests: { confirm: form("Please confirm", "ok", "boolean") }, state: "state" };

const titled = (...titles: string[]) => titles.map((title, nth) => ({ const: `value${nth + 1}`, title }));
const options = ["option1", "option2", "option3"];

const withDefaults = {
	message: "Who is it?",
	requestedSchema: {
		type: "object" as const,
		properties: {
			name: { type: "string" as const, default: "John Doe" },
			age: { type: "integer" as const, default: 30 },
			score: { type: "number" as const, default: 95.5 },
			status: { type: "string" as const, enum: ["active", "inactive", "pending"], default: "active" },
			verified: { type: "boolean" as const, default: true },
		},
	},
};
const withChoices = {
	message: "Which?",
	requestedSchema: {
		type: "object" as const,
		properties: {
			untitledSingle: { type: "string" as const, enum: options },
			titledSingle: { type: "string" as const, oneOf: titled("First", "Second") },
			legacyEnum: { type: "string" as const, enum: ["opt1", "opt2"], enumNames: ["Option One", "Option Two"] },
			untitledMulti: { type: "array" as const, items: { type: "string" as const, enum: options } },
			titledMulti: { type: "array" as const, items: { anyOf: titled("First", "Second") } },
		},
	},
};
const asksInRounds: readonly Tool[] = [
	inRounds("test_elicitation", [userName], told),
	inRounds("test_sampling", [{ requests: { answer: sample("Test prompt") } }], told),
	inRounds("test_elicitation_sep1034_defaults", [{ requests: { person: inputRequired.elicit(withDefaults) } }], told),
	inRounds("test_elicitation_sep1330_enums", [{ requests: { choice: inputRequired.elicit(withChoices) } }], told),
	inRounds("test_input_required_result_elicitation", [userName], told),
	inRounds("test_input_required_result_sampling", [{ requests: { capital_question: sample("What is the capital of France?") } }], told),
	inRounds("test_input_required_result_list_roots", [{ requests: { client_roots: inputRequired.listRoots() } }], told),
	inRounds("test_input_required_result_request_state", [confirm], told),
	inRounds("test_input_required_result_tampered_state", [confirm], told),
	inRounds(
		"test_input_required_result_multiple_inputs",
		[
			{
				requests: { ...userName.requests, greeting: sample("Generate a greeting"), client_roots: inputRequired.listRoots() },
				state: "all",
			},
		],
		told,
	),
	inRounds(
		"test_input_required_result_multi_round",
		[
			{ requests: { step1: form("Step 1: What is your name?", "name") }, state: "first" },
			{ requests: { step2: form("Step 2: What is your favorite color?", "color") }, state: "second" },
		],
		told,
	),
	inRounds("test_tool_with_task", [userName], async (responses) => {
		await delay(1_500);
		return await told(responses);
	}),
	{
		name: "test_input_required_result_capabilities",
		answer: (_args, { mcpReq }) => {
			const capabilities = declaredBy(mcpReq);
			return inputRequired({
				inputRequests: {
					...(capabilities.sampling && { sampled: sample("Hello") }),
					...(capabilities.elicitation && userName.requests),
				},
			});
		},
	},
	asksAtWork("confirm_delete", { confirm: form("Delete it?", "confirm", "boolean") }),
	asksAtWork("multi_input", { one: form("The first?", "name"), two: form("The second?", "name") }),
	{ name: "test_missing_capability", answer: () => inputRequired({ inputRequests: { sampled: sample("Hello") } }) },
];

const allTools = [...tools, logging, ...asksInRounds];

const prompts: readonly FixturePrompt[] = [
	{ name: "test_simple_prompt", description: "Simple", messages: () => [text("This is a simple prompt for testing.")] },
	{
		name: "test_prompt_with_arguments",
		description: "With arguments",
		arguments: [
			{ name: "arg1", description: "First", required: true },
			{ name: "arg2", description: "Second", required: true },
		],
		messages: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
	},
	{
		name: "test_prompt_with_embedded_resource",
		description: "With a resource",
		arguments: [{ name: "resourceUri", description: "Which", required: true }],
		messages: ({ resourceUri = "" }) => [
			{ type: "resource", resource: textResource(resourceUri, "text/plain", "Embedded resource content for testing.") },
			text("Please process the embedded resource above."),
		],
	},
	{ name: "test_input_required_result_prompt", description: "Asks", messages: () => [text("Prompt with what was asked for.")] },
	{ name: "test_prompt_with_image", description: "With an image", messages: () => [image, text("Please analyze the image above.")] },
];

const resources = [
	{ uri: "test://static-text", name: "static-text", description: "A text", mimeType: "text/plain" },
	{ uri: "test://static-binary", name: "static-binary", description: "An image", mimeType: "image/png" },
];
const template = { uriTemplate: "test://template/{id}/data", name: "template", description: "By id", mimeType: "application/json" };

function read(uri: string) {
	if (uri === "test://static-text") return textResource(uri, "text/plain", "This is the content of the static text resource.");
	if (uri === "test://static-binary") return { uri, mimeType: "image/png", blob: png };
	const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
	if (id === undefined) throw new ProtocolError(-32_602, "Resource not found", { uri });
	return textResource(uri, "application/json", JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }));
}

function createFixture(): Server {
	const capabilities = { tools: {}, resources: {}, prompts: {}, completions: {}, logging: {} };
	const server = new Server({ name: "fixture", version: "1.0.0" }, { capabilities });
	const listed = allTools.map(({ name, properties = {} }) => ({
		...{ name, description: `The suite's ${name}` },
		inputSchema: { type: "object" as const, properties },
	}));
	server.setRequestHandler("tools/list", () => ({ tools: listed }));
	server.setRequestHandler("tools/call", async ({ params }, context) => {
		const tool = allTools.find(({ name }) => name === params.name);
		if (!tool) throw new ProtocolError(-32_602, `Unknown tool: ${params.name}`);
		return await tool.answer(params.arguments ?? {}, context);
	});
	server.setRequestHandler("resources/list", () => ({ resources }));
	server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: [template] }));
	server.setRequestHandler("resources/read", ({ params }) => ({ contents: [read(params.uri)] }));
	server.setRequestHandler("prompts/list", () => ({ prompts: prompts.map(({ messages: _, ...prompt }) => prompt) }));
	server.setRequestHandler("prompts/get", ({ params }, { mcpReq }) => {
		const prompt = prompts.find(({ name }) => name === params.name);
		if (!prompt) throw new ProtocolError(-32_602, `Unknown prompt: ${params.name}`);
		if (prompt.name === "test_input_required_result_prompt" && mcpReq.inputResponses?.user_context === undefined)
			return inputRequired({ inputRequests: { user_context: form("What context should the prompt use?", "context") } });
		const messages = prompt.messages(params.arguments ?? {});
		return { messages: messages.map((content) => ({ role: "user" as const, content })) };
	});
	server.setRequestHandler("completion/complete", ({ params }) => {
		const values = ["paris", "park", "party"].filter((value) => value.startsWith(params.argument.value));
		return { completion: { values, total: values.length, hasMore: false } };
	});
	return server;
}

/** Listens on this machine alone until it is closed. */
export async function serveFixture(port: number): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
	const handle = toNodeHandler(createMcpHandler(createFixture));
	// A request that a server gets has the members that the adapter's type demands.
	const http = createServer((request, response) => void handle(request as NodeIncomingMessageLike, response));
	await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
	const address = http.address();
	const bound = typeof address === "object" && address ? address.port : port;
	return {
		url: `http://127.0.0.1:${bound}/mcp`,
		close: async () => {
			http.closeAllConnections();
			await new Promise((resolve) => http.close(resolve));
		},
	};
}
