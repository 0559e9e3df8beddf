// Calls functions of MCP servers, behind the dialer port: the server is greeted, what is called of it compared with its pin, then the call goes out once.
import { addressPolicy } from "#libs/configuration/kinds/addresses.ts";
import type { McpConnection } from "#libs/configuration/kinds/connection.ts";
import type { McpMessage } from "#libs/mcp/build-message.ts";
import { keys, pinsOf } from "#libs/mcp/definitions.ts";
import type { McpTransport } from "#libs/mcp/mcp-transport.ts";
import { membersOf, parseResult } from "#libs/mcp/messages.ts";
import { entriesAbout } from "#libs/mcp/pinned-entries.ts";
import { type Askable, askableField, questionsIn } from "#libs/mcp/questions.ts";
import { whyTooLarge } from "#libs/openapi/request-bounds.ts";
import type { Aside } from "#libs/service/work-aside.ts";
import type { Secret } from "#libs/vault/secret.ts";
import { CannotRun } from "../cannot-run.ts";
import { DialError } from "../dial-error.ts";
import { createHttpClient, type HttpClient, type OutboundRequest } from "../dial-http/http-client.ts";
import { Scrubbers, withCredential } from "../dial-http/inject-credential.ts";
import type { Asked, Credential, Dialer, McpFunctionAnswer, Notice } from "../ports.ts";
import { Program } from "./program.ts";
import { type Pinned, Server, type ServerParts } from "./server.ts";

const headerBytesMax = 64 * 1024;
/** What a server may say beside its answer: progress, and the words around it. */
const besideAnswerBytes = 64 * 1024;
const complete = '"complete"';
const inputRequired = '"input_required"';
/** Servers that are known at once; the longest unused is greeted anew. */
const serversMax = 256;

export interface McpDialerParts {
	/** What servers list is read there, where that is large. */
	readonly aside: Aside;
	readonly client?: HttpClient;
}

export function createMcpDialer({ aside, client = createHttpClient() }: McpDialerParts): Dialer {
	const scrubbers = new Scrubbers();
	const servers = new Map<string, Known>();
	const ending = new Set<Promise<void>>();
	const running = new Set<Promise<unknown>>();
	let closed = false;
	const nowMs = () => performance.now();

	const retire = (key: string, { program }: Known): void => {
		servers.delete(key);
		if (!program) return;
		const ended = program.close().finally(() => ending.delete(ended));
		ending.add(ended);
	};

	/** The server, and for a program the one process of it that has this credential. */
	const knownOf = ({ connection }: Asked, transport: McpConnection, secret: Secret | undefined): Known => {
		const { url, revision, program: spec } = transport;
		const key = JSON.stringify([connection.name, url, revision, connection.secret, spec]);
		const kept = servers.get(key);
		// A program was started with the credential that it has: with another it is another program.
		if (kept && spec && kept.secret !== secret) retire(key, kept);
		const known = servers.get(key) ?? open(transport, secret, { name: connection.name, aside, nowMs });
		servers.delete(key);
		servers.set(key, known);
		for (const [oldest, one] of servers) if (servers.size > serversMax) retire(oldest, one);
		return known;
	};

	return {
		prepare: (asked, credential) => {
			const { transport } = asked.connection;
			const { fn, written, fields, idempotencyKey } = asked;
			if (transport.protocol !== "mcp" || written.protocol !== "mcp" || fn.transport.protocol !== "mcp")
				throw new Error("this dialer calls MCP servers");
			const { message } = written;
			const tooLarge = whyTooLarge({ ...sizeOf(message), path: "", query: "" }, transport);
			if (tooLarge) throw new CannotRun(tooLarge.code, tooLarge.message);
			const reach = reachOf(transport, credential, scrubbers);
			const pinned = pinnedFor(transport, fn.transport, message.params);
			const may = mayAsk(fn.transport, fields);
			const pin = `pinned in ${transport.pinnedIn}; callgate pull compares, and renews it`;
			const meta = idempotencyKey === undefined ? {} : { "callgate/idempotency-key": idempotencyKey };
			const run = async (beforeFirstByte: () => void, noticed?: (notice: Notice) => void): Promise<McpFunctionAnswer> => {
				const { server, program } = knownOf(asked, transport, credential?.secret);
				const line = program ? { program, scrub: reach.scrub } : { client, ...reach };
				const untilMs = nowMs() + fn.timeoutMs;
				await server.ready(line, pinned, pin, untilMs);
				const { responseBodyBytesMax } = transport.limits;
				const bodyBytesMax = responseBodyBytesMax + besideAnswerBytes;
				const terms = { meta, may, untilMs, bodyBytesMax, beforeFirstByte, noticed };
				return answerOf(await server.call(line, message, terms), responseBodyBytesMax, may);
			};
			const dial = async (...terms: Parameters<typeof run>): Promise<McpFunctionAnswer> => {
				if (closed) throw new DialError("aborted", "the dialer is closed", { sent: false });
				const dialling = run(...terms);
				running.add(dialling);
				try {
					return await dialling;
				} finally {
					running.delete(dialling);
				}
			};
			return { dial: (beforeFirstByte) => dial(beforeFirstByte), dialWithNotices: dial };
		},
		close: async () => {
			closed = true;
			await Promise.allSettled(running);
			for (const [key, known] of servers) retire(key, known);
			await Promise.all(ending);
			await client.close();
		},
	};
}

