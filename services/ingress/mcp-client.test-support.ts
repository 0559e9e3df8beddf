// For tests of MCP: clients of it, as the official SDK makes them and as one that speaks no more than HTTP, and what an MCP server answers behind Callgate.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient, type RawClientDispatch } from "@modelcontextprotocol/ext-tasks/client";
import type { Event } from "#libs/contracts/events.ts";
import { as, type Backstage } from "./ingress.test-support.ts";

export interface PostOptions {
	readonly who?: string;
	readonly path?: string;
	readonly capabilities?: object;
	/** Members of `_meta` beside those of its revision. */
	readonly meta?: object;
	readonly accept?: string;
	readonly signal?: AbortSignal;
}

export const tasks = { extensions: { "io.modelcontextprotocol/tasks": {} } };

/** As a client of 2026-07-28 asks, with the headers that mirror its body. */
export function post(origin: string, method: string, params: Record<string, unknown>, options: PostOptions = {}): Promise<Response> {
	const {
		who = "robin",
		path = "/mcp/tools",
		capabilities = {},
		meta = {},
		accept = "application/json, text/event-stream",
		signal,
	} = options;
	const version = "2026-07-28";
	const _meta = { "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": capabilities, ...meta };
	const { name, taskId = name } = params;
	const named = taskId === undefined ? {} : { "mcp-name": String(taskId) };
	return fetch(`${origin}${path}`, {
		method: "POST",
		headers: { ...as(who), "content-type": "application/json", accept, "mcp-protocol-version": version, "mcp-method": method, ...named },
		body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta } }),
		...(signal && { signal }),
	});
}

interface Message {
	readonly method?: string;
	readonly params: { readonly _meta: object; readonly [member: string]: unknown };
	readonly result?: object;
}

/** What is heard on one stream, as it comes. It must be left. */
export async function listen(origin: string, notifications: object, options: PostOptions = {}) {
	const leaving = new AbortController();
	const reply = await post(origin, "subscriptions/listen", { notifications }, { ...options, signal: leaving.signal });
	const messages: Message[] = [];
	let signsOfLife = 0;
	const whole = async () => {
		let rest = "";
		for await (const chunk of reply.body ?? []) {
			rest += Buffer.from(chunk).toString();
			const events = rest.split("\n\n");
			rest = events.pop() ?? "";
			const told = events.filter((event) => !event.startsWith(":"));
			signsOfLife += events.length - told.length;
			messages.push(...told.map(messageIn));
		}
	};
	const over = whole().catch(() => undefined);
	const leave = async () => {
		leaving.abort();
		await over;
	};
	const methods = () => messages.map(({ method = "the answer" }) => method.replace("notifications/", ""));
	return { reply, messages, methods, signsOfLife: () => signsOfLife, over, leave };
}

/** Of a server-sent event, which is one line of data. */
export function messageIn(event: string): Message {
	return JSON.parse(/^event: message\ndata: (.*)$/.exec(event)?.[1] ?? event) as Message;
}

type ClientOptions = NonNullable<ConstructorParameters<typeof Client>[1]>;

/** The official client, which is closed by whoever asked for it. */
export async function connected(
	url: string,
	options: ClientOptions = { versionNegotiation: { mode: { pin: "2026-07-28" } } },
): Promise<Client> {
	const client = new Client({ name: "test", version: "1" }, options);
	await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: as("robin") } }));
	return client;
}

/** The official client of tasks, which must be closed. @param answer what it says where it is asked */
export async function taskSession(
	url: string,
	{ mode, answer }: { readonly mode: "legacy" | { readonly pin: "2026-07-28" }; readonly answer?: object },
) {
	const client = await connected(url, { versionNegotiation: { mode } });
	const rawDispatch: RawClientDispatch = async (request) => {
		const { method, params } = request as { method: string; params: Record<string, string> };
		const name = params.name ?? params.taskId;
		const headers = { ...as("robin"), "mcp-protocol-version": "2026-07-28", "mcp-method": method, ...(name && { "mcp-name": name }) };
		const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
		const reply = await fetch(url, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body });
		const { result, error } = (await reply.json()) as { result: never; error: never };
		return error ? { kind: "error", error } : { kind: "result", result };
	};
	const clientCapabilities = { ...tasks, ...(answer && { elicitation: {} }) };
	const v2RequestFraming = { protocolVersion: "2026-07-28", clientInfo: { name: "test", version: "1" }, clientCapabilities };
	const raw = mode === "legacy" ? {} : { rawDispatch, v2RequestFraming };
	const onInputRequest = async () => answer as never;
	const session = createTaskSessionFromClient(client, { endpointId: "callgate", ...raw, ...(answer && { onInputRequest }) });
	const close = async () => {
		await session.close();
		await client.close();
	};
	return { tasks: session, close };
}

const said = { answer: { mcp: { isError: false } } };

/** A server's answer, as its executor says it. @param body with a line end in it, as servers write JSON for people */
export async function answers(stage: Backstage, received: Event<"call.received">, text = "done"): Promise<void> {
	const body = { text: `{"content":[\n{"type":"text","text":"${text}"}]}` };
	await stage.completeAs(received, JSON.stringify({ protocol: "mcp", isError: false, body }), said);
}

/** A server that asks, as its executor says it: a form for each key. */
export async function asks(stage: Backstage, received: Event<"call.received">, keys: readonly string[] = ["sure"]): Promise<void> {
	const json = { resultType: "input_required", inputRequests: Object.fromEntries(keys.map((key) => [key, question])) };
	const asked = Object.fromEntries(keys.map((key) => [key, question.method]));
	const answer = { protocol: "mcp", isError: false, body: { json }, asks: { asked, state: "the server's" } };
	await stage.completeAs(received, JSON.stringify(answer), said);
}

export const question = {
	method: "elicitation/create",
	params: { message: "Sure?", requestedSchema: { type: "object", properties: { ok: { type: "boolean" } } } },
};
export const yes = { action: "accept", content: { ok: true } };
