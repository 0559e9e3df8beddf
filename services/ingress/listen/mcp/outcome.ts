// What became of a call, in the words in which the request that made it is answered: the same whether it waited or asks later.

import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { problemBody } from "#libs/contracts/problems.ts";
import { answerOf, type OpenedMcpAnswer } from "../../answer-call.ts";
import type { Ended } from "../../pending-calls.ts";
import type { IngressPorts } from "../../ports.ts";
import { fault, type RpcFault } from "../read-mcp.ts";
import { bodyJsonOf } from "../write-answer.ts";
import { toolResultText } from "../write-mcp.ts";
import { nativeResult } from "../write-mcp-answer.ts";
import { complete, toolError, unknownTool } from "./send.ts";

export type Outcome =
	/** A result as JSON text; `isError`: of the tool. */
	| { readonly kind: "result"; readonly text: string; readonly isError: boolean }
	/** An error of the protocol. */
	| { readonly kind: "fault"; readonly fault: RpcFault };

export interface OutcomeTerms {
	readonly isModern: boolean;
	/** Of the result, where its revision demands it. */
	readonly meta?: object;
	/** Aborted when nobody waits for it any more. */
	readonly gone: AbortSignal;
}

export async function outcomeOf(ports: IngressPorts, ended: Ended, { isModern, meta, gone }: OutcomeTerms): Promise<Outcome> {
	const { call, connection, function: name } = ended.data;
	const more = isModern ? complete : { ...(meta && { _meta: meta }) };
	const answer = await answerOf(ports, ended, gone);
	if (!answer.ok) {
		if (answer.code === "function_unknown") return { kind: "fault", fault: unknownTool };
		const text = JSON.stringify({ ...more, ...toolError(JSON.stringify(problemBody(answer.code, answer.details))) });
		return { kind: "result", text, isError: true };
	}
	if (answer.result.protocol === "mcp") return nativeOutcome(answer.result, call, more);
	const fn = ports.configuration.current().connection(connection)?.function(name);
	return { kind: "result", text: toolResultText(answer.result, { call, fn, isModern, more }), isError: answer.result.status >= 400 };
}

/** What an MCP server answered is the answer, in its own words. */
function nativeOutcome(answer: OpenedMcpAnswer, call: string, more: { readonly _meta?: object }): Outcome {
	if (answer.code === undefined) return { kind: "result", text: nativeResult(call, answer, more), isError: answer.isError };
	const error = JSON.parse(bodyJsonOf(answer) ?? "{}") as JsonValue;
	const { message, data } = isJsonObject(error) ? error : {};
	const told = typeof message === "string" ? message : "The server answered with an error";
	return { kind: "fault", fault: fault(answer.code, told, 200, isJsonObject(data) ? data : undefined) };
}
