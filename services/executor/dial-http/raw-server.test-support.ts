// For the dialer's tests: a TCP server that says exactly the bytes a test wants, and remembers what it was sent.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { DialError } from "../dial-error.ts";
import type { DialLimits } from "./exchange.ts";
import { createHttpClient, type HttpClient, type HttpClientOptions, type OutboundRequest } from "./http-client.ts";

/** `requests` grows by one with each complete request head, its body (by Content-Length) included; `bytes` with whatever came. */
export type RawServer = { url: string; requests: string[]; connections: number; bytes: number; close(): Promise<void> };

/** Starts a server that calls `answer` for each complete request; `index` counts all requests of the server from 0. */
export const serveRaw = async (answer: (socket: Socket, index: number, request: string) => void): Promise<RawServer> => {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		raw.connections += 1;
		sockets.add(socket);
		socket.on("close", () => sockets.delete(socket));
		socket.on("error", () => {}); // resets are what these tests are about
		let pending = "";
		socket.on("data", (chunk) => {
			raw.bytes += chunk.length;
			pending += chunk.toString("latin1");
			for (let request = takeRequest(pending); request !== undefined; request = takeRequest(pending)) {
				pending = pending.slice(request.length);
				raw.requests.push(request);
				answer(socket, raw.requests.length - 1, request);
			}
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const raw: RawServer = {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		requests: [],
		connections: 0,
		bytes: 0,
		close: async () => {
			for (const socket of sockets) socket.destroy();
			if (!server.listening) return;
			server.close();
			await once(server, "close");
		},
	};
	return raw;
};

const takeRequest = (text: string): string | undefined => {
	const end = text.indexOf("\r\n\r\n");
	if (end === -1) return undefined;
	const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
	return text.length < end + 4 + length ? undefined : text.slice(0, end + 4 + length);
};

/** A complete answer with a Content-Length. */
export const answerOf = (body: string, headers: readonly string[] = [], status = "200 OK"): string =>
	[`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, "", body].join("\r\n");

/** So generous that no test reaches them by being slow; a test that wants a timeout makes that one small. */
export const LIMITS: DialLimits = {
	connectTimeoutMs: 60_000,
	headersTimeoutMs: 60_000,
	totalTimeoutMs: 60_000,
	bodyBytesMax: 64 * 1024,
	headerBytesMax: 16 * 1024,
};

/** A POST with a small JSON body, or what the test makes of it. */
export const requestTo = (
	url: string,
	change: Partial<Omit<OutboundRequest, "limits">> & { limits?: Partial<DialLimits> } = {},
): OutboundRequest => ({
	url,
	method: "POST",
	headers: [["content-type", "application/json"]],
	body: Buffer.from('{"amount":1}'),
	...change,
	limits: { ...LIMITS, ...change.limits },
});

/** Dialers and servers of one test, which `clear` closes, the last first; `cleanup` takes what else is to be undone. */
export function dialingStage() {
	const cleanup: (() => Promise<void>)[] = [];
	return {
		cleanup,
		clear: async (): Promise<void> => {
			for (const undo of cleanup.splice(0).reverse()) await undo();
		},
		startDialer(options: HttpClientOptions = {}): HttpClient {
			const dialer = createHttpClient({ allowLoopback: true, ...options });
			cleanup.push(() => dialer.close());
			return dialer;
		},
		async start(answer: Parameters<typeof serveRaw>[0]): Promise<RawServer> {
			const server = await serveRaw(answer);
			cleanup.push(() => server.close());
			return server;
		},
		/** What a dial failed with. */
		async failure(dialing: Promise<unknown>): Promise<DialError> {
			const error = await dialing.then(
				() => undefined,
				(thrown: unknown) => thrown,
			);
			if (!(error instanceof DialError)) throw new Error(`expected a DialError, saw ${String(error)}`);
			return error;
		},
	};
}
