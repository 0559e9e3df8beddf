// For the dialer's tests: an MCP server that answers its greeting and its lists well, and each call as a test wants.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A message as it came, with the headers it came with. */
export interface Heard {
	readonly id?: string | number;
	readonly method?: string;
	readonly params: Record<string, unknown>;
	readonly headers: IncomingMessage["headers"];
	/** All of it, headers too. */
	readonly whole: string;
}

export interface TestServer {
	readonly url: string;
	readonly heard: Heard[];
	/** Bytes of calls, whole or not: what comes before a call is no call. */
	callBytes: number;
	/** What `tools/list` says. */
	tools: Record<string, unknown>[];
	revision: string;
	/** Answers what is not answered well by itself; false: it is. */
	answer: (message: Heard, response: ServerResponse) => boolean | undefined;
	/** Takes up a stream where it ended; false: there is none. */
	resume: (headers: IncomingMessage["headers"], response: ServerResponse) => boolean | undefined;
	calls(): Heard[];
	close(): Promise<void>;
}

export const sayTool = {
	name: "say",
	description: "Says a note.",
	inputSchema: { type: "object", properties: { note: { type: "string" } } },
};

export function resultText(id: unknown, result: object): string {
	return JSON.stringify({ jsonrpc: "2.0", id, result });
}

export function sendJson(response: ServerResponse, text: string, headers: Record<string, string> = {}): true {
	response.writeHead(200, { "content-type": "application/json", ...headers }).end(text);
	return true;
}

/** Begins a stream of events. */
export function beginEvents(response: ServerResponse): (text: string) => void {
	response.writeHead(200, { "content-type": "text/event-stream" });
	return (text) => void response.write(`event: message\ndata: ${text}\n\n`);
}

/** @param port 0 picks a free one */
export async function serveMcp(revision = "2025-11-25", port = 0): Promise<TestServer> {
	const sockets = new Set<Socket>();
	const http = createServer(async (request, response) => {
		if (request.method === "GET" && server.resume(request.headers, response)) return;
		// No stream of its own, and nothing to be said when a session ends.
		if (request.method !== "POST") return void response.writeHead(request.method === "DELETE" ? 200 : 405).end();
		const isCall = request.headers["mcp-method"] === "tools/call";
		let text = "";
		for await (const piece of request) text += String(piece);
		const { id, method, params = {} } = JSON.parse(text) as Heard;
		const heard = { ...(id !== undefined && { id }), ...(method && { method }), params, headers: request.headers };
		const message = { ...heard, whole: `${JSON.stringify(request.headers)}\n${text}` };
		server.heard.push(message);
		if (isCall || method === "tools/call") server.callBytes += message.whole.length;
		if (server.answer(message, response)) return;
		if (id === undefined || method === undefined) return void response.writeHead(202).end();
		if (method === "initialize")
			return void sendJson(
				response,
				resultText(id, { protocolVersion: server.revision, capabilities: { tools: {} }, serverInfo: { name: "t", version: "1" } }),
				{ "mcp-session-id": "session-1" },
			);
		if (method === "tools/list") return void sendJson(response, resultText(id, { tools: server.tools }));
		return void sendJson(response, JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32_601, message: "Method not found" } }));
	});
	http.on("connection", (socket) => {
		sockets.add(socket);
		socket.on("close", () => sockets.delete(socket));
	});
	http.listen(port, "127.0.0.1");
	await once(http, "listening");
	const server: TestServer = {
		url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
		heard: [],
		callBytes: 0,
		tools: [sayTool],
		revision,
		answer: () => undefined,
		resume: () => undefined,
		calls: () => server.heard.filter(({ method }) => method === "tools/call"),
		close: async () => {
			for (const socket of sockets) socket.destroy();
			if (!http.listening) return;
			http.close();
			await once(http, "close");
		},
	};
	return server;
}
