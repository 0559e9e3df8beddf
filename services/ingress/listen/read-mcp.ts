// One message of MCP's streamable HTTP (revisions 2025-06-18, 2025-11-25 and 2026-07-28), read and held against the headers it came with.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonObject, JsonRefused, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";
import { type ProblemCode, type ProblemDetails, Refusal } from "#libs/contracts/problems.ts";
import { type McpMethod, mcpMethods } from "#libs/mcp/mcp-transport.ts";
import { parameterFields } from "#libs/mcp/parameter-headers.ts";
import { type Askable, declaredIn } from "#libs/mcp/questions.ts";
import { isLogLevel, type LogLevel, logLevels } from "#libs/mcp/read-notice.ts";
import type { Meant } from "../accept-call.ts";
import { prepareNamed } from "../prepare-arguments.ts";
import { calledTool } from "../tool-names.ts";
import { type MeantCall, meantBy } from "./mcp/meant.ts";

/** The revision that carries its version with every request, and those that begin with `initialize`. */
export const modern = "2026-07-28";
export const handshaking = ["2025-11-25", "2025-06-18"] as const;
export const revisions: readonly string[] = [modern, ...handshaking];

/** https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes, and JSON-RPC 2.0 section 5.1. */
export const rpc = {
	...{ parse: -32_700, request: -32_600, method: -32_601, params: -32_602, internal: -32_603 },
	...{ headerMismatch: -32_020, missingCapability: -32_021, unsupportedVersion: -32_022 },
} as const;

export const tasksExtension = "io.modelcontextprotocol/tasks";

export type RequestId = string | number;

/** What a client says to a request that it was sent. */
export interface ClientReply {
	readonly id: RequestId;
	/** Absent: it answers with an error. */
	readonly result?: JsonObject;
}

/** What the client wants to hear, each in its own way. */
export interface Wanted {
	/** Under which the client knows the call. */
	readonly progressToken?: RequestId;
	readonly logLevel?: LogLevel;
}

/** What is answered with an error of JSON-RPC, and the HTTP status beside it. */
export interface RpcFault {
	readonly code: number;
	readonly message: string;
	readonly status: number;
	readonly data?: object;
}

/** The headers that mirror the body. */
export interface McpHeaders {
	readonly version: string | undefined;
	readonly method: string | undefined;
	readonly name: string | undefined;
	/** Of a session's client that takes events: what it declared that it can be asked for. */
	readonly declared: readonly Askable[];
	/** `mcp-param-…`, by their names in lower case. */
	readonly parameters: Readonly<Record<string, string>>;
}

export type ReadMessage =
	| { readonly kind: "fault"; readonly id?: RequestId; readonly fault: RpcFault }
	| { readonly kind: "notification" }
	/** To a question that the client was asked. */
	| { readonly kind: "reply"; readonly reply: ClientReply }
	| {
			readonly kind: "request";
			readonly id: RequestId;
			readonly method: string;
			readonly isModern: boolean;
			readonly params: JsonObject;
			readonly takesTasks: boolean;
	  }
	/** `takesTasks`: its client need not wait for it (2026-07-28), or asks not to (2025-11-25). */
	| {
			readonly kind: "call";
			readonly id: RequestId;
			readonly method: McpMethod;
			readonly isModern: boolean;
			readonly takesTasks: boolean;
			/** What the client wants to hear of it meanwhile; absent: nothing. */
			readonly wanted?: Wanted;
			/** What the client can be asked for, where its function's server may ask. */
			readonly askable: readonly Askable[];
			/** With what it comes back to a function that asked it something. */
			readonly continues?: Continues;
			readonly call: Meant;
	  }
	/** The call cannot be made, and whoever asked for it can do better. */
	| {
			readonly kind: "unfit";
			readonly id: RequestId;
			readonly method: McpMethod;
			readonly isModern: boolean;
			readonly code: ProblemCode;
			readonly details: ProblemDetails;
	  };

export interface McpBody {
	readonly body: Uint8Array;
	readonly headers: McpHeaders;
	readonly caller: Caller;
	/** The connection whose functions alone are tools here. */
	readonly only?: string | undefined;
	/** Where the text is large: in another thread. */
	readonly prepare: boolean;
}

/** Never throws what it can answer. */
export function readMcp(configuration: Configuration, read: McpBody): ReadMessage {
	const { headers } = read;
	const message = parsed(read.body);
	if (!isJsonObject(message)) {
		const isJson = message !== undefined;
		return {
			kind: "fault",
			fault: fault(
				isJson ? rpc.request : rpc.parse,
				isJson ? "expected one JSON-RPC message" : "this is not JSON that is accepted here",
				400,
			),
		};
	}
	const { jsonrpc, id, method, params = {} } = message;
	const isId = typeof id === "string" || typeof id === "number";
	const reply = jsonrpc === "2.0" && method === undefined ? replyIn(message, headers) : undefined;
	if (isId && reply) return { kind: "reply", reply: { id, ...reply } };
	if (jsonrpc !== "2.0" || typeof method !== "string" || !isJsonObject(params) || (id !== undefined && !isId))
		return { kind: "fault", ...(isId && { id }), fault: fault(rpc.request, "expected a request or a notification of JSON-RPC 2.0", 400) };
	if (!isId) return { kind: "notification" };
	const { isModern, wrong } = versionOf(headers, method, params);
	if (wrong) return { kind: "fault", id, fault: wrong };
	const takesTasks = isModern ? declaresTasks(params) : headers.version === "2025-11-25" && isJsonObject(params.task);
	const request = { id, method, isModern, params, takesTasks };
	return readMeant(configuration, request, read) ?? { kind: "request", ...request };
}

