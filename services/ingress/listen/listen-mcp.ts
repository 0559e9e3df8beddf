// MCP over streamable HTTP: the functions of a connection, or all that a caller may call, as tools, and what MCP servers have beside tools in their own
// words. No server keeps a session: each request is answered by itself.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Caller, madeAt, namePattern } from "#libs/contracts/call.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { problems, Refusal } from "#libs/contracts/problems.ts";
import { implementation } from "#libs/mcp/messages.ts";
import { askableField } from "#libs/mcp/questions.ts";
import { isLogLevel } from "#libs/mcp/read-notice.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { type AskedCall, type CheckedCall, checkCall } from "../accept-call.ts";
import type { IngressPorts } from "../ports.ts";
import { PreparedArguments } from "../prepare-arguments.ts";
import { type Begun, type Submitted, submitCall } from "../submit-call.ts";
import { waitsForOf } from "../waits-for.ts";
import { type Door, type DoorPorts, openDoor } from "./door.ts";
import { capabilitiesOf } from "./mcp/capabilities.ts";
import { takeReply } from "./mcp/client-replies.ts";
import { isListMethod, listEntries } from "./mcp/list-entries.ts";
import { listTools } from "./mcp/list-tools.ts";
import { type ListenPorts, type ListenRequest, listenChanges } from "./mcp/listen-changes.ts";
import { type Outcome, outcomeOf } from "./mcp/outcome.ts";
import { challengeOf, metadataPaths, resourceMetadata } from "./mcp/protected-resource.ts";
import { type Asked, sendFault, sendResult, sendResultText, sendUnfit, unfinishedText } from "./mcp/send.ts";
import { sendAsking } from "./mcp/send-asking.ts";
import { sendNoticed } from "./mcp/send-noticed.ts";
import { levelOf, newSession, type Session, sessionHeader, sessionIn, setLevel } from "./mcp/session.ts";
import { type SubscriptionBounds, Subscriptions } from "./mcp/subscriptions.ts";
import { canAskLater, keepTask } from "./mcp/task-inputs.ts";
import { answerTask, sendCreated, withdraw } from "./mcp/tasks.ts";
import { whyNotContinued } from "./mcp/why-not-continued.ts";
import {
	fault,
	handshaking,
	type McpBody,
	type McpHeaders,
	modern,
	type ReadMessage,
	readMcp,
	revisions,
	rpc,
	unknownLevel,
	type Wanted,
} from "./read-mcp.ts";
import { goneSignal, readTraceparent, readWaitMs } from "./read-request.ts";

export interface McpLimits extends SubscriptionBounds {
	/** How long a call is waited for; a client's own patience is a minute where nobody changed it. */
	readonly proxyWaitSeconds: number;
	/** Where callers reach this API: scheme, host and port. Without it clients are not told where they get a token. */
	readonly publicUrl?: string;
}

/** Below the minute that clients wait, so that one whose call is held hears so. */
const waitSecondsMax = 50;
/** Tools change with the configuration alone, and a call of one that is gone is refused. What is listed is for one caller. */
const privately = { ttlMs: 60_000, cacheScope: "private" } as const;

/** A client with tasks is told of its call when most functions would have answered. */
const taskAfterMs = 500;
/** What a function asks before it does anything it asks soon, and its client is then spared the task. */
const taskThatMayAskAfterMs = 2_000;

const instructions =
	"Each tool is a function behind Callgate. A call may be denied by policy, or held until people approve it: then call the same tool with the same arguments again to pick up what became of it.";

interface McpRoute {
	readonly Params: { readonly connection?: string };
}
type McpRequest = FastifyRequest<McpRoute>;

