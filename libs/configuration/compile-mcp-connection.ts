// A document of kind `Connection` that names an MCP server, and the server's pinned lists → a connection with its functions.
import { functionNamePattern } from "#libs/contracts/call.ts";
import type { MadeFunction } from "#libs/functions/function.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { type Entry, listed, type PinnedList, pinnedLists, type ServerRevision } from "#libs/mcp/definitions.ts";
import { functionsFromMcp } from "#libs/mcp/functions-from-mcp.ts";
import type { McpTransport } from "#libs/mcp/mcp-transport.ts";
import { modernRevision } from "#libs/mcp/messages.ts";
import { pinnedEntries } from "#libs/mcp/pinned-entries.ts";
import { inputArguments, inputSchemas } from "#libs/mcp/questions.ts";
import { type Suspect, suspectsIn } from "#libs/mcp/suspects.ts";
import {
	type CompiledConnection,
	compileCredential,
	compileLimits,
	compileUrl,
	httpCredential,
	refine,
	refuseBadSchemas,
	refuseMembers,
} from "./compile-connection.ts";
import type { Fault } from "./configuration-error.ts";
import { functionTypes } from "./function-types.ts";
import type { Connection, ConnectionDocument, McpConnection } from "./kinds/connection.ts";
import { didYouMean } from "./nearest.ts";
import { suspiciousPlaces } from "./suspicious-places.ts";

/** What a tool's own definition says, or what MCP has no place for. */
const notOfTools = ["method", "path", "arguments", "query", "description", "rename"] as const;

/** Compiles a document that fits its schema. `pinned` is the parsed document it names, undefined if it names none or it cannot be read. */
export function compileMcpConnection(document: ConnectionDocument, pinned: unknown): CompiledConnection {
	const faults: Fault[] = [];
	refuseMembers(document, ["openapi", "forward", "analyzer"], faults);
	if (document.mcp === undefined)
		faults.push({ path: ["name"], message: "found no mcp:, expected the file with the server's lists (callgate pull writes it)" });
	const { url, credential, program } =
		document.command === undefined ? byUrl(document, faults) : byCommand(document, document.command, faults);
	const limits = compileLimits(document, faults);
	const refined = document.functions ?? {};
	const read = readPinned(document, pinned, faults);
	refuseBadSchemas(document, read.functions, faults);
	const functions = read.functions
		.map((fn) => asking(document, fn, read.revision, faults))
		.map((fn) => refine(document, fn.resultSchemas[0], fn, limits, faults))
		.sort((one, other) => (one.name < other.name ? -1 : 1));
	const byName = new Map(functions.map((fn) => [fn.name, fn]));
	const transport: McpConnection = {
		protocol: "mcp",
		url,
		...(credential && { credential }),
		...(program && { program }),
		allowPrivateAddresses: document.allowPrivateAddresses ?? false,
		limits,
		revision: read.revision,
		passesMedia: document.media === "pass",
		pinnedIn: document.mcp ?? "",
		pinned: pinnedEntries(pinned),
	};
	const connection: Connection = {
		name: document.name,
		pool: document.pool ?? "default",
		...(document.credential && { secret: document.credential.secret }),
		transport,
		functions,
		function: (name) => byName.get(name),
	};
	const names = read.names.length > 0 ? read.names : Object.keys(refined);
	const suspicious = () => suspiciousPlaces(document, suspectsInPinned(document, pinned));
	return { connection, faults, vendorFaults: read.errors, suspicious, names, types: functionTypes(functions, undefined) };
}