/** A client of 2026-07-28 is sent no requests. */
function replyIn({ result, error }: JsonObject, { version }: McpHeaders): Omit<ClientReply, "id"> | undefined {
	if (version === modern || (result === undefined) === (error === undefined)) return undefined;
	if (result === undefined) return isJsonObject(error) ? {} : undefined;
	return isJsonObject(result) ? { result } : undefined;
}

interface Request {
	readonly id: RequestId;
	readonly method: string;
	readonly isModern: boolean;
	readonly params: JsonObject;
	readonly takesTasks: boolean;
}

/** A request that is a call; undefined where it is another, or one that nothing here answers. */
function readMeant(configuration: Configuration, request: Request, read: McpBody): ReadMessage | undefined {
	const { id, isModern } = request;
	const method = mcpMethods.find((one) => one === request.method);
	if (!method) return undefined;
	const { inputResponses, requestState, ...params } = request.params;
	try {
		const asked = method === "tools/call" ? toolIn(configuration, params, read.only) : meantBy(configuration, method, params, read);
		if (!asked) return undefined;
		if ("code" in asked) return { kind: "fault", id, fault: asked };
		// Whose answer is a task, or whose arguments are read elsewhere, is not asked in between.
		const declared = request.takesTasks || read.prepare ? [] : read.headers.declared;
		const { askable, continues, wrong } = inputsOf(
			configuration,
			asked,
			{ isModern, declared },
			{ inputResponses, requestState, ...params },
		);
		if (wrong) return { kind: "fault", id, fault: wrong };
		const call = continues ? { ...asked, arguments: { ...asked.arguments, ...continues } } : asked;
		if (isModern && parametersDiffer(configuration, call, read.headers))
			return { kind: "fault", id, fault: mismatch("an Mcp-Param header is not the argument in its body") };
		// A task is a tool's call: nothing else is asked for again.
		const takesTasks = request.takesTasks && method === "tools/call";
		const prepared = read.prepare ? { ...call, arguments: prepareNamed(configuration, call, call.arguments) } : call;
		const wanted = takesTasks ? undefined : wantedIn(params, isModern);
		if (wanted && "code" in wanted) return { kind: "fault", id, fault: wanted };
		const more = { ...(wanted && { wanted }), askable, ...(continues && { continues }) };
		return { kind: "call", id, method, isModern, takesTasks, ...more, call: prepared };
	} catch (error) {
		if (!(error instanceof Refusal)) throw error;
		return { kind: "unfit", id, method, isModern, code: error.code, details: error.details };
	}
}

/** The answers to what a server asked, and the state that says what that was. */
export interface Continues {
	readonly inputResponses: JsonObject;
	readonly requestState: string;
}

interface Inputs {
	readonly askable: readonly Askable[];
	readonly continues?: Continues;
	readonly wrong?: RpcFault;
}

/** Answers without the state are answers to nothing, and are left out; a state that nobody can have given is refused. */
function inputsOf(
	configuration: Configuration,
	call: MeantCall,
	{ isModern, declared }: { readonly isModern: boolean; readonly declared: readonly Askable[] },
	{ inputResponses = {}, requestState, _meta }: Partial<JsonObject>,
): Inputs {
	const transport = configuration.connection(call.connection)?.function(call.function)?.transport;
	const asks = transport?.protocol === "mcp" ? (transport.asks ?? []) : [];
	const said = isJsonObject(_meta) ? _meta["io.modelcontextprotocol/clientCapabilities"] : undefined;
	const askable = asks.filter((one) => (isModern ? declaredIn(said) : declared).includes(one));
	if (requestState === undefined) return { askable };
	if (!isModern || asks.length === 0 || typeof requestState !== "string" || !isJsonObject(inputResponses))
		return { askable, wrong: fault(rpc.params, "expected a requestState that was given here, and an object of inputResponses", 200) };
	return { askable, continues: { inputResponses, requestState } };
}

const tokenCharsMax = 256;

