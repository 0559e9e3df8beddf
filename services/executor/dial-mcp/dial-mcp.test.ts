// The dialer of MCP servers keeps what every dialer promises: in the revision without sessions and in one with them, alone and in streams of events.
import type { ServerResponse } from "node:http";
import { answerBytesMax, type Behaviour, type DialBench, dialerContract } from "../dial-contract.ts";
import { createMcpDialer } from "./dial-mcp.ts";
import { beginEvents, type Heard, resultText, sayTool, sendJson, serveMcp } from "./mcp-server.test-support.ts";
import { aside, connectionTo } from "./mcp-stage.test-support.ts";

type Answering = (message: Heard, response: ServerResponse) => void;

const said = ({ id, params }: Heard): string => {
	const { note } = params.arguments as { note: string };
	return resultText(id, { content: [{ type: "text", text: note }] });
};
const alone = (response: ServerResponse, text: string): void => void sendJson(response, text);
const inEvents = (response: ServerResponse, text: string): void => {
	const say = beginEvents(response);
	say('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"at work"}}');
	say(text);
	response.end();
};

function behaviours(send: (response: ServerResponse, text: string) => void): Readonly<Record<Behaviour, Answering>> {
	return {
		"answers with the note": (message, response) => send(response, said(message)),
		echoes: (message, response) => {
			const key = String(message.headers.authorization).replace("Bearer ", "");
			const text = `${message.whole} ${key} ${encodeURIComponent(key)} ${Buffer.from(key).toString("base64")}`;
			send(response, resultText(message.id, { content: [{ type: "text", text }] }));
		},
		"is silent": () => undefined,
		drips: (_message, response) => {
			const say = beginEvents(response);
			const drip = setInterval(() => say('{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'), 10);
			response.once("close", () => clearInterval(drip));
		},
		"answers too much": ({ id }, response) =>
			send(response, resultText(id, { content: [{ type: "text", text: "x".repeat(answerBytesMax + 1) }] })),
		"leaves before it answers": (_message, response) => void response.socket?.destroy(),
		"leaves within its answer": (_message, response) => {
			response.writeHead(200, { "content-type": "application/json", "content-length": 1_000 });
			response.write('{"jsonrpc":', () => response.socket?.destroy());
		},
		"talks nonsense": (_message, response) => void response.socket?.end("nonsense\r\n\r\n"),
	};
}

const forms: readonly [form: string, revision: string, send: (response: ServerResponse, text: string) => void][] = [
	["2026-07-28", "2026-07-28", alone],
	["2025-11-25, in events", "2025-11-25", inEvents],
];

for (const [form, revision, send] of forms) {
	dialerContract(`dial-mcp (${form})`, async (): Promise<DialBench> => {
		const server = await serveMcp(revision);
		let behaviour: Behaviour = "answers with the note";
		server.answer = (message, response) => {
			if (message.method !== "tools/call") return false;
			behaviours(send)[behaviour](message, response);
			return true;
		};
		const more = `credential: { secret: api-key, as: bearer }\nlimits: { responseBody: ${answerBytesMax}B }\n`;
		const ask = connectionTo({ url: server.url, revision, tools: [sayTool], more });
		const dialer = createMcpDialer({ aside });
		return {
			dialer,
			peer: {
				ask: (note, timeoutMs) => ask({ note }, timeoutMs === undefined ? {} : { timeoutMs }),
				behave: (next) => {
					behaviour = next;
				},
				received: () => server.calls().map(({ whole }) => whole),
				receivedBytes: () => server.callBytes,
				leave: () => server.close(),
			},
			textOf: (answer) => JSON.stringify([answer, Buffer.from(answer.body).toString()]),
			close: async () => {
				await dialer.close();
				await server.close();
			},
		};
	});
}