/** A function whose server may ask the client: the answers are arguments of the next call, so policy, people and the record see them. */
function asking(document: ConnectionDocument, fn: McpFunction, revision: ServerRevision, faults: Fault[]): McpFunction {
	const asks = document.functions && Object.hasOwn(document.functions, fn.name) ? document.functions[fn.name]?.asks : undefined;
	if (!asks || asks.length === 0) return fn;
	const { argumentsSchema, transport } = fn;
	const refuse = (message: string): McpFunction => {
		faults.push({ path: ["functions", fn.name, "asks"], atKey: true, message });
		return fn;
	};
	if (revision !== modernRevision)
		return refuse(`found asks for a server of ${revision}, expected one of ${modernRevision}: no other asks this way`);
	if (transport.method === "completion/complete")
		return refuse("found asks, expected none: nothing is asked where an argument is completed");
	const properties = memberOf(argumentsSchema, "properties") ?? {};
	if (!isRecord(argumentsSchema) || !isRecord(properties)) return refuse("found asks, expected a function whose arguments have a schema");
	const taken = inputArguments.find((name) => Object.hasOwn(properties, name));
	if (taken) return refuse(`found asks, expected none: the tool has an argument ${taken} of its own`);
	const whole = { ...argumentsSchema, properties: { ...properties, ...inputSchemas } };
	return { ...fn, argumentsSchema: whole, toolSchema: argumentsSchema, transport: { ...transport, asks } };
}

type McpFunction = MadeFunction<McpTransport>;
type Reached = Pick<McpConnection, "url" | "credential" | "program">;

function byUrl(document: ConnectionDocument, faults: Fault[]): Reached {
	refuseMembers(document, ["args", "env"], faults);
	const credential = httpCredential(document, faults);
	return { url: compileUrl(document, ["url"], faults), ...(credential && { credential }) };
}

function byCommand(document: ConnectionDocument, command: string, faults: Fault[]): Reached {
	refuseMembers(document, ["url", "insecure", "allowPrivateAddresses"], faults);
	const { args = [], env = {} } = document;
	const credential = compileCredential(document, faults);
	if (credential && credential.as !== "env")
		faults.push({
			path: ["credential", "as"],
			message: `found ${credential.as}, expected env: a program is shown its credential in a variable`,
		});
	if (credential?.as === "env" && Object.hasOwn(env, credential.name))
		faults.push({
			path: ["env", credential.name],
			atKey: true,
			message: `found ${credential.name}, expected another variable: the credential goes there`,
		});
	return { url: `stdio:${command}`, ...(credential && { credential }), program: { command, args, env } };
}

/** Of what callers can reach: what is left out is shown to nobody. */
function suspectsInPinned(document: ConnectionDocument, pinned: unknown): Suspect[] {
	const exposes = exposed(document);
	const isReached = (list: PinnedList, entry: Entry) =>
		exposes(list === "tools" ? String(entry.name) : list === "prompts" ? "prompts/get" : "resources/read");
	return pinnedLists.flatMap((list) =>
		listed(pinned, list).flatMap((entry, index) => (isReached(list, entry) ? suspectsIn(entry, [list, index]) : [])),
	);
}

function exposed(document: ConnectionDocument): (name: string) => boolean {
	const refined = document.functions ?? {};
	const named = (name: string) => (Object.hasOwn(refined, name) ? refined[name] : undefined);
	return (name) => named(name)?.expose ?? (document.expose !== "listed" || named(name) !== undefined);
}

function readPinned(document: ConnectionDocument, pinned: unknown, faults: Fault[]) {
	const refined = document.functions ?? {};
	const read = functionsFromMcp(pinned ?? {}, exposed(document), new RegExp(functionNamePattern));
	// Where the file itself is missing that has been said already.
	if (pinned === undefined) return { ...read, errors: [] };
	for (const [name, written] of Object.entries(refined)) {
		if (!read.names.includes(name))
			faults.push({
				path: ["functions", name],
				atKey: true,
				message: `found the function "${name}", expected a tool of ${document.mcp}${didYouMean(name, read.names)}`,
			});
		for (const member of notOfTools)
			if (written[member] !== undefined)
				faults.push({ path: ["functions", name, member], atKey: true, message: `found ${member}, expected none: ${document.mcp} says it` });
	}
	if (read.functions.length === 0 && read.errors.length === 0)
		faults.push({ path: ["mcp"], message: `found nothing in ${document.mcp} that is exposed, expected at least one function` });
	return read;
}