export async function listenMcp(http: FastifyInstance, doorPorts: DoorPorts, limits: McpLimits): Promise<void> {
	const subscriptions = new Subscriptions(limits);
	const ports: ListenPorts = { ...doorPorts, subscriptions };
	const unheed = ports.configuration.onActivated(() => subscriptions.configurationChanged());
	http.addHook("preClose", async () => {
		unheed();
		subscriptions.letGo();
	});
	await http.register(async (scope) => {
		// What is wrong with a message is said in JSON-RPC.
		scope.removeAllContentTypeParsers();
		scope.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => body);
		const door = openDoor(ports);
		const { publicUrl } = limits;
		const schema = { hide: true } as object;
		const [authenticate, admit] = door.admitting;
		const identify = async (request: McpRequest, reply: FastifyReply): Promise<void> => {
			await authenticate(request).catch((error: unknown) => challenge(error, limits, request, reply));
		};
		for (const url of ["/mcp", "/mcp/:connection"] as const) {
			scope.post<McpRoute>(url, { schema, onRequest: [refuseOrigin, identify, admit] }, (request, reply) =>
				answer(ports, door, limits, request, reply),
			);
			if (publicUrl === undefined) continue;
			scope.get<McpRoute>(metadataPaths[url], { schema }, async (request) => {
				const connection = nameOf(request);
				if (request.params.connection !== connection) throw new Refusal("not_found", { detail: "that is no connection's name" });
				return resourceMetadata(publicUrl, ports.configuration.current().issuers, connection);
			});
		}
	});
}

/** Where a token is given that would be taken. @throws what it is given */
function challenge(error: unknown, { publicUrl }: McpLimits, request: McpRequest, reply: FastifyReply): never {
	if (error instanceof Refusal && ["unauthenticated", "insufficient_scope"].includes(error.code))
		reply.header("www-authenticate", challengeOf(error, publicUrl, nameOf(request)));
	throw error;
}

const connectionName = new RegExp(namePattern);

/** The connection that an address names, if that could be one: it is said before anybody is known. */
function nameOf({ params: { connection } }: McpRequest): string | undefined {
	return connection !== undefined && connectionName.test(connection) ? connection : undefined;
}

/**
 * Browsers say where a page comes from, and no page has business here: one whose host resolves to this machine could else speak for its visitor.
 */
async function refuseOrigin({ headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
	if (headers.origin === undefined) return undefined;
	return sendFault(reply, undefined, fault(rpc.request, "requests of web pages are not answered here", 403), "denied");
}

async function answer(ports: ListenPorts, door: Door, limits: McpLimits, request: McpRequest, reply: FastifyReply): Promise<FastifyReply> {
	const { connection: only } = request.params;
	const configuration = ports.configuration.current();
	if (only !== undefined && !configuration.connection(only)) throw new Refusal("not_found", { detail: "there is no such connection" });
	const caller = door.callerOf(request);
	const gone = goneSignal(request, reply);
	const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
	const message = await door.during(request, () =>
		readMessage(ports, caller, { body, headers: headersOf(request), caller, only, prepare: false }, gone),
	);
	switch (message.kind) {
		case "fault":
			return sendFault(reply, message.id, message.fault, "malformed_request");
		case "notification":
			return reply.code(202).send();
		case "reply": {
			const wrong = await takeReply(ports, caller, message.reply);
			return wrong ? sendFault(reply, message.reply.id, wrong, "malformed_request") : reply.code(202).send();
		}
		case "request":
			return await answerRequest(ports, limits, {
				...{ caller, only, message, session: sessionIn(request.headers[sessionHeader]), reply, gone, takesEvents: acceptsEvents(request) },
				traceparent: readTraceparent(request.headers.traceparent),
				admittedStill: () => door.admittedStill(request),
			});
		case "unfit":
			return sendUnfit(reply, message, message.code, message.details);
		case "call":
			return await makeCall(ports, door, limits, caller, message, { request, reply, gone });
	}
}

async function readMessage({ aside, configuration }: IngressPorts, caller: Caller, read: McpBody, gone: AbortSignal): Promise<ReadMessage> {
	if (read.body.length <= hereCharsMax) return readMcp(configuration.current(), read);
	const turn = turnOf(configuration.current(), caller, gone);
	const message = await aside.run<McpBody, ReadMessage>("prepareMcp", turn, { ...read, prepare: true });
	if (message.kind !== "call" || !("canonical" in message.call.arguments)) return message;
	return { ...message, call: { ...message.call, arguments: new PreparedArguments(message.call.arguments as PreparedArguments) } };
}

function headersOf(request: FastifyRequest): McpHeaders {
	const { headers } = request;
	const one = (value: string | string[] | undefined) => (typeof value === "string" ? value : undefined);
	const parameters = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
		name.startsWith("mcp-param-") && typeof value === "string" ? [[name, value]] : [],
	);
	return {
		...{ version: one(headers["mcp-protocol-version"]), method: one(headers["mcp-method"]), name: one(headers["mcp-name"]) },
		declared: (acceptsEvents(request) && sessionIn(headers[sessionHeader])?.declared) || [],
		parameters: Object.fromEntries(parameters),
	};
}

