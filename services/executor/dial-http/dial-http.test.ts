// The dialer of HTTP functions keeps what every dialer promises, against a server that speaks bytes.
import type { Socket } from "node:net";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import { written } from "#libs/functions/transport.ts";
import { answerBytesMax, type Behaviour, type DialBench, dialerContract } from "../dial-contract.ts";
import type { Asked } from "../ports.ts";
import { createHttpDialer } from "./dial-http.ts";
import { answerOf, serveRaw } from "./raw-server.test-support.ts";

const longMs = 60_000;

function bodyOf(request: string): string {
	return request.slice(request.indexOf("\r\n\r\n") + 4);
}

const behaviours: Readonly<Record<Behaviour, (socket: Socket, request: string) => void>> = {
	"answers with the note": (socket, request) => socket.write(answerOf(bodyOf(request))),
	echoes: (socket, request) => {
		const shown = /authorization: Bearer (.*)\r/i.exec(request)?.[1] ?? "";
		socket.write(answerOf(JSON.stringify({ request }), [`X-Echo: ${shown}`, `X-${encodeURIComponent(shown)}: 1`]));
	},
	"is silent": () => undefined,
	drips: (socket) => {
		socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		const drip = setInterval(() => socket.write("."), 10);
		socket.once("close", () => clearInterval(drip));
	},
	"answers too much": (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(answerBytesMax + 1)}`),
	"leaves before it answers": (socket) => socket.destroy(),
	"leaves within its answer": (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"),
	"talks nonsense": (socket) => socket.write("nonsense\r\n\r\n"),
};

const connectionText = (url: string): string => `
kind: Connection
name: api
protocol: http
url: ${url}
allowPrivateAddresses: true
credential: { secret: api-key, as: bearer }
limits: { responseBody: ${answerBytesMax}B }
functions: { say: { method: POST, path: /say, arguments: { type: object, properties: { note: { type: string } } } } }
`;

dialerContract("dial-http", async (): Promise<DialBench> => {
	let behaviour: Behaviour = "answers with the note";
	const server = await serveRaw((socket, _index, request) => behaviours[behaviour](socket, request));
	const compiled = compileConfiguration({ "a.yaml": connectionText(server.url) });
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	const connection = compiled.configuration.connection("api");
	const fn = connection?.function("say");
	if (!connection || !fn) throw new Error("there is no function");
	const ask = (note: string, timeoutMs = longMs): Asked => {
		const sent = written(fn.transport, { note });
		if ("errors" in sent) throw new Error(JSON.stringify(sent.errors));
		return { connection, fn: { ...fn, timeoutMs }, written: sent, fields: [], idempotencyKey: undefined };
	};
	const dialer = createHttpDialer();
	return {
		dialer,
		peer: {
			ask,
			behave: (next) => {
				behaviour = next;
			},
			received: () => server.requests,
			receivedBytes: () => server.bytes,
			leave: () => server.close(),
		},
		textOf: (answer) => JSON.stringify([answer, Buffer.from(answer.body).toString()]),
		close: async () => {
			await dialer.close();
			await server.close();
		},
	};
});