/** In 2026-07-28 a request says whether it wants to hear what the server logs of it, and from which level on. */
function wantedIn({ _meta }: JsonObject, isModern: boolean): Wanted | RpcFault | undefined {
	const meta = isJsonObject(_meta) ? _meta : {};
	const logLevel = isModern ? meta["io.modelcontextprotocol/logLevel"] : undefined;
	const { progressToken } = meta;
	if (logLevel !== undefined && !isLogLevel(logLevel)) return unknownLevel;
	const isToken = typeof progressToken === "string" ? progressToken.length <= tokenCharsMax : Number.isSafeInteger(progressToken);
	if (progressToken !== undefined && !isToken)
		return fault(rpc.params, `expected a progressToken of at most ${tokenCharsMax} characters, or an integer`, 200);
	if (progressToken === undefined && logLevel === undefined) return undefined;
	return { ...(progressToken !== undefined && { progressToken: progressToken as RequestId }), ...(logLevel && { logLevel }) };
}

export const unknownLevel: RpcFault = { code: rpc.params, message: `expected one of the levels ${logLevels.join(", ")}`, status: 200 };

function toolIn(configuration: Configuration, { name, arguments: args = {} }: JsonObject, only: string | undefined) {
	if (typeof name !== "string" || !isJsonObject(args))
		return fault(rpc.params, "expected the name of a tool and an object of arguments", 200);
	return calledTool(configuration, name, args, only);
}

/** Arguments that a tool wants in headers again (`x-mcp-header`) must be the same there, and none may be missing. */
function parametersDiffer(configuration: Configuration, call: MeantCall, { parameters }: McpHeaders): boolean {
	const transport = configuration.connection(call.connection)?.function(call.function)?.transport;
	if (transport?.protocol !== "mcp" || transport.method !== "tools/call") return false;
	const fields = new Map(parameterFields(transport.parameters, call.arguments).map(([name, value]) => [name.toLowerCase(), value]));
	return transport.parameters.some(({ header }) => {
		const name = `mcp-param-${header.toLowerCase()}`;
		return decoded(parameters[name]) !== decoded(fields.get(name));
	});
}

export function fault(code: number, message: string, status: number, data?: object): RpcFault {
	return { code, message, status, ...(data && { data }) };
}

function parsed(body: Uint8Array): JsonValue | undefined {
	try {
		return parseJsonStrictly(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
	} catch (error) {
		if (error instanceof JsonRefused || error instanceof TypeError) return undefined;
		throw error;
	}
}

/** A request with its version in its body is of the modern kind, and then its headers must say the same as its body: whoever routes by them must not see another call. */
function versionOf(headers: McpHeaders, method: string, params: JsonObject): { readonly isModern: boolean; readonly wrong?: RpcFault } {
	const meta = isJsonObject(params._meta) ? params._meta : {};
	const version = meta["io.modelcontextprotocol/protocolVersion"];
	if (version === undefined) {
		const { version: named } = headers;
		if (named === modern)
			return { isModern: true, wrong: fault(rpc.params, "expected io.modelcontextprotocol/protocolVersion in _meta", 400) };
		const isKnown = named === undefined || revisions.includes(named);
		return isKnown ? { isModern: false } : { isModern: false, wrong: unsupported(named) };
	}
	if (version !== headers.version) return { isModern: true, wrong: mismatch("MCP-Protocol-Version is not the version in its body") };
	if (version !== modern) return { isModern: true, wrong: unsupported(version) };
	if (headers.method !== method) return { isModern: true, wrong: mismatch("Mcp-Method is not the method in its body") };
	const named = nameMember.get(method);
	if (named !== undefined && decoded(headers.name) !== params[named])
		return { isModern: true, wrong: mismatch(`Mcp-Name is not the ${named} in its body`) };
	if (!isJsonObject(meta["io.modelcontextprotocol/clientCapabilities"]))
		return { isModern: true, wrong: fault(rpc.params, "expected io.modelcontextprotocol/clientCapabilities in _meta", 400) };
	return { isModern: true };
}

/** What a request is about, which its header must say too. */
const nameMember: ReadonlyMap<string, string> = new Map([
	["tools/call", "name"],
	["prompts/get", "name"],
	["resources/read", "uri"],
	...["tasks/get", "tasks/update", "tasks/cancel"].map((method) => [method, "taskId"] as const),
]);

/** A client says with each request what it speaks. */
function declaresTasks({ _meta }: JsonObject): boolean {
	const capabilities = isJsonObject(_meta) ? _meta["io.modelcontextprotocol/clientCapabilities"] : undefined;
	const extensions = isJsonObject(capabilities) ? capabilities.extensions : undefined;
	return isJsonObject(extensions) && isJsonObject(extensions[tasksExtension]);
}

function mismatch(what: string): RpcFault {
	return fault(rpc.headerMismatch, `Header mismatch: ${what}`, 400);
}

function unsupported(requested: string): RpcFault {
	return fault(rpc.unsupportedVersion, "Unsupported protocol version", 400, { supported: revisions, requested: requested.slice(0, 64) });
}

/** What a header cannot carry stands in it as `=?base64?…?=`; what is not base64 between these marks is no text at all. */
function decoded(value: string | undefined): string | undefined | null {
	const encoded = value && /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
	if (encoded === undefined || encoded === "") return value;
	const bytes = Buffer.from(encoded, "base64");
	return bytes.toString("base64") === encoded ? bytes.toString() : null;
}
