// The transparent proxy: a client's base URL points here and nothing else of it changes. Requests are mapped to functions by the connection's document.
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Connection, HttpConnection } from "#libs/configuration/kinds/connection.ts";
import type { HttpAnswer } from "#libs/contracts/answer.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { argumentsFromRequest } from "#libs/openapi/arguments-from-request.ts";
import { offeredType } from "#libs/openapi/body-type.ts";
import type { HttpBody, HttpTransport } from "#libs/openapi/http-transport.ts";
import { matchRoute } from "#libs/openapi/match-route.ts";
import { endsAtIngress } from "#libs/outbound/header-owners.ts";
import { sendProblem } from "#libs/service/http.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { type AskedCall, checkCall } from "../accept-call.ts";
import { answerOf } from "../answer-call.ts";
import type { IngressPorts } from "../ports.ts";
import { PreparedArguments } from "../prepare-arguments.ts";
import { type Begun, submitCall } from "../submit-call.ts";
import { type Door, type DoorPorts, openDoor } from "./door.ts";
import { sendAccepted } from "./listen-http.ts";
import { bodyOf, type LargeRequest, type WrittenBody } from "./read-proxied.ts";
import { goneSignal, readIdempotencyKey, readTraceparent, readWaitMs } from "./read-request.ts";
import { rawBody } from "./write-answer.ts";
import { textOfPieces } from "./write-pieces.ts";

