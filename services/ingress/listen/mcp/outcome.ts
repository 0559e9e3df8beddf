// What became of a call, in the words in which the request that made it is answered: the same whether it waited or asks later.

import { bodyJsonOf } from "#libs/contracts/ending-answer.ts";
import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { type ProblemCode, problemBody } from "#libs/contracts/problems.ts";
import type { McpMethod } from "#libs/mcp/mcp-transport.ts";
import { type Askable, canAnswer } from "#libs/mcp/questions.ts";
import { sealState } from "#libs/mcp/request-state.ts";
import { answerOf, type OpenedMcpAnswer } from "../../answer-call.ts";
import type { Ended } from "../../pending-calls.ts";
import type { IngressPorts } from "../../ports.ts";
import { fault, type RpcFault, rpc } from "../read-mcp.ts";
import { toolResultText } from "../write-mcp.ts";
import { nativeResult } from "../write-mcp-answer.ts";
import { complete, problemFault, toolError, unknownTool } from "./send.ts";

export type Outcome =
	/** A result as JSON text; `isError`: of the tool. */
	| { readonly kind: "result"; readonly text: string; readonly isError: boolean; readonly asks?: true }
	/** An error of the protocol; `refused`: Callgate's, and not the server's behind it. `asks`: of somebody who cannot be asked. */
	| { readonly kind: "fault"; readonly fault: RpcFault; readonly refused?: ProblemCode; readonly asks?: true };

export interface OutcomeTerms {
	readonly isModern: boolean;
	/** Which request asked for it. */
	readonly method: McpMethod;
	/** What its client can be asked for. */
	readonly askable: readonly Askable[];
	/** Of the result, where its revision demands it. */
	readonly meta?: object;
	/** Aborted when nobody waits for it any more. */
	readonly gone: AbortSignal;
}

export async function outcomeOf(
	ports: IngressPorts,
	ended: Ended,
	{ isModern, method, askable, meta, gone }: OutcomeTerms,
): Promise<Outcome> {
	const { call, connection, function: name } = ended.data;
	const more = isModern ? complete : { ...(meta && { _meta: meta }) };
	const answer = await answerOf(ports, ended, gone);
	if (!answer.ok) {
		const { code, details } = answer;
		if (method !== "tools/call") return { kind: "fault", fault: problemFault(code, details), refused: code };
		if (code === "function_unknown") return { kind: "fault", fault: unknownTool, refused: code };
		const text = JSON.stringify({ ...more, ...toolError(JSON.stringify(problemBody(code, details))) });
		return { kind: "result", text, isError: true };
	}
	if (answer.result.protocol === "mcp") {
		if (answer.result.asks) return askingOutcome(ports, ended, answer.result, answer.result.asks, isModern ? askable : []);
		return nativeOutcome(answer.result, call, more, isModern && method === "resources/read" ? neverShared : {});
	}
	const fn = ports.configuration.current().connection(connection)?.function(name);
	return { kind: "result", text: toolResultText(answer.result, { call, fn, isModern, more }), isError: answer.result.status >= 400 };
}

/** What the server says to caches is not passed on: each reading is decided, masked for its caller and recorded. */
const neverShared = { ttlMs: 0, cacheScope: "private" } as const;

/** A question to the client, which comes back with the answer and with what Callgate gives it here. */
function askingOutcome(
	{ sealingKeys, clock }: IngressPorts,
	{ data }: Ended,
	answer: OpenedMcpAnswer,
	asks: NonNullable<OpenedMcpAnswer["asks"]>,
	askable: readonly Askable[],
): Outcome {
	// It is a client that can be asked whose call it is; another may have attached to it.
	if (!canAnswer(asks, askable)) {
		const told = "The server asks for input, which only a client that declares so, and takes events before 2026-07-28, can give";
		return { kind: "fault", fault: fault(rpc.internal, told, 200), asks: true };
	}
	const requestState = sealState(sealingKeys, data.pool, data.call, data, asks, clock.now());
	return { ...nativeOutcome(answer, data.call, { _meta: complete._meta }, { requestState }), asks: true };
}

/** What an MCP server answered is the answer, in its own words. */
function nativeOutcome(answer: OpenedMcpAnswer, call: string, more: { readonly _meta?: object }, ours: object): Outcome {
	if (answer.code === undefined) {
		const text = nativeResult(call, answer, more, ours);
		return { kind: "result", text, isError: answer.isError };
	}
	const error = JSON.parse(bodyJsonOf(answer) ?? "{}") as JsonValue;
	const { message, data } = isJsonObject(error) ? error : {};
	const told = typeof message === "string" ? message : "The server answered with an error";
	// https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes: the client did not declare what the server needs.
	const status = answer.code === rpc.missingCapability ? 400 : 200;
	return { kind: "fault", fault: fault(answer.code, told, status, isJsonObject(data) ? data : undefined) };
}
