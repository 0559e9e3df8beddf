// How a function of an MCP server is reached: which request of MCP carries its arguments, and what its definition must still be.
import type { Pins } from "./definitions.ts";
import type { Askable } from "./questions.ts";

/** The requests that are functions. */
export const mcpMethods = ["tools/call", "resources/read", "prompts/get", "completion/complete"] as const;
export type McpMethod = (typeof mcpMethods)[number];

/** Plain data: it can be stored, compared and sent. */
export type McpTransport =
	| {
			readonly protocol: "mcp";
			readonly method: "tools/call";
			/** As the server calls it. */
			readonly tool: string;
			readonly pins: Pins;
			/** Headers in which revision 2026-07-28 wants arguments again (`x-mcp-header`), by their names behind `Mcp-Param-`. */
			readonly parameters: readonly { readonly header: string; readonly path: readonly string[] }[];
			/** What the server may ask the client for; absent: nothing. */
			readonly asks?: readonly Askable[];
	  }
	| { readonly protocol: "mcp"; readonly method: Exclude<McpMethod, "tools/call">; readonly asks?: readonly Askable[] };

/** How much may be sent to a connection. */
export interface McpDestination {
	readonly protocol: "mcp";
	readonly limits: { readonly requestBodyBytesMax: number };
}
