// `callgate pull`: what an MCP server says that it has, asked once and pinned in the configuration folder; what changed since is shown.
import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { Command } from "commander";
import { compileMcpConnection } from "#libs/configuration/compile-mcp-connection.ts";
import { refusalLines } from "#libs/configuration/configuration-error.ts";
import { addressPolicy } from "#libs/configuration/kinds/addresses.ts";
import type { ConnectionDocument, McpConnection } from "#libs/configuration/kinds/connection.ts";
import { didYouMean } from "#libs/configuration/nearest.ts";
import { readDocuments, resolveReference } from "#libs/configuration/read-documents.ts";
import { readFolder } from "#libs/configuration/read-folder.ts";
import { memberOf } from "#libs/functions/schema.ts";
import { keys, type PinnedList, pinnedLists } from "#libs/mcp/definitions.ts";
import { implementation } from "#libs/mcp/messages.ts";
import { comparePins, pinDocument } from "#libs/mcp/pin-document.ts";
import { type Suspect, suspectsIn } from "#libs/mcp/suspects.ts";
import { createCheckedLibraryFetch } from "#libs/outbound/checked-fetch.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { openNamedVault, refusing, type VaultOptions } from "./open-vault.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

interface PullOptions extends VaultOptions {
	readonly check?: true;
}

const examples = `
The connection says protocol: mcp, the server's url and, with mcp:, the file of its lists. This command asks the server what it has and writes
that file, which is part of the configuration: it is reviewed, activated and hashed like the rest. An executor compares a tool with it before
each call; one whose name, description or schema is another by now does not run until somebody looked and pulled again.

What changed is shown first, with the old text and the new. Read it: a description is an instruction to every model that sees it.
Then what to look at: characters that nobody sees (by their code points), and texts that give a model orders. A folder with the former
is refused unless the connection says suspicious: { invisible: tell }.
Run it where the server can be reached. If the connection has a credential, the vault that holds it is needed, as for callgate secret.

Examples:
  $ callgate pull ./configuration tools
  $ callgate pull ./configuration tools --check     compare only; the exit code is 1 where something changed
`;

const waitMs = 30_000;
const bodyBytesMax = 8 * 1024 * 1024;

export function registerPull(program: Command, io: Io): void {
	program
		.command("pull")
		.description("Pin what an MCP server has, or show what changed")
		.argument("<folder>", "the configuration's folder")
		.argument("<connection>", "the connection's name")
		.option("--check", "write nothing; fail where the server is no longer what was pinned")
		.option("--vault <file>", "the vault's file (or CALLGATE_VAULT_FILE)")
		.option("--vault-key <file>", "the vault's key file (or CALLGATE_VAULT_KEY_FILE)")
		.option("--json", "print JSON, for other programs")
		.addHelpText("after", examples)
		.action(async (folder: string, name: string, options: PullOptions) => {
			const { document, path, text } = await connectionIn(folder, name);
			const said = await askServer(document, options, io);
			const present = pinDocument(said);
			const suspects = pinnedLists.flatMap((list) => suspectsIn(said[list], [list]));
			const differences = comparePins(text === undefined ? undefined : parsed(text), present);
			if (options.json) io.print(safeJson(JSON.stringify({ connection: name, file: path, differences, suspects })));
			else for (const line of [...differenceLines(differences), ...suspects.map((one) => suspectLine(said, one))]) io.print(line);
			if (options.check) {
				if (differences.length > 0) throw new CommandFailed(`${safeLine(name)} is not what was pinned in ${safeLine(path)}.`);
				return;
			}
			await writeWhole(join(folder, path), `${JSON.stringify(present, null, "\t")}\n`);
			io.tell(`wrote ${safeLine(path)}; callgate check ${safeLine(folder)} reads it as the services will`);
		});
}

async function connectionIn(folder: string, name: string) {
	const read = await readFolder(folder);
	if (!read.ok) throw new CommandFailed(refusalLines(read.errors).mistakes.join("\n"));
	const { documents } = readDocuments(read.files);
	const connections = documents
		.filter(({ kind }) => kind === "Connection")
		.map(({ file, value }) => ({ file, document: value as ConnectionDocument }));
	const found = connections.find(({ document }) => document.name === name);
	if (!found) {
		const names = connections.map(({ document }) => document.name);
		throw new CommandFailed(`There is no connection ${safeLine(name)} in ${safeLine(folder)}${didYouMean(name, names) || "."}`);
	}
	const { file, document } = found;
	if (document.protocol !== "mcp") throw wrongUsage(`${safeLine(name)} speaks ${document.protocol}; only MCP servers are pulled.`);
	const path = document.mcp === undefined ? undefined : resolveReference(file, document.mcp);
	if (path === undefined)
		throw wrongUsage(`${safeLine(file)} does not say where the lists belong. Add mcp: ${safeLine(name)}.mcp.json to the connection.`);
	return { document, path, text: read.files[path] };
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}