export interface ProxyLimits {
	readonly waitSecondsMax: number;
	/** For a request that does not say `Prefer: wait`. */
	readonly proxyWaitSeconds: number;
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

export async function listenProxy(http: FastifyInstance, ports: DoorPorts, limits: ProxyLimits): Promise<void> {
	await http.register(async (scope) => {
		// The body is read by the function's own declaration, not by the API's.
		scope.removeAllContentTypeParsers();
		scope.addContentTypeParser("*", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => body);
		const door = openDoor(ports);
		scope.route<{ Params: { connection: string } }>({
			method: methods,
			url: "/proxy/:connection/*",
			exposeHeadRoute: false,
			schema: { hide: true } as object,
			config: { judgesBody: true },
			onRequest: door.admitting,
			handler: (request, reply) => proxyRequest(ports, door, limits, request, reply),
		});
	});
}

async function proxyRequest(
	ports: DoorPorts,
	door: Door,
	limits: ProxyLimits,
	request: FastifyRequest<{ Params: { connection: string } }>,
	reply: FastifyReply,
): Promise<FastifyReply> {
	const connection = ports.configuration.current().connection(request.params.connection);
	if (!connection) throw new Refusal("function_unknown", { detail: "there is no such connection" });
	const { transport } = connection;
	if (transport.protocol !== "http")
		throw new Refusal("function_unknown", { detail: `${connection.name} speaks MCP: /mcp/${connection.name} is its address` });
	const caller = door.callerOf(request);
	const gone = goneSignal(request, reply);
	const checked = await door.during(request, async () => {
		const { name, args } = await readCall(ports, caller, connection, request, gone);
		const asked: AskedCall = {
			...{ caller, connection: connection.name, function: name, arguments: args, via: "proxy" },
			fields: forwardedOf(transport, request),
			idempotencyKey: readIdempotencyKey(request.headers["idempotency-key"]),
			traceparent: readTraceparent(request.headers.traceparent),
		};
		return await checkCall(ports, asked, gone);
	});
	const waitMs = readWaitMs(request.headers.prefer, limits.waitSecondsMax) ?? limits.proxyWaitSeconds * 1_000;
	const submitted = await ports.intake.through(() => submitCall(ports, checked, { waitMs, gone, attach: true, inPieces: true }));
	reply.header("callgate-call", submitted.call);
	if ("pieces" in submitted) return await sendPieces(ports, reply, submitted, gone);
	if (!submitted.ended) return await sendAccepted(ports, reply, submitted);
	const answer = await answerOf(ports, submitted.ended, gone);
	if (!answer.ok) return sendProblem(reply, answer.code, answer.details);
	if (answer.result.protocol !== "http") throw new Error("a call of the proxy is one of HTTP");
	return sendResult(reply, answer.result);
}

async function readCall(
	{ aside, configuration }: IngressPorts,
	caller: Caller,
	connection: Connection,
	request: FastifyRequest,
	gone: AbortSignal,
): Promise<{ name: string; args: AskedCall["arguments"] }> {
	const { path, query } = rawTarget(connection, request);
	const route = matchRoute(httpFunctionsOf(connection), request.method, path);
	if (!route) throw new Refusal("function_unknown", { detail: `no function of ${connection.name} answers ${request.method} on this path` });
	const { fn, pathArgs } = route;
	const { name } = fn;
	const sent = { pathArgs, query, headers: request.headers };
	const body = writtenBody(fn.transport.body, request);
	if (body && body.bytes.length > hereCharsMax) {
		const input: LargeRequest = { connection: connection.name, function: name, request: sent, body };
		const turn = turnOf(configuration.current(), caller, gone);
		return { name, args: new PreparedArguments(await aside.run("prepareRequest", turn, input)) };
	}
	const read = argumentsFromRequest(fn.transport, { ...sent, ...(body && { body: bodyOf(body) }) });
	if (!read.ok) throw new Refusal("invalid_arguments", { detail: "the request does not fit the function", errors: read.errors });
	const args = read.args as JsonValue;
	if (!isJsonObject(args)) throw new Refusal("invalid_arguments", { detail: "the request has no arguments" });
	return { name, args };
}

/** The path and query exactly as they were sent: decoding is the document's business, once. */
function rawTarget(connection: Connection, request: FastifyRequest): { path: string; query: string } {
	const target = request.raw.url ?? "";
	const prefix = `/proxy/${connection.name}`;
	if (!target.startsWith(`${prefix}/`)) throw new Refusal("function_unknown", { detail: "the connection's name must be written plainly" });
	const [path = "", ...query] = target.slice(prefix.length).split("?");
	return { path, query: query.join("?") };
}

/** The body as it was sent, and how the function's document says that it is written. */
function writtenBody(offered: HttpBody | undefined, request: FastifyRequest): WrittenBody | undefined {
	const { body } = request;
	if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
	if (offered === undefined) throw new Refusal("invalid_arguments", { detail: "this function takes no body" });
	// The type goes to the function as it came, or not at all: a patch of one kind is no patch of another.
	const type = offeredType(offered, request.headers["content-type"] ?? "");
	const names = offered.types.map(({ contentType }) => contentType).join(", ");
	if (type === undefined) throw new Refusal("unsupported_media_type", { detail: `this function takes ${names}` });
	return { contentType: type.contentType, encoding: type.encoding, bytes: body };
}

/** Kept, because routes are found by an index of the list. */
const httpFunctions = new WeakMap<Connection, readonly ConnectionFunction<HttpTransport>[]>();

function httpFunctionsOf(connection: Connection): readonly ConnectionFunction<HttpTransport>[] {
	const known =
		httpFunctions.get(connection) ??
		connection.functions.filter((fn): fn is ConnectionFunction<HttpTransport> => fn.transport.protocol === "http");
	httpFunctions.set(connection, known);
	return known;
}

function forwardedOf({ forward }: HttpConnection, { headers }: FastifyRequest): [string, string][] {
	return forward.flatMap((name): [string, string][] => {
		const value = headers[name];
		return typeof value === "string" ? [[name, value]] : [];
	});
}

function sendResult(reply: FastifyReply, result: HttpAnswer): FastifyReply {
	const body = rawBody(result);
	sendHead(reply, result);
	if (body.length === 0) return reply.send();
	if (reply.hasHeader("content-type")) return reply.send(body);
	// Of a stream no type is invented.
	return reply.header("content-length", body.length).send(Readable.from([body]));
}

/** The answer as it comes, no faster than its caller takes it. */
async function sendPieces(ports: DoorPorts, reply: FastifyReply, begun: Begun, gone: AbortSignal): Promise<FastifyReply> {
	const { pieces } = begun;
	const leave = () => pieces.leave();
	gone.addEventListener("abort", leave);
	if (gone.aborted) leave();
	const reading = pieces[Symbol.asyncIterator]();
	const first = await reading.next().catch((error: unknown) => {
		leave();
		throw error;
	});
	if (first.done || !first.value.head) {
		leave();
		throw new Refusal("not_ready", { detail: "this replica stops; ask for the call again", call: begun.call });
	}
	sendHead(reply, first.value.head);
	const texts = textOfPieces(ports, begun, first.value, reading);
	// Status and headers are the caller's at once: how long the function's first word takes nobody knows.
	const answer = async function* (): AsyncGenerator<string, void> {
		reply.raw.flushHeaders();
		yield* texts;
	};
	return reply.send(Readable.from(answer(), { objectMode: false, highWaterMark: 65_536 }));
}

function sendHead(reply: FastifyReply, result: Pick<HttpAnswer, "status" | "headers">): void {
	const isBodiless = reply.request.method === "HEAD" || result.status === 304;
	const own = result.headers.filter(([name]) => !endsAtIngress(name) && (name !== "content-length" || isBodiless));
	for (const [name, fields] of Map.groupBy(own, ([name]) => name)) {
		const [first = "", ...more] = fields.map(([, value]) => value);
		// One body has one type; any other field is written as often as the function wrote it.
		reply.header(name, more.length === 0 || name === "content-type" ? first : [first, ...more]);
	}
	reply.code(result.status);
}
