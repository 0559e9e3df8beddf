// One request of MCP's newest revision to the bank's functions, as a client sends it that speaks the extension of tasks or not.
import { type Answer, ask, stack } from "./stack.ts";

interface McpOptions {
	/** An ingress. */
	readonly at?: string;
	readonly tasks?: boolean;
}

export function askMcp(
	method: string,
	params: { readonly name?: string; readonly taskId?: string; readonly [more: string]: unknown } = {},
	{ at = stack.urls.ingress, tasks = false }: McpOptions = {},
): Promise<Answer> {
	const about = params.name ?? params.taskId;
	const headers = {
		...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
		...{ "mcp-protocol-version": "2026-07-28", "mcp-method": method, ...(about !== undefined && { "mcp-name": about }) },
	};
	const _meta = {
		"io.modelcontextprotocol/protocolVersion": "2026-07-28",
		"io.modelcontextprotocol/clientCapabilities": tasks ? { extensions: { "io.modelcontextprotocol/tasks": {} } } : {},
	};
	const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } });
	return ask(`${at}/mcp/bank`, { method: "POST", as: "ci", headers, body });
}
