// A function of the tests' own, behind the connection `lab`: it tells what it saw and answers when the test says so.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { stack } from "./stack.ts";

export interface SeenByLab {
	readonly tag: string;
	readonly path: string;
	readonly headers: IncomingMessage["headers"];
	/** The body, as it came. */
	readonly text: string;
}

export interface Lab {
	/** Every request, in the order it came. */
	readonly seen: readonly SeenByLab[];
	/** Who asks for `/file` gets this from now on. */
	serve(answer: (response: ServerResponse) => void): void;
	/** Requests whose tag begins like this are not answered until `release`. */
	hold(prefix: string): { release(): void };
	stop(): Promise<void>;
}

/** Listens where the connection `lab` leads. One at a time. */
export async function startLab(): Promise<Lab> {
	const seen: SeenByLab[] = [];
	let file = (response: ServerResponse): void => void response.end();
	const gates = new Map<string, PromiseWithResolvers<void>>();
	const serve = async (request: IncomingMessage, response: ServerResponse) => {
		if (request.url?.startsWith("/file")) {
			seen.push({
				tag: new URL(request.url, "http://lab").searchParams.get("tag") ?? "",
				path: request.url,
				headers: request.headers,
				text: "",
			});
			return file(response);
		}
		let text = "";
		for await (const chunk of request as AsyncIterable<Buffer>) text += chunk;
		const { tag } = JSON.parse(text) as { tag: string };
		seen.push({ tag, path: request.url ?? "", headers: request.headers, text });
		for (const [prefix, gate] of gates) if (tag.startsWith(prefix)) await gate.promise;
		response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ done: tag }));
	};
	const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(stack.labPort, "127.0.0.1", resolve);
	});
	return {
		seen,
		serve: (answer) => {
			file = answer;
		},
		hold(prefix) {
			const gate = Promise.withResolvers<void>();
			gates.set(prefix, gate);
			return {
				release: () => {
					gates.delete(prefix);
					gate.resolve();
				},
			};
		},
		stop: () =>
			new Promise((resolve) => {
				for (const gate of gates.values()) gate.resolve();
				server.closeAllConnections();
				server.close(() => resolve());
			}),
	};
}

export const labCall = (name: "work" | "repeatable" | "guarded" | "forbidden", tag: string) => ({
	connection: "lab",
	function: name,
	arguments: { tag },
});
