// MCP over streamable HTTP: the functions of a connection, or all that a caller may call, as tools. No session, no stream: each request is answered by itself.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "#libs/contracts/call.ts";
import { type ProblemCode, type ProblemDetails, problemBody, problems, Refusal } from "#libs/contracts/problems.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { type AskedCall, checkCall } from "../accept-call.ts";
import { answerOf } from "../answer-call.ts";
import type { IngressPorts } from "../ports.ts";
import { PreparedArguments } from "../prepare-arguments.ts";
import { type Submitted, submitCall } from "../submit-call.ts";
import { waitsForOf } from "../waits-for.ts";
import { type Door, type DoorPorts, openDoor } from "./door.ts";
import { listTools, type ToolsPage } from "./mcp/list-tools.ts";
import {
	fault,
	handshaking,
	type McpBody,
	type McpHeaders,
	type ReadMessage,
	type RequestId,
	type RpcFault,
	readMcp,
	revisions,
	rpc,
} from "./read-mcp.ts";
import { goneSignal, readTraceparent, readWaitMs } from "./read-request.ts";
import { toolResultText } from "./write-mcp.ts";

export interface McpLimits {
	/** How long a call is waited for; a client's own patience is a minute where nobody changed it. */
	readonly proxyWaitSeconds: number;
}

/** Below the minute that clients wait, so that one whose call is held hears so. */
const waitSecondsMax = 50;
/** Tools change with the configuration alone, and a call of one that is gone is refused. What is listed is for one caller. */
const privately = { ttlMs: 60_000, cacheScope: "private" } as const;

const serverInfo = { name: "callgate", version: "0.1.0" };
const capabilities = { tools: {} };
const instructions =
	"Each tool is a function behind Callgate. A call may be denied by policy, or held until people approve it: then call the same tool with the same arguments again to pick up what became of it.";

type McpRequest = FastifyRequest<{ Params: { connection?: string } }>;

export async function listenMcp(http: FastifyInstance, ports: DoorPorts, limits: McpLimits): Promise<void> {
	await http.register(async (scope) => {
		// What is wrong with a message is said in JSON-RPC.
		scope.removeAllContentTypeParsers();
		scope.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => body);
		const door = openDoor(ports);
		for (const url of ["/mcp", "/mcp/:connection"]) {
			scope.post<{ Params: { connection?: string } }>(
				url,
				{ schema: { hide: true } as object, onRequest: [refuseOrigin, ...door.admitting] },
				(request, reply) => answer(ports, door, limits, request, reply),
			);
		}
	});
}

/**
 * Browsers say where a page comes from, and no page has business here: one whose host resolves to this machine could else speak for its visitor.
 */
