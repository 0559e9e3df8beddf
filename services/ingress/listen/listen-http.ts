// The API of calls: submit, ask, watch, cancel, and the list of functions. What each request means is in the verbs; here is only HTTP.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { type Caller, callIdPattern, namePattern } from "#libs/contracts/call.ts";
import { completedText } from "#libs/contracts/ending-answer.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { problemBody, Refusal } from "#libs/contracts/problems.ts";
import { anyJson, describeApi, problemAnswers, security } from "#libs/service/describe-api.ts";
import { sendProblem } from "#libs/service/http.ts";
import { parseBody } from "#libs/service/parse-body.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { type AskedCall, checkCall } from "../accept-call.ts";
import { answerOf } from "../answer-call.ts";
import { cancelCall } from "../cancel-call.ts";
import { listFunctions, type ToolFormat, toolFormats } from "../list-functions.ts";
import type { Ended } from "../pending-calls.ts";
import type { IngressPorts } from "../ports.ts";
import { PreparedArguments } from "../prepare-arguments.ts";
import { showCall } from "../show-call.ts";
import { StepStreams } from "../stream-steps.ts";
import { submitCall } from "../submit-call.ts";
import { calledTool } from "../tool-names.ts";
import { retryAfterSeconds, waitsForOf } from "../waits-for.ts";
import { type Door, type DoorPorts, makeRoomFor, openDoor } from "./door.ts";
import { eventStream } from "./event-stream.ts";
import type { ReadCall } from "./read-call.ts";
import { goneSignal, readIdempotencyKey, readLastEventId, readTraceparent, readWaitMs } from "./read-request.ts";

export interface HttpLimits {
	readonly waitSecondsMax: number;
	readonly stepsMax: number;
}

const CallRequest = Type.Object(
	{
		connection: Type.Optional(
			Type.String({ pattern: namePattern, description: "where the function lives; without it `function` is a name of the tool lists" }),
		),
		function: Type.String({ minLength: 1, maxLength: 128, description: "its name, as `GET /v1/functions` lists it" }),
		arguments: Type.Unsafe<JsonValue | PreparedArguments>({
			type: "object",
			description: "one flat object, as the function's schema says",
		}),
		reason: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024, description: "why; approvers and auditors read it" })),
	},
	{ additionalProperties: false },
);
const CallParams = Type.Object({ call: Type.String({ pattern: callIdPattern }) });
const FunctionsQuery = Type.Object({ format: Type.Optional(Type.Enum([...toolFormats])) }, { additionalProperties: false });

/** A stopping process still answers the calls that are about to end; callers that wait for a person are told where to ask. */
const partAfterMs = 3_000;

/** Adds the routes; call before `listen`. */
export async function listenHttp(http: FastifyInstance, ports: DoorPorts, { waitSecondsMax, stepsMax }: HttpLimits): Promise<void> {
	const steps = new StepStreams(stepsMax);
	const door = openDoor(ports);
	const { onRequest, callerOf } = door;
	await describeApi(http, { title: "Callgate ingress", description: "Governed function calls." });
	http.addHook("preClose", async () => {
		steps.letGo();
		setTimeout(() => ports.pending.letGo(), partAfterMs).unref();
	});

	await http.register(async (scope) => {
		scope.removeContentTypeParser("application/json");
		scope.addContentTypeParser("application/json", { parseAs: "buffer" }, async (request: FastifyRequest, body: Buffer) => {
			if (body.length === 0) return undefined;
			return body.length > hereCharsMax
				? await door.during(request, (gone) => readLarge(ports, callerOf(request), body, gone))
				: parseBody(body);
		});
		const bringing = { schema: submitSchema, onRequest: door.admitting };
		scope.post<{ Body: Static<typeof CallRequest> }>("/v1/calls", bringing, (request, reply) =>
			submit(ports, door, waitSecondsMax, request, reply),
		);
	});

	http.get<{ Params: Static<typeof CallParams> }>("/v1/calls/:call", { schema: showSchema, onRequest }, async (request, reply) => {
		const own = await showCall(ports, callerOf(request), request.params.call);
		const { call, connection, function: name, receivedAt, standing } = own;
		reply.header("callgate-call", call).type("application/json");
		if (!standing.ended) return await sendPending(ports, reply, { call, state: standing.state, connection, function: name, receivedAt });
		makeRoomFor(standing.ended, ports.intake, callerOf(request), reply);
		const answer = await answerOf(ports, standing.ended, goneSignal(request, reply));
		if (answer.ok) return reply.send(completedText(standing.ended, answer.result));
		const problem = problemBody(answer.code, answer.details);
		return reply.send(JSON.stringify({ call, state: standing.state, connection, function: name, receivedAt, problem }));
	});

	http.get<{ Params: Static<typeof CallParams> }>("/v1/calls/:call/events", { schema: stepsSchema, onRequest }, async (request, reply) => {
		const own = await showCall(ports, callerOf(request), request.params.call);
		reply.header("cache-control", "no-store").header("callgate-call", own.call).type("text/event-stream");
		const after = readLastEventId(request.headers["last-event-id"]);
		return reply.send(await eventStream(steps, ports, own, goneSignal(request, reply), after));
	});

	http.delete<{ Params: Static<typeof CallParams> }>("/v1/calls/:call", { schema: cancelSchema, onRequest }, async (request, reply) => {
		const { call } = request.params;
		const ended = await cancelCall(ports, callerOf(request), call);
		reply.header("callgate-call", call).type("application/json");
		if (ended) return reply.send(JSON.stringify({ call, state: ended.data.ending }));
		return reply
			.code(202)
			.header("location", `/v1/calls/${call}`)
			.send(JSON.stringify({ call, state: "withdrawn" }));
	});

	http.get<{ Querystring: { format?: ToolFormat } }>("/v1/functions", { schema: functionsSchema, onRequest }, async (request) => {
		const caller = callerOf(request);
		return listFunctions(ports.configuration.current(), caller, request.query.format ?? "callgate");
	});
}