interface Request extends ListenRequest {
	readonly session: Session | undefined;
}

async function answerRequest(ports: ListenPorts, limits: McpLimits, request: Request): Promise<FastifyReply> {
	const { caller, only, message, reply } = request;
	const { id, method, isModern, params } = message;
	const configuration = ports.configuration.current();
	switch (`${isModern ? "modern" : "handshaking"} ${method}`) {
		case "modern server/discover": {
			const capabilities = capabilitiesOf(configuration, { caller, only }, modern);
			return sendResult(reply, message, { supportedVersions: revisions, capabilities, instructions, ...privately });
		}
		case "handshaking initialize": {
			const protocolVersion = handshaking.find((revision) => revision === params.protocolVersion) ?? handshaking[0];
			const capabilities = capabilitiesOf(configuration, { caller, only }, protocolVersion);
			reply.header(sessionHeader, newSession(params.capabilities));
			return sendResult(reply, message, { protocolVersion, capabilities, serverInfo: implementation, instructions });
		}
		case "modern subscriptions/listen":
			return await listenChanges(ports, request);
		case "handshaking logging/setLevel":
			return await answerLevel(ports, request);
		case "handshaking ping":
			return sendResult(reply, message, {});
		case "modern tools/list":
		case "handshaking tools/list":
			return sendPage(reply, message, listTools(configuration, { caller, only, cursor: params.cursor, isModern }));
		default: {
			if (isListMethod(method)) {
				const asked = { caller, only, method, cursor: params.cursor, now: ports.clock.now() };
				const listed = await listEntries(configuration, asked);
				if (listed) return sendPage(reply, message, listed.page);
			}
			const task = answerTask(ports, { ...request, asked: message, waitMs: waitMsOf(limits) });
			return (await task) ?? sendFault(reply, id, fault(rpc.method, "Method not found", isModern ? 404 : 200), "not_found");
		}
	}
}

async function answerLevel(ports: IngressPorts, { caller, message, session, reply }: Request): Promise<FastifyReply> {
	const { level } = message.params;
	if (!isLogLevel(level)) return sendFault(reply, message.id, unknownLevel, "malformed_request");
	if (session === undefined) {
		const told = "A level is a session's: send the Mcp-Session-Id that initialize was answered with";
		return sendFault(reply, message.id, fault(rpc.request, told, 400), "malformed_request");
	}
	await setLevel(ports, caller, session, level);
	return sendResult(reply, message, {});
}

/** What a client wants to hear of its call meanwhile; before 2026-07-28 its session says what of the log. */
async function wantedOf(
	ports: IngressPorts,
	caller: Caller,
	{ wanted, isModern, takesTasks, call }: Extract<ReadMessage, { kind: "call" }>,
	request: McpRequest,
): Promise<Wanted | undefined> {
	if (!acceptsEvents(request)) return undefined;
	const session = isModern || takesTasks ? undefined : sessionIn(request.headers[sessionHeader]);
	const streams = ports.configuration.current().connection(call.connection)?.function(call.function)?.streams;
	const logLevel = session !== undefined && streams ? await levelOf(ports, caller, session) : undefined;
	return logLevel === undefined ? wanted : { ...wanted, logLevel };
}

function waitMsOf({ proxyWaitSeconds }: McpLimits): number {
	return Math.min(proxyWaitSeconds, waitSecondsMax) * 1_000;
}

function sendPage(reply: FastifyReply, asked: Asked, page: object | undefined): FastifyReply {
	if (page) return sendResult(reply, asked, { ...page, ...(asked.isModern && privately) });
	return sendFault(reply, asked.id, fault(rpc.params, "Invalid cursor: list from the beginning", 200), "malformed_request");
}

type CallMessage = Extract<ReadMessage, { kind: "call" }>;

