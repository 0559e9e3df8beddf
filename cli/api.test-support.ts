// A real HTTP server that speaks the APIs' wire formats, one answer a route, and remembers what it was asked.
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ProblemCode, type ProblemDetails, problemBody } from "#libs/contracts/problems.ts";

export interface AskedOf {
	readonly method: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly body: unknown;
}

export type Route = (response: ServerResponse, asked: AskedOf) => void;

export class TestApi {
	readonly asked: AskedOf[] = [];
	/** By `METHOD /path`, without the query. */
	readonly routes = new Map<string, Route>();
	private readonly server: Server;

	private constructor(server: Server) {
		this.server = server;
	}

	static async start(): Promise<TestApi> {
		const server = createServer();
		const api = new TestApi(server);
		server.on("request", async (request, response) => {
			const chunks: Buffer[] = [];
			for await (const chunk of request) chunks.push(chunk as Buffer);
			const text = Buffer.concat(chunks).toString();
			const { method = "", url: path = "", headers } = request;
			const asked = { method, path, headers, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
			api.asked.push(asked);
			const route = api.routes.get(`${method} ${path.split("?")[0]}`) ?? problem("not_found", { detail: "no such address" });
			route(response, asked);
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		return api;
	}

	get url(): string {
		return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
	}

	get environment(): Record<string, string> {
		return { CALLGATE_TOKEN: "t0ken", CALLGATE_URL: this.url, CALLGATE_APPROVAL_URL: this.url, CALLGATE_AUDIT_URL: this.url };
	}

	on(route: string, answer: Route): this {
		this.routes.set(route, answer);
		return this;
	}

	/** Each `METHOD /path` that was asked for, in order. */
	get story(): string[] {
		return this.asked.map(({ method, path }) => `${method} ${path}`);
	}

	async stop(): Promise<void> {
		this.server.closeAllConnections();
		await new Promise((resolve) => this.server.close(resolve));
	}
}

export function json(status: number, body: object | string, headers: Record<string, string> = {}): Route {
	const text = typeof body === "string" ? body : JSON.stringify(body);
	return (response) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}

export function problem(code: ProblemCode, details: ProblemDetails = {}): Route {
	const body = problemBody(code, details);
	return (response) => response.writeHead(body.status, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
}

/** Server-sent events; ends the stream after them unless told otherwise. */
export function sse(steps: readonly (readonly [type: string, data: object])[], { ends = true } = {}): Route {
	return (response) => {
		response.writeHead(200, { "content-type": "text/event-stream" }).write(": still here\n\n");
		for (const [type, data] of steps) response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
		if (ends) response.end();
	};
}
