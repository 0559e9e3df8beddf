// The answer to a call whose client wants to hear meanwhile: server-sent events, each what the server said of the call, and at last the answer.
import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { JsonObject } from "#libs/contracts/json.ts";
import { type LogLevel, logLevels, type NoticeMethod } from "#libs/mcp/read-notice.ts";
import { problemOf } from "#libs/service/http.ts";
import type { Ended } from "../../pending-calls.ts";
import type { Begun } from "../../submit-call.ts";
import type { DoorPorts } from "../door.ts";
import { fault, type RequestId, rpc, type Wanted } from "../read-mcp.ts";
import { type Outcome, type OutcomeTerms, outcomeOf } from "./outcome.ts";
import { errorText, eventText, problemFault, resultText } from "./send.ts";

export interface Noticed extends OutcomeTerms {
	readonly id: RequestId;
	readonly wanted: Wanted;
}

export function sendNoticed(ports: DoorPorts, reply: FastifyReply, begun: Begun, noticed: Noticed): FastifyReply {
	return sendEvents(reply, messagesOf(ports, begun, noticed), { gone: noticed.gone, leave: () => begun.pieces.leave() });
}

/** @param leave called when the client is gone, perhaps more than once */
export function sendEvents(
	reply: FastifyReply,
	messages: AsyncGenerator<string, void>,
	{ gone, leave }: { readonly gone: AbortSignal; readonly leave: () => void },
): FastifyReply {
	gone.addEventListener("abort", leave);
	if (gone.aborted) leave();
	const events = async function* (): AsyncGenerator<string, void> {
		reply.raw.flushHeaders();
		for await (const message of messages) yield eventText(message);
	};
	reply.header("cache-control", "no-store").type("text/event-stream");
	return reply.send(Readable.from(events(), { objectMode: false, highWaterMark: 65_536 }));
}

/** Ends with the answer, or with an error: nothing is cut off in silence. */
async function* messagesOf(ports: DoorPorts, begun: Begun, noticed: Noticed): AsyncGenerator<string, void> {
	const { call, answered } = begun;
	const { id, wanted } = noticed;
	try {
		const ended = yield* noticesOf(begun, wanted);
		if (!ended) {
			yield brokenOff(id, call);
			return;
		}
		const outcome = await outcomeOf(ports, ended, noticed);
		await answered();
		yield outcomeText(id, outcome);
	} catch (error) {
		yield failureText(ports, id, call, error);
	}
}

export function outcomeText(id: RequestId, outcome: Outcome): string {
	return outcome.kind === "fault" ? errorText(id, outcome.fault) : resultText(id, outcome.text);
}

export function failureText({ log }: DoorPorts, id: RequestId, call: string, error: unknown): string {
	const { code, details } = problemOf(error);
	if (code === "internal") log.error({ error, code, call }, "an answer with notices could not be passed on");
	return errorText(id, problemFault(code, { ...details, call }));
}

export function brokenOff(id: RequestId, call: string): string {
	return errorText(id, fault(rpc.internal, "This replica stops, and the call goes on: ask again", 200, { call }));
}

/** What the server says meanwhile, as far as it is wanted; then the ending, or undefined where this replica lets its callers go. Leaves the pieces. */
export async function* noticesOf({ pieces }: Begun, wanted: Wanted): AsyncGenerator<string, Ended | undefined> {
	try {
		for await (const { text } of pieces) yield* noticesIn(text, wanted);
		return pieces.ended === "left" ? undefined : pieces.ended;
	} finally {
		pieces.leave();
	}
}

/** Whole lines: an executor parts them nowhere else, as none is as long as a piece may be. */
function* noticesIn(text: string, { progressToken, logLevel }: Wanted): Generator<string, void> {
	const isLoud = (level: unknown) => logLevel !== undefined && logLevels.indexOf(level as LogLevel) >= logLevels.indexOf(logLevel);
	for (const line of text.split("\n")) {
		if (line === "") continue;
		const { method, params } = JSON.parse(line) as { readonly method: NoticeMethod; readonly params: JsonObject };
		if (method === "notifications/progress" && progressToken !== undefined)
			yield JSON.stringify({ jsonrpc: "2.0", method, params: { ...params, progressToken } });
		if (method === "notifications/message" && isLoud(params.level)) yield JSON.stringify({ jsonrpc: "2.0", method, params });
	}
}