async function makeCall(
	ports: DoorPorts,
	door: Door,
	limits: McpLimits,
	caller: Caller,
	message: CallMessage,
	{ request, reply, gone }: { readonly request: McpRequest; readonly reply: FastifyReply; readonly gone: AbortSignal },
): Promise<FastifyReply> {
	const { isModern, method, takesTasks, askable, continues } = message;
	const wrong = continues && whyNotContinued(ports, caller, message.call, continues);
	if (wrong) return sendFault(reply, message.id, wrong, "invalid_arguments");
	const fields = askable.length === 0 ? [] : [[askableField, askable.join(" ")] as const];
	const asked: AskedCall = { ...message.call, caller, via: "mcp", fields, traceparent: readTraceparent(request.headers.traceparent) };
	const wanted = await wantedOf(ports, caller, message, request);
	const submit = async (call: AskedCall): Promise<Submitted | Begun> => {
		const checked = await door.during(request, () => checkCall(ports, call, gone));
		const waitMs = readWaitMs(request.headers.prefer, waitSecondsMax) ?? patienceMs(limits, message, checked);
		const submitted = await ports.intake.through(() =>
			submitCall(ports, checked, { waitMs, gone, attach: !takesTasks, inPieces: wanted !== undefined }),
		);
		const isTask = takesTasks && "state" in submitted;
		if (isTask && mayAskLater(message, checked)) await keepTask(ports, submitted.call, checked);
		return submitted;
	};
	let submitted: Submitted | Begun;
	try {
		submitted = await submit(asked);
	} catch (error) {
		// A client gets another token by itself, if it is told as OAuth has it; a model could do nothing.
		if (error instanceof Refusal && error.code === "insufficient_scope") challenge(error, limits, request, reply);
		// What cannot be stored, and what there is no room for, is told as everywhere: by the status that says when to come again.
		if (!(error instanceof Refusal) || problems[error.code].status >= 429) throw error;
		return sendUnfit(reply, message, error.code, error.details);
	}
	const { call } = submitted;
	reply.header("callgate-call", call);
	const noticed = { id: message.id, isModern, method, askable, wanted: wanted ?? {}, gone };
	if (!isModern && askable.length > 0) {
		// Those that were prepared elsewhere are not asked about.
		const args = asked.arguments as JsonObject;
		// By then the token may have ended, or say something else of its caller.
		const again = async (next: JsonObject) => submit({ ...asked, caller: await door.admittedStill(request), arguments: next });
		return sendAsking(ports, reply, submitted, { ...noticed, caller, arguments: args, again });
	}
	if ("pieces" in submitted) return sendNoticed(ports, reply, submitted, noticed);
	const { ended } = submitted;
	if (ended) return sendOutcome(reply, message, await outcomeOf(ports, ended, { isModern, method, askable, gone }));
	// In 2026-07-28 a request whose answer nobody waits for is cancelled; before that, to leave says nothing.
	if (isModern && gone.aborted) await withdraw(ports, caller, call);
	const receivedAt = madeAt(call).toISOString();
	if (takesTasks) return await sendCreated(ports, reply, message, { call, receivedAt, standing: submitted });
	const told = { call, state: submitted.state, waitsFor: await waitsForOf(ports.bus, call) };
	if (method !== "tools/call") reply.refusal = { code: "not_ready" };
	return reply.type("application/json").send(unfinishedText(message, told));
}

/** Who need not wait has the task's id to ask with: nothing of it is lost, and an equal call is another one. */
function patienceMs(limits: McpLimits, message: CallMessage, checked: CheckedCall): number {
	const { takesTasks, isModern, askable, continues } = message;
	if (!takesTasks) return waitMsOf(limits);
	if (askable.length === 0 || continues) return isModern ? taskAfterMs : 0;
	return mayAskLater(message, checked) ? taskThatMayAskAfterMs : waitMsOf(limits);
}

/** As a task. */
function mayAskLater({ isModern, askable }: CallMessage, checked: CheckedCall): boolean {
	return isModern && askable.length > 0 && canAskLater(checked);
}

/** Clients of MCP take both kinds of answers; one that says otherwise hears nothing before its answer. */
function acceptsEvents({ headers }: FastifyRequest): boolean {
	return headers.accept?.includes("text/event-stream") ?? false;
}

function sendOutcome(reply: FastifyReply, { id }: Asked, outcome: Outcome): FastifyReply {
	return outcome.kind === "fault" ? sendFault(reply, id, outcome.fault, outcome.refused) : sendResultText(reply, id, outcome.text);
}
