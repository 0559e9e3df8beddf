// What AI models emit, taken as it is: a message with tool calls comes in, and what is to be appended to the conversation goes out.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { anyJson, problemAnswers, security } from "#libs/service/describe-api.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import type { IngressPorts } from "../ports.ts";
import { PreparedArguments } from "../prepare-arguments.ts";
import { type DoorPorts, openDoor } from "./door.ts";
import type { ProxyLimits } from "./listen-proxy.ts";
import type { ModelFormat, Told } from "./models/format.ts";
import { modelFormats } from "./models/formats.ts";
import { goneSignal, readIdempotencyKey, readTraceparent, readWaitMs } from "./read-request.ts";
import { type ReadToolCall, readToolCalls } from "./read-tool-calls.ts";
import { runToolCall } from "./run-tool-call.ts";

/** Adds the routes; call before `listen`. */
export async function listenModels(http: FastifyInstance, ports: DoorPorts, limits: ProxyLimits): Promise<void> {
	const door = openDoor(ports);
	await http.register(async (scope) => {
		scope.removeContentTypeParser("application/json");
		scope.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => body);
		for (const format of modelFormats) {
			const bringing = { schema: schemaOf(format), onRequest: door.admitting };
			scope.post(format.path, bringing, async (request, reply) => {
				const caller = door.callerOf(request);
				const { headers } = request;
				const gone = goneSignal(request, reply);
				const terms = {
					...{ caller, gone, via: format.via },
					scope: readIdempotencyKey(headers["idempotency-key"]),
					traceparent: readTraceparent(headers.traceparent),
					waitMs: readWaitMs(headers.prefer, limits.waitSecondsMax) ?? limits.proxyWaitSeconds * 1_000,
					during: <T>(work: () => Promise<T>) => door.during(request, work),
				};
				const read = await terms.during(() => readCalls(ports, format, request, turnOf(ports.configuration.current(), caller, gone)));
				const told = await Promise.all(read.map((one) => runToolCall(ports, one, terms)));
				return { ...format.write(told), calls: told.map(standingOf) };
			});
		}
	});
}

async function readCalls(
	{ aside, configuration }: IngressPorts,
	format: ModelFormat,
	{ body }: FastifyRequest,
	turn: ReturnType<typeof turnOf>,
): Promise<ReadToolCall[]> {
	const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
	if (bytes.length <= hereCharsMax) return readToolCalls(configuration.current(), format, bytes);
	const input = { via: format.via, bytes };
	const read = await aside.run<typeof input, ReadToolCall[]>("prepareToolCalls", turn, input);
	return read.map(({ toolCall, meant }) => {
		if ("refused" in meant) return { toolCall, meant };
		// A class does not survive the way between threads.
		return { toolCall, meant: { ...meant, arguments: new PreparedArguments(meant.arguments as PreparedArguments) } };
	});
}

/** For the application: models need not read it. */
function standingOf({ toolCall: { id }, kind, call }: Told) {
	return { ...(id !== undefined && { id }), kind, ...(call !== undefined && { call, location: `/v1/calls/${call}` }) };
}

function schemaOf({ takes }: ModelFormat) {
	return {
		summary: "Run the tool calls of a model's message",
		description: `The body is ${takes}. The calls run side by side; what is to be appended to the conversation comes back in their order. The
same message again is answered with the same calls' endings, by the model's own ids (within \`Idempotency-Key\`, where it is sent).`,
		security,
		response: {
			200: { description: "what to append, and the calls", content: { "application/json": { schema: anyJson } } },
			...problemAnswers,
		},
	};
}
