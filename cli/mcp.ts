// `callgate mcp`: a stdio server for MCP clients on this machine, which forwards to Callgate; and `callgate mcp config`, the block that starts it.
import { execFile } from "node:child_process";
import { type Command, Option } from "commander";
import { namePattern } from "#libs/contracts/call.ts";
import { tokenCharactersMax } from "#libs/identity/authorization-header.ts";
import { addReachOptions, type ReachOptions, reach } from "./api-client.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import { Forwarder } from "./forward-mcp.ts";
import type { Io } from "./io.ts";
import { clients, configurationFor } from "./mcp-clients.ts";

interface McpOptions extends ReachOptions {
	readonly connection?: string;
	readonly tokenCommand?: string;
}

const examples = `
An MCP client starts this program and speaks to it on standard input and output; each message goes to Callgate as it is.
The token is read anew for each: a file that somebody keeps fresh, or a command that prints one (it is asked again when
Callgate no longer takes what it printed).

Examples:
  $ callgate mcp config --client claude-desktop --token-file ~/.callgate/token
  $ callgate mcp config --client vscode --connection bank --token-command "az account get-access-token --query accessToken -o tsv"
  $ callgate mcp --token-file ~/.callgate/token            what the client runs
`;

export function registerMcp(program: Command, io: Io): void {
	const command = program.command("mcp").description("Serve what you may call to an MCP client on this machine (stdio)");
	addMcpOptions(command)
		.addHelpText("after", examples)
		.action(async (options: McpOptions) => {
			const token = tokenSource(options);
			// What is wrong with the address or the token is told before the client waits for anything.
			await reach("ingress", options, { environment: { ...io.environment, ...(await token()) } });
			const connect = async (isStale: boolean) =>
				await reach("ingress", options, { environment: { ...io.environment, ...(await token(isStale)) } });
			await new Forwarder({
				connect,
				path: pathOf(options.connection),
				print: io.print,
				isRefreshable: options.tokenCommand !== undefined,
			}).serve(io.input);
		});
	addMcpOptions(command.command("config").description("Print what an MCP client's configuration needs to start this"))
		.addOption(new Option("--client <client>", "whose configuration it is for").choices(Object.keys(clients)).makeOptionMandatory())
		.addHelpText("after", examples)
		.action((_options: McpOptions, subcommand: Command) => {
			// Both commands have these options; each may stand before or after `config`.
			const { client, ...options } = subcommand.optsWithGlobals<McpOptions & { client: keyof typeof clients }>();
			pathOf(options.connection);
			if (options.tokenFile !== undefined && options.tokenCommand !== undefined) throw bothTokens();
			if (options.tokenFile === undefined && options.tokenCommand === undefined)
				throw wrongUsage(
					"No token for the client. Name the file that holds one with --token-file, or a command that prints one with --token-command.",
				);
			const { file, text } = configurationFor(client, options);
			io.print(text);
			io.tell(`callgate: add this to ${file}`);
		});
}

function addMcpOptions(command: Command): Command {
	return addReachOptions(command, "ingress")
		.option("--connection <name>", "only this connection's functions, under their own names; default all of yours")
		.option("--token-command <command>", "a command of your shell that prints your token, run when one is needed");
}

function pathOf(connection: string | undefined): string {
	if (connection === undefined) return "/mcp";
	if (!new RegExp(namePattern).test(connection)) throw wrongUsage("--connection is no connection's name: `callgate functions` lists them.");
	return `/mcp/${connection}`;
}

function bothTokens(): CommandFailed {
	return wrongUsage("Found --token-file and --token-command, expected one of them.");
}

const commandMsMax = 60_000;

/** The variable that holds the token, as `reach` reads it: from the command's last output, unless that is stale; empty where a file or the environment has it. */
function tokenSource({ tokenCommand, tokenFile }: McpOptions): (isStale?: boolean) => Promise<Record<string, string>> {
	if (tokenCommand === undefined) return async () => ({});
	if (tokenFile !== undefined) throw bothTokens();
	let printed: Promise<string> | undefined;
	return async (isStale = false) => {
		if (isStale) printed = undefined;
		printed ??= run(tokenCommand);
		// A command that failed is asked again by the next message.
		printed.catch(() => {
			printed = undefined;
		});
		return { CALLGATE_TOKEN: await printed };
	};
}

/** What it says on standard error is for whoever reads the client's log; nothing of it is repeated. */
function run(command: string): Promise<string> {
	const [shell, flag] = process.platform === "win32" ? ["cmd.exe", "/c"] : ["/bin/sh", "-c"];
	return new Promise((resolve, reject) => {
		const child = execFile(shell, [flag, command], { timeout: commandMsMax, maxBuffer: tokenCharactersMax + 2 }, (error, stdout) => {
			if (!error) resolve(stdout);
			else
				reject(
					new CommandFailed(
						`The command of --token-command failed (${error.code ?? error.signal ?? "unknown"}). Run it yourself to see why.`,
					),
				);
		});
		child.stdin?.end();
	});
}
