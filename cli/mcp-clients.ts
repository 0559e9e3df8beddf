// Where common MCP clients keep their servers, and in which form.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

interface Started {
	readonly command: string;
	readonly args: readonly string[];
}

interface McpClient {
	readonly file: string;
	readonly text: (started: Started) => string;
}

const json = (value: object): string => JSON.stringify(value, undefined, 2);
const mcpServers = (file: string): McpClient => ({ file, text: (started) => json({ mcpServers: { callgate: started } }) });

export const clients = {
	"claude-desktop": mcpServers("claude_desktop_config.json (Settings, Developer, Edit Config)"),
	"claude-code": mcpServers(".mcp.json of the project"),
	cursor: mcpServers("~/.cursor/mcp.json, or .cursor/mcp.json of the project"),
	windsurf: mcpServers("~/.codeium/windsurf/mcp_config.json"),
	gemini: mcpServers("~/.gemini/settings.json"),
	vscode: {
		file: ".vscode/mcp.json of the project",
		text: (started) => json({ servers: { callgate: { type: "stdio", ...started } } }),
	},
	zed: { file: "Zed's settings.json", text: (started) => json({ context_servers: { callgate: started } }) },
	codex: {
		file: "~/.codex/config.toml",
		// A JSON string is a basic string of TOML, and a list of them a list.
		text: ({ command, args }) => `[mcp_servers.callgate]\ncommand = ${JSON.stringify(command)}\nargs = ${JSON.stringify(args)}`,
	},
} as const satisfies Record<string, McpClient>;

/** What the client needs to be told: never a token, only where one is. Everything is absolute, for clients start programs wherever they like. */
export function configurationFor(
	client: keyof typeof clients,
	{
		url,
		connection,
		tokenFile,
		tokenCommand,
		insecure,
	}: { url?: string; connection?: string; tokenFile?: string; tokenCommand?: string; insecure?: true },
): { readonly file: string; readonly text: string } {
	const args = [
		fileURLToPath(new URL("callgate.mjs", import.meta.url)),
		"mcp",
		...(url === undefined ? [] : ["--url", url]),
		...(connection === undefined ? [] : ["--connection", connection]),
		...(tokenFile === undefined ? [] : ["--token-file", resolve(tokenFile)]),
		...(tokenCommand === undefined ? [] : ["--token-command", tokenCommand]),
		...(insecure ? ["--insecure"] : []),
	];
	const { file, text } = clients[client];
	return { file, text: text({ command: process.execPath, args }) };
}