/** What the server lists, by the official client: it finds out which revision the server speaks. */
async function askServer(document: ConnectionDocument, options: PullOptions, io: Io) {
	const { connection, faults } = compileMcpConnection(document, undefined);
	const wrong = faults.filter(({ path }) => ["url", "command", "args", "env", "credential", "limits"].includes(String(path[0])));
	if (wrong.length > 0) throw new CommandFailed(wrong.map(({ message }) => safeLine(message)).join("\n"));
	const transport = connection.transport as McpConnection;
	const wire = wireTo(transport, await secretOf(connection.secret, options, io));
	const client = new Client(implementation, { capabilities: {}, versionNegotiation: { mode: "auto" } });
	const within = { timeout: waitMs, maxTotalTimeout: waitMs };
	try {
		await client.connect(wire, within);
		const capabilities = client.getServerCapabilities() ?? {};
		return {
			protocolVersion: client.getNegotiatedProtocolVersion(),
			serverInfo: client.getServerVersion(),
			capabilities,
			tools: capabilities.tools ? (await client.listTools(undefined, within)).tools : [],
			resources: capabilities.resources ? (await client.listResources(undefined, within)).resources : [],
			resourceTemplates: capabilities.resources ? (await client.listResourceTemplates(undefined, within)).resourceTemplates : [],
			prompts: capabilities.prompts ? (await client.listPrompts(undefined, within)).prompts : [],
		};
	} catch (error) {
		// The message may hold what the server said, or the address with a credential in it.
		throw new CommandFailed(
			`The server of ${safeLine(document.name)} could not be asked (${error instanceof Error ? safeLine(error.name) : "unknown"}).`,
		);
	} finally {
		if (wire instanceof StreamableHTTPClientTransport) await wire.terminateSession().catch(() => undefined);
		await client.close();
	}
}

async function secretOf(name: string | undefined, options: PullOptions, io: Io): Promise<string | undefined> {
	if (name === undefined) return undefined;
	const vault = await openNamedVault(options, io);
	const value = (await refusing(() => vault.get(name)))?.reveal();
	if (value === undefined)
		throw new CommandFailed(`The vault holds no secret ${safeLine(name)}. \`callgate secret set ${safeLine(name)}\` adds it.`);
	return value;
}

/** The server as an executor reaches it, with the credential where the connection says. */
function wireTo(transport: McpConnection, value: string | undefined): StreamableHTTPClientTransport | StdioClientTransport {
	const { url, credential, program } = transport;
	if (program) {
		const shown = credential?.as === "env" && value !== undefined ? { [credential.name]: value } : {};
		return new StdioClientTransport({
			command: program.command,
			args: [...program.args],
			env: { ...program.env, ...shown },
			cwd: "/",
			stderr: "ignore",
		});
	}
	const { url: whole, headers } = value === undefined ? { url, headers: {} } : credentialed(url, credential, value);
	const { connectTimeoutMs } = transport.limits;
	const fetch = createCheckedLibraryFetch({ addresses: addressPolicy(transport), connectTimeoutMs, bodyBytesMax });
	return new StreamableHTTPClientTransport(new URL(whole), { fetch, requestInit: { headers } });
}

function credentialed(
	url: string,
	credential: McpConnection["credential"],
	value: string,
): { url: string; headers: Record<string, string> } {
	switch (credential?.as) {
		case "bearer":
			return { url, headers: { authorization: `Bearer ${value}` } };
		case "basic":
			return { url, headers: { authorization: `Basic ${Buffer.from(`${credential.username}:${value}`).toString("base64")}` } };
		case "header":
			return { url, headers: { [credential.name]: value } };
		case "query":
			return { url: `${url}?${encodeURIComponent(credential.name)}=${encodeURIComponent(value)}`, headers: {} };
		default:
			return { url, headers: {} };
	}
}

function differenceLines(differences: ReturnType<typeof comparePins>): string[] {
	if (differences.length === 0) return ["Nothing changed."];
	return differences.flatMap(({ list, name, what, parts = [] }) => [
		`${what.padEnd(8)} ${list} ${safeLine(name)}`,
		...parts.flatMap(({ part, pinned, present }) => [`  ${part}:`, `    - ${shortened(pinned)}`, `    + ${shortened(present)}`]),
	]);
}

/** By name, because the file has its entries in another order than the server. */
function suspectLine(said: Record<PinnedList, readonly unknown[]>, { what, path, found }: Suspect): string {
	const [list, index, ...rest] = path;
	const entry = said[list as PinnedList][Number(index)];
	const name = safeLine(memberOf(entry, keys[list as PinnedList]));
	const about = what === "invisible" ? `characters that nobody sees: ${found}` : `a text that gives a model orders: ${found}`;
	return `look at  ${list} ${name} /${safeLine(rest.join("/"))}: ${about}`;
}

/** Long enough to read a description whole; what is longer says so. */
function shortened(value: unknown): string {
	const line = safeLine(value);
	return line.length <= 4_000 ? line : `${line.slice(0, 4_000)}… (${line.length - 4_000} more characters)`;
}

/** A reader sees the old file or the new one, never half of one. */
async function writeWhole(file: string, text: string): Promise<void> {
	const fresh = `${file}.${randomUUID()}`;
	await writeFile(fresh, text, { flag: "wx" });
	await rename(fresh, file);
}
