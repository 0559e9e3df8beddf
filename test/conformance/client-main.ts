// The client that the conformance suite runs: the executor's dialer of MCP servers, which lists what the suite's server has and calls each of it once.
import { createSecretKey, randomBytes } from "node:crypto";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { continued } from "#libs/functions/continue-call.ts";
import { memberOf } from "#libs/functions/schema.ts";
import { type Entry, listed, type PinnedList, pinnedLists } from "#libs/mcp/definitions.ts";
import { EventReader, modernRevision, parseResult, readMessage } from "#libs/mcp/messages.ts";
import { pinDocument } from "#libs/mcp/pin-document.ts";
import { askableField } from "#libs/mcp/questions.ts";
import { sealState } from "#libs/mcp/request-state.ts";
import { DialError } from "../../services/executor/dial-error.ts";
import { createHttpClient, type HttpClient, type OutboundAnswer } from "../../services/executor/dial-http/http-client.ts";
import { createMcpDialer } from "../../services/executor/dial-mcp/dial-mcp.ts";
import { aside, connectionTo } from "../../services/executor/dial-mcp/mcp-stage.test-support.ts";
import type { Asked, McpFunctionAnswer } from "../../services/executor/ports.ts";

// How the suite runs its client: https://github.com/modelcontextprotocol/conformance#client-testing
const url = process.argv.at(-1) ?? "";
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? "";
const context: unknown = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");

/** What the server said that it has, read from the dialer's own traffic: nobody else speaks to the server. */
const said: Record<PinnedList, Entry[]> = { tools: [], resources: [], resourceTemplates: [], prompts: [] };

function remember({ headers, body }: OutboundAnswer): void {
	const isStream = headers.some(([name, value]) => name === "content-type" && value.startsWith("text/event-stream"));
	for (const text of isStream ? new EventReader().push(body) : [Buffer.from(body).toString()]) {
		const message = readMessage(text);
		const result = message.kind === "result" ? parseResult(message.text) : undefined;
		for (const list of pinnedLists) said[list].push(...listed(result, list));
	}
}

const http = createHttpClient();
const client: HttpClient = {
	...http,
	dial: async (request, signal) => {
		const answer = await http.dial(request, signal);
		remember(answer);
		return answer;
	},
};
const dialer = createMcpDialer({ aside, client });
const sealingKeys = new SealingKeys(new Map([["default", [{ id: "s", secret: createSecretKey(randomBytes(32)) }]]]));
const caller = { issuer: "https://idp.example", subject: "conformance" };

/** What a scenario takes whose server waits for what never comes; the others take a second. */
const callMs = 30_000;

/** One entry of a list as a connection's only one, as if `callgate pull` had pinned it alone. */
function pinned(list: PinnedList, entry: Entry) {
	const { tools, ...lists } = pinDocument({ protocolVersion: revision, [list]: [entry] });
	const name = list === "tools" ? String(entry.name) : undefined;
	const asks = revision === modernRevision && name ? `functions: { ${JSON.stringify(name)}: { asks: [elicitation] } }\n` : "";
	return connectionTo({ url, revision, tools: tools as Entry[], lists, more: asks });
}

async function dial(asked: Asked): Promise<McpFunctionAnswer> {
	return (await dialer.prepare(asked, undefined).dial(() => undefined)) as McpFunctionAnswer;
}

/** Calls it, and answers what is asked in the answer, as a client of Callgate that can be asked. */
async function call(list: PinnedList, entry: Entry, fn: string, args: Record<string, unknown>): Promise<void> {
	const ask = pinned(list, entry);
	const options = { fn, fields: [[askableField, "elicitation"]] as const, timeoutMs: callMs };
	const first = await dial(ask(args, options));
	if (!first.asks) return;
	const owner = { caller, connection: "api", function: fn, pool: "default" };
	const requestState = sealState(sealingKeys, owner.pool, "01900000-0000-7000-8000-000000000000", owner, first.asks, new Date());
	const accepted = { action: "accept", content: { confirmed: true } };
	const inputResponses = Object.fromEntries(Object.keys(first.asks.asked).map((key) => [key, accepted]));
	const again = ask({ ...args, inputResponses, requestState }, options);
	const written = continued(sealingKeys, owner, again.written, new Date());
	if ("errors" in written) throw new Error(JSON.stringify(written.errors));
	await dial({ ...again, written });
}

/** What the suite says to call a tool with, or the one thing that its scenario wants to see. */
function argumentsOf(tool: Entry): Record<string, unknown>[] {
	const calls = memberOf(context, "toolCalls");
	const told = (Array.isArray(calls) ? calls : []).filter((one) => memberOf(one, "name") === tool.name);
	if (told.length > 0) return told.map((one) => memberOf(one, "arguments") as Record<string, unknown>);
	if (tool.name === "add_numbers") return [{ a: 2, b: 3 }];
	if (tool.name === "json_schema_echo") return [{ schema: said.tools.find(({ name }) => name !== tool.name)?.inputSchema }];
	if (tool.name === "valid_tool") return [{ region: "us-west1" }];
	return [{}];
}

/** What cannot be pinned or called is told and left: a server may have others. */
async function attempt(what: string, work: () => Promise<void>): Promise<void> {
	try {
		await work();
		process.stdout.write(`${what}: called\n`);
	} catch (error) {
		process.stdout.write(`${what}: ${error instanceof DialError ? (error.told ?? error.message) : String(error)}\n`);
	}
}

// Whatever is called that the server does not have, the dialer asks for the list first.
const absent = "absent:of-no-server";
const probe = { name: "absent", uri: absent, description: "Not there.", inputSchema: { type: "object" } };
await attempt("tools/list", () => call("tools", probe, "absent", {}));
await attempt("resources/list", () => call("resources", probe, "resources/read", { uri: absent }));
await attempt("prompts/list", () => call("prompts", probe, "prompts/get", { name: "absent" }));
for (const tool of said.tools)
	for (const args of argumentsOf(tool)) await attempt(`tool ${tool.name}`, () => call("tools", tool, String(tool.name), args));
for (const resource of said.resources)
	await attempt(`resource ${resource.uri}`, () => call("resources", resource, "resources/read", { uri: resource.uri }));
for (const prompt of said.prompts)
	await attempt(`prompt ${prompt.name}`, () => call("prompts", prompt, "prompts/get", { name: prompt.name }));
await dialer.close();
await aside.close();
