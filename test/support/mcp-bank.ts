// The tests' bank that speaks MCP: what the demo's bank does over HTTP, as tools; and accounts whose answers go wrong.
import type { ServerResponse } from "node:http";
import { type Heard, resultText, sendJson, serveMcp } from "../../services/executor/dial-mcp/mcp-server.test-support.ts";
import { mcpBankPort, mcpBankTools } from "./mcp-bank-tools.ts";
import { stack } from "./stack.ts";

export interface McpBank {
	/** Calls that reached it, told by their reference. */
	transfersNamed(reference: string): readonly Heard[];
	stop(): Promise<void>;
}

const account = { id: "acc-1", card: "4111111111111111", customer: { email: "jane.doe@customer.example", ssn: "536-90-4399" } };
/** More than a connection takes, unless it says so. */
const hugeChars = 5_000_000;

const result = (id: unknown, structuredContent: object, more: object = {}): string =>
	resultText(id, { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent, ...more });

function tellAccount({ id, params }: Heard, response: ServerResponse): true {
	const { id: name } = params.arguments as { id: string };
	if (name === "acc-gone") {
		response.destroy();
		return true;
	}
	if (name === "acc-huge") return sendJson(response, resultText(id, { content: [{ type: "text", text: "x".repeat(hugeChars) }] }));
	return sendJson(response, name === account.id ? result(id, account) : result(id, { error: "no such account" }, { isError: true }));
}

/** In one stream of events, of which the answer is the last, torn where its card number is. */
function chat({ id }: Heard, response: ServerResponse): true {
	response.writeHead(200, { "content-type": "text/event-stream" });
	response.write(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"at work"}}\n\n`);
	const said = resultText(id, { content: [{ type: "text", text: "the card is 4111 1111 1111 1111, or so [DONE]" }] });
	const torn = said.indexOf("11 1111");
	response.write(`data: ${said.slice(0, torn)}`, () => response.end(`${said.slice(torn)}\n\n`));
	return true;
}

/** Listens, with these tools, where the connection `mcpbank` leads. One at a time. */
export async function startMcpBank(tools: Record<string, unknown>[] = mcpBankTools): Promise<McpBank> {
	const server = await serveMcp("2025-11-25", mcpBankPort(stack.labPort));
	server.tools = tools;
	server.answer = (heard, response) => {
		if (heard.method !== "tools/call") return false;
		const { name, arguments: args } = heard.params as { name: string; arguments: object };
		if (name === "getAccount") return tellAccount(heard, response);
		if (name === "chat") return chat(heard, response);
		return sendJson(response, result(heard.id, { id: "t-1", ...args }));
	};
	const referenceOf = ({ params }: Heard) => (params.arguments as { reference?: string }).reference;
	return {
		transfersNamed: (reference) => server.calls().filter((call) => referenceOf(call) === reference),
		stop: () => server.close(),
	};
}
