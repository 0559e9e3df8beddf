// What became of a call, in the words in which the request that made it is answered: the same whether it waited or asks later.

import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { type ProblemCode, problemBody } from "#libs/contracts/problems.ts";
import type { McpMethod } from "#libs/mcp/mcp-transport.ts";
import { answerOf, type OpenedMcpAnswer } from "../../answer-call.ts";
import type { Ended } from "../../pending-calls.ts";
import type { IngressPorts } from "../../ports.ts";
import { fault, type RpcFault } from "../read-mcp.ts";
import { bodyJsonOf } from "../write-answer.ts";
import { toolResultText } from "../write-mcp.ts";
import { nativeResult } from "../write-mcp-answer.ts";
import { complete, problemFault, toolError, unknownTool } from "./send.ts";

export type Outcome =
	/** A result as JSON text; `isError`: of the tool. */
	| { readonly kind: "result"; readonly text: string; readonly isError: boolean }
	/** An error of the protocol; `refused`: Callgate's, and not the server's behind it. */
	| { readonly kind: "fault"; readonly fault: RpcFault; readonly refused?: ProblemCode };

export interface OutcomeTerms {
	readonly isModern: boolean;
	/** Which request asked for it. */
	readonly method: McpMethod;
	/** Of the result, where its revision demands it. */
	readonly meta?: object;
	/** Aborted when nobody waits for it any more. */
	readonly gone: AbortSignal;
}

export async function outcomeOf(ports: IngressPorts, ended: Ended, { isModern, method, meta, gone }: OutcomeTerms): Promise<Outcome> {
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
	if (answer.result.protocol === "mcp") return nativeOutcome(answer.result, call, more, isModern && method === "resources/read");
	const fn = ports.configuration.current().connection(connection)?.function(name);
	return { kind: "result", text: toolResultText(answer.result, { call, fn, isModern, more }), isError: answer.result.status >= 400 };
}

/** What the server says to caches is not passed on: each reading is decided, masked for its caller and recorded. */
const neverShared = { ttlMs: 0, cacheScope: "private" } as const;

/** What an MCP server answered is the answer, in its own words. */
function nativeOutcome(answer: OpenedMcpAnswer, call: string, more: { readonly _meta?: object }, isCacheable: boolean): Outcome {
	if (answer.code === undefined) {
		const text = nativeResult(call, answer, more, isCacheable ? neverShared : {});
		return { kind: "result", text, isError: answer.isError };
	}
	const error = JSON.parse(bodyJsonOf(answer) ?? "{}") as JsonValue;
	const { message, data } = isJsonObject(error) ? error : {};
	const told = typeof message === "string" ? message : "The server answered with an error";
	return { kind: "fault", fault: fault(answer.code, told, 200, isJsonObject(data) ? data : undefined) };
}