/** What the call is about, as its caller was shown it. */
function pinnedFor({ pinned }: McpConnection, of: McpTransport, args: McpMessage["params"]): Pinned[] {
	if (of.method === "tools/call") return [{ list: "tools", key: of.tool, pins: of.pins }];
	return entriesAbout(pinned, of.method, args).map(({ list, entry }) => ({
		list,
		key: String(entry[keys[list]]),
		pins: pinsOf(list, entry),
	}));
}

interface Known {
	readonly server: Server;
	readonly program: Program | undefined;
	readonly secret: Secret | undefined;
}

function open(
	{ revision, program: spec, credential }: McpConnection,
	secret: Secret | undefined,
	parts: Omit<ServerParts, "revision">,
): Known {
	const server = new Server({ ...parts, revision });
	if (!spec) return { server, program: undefined, secret };
	const shown = secret && credential?.as === "env" ? { [credential.name]: secret.reveal() } : {};
	return { server, program: new Program({ ...spec, env: { ...spec.env, ...shown } }, parts.nowMs, () => server.forget()), secret };
}

/** The request that each message is sent with, and what keeps the credential out of what comes back. @throws {CannotRun} */
function reachOf(transport: McpConnection, credential: Credential | undefined, scrubbers: Scrubbers) {
	// What can stand in a header can stand in a variable, and is as long as it must be to be kept out of answers.
	const declared = transport.credential?.as === "env" ? ({ as: "header", name: "x-credential" } as const) : transport.credential;
	return withCredential(requestOf(transport), declared, credential, scrubbers);
}

function sizeOf({ params, fields }: { readonly params: object; readonly fields: readonly (readonly [string, string])[] }) {
	return { headers: Object.fromEntries(fields), bodyBytes: Buffer.byteLength(JSON.stringify(params)) };
}

/** What all messages to the server have in common. */
function requestOf(transport: McpConnection): OutboundRequest {
	const { url, limits } = transport;
	return {
		url,
		method: "POST",
		headers: [
			["content-type", "application/json"],
			["accept", "application/json, text/event-stream"],
			["user-agent", "callgate"],
		],
		limits: {
			connectTimeoutMs: limits.connectTimeoutMs,
			headersTimeoutMs: limits.headersTimeoutMs,
			totalTimeoutMs: limits.totalTimeoutMs,
			bodyBytesMax: limits.responseBodyBytesMax,
			headerBytesMax,
		},
		addresses: addressPolicy(transport),
	};
}

/** What the connection lets the server ask for, and the client of this call declared. */
function mayAsk({ asks = [] }: McpTransport, fields: Asked["fields"]): Askable[] {
	const declared = fields.find(([name]) => name === askableField)?.[1].split(" ") ?? [];
	return asks.filter((one) => declared.includes(one));
}

/** @throws {DialError} */
function answerOf(
	{ kind, text }: { readonly kind: "result" | "error"; readonly text: string },
	bytesMax: number,
	may: readonly Askable[],
): McpFunctionAnswer {
	const body = Buffer.from(text);
	const members = membersOf(text);
	const code = kind === "error" ? Number(members?.get("code")) : undefined;
	const isError = kind === "error" || members?.get("isError") === "true";
	const told = { isError, ...(code !== undefined && Number.isInteger(code) && Math.abs(code) < 2 ** 31 && { code }) };
	const fault = (why: "body_too_large" | "protocol_error", detail: string) =>
		new DialError(why, detail, { sent: true, answered: { mcp: told }, told: detail });
	if (body.length > bytesMax) throw fault("body_too_large", "the result is over the bound");
	if (!members) throw fault("protocol_error", "the result is not JSON, or names a member twice");
	const resultType = kind === "result" ? (members.get("resultType") ?? complete) : complete;
	if (resultType === complete) return { protocol: "mcp", ...told, body };
	const result = resultType === inputRequired ? parseResult(text) : undefined;
	if (!result) throw fault("protocol_error", "its result is of a kind that is not passed on");
	const asks = questionsIn(result, may);
	if (typeof asks === "string") throw fault("protocol_error", asks);
	// What the server wants to be told again is between it and Callgate.
	const rest = [...members].filter(([name]) => name !== "requestState").map(([name, value]) => `${JSON.stringify(name)}:${value}`);
	return { protocol: "mcp", ...told, body: Buffer.from(`{${rest.join(",")}}`), asks };
}