async function refuseOrigin({ headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
	if (headers.origin === undefined) return undefined;
	return sendFault(reply, undefined, fault(rpc.request, "requests of web pages are not answered here", 403), "denied");
}

async function answer(ports: DoorPorts, door: Door, limits: McpLimits, request: McpRequest, reply: FastifyReply): Promise<FastifyReply> {
	const { connection: only } = request.params;
	const configuration = ports.configuration.current();
	if (only !== undefined && !configuration.connection(only)) throw new Refusal("not_found", { detail: "there is no such connection" });
	const caller = door.callerOf(request);
	const gone = goneSignal(request, reply);
	const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
	const message = await door.during(request, () =>
		readMessage(ports, caller, { body, headers: headersOf(request), only, prepare: false }, gone),
	);
	switch (message.kind) {
		case "fault":
			return sendFault(reply, message.id, message.fault, "malformed_request");
		case "notification":
			return reply.code(202).send();
		case "request":
			return answerRequest(ports, caller, only, message, reply);
		case "unfit":
			return sendUnfit(reply, message, message.code, message.details);
		case "call":
			return await callTool(ports, door, limits, caller, message, { request, reply, gone });
	}
}

async function readMessage({ aside, configuration }: IngressPorts, caller: Caller, read: McpBody, gone: AbortSignal): Promise<ReadMessage> {
	if (read.body.length <= hereCharsMax) return readMcp(configuration.current(), read);
	const turn = turnOf(configuration.current(), caller, gone);
	const message = await aside.run<McpBody, ReadMessage>("prepareMcp", turn, { ...read, prepare: true });
	if (message.kind !== "call" || !("canonical" in message.call.arguments)) return message;
	return { ...message, call: { ...message.call, arguments: new PreparedArguments(message.call.arguments as PreparedArguments) } };
}

function headersOf({ headers }: FastifyRequest): McpHeaders {
	const one = (value: string | string[] | undefined) => (typeof value === "string" ? value : undefined);
	return { version: one(headers["mcp-protocol-version"]), method: one(headers["mcp-method"]), name: one(headers["mcp-name"]) };
}

function answerRequest(
	{ configuration }: IngressPorts,
	caller: Caller,
	only: string | undefined,
	{ id, method, isModern, params }: Extract<ReadMessage, { kind: "request" }>,
	reply: FastifyReply,
): FastifyReply {
	switch (`${isModern ? "modern" : "handshaking"} ${method}`) {
		case "modern server/discover":
			return sendResult(reply, id, isModern, { supportedVersions: revisions, capabilities, instructions, ...privately });
		case "handshaking initialize": {
			const asked = handshaking.find((revision) => revision === params.protocolVersion);
			return sendResult(reply, id, isModern, { protocolVersion: asked ?? handshaking[0], capabilities, serverInfo, instructions });
		}
		case "handshaking ping":
			return sendResult(reply, id, isModern, {});
		case "modern tools/list":
		case "handshaking tools/list":
			return sendTools(reply, id, isModern, listTools(configuration.current(), { caller, only, cursor: params.cursor, isModern }));
		default:
			return sendFault(reply, id, fault(rpc.method, "Method not found", isModern ? 404 : 200), "not_found");
	}
}

function sendTools(reply: FastifyReply, id: RequestId, isModern: boolean, page: ToolsPage | undefined): FastifyReply {
	if (!page) return sendFault(reply, id, fault(rpc.params, "Invalid cursor: list the tools from the beginning", 200), "malformed_request");
	return sendResult(reply, id, isModern, { ...page, ...(isModern && privately) });
}

async function callTool(
	ports: IngressPorts,
	door: Door,
	{ proxyWaitSeconds }: McpLimits,
	caller: Caller,
	message: Extract<ReadMessage, { kind: "call" }>,
	{ request, reply, gone }: { readonly request: McpRequest; readonly reply: FastifyReply; readonly gone: AbortSignal },
): Promise<FastifyReply> {
	const asked: AskedCall = { ...message.call, caller, via: "mcp", traceparent: readTraceparent(request.headers.traceparent) };
	const waitMs = readWaitMs(request.headers.prefer, waitSecondsMax) ?? Math.min(proxyWaitSeconds, waitSecondsMax) * 1_000;
	let submitted: Submitted;
	try {
		const checked = await door.during(request, () => checkCall(ports, asked, gone));
		submitted = await ports.intake.through(() => submitCall(ports, checked, { waitMs, gone, attach: true }));
	} catch (error) {
		// What cannot be stored, and what there is no room for, is told as everywhere: by the status that says when to come again.
		if (!(error instanceof Refusal) || problems[error.code].status >= 429) throw error;
		return sendUnfit(reply, message, error.code, error.details);
	}
	reply.header("callgate-call", submitted.call);
	if (!submitted.ended) return sendUnfinished(reply, message, submitted.call, submitted.state, await waitsForOf(ports.bus, submitted.call));
	const ended = await answerOf(ports, submitted.ended, gone);
	if (!ended.ok) return sendToolError(reply, message, JSON.stringify(problemBody(ended.code, ended.details)));
	const { isModern } = message;
	const fn = ports.configuration.current().connection(asked.connection)?.function(asked.function);
	const result = toolResultText(ended.result, { call: submitted.call, fn, isModern, more: isModern ? complete : {} });
	return reply.type("application/json").send(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${result}}`);
}

/** What every result of the modern revision has. */
const complete = { resultType: "complete", _meta: { "io.modelcontextprotocol/serverInfo": serverInfo } } as const;

type Asked = { readonly id: RequestId; readonly isModern: boolean };

/** A tool that is not there is an error of the protocol; anything else a model can read and do better. */
function sendUnfit(reply: FastifyReply, asked: Asked, code: ProblemCode, details: ProblemDetails): FastifyReply {
	if (code === "function_unknown") return sendFault(reply, asked.id, fault(rpc.params, "Unknown tool", 200), code);
	reply.refusal = { code, call: details.call };
	return sendToolError(reply, asked, JSON.stringify(problemBody(code, details)));
}

function sendUnfinished(reply: FastifyReply, asked: Asked, call: string, state: string, waitsFor: object | undefined): FastifyReply {
	const advice = "Call the same tool with the same arguments again later: that asks nobody anew, and gets what became of this call.";
	return sendToolError(reply, asked, JSON.stringify({ call, state, waitsFor, advice }));
}

function sendToolError(reply: FastifyReply, { id, isModern }: Asked, text: string): FastifyReply {
	return sendResult(reply, id, isModern, { content: [{ type: "text", text }], isError: true });
}

function sendResult(reply: FastifyReply, id: RequestId, isModern: boolean, result: object): FastifyReply {
	return reply.type("application/json").send(JSON.stringify({ jsonrpc: "2.0", id, result: { ...(isModern && complete), ...result } }));
}

function sendFault(
	reply: FastifyReply,
	id: RequestId | undefined,
	{ code, message, status, data }: RpcFault,
	refused: ProblemCode,
): FastifyReply {
	reply.refusal = { code: refused };
	const error = { code, message, ...(data && { data }) };
	return reply
		.code(status)
		.type("application/json")
		.send(JSON.stringify({ jsonrpc: "2.0", ...(id !== undefined && { id }), error }));
}
