// What tests may do to the running stack: kill its processes, take its servers away, stop and start all of it. Runs where the stack was started.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { services } from "#libs/contracts/define-event.ts";
import { loopback } from "../../infra/local/ports.ts";
import type { RunningServer } from "../../infra/local/run-server.ts";
import type { Stack } from "../../infra/local/stack.ts";

/** `restart` brings up what was stopped or killed; services are brought up by their supervisor. */
export type Verb = "kill" | "stop" | "restart" | "freeze" | "thaw";
export type Target = `${(typeof services)[number]}/${number}` | "nats" | "valkey" | "openSearch";

export interface Control {
	/** The stack that runs now. */
	stack(): Stack;
	readonly url: string;
	stop(): Promise<void>;
}

/** Serves `POST /{verb}/{target}` and `POST /start-over`; each answers when it is done. `start` brings the whole stack up again. */
export async function serveControl(first: Stack, start: () => Promise<Stack>): Promise<Control> {
	let stack = first;
	const startOver = async () => {
		await stack.stop();
		stack = await start();
	};
	const act = async (path: string) => (path === "start-over" ? await startOver() : await change(stack, path));
	const server = createServer((request, response) => void answer(request, response, act));
	await new Promise<void>((resolve) => server.listen(0, loopback, resolve));
	return {
		stack: () => stack,
		url: `http://${loopback}:${(server.address() as AddressInfo).port}`,
		stop: async () => {
			server.closeAllConnections();
			server.close();
			await stack.stop();
		},
	};
}

async function answer(request: IncomingMessage, response: ServerResponse, act: (path: string) => Promise<void>): Promise<void> {
	try {
		await act(request.url?.slice(1) ?? "");
		response.writeHead(204).end();
	} catch (error) {
		response.writeHead(500).end(error instanceof Error ? error.message : "failed");
	}
}

async function change(stack: Stack, path: string): Promise<void> {
	const [verb, ...rest] = path.split("/");
	const server = serverOf(stack, rest.join("/"));
	switch (verb as Verb) {
		case "kill":
			return await server.kill("SIGKILL");
		case "stop":
			return await server.stop();
		case "restart":
			return await server.restart();
		case "freeze":
			return await server.kill("SIGSTOP");
		case "thaw":
			return await server.kill("SIGCONT");
	}
}

function serverOf(stack: Stack, target: string): RunningServer {
	if (target === "nats" || target === "valkey" || target === "openSearch") return stack[target];
	const [service, replica] = target.split("/");
	const found = services.find((one) => one === service);
	const server = found && stack.services[found][Number(replica)];
	if (!server) throw new Error(`the stack has no ${target}`);
	return server;
}