/** A large body is read in another thread, and comes back with its arguments prepared. */
async function readLarge({ aside, configuration }: IngressPorts, caller: Caller, body: Buffer, gone?: AbortSignal): Promise<unknown> {
	const read = await aside.run<Uint8Array, ReadCall>("prepareCall", turnOf(configuration.current(), caller, gone), body);
	return "call" in read ? { ...read.call, arguments: new PreparedArguments(read.call.arguments) } : read.outline;
}

async function submit(
	ports: IngressPorts,
	door: Door,
	waitSecondsMax: number,
	request: FastifyRequest<{ Body: Static<typeof CallRequest> }>,
	reply: FastifyReply,
): Promise<FastifyReply> {
	const caller = door.callerOf(request);
	const { connection, function: name, arguments: args, reason } = request.body;
	if (!(args instanceof PreparedArguments) && !isJsonObject(args))
		throw new Refusal("malformed_request", { detail: "arguments must be an object" });
	const meant = whatIsMeant(ports, connection, name, args);
	const waitMs = readWaitMs(request.headers.prefer, waitSecondsMax) ?? 0;
	const asked: AskedCall = {
		...meant,
		...{ caller, reason, via: "calls" },
		idempotencyKey: readIdempotencyKey(request.headers["idempotency-key"]),
		traceparent: readTraceparent(request.headers.traceparent),
	};
	const gone = goneSignal(request, reply);
	const checked = await door.during(request, () => checkCall(ports, asked, gone));
	const submitted = await ports.intake.through(() => submitCall(ports, checked, { waitMs, gone, attach: false }));
	reply.header("callgate-call", submitted.call);
	if (waitMs > 0) reply.header("preference-applied", `wait=${waitMs / 1_000}`);
	if (submitted.ended) return await sendEnding(ports, reply, submitted.ended, gone);
	return await sendAccepted(ports, reply, submitted);
}

/** Without a connection the name is one of the tool lists. Large arguments were read already, and what they are of with them. */
function whatIsMeant({ configuration }: IngressPorts, connection: string | undefined, name: string, args: JsonObject | PreparedArguments) {
	if (connection !== undefined) return { connection, function: name, arguments: args };
	if (args instanceof PreparedArguments) throw new Refusal("malformed_request", { detail: "the connection is missing" });
	return calledTool(configuration.current(), name, args);
}

async function sendEnding(ports: IngressPorts, reply: FastifyReply, ended: Ended, gone: AbortSignal): Promise<FastifyReply> {
	const answer = await answerOf(ports, ended, gone);
	if (!answer.ok) return sendProblem(reply, answer.code, answer.details);
	return reply.type("application/json").send(completedText(ended, answer.result));
}

/** A call that has not ended: a held one tells for whom it waits, and each when to ask again. */
async function sendPending(
	{ bus, clock }: IngressPorts,
	reply: FastifyReply,
	pending: { readonly call: string; readonly state: string; readonly [more: string]: string },
): Promise<FastifyReply> {
	const waitsFor = pending.state === "held" ? await waitsForOf(bus, pending.call) : undefined;
	reply.header("retry-after", String(retryAfterSeconds(waitsFor, clock.now()))).type("application/json");
	return reply.send(JSON.stringify({ ...pending, waitsFor }));
}

export async function sendAccepted(
	ports: IngressPorts,
	reply: FastifyReply,
	{ call, state }: { readonly call: string; readonly state: string },
): Promise<FastifyReply> {
	const location = `/v1/calls/${call}`;
	return await sendPending(ports, reply.code(202).header("location", location), { call, state, location });
}

const submitSchema = {
	summary: "Submit a call",
	description: "`Prefer: wait=N` waits up to N seconds for the ending, else 202 with its Location. `Idempotency-Key`: same key, same call.",
	security,
	body: CallRequest,
	response: {
		202: { description: "accepted; ask at Location", content: { "application/json": { schema: anyJson } } },
		...problemAnswers,
	},
};
const showSchema = {
	summary: "Where a call stands, and its result",
	description: `\`received\`, \`held\`, \`started\`, or how it ended. Of a call that was to end while its caller waited, and that nobody holds, it is
not told that it has started. A call that was answered with 202 can be asked for during 24 hours.`,
	security,
	params: CallParams,
};
const stepsSchema = {
	summary: "The call's steps as server-sent events",
	description: `Of a function that streams, each piece of its answer is one (\`call.streamed\`), with its number for an id. \`Last-Event-ID\`: pieces up to
that one are left out.`,
	security,
	params: CallParams,
};
const cancelSchema = {
	summary: "Cancel a call that still waits for people",
	description:
		"202: it is on the record that nobody wants the call any more. It is cancelled if people are asked about it; one that runs is not stopped.",
	security,
	params: CallParams,
};
const functionsSchema = { summary: "What this caller may call, with JSON Schemas", security, querystring: FunctionsQuery };
