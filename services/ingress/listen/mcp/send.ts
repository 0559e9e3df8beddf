// Results and errors of JSON-RPC, as each revision of MCP has them.
import type { FastifyReply } from "fastify";
import { type ProblemCode, type ProblemDetails, problemBody, problems } from "#libs/contracts/problems.ts";
import type { McpMethod } from "#libs/mcp/mcp-transport.ts";
import { implementation } from "#libs/mcp/messages.ts";
import { fault, type RequestId, type RpcFault, rpc } from "../read-mcp.ts";

/** What every result of 2026-07-28 has. */
export const complete = { resultType: "complete", _meta: { "io.modelcontextprotocol/serverInfo": implementation } } as const;

/** A request, as far as its answer must know it. */
export interface Asked {
	readonly id: RequestId;
	readonly isModern: boolean;
}

/** One that is a call. */
export interface CallAsked extends Asked {
	readonly method: McpMethod;
}

export function sendResult(reply: FastifyReply, { id, isModern }: Asked, result: object): FastifyReply {
	return sendResultText(reply, id, JSON.stringify({ ...(isModern && complete), ...result }));
}

/** @param result JSON that was written already, with every digit of every number */
export function sendResultText(reply: FastifyReply, id: RequestId, result: string): FastifyReply {
	return reply.type("application/json").send(resultText(id, result));
}

/** @param result JSON that was written already */
export function resultText(id: RequestId, result: string): string {
	return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
}

/** A message as a server-sent event. What a function sent stands in it as it was sent, with its line ends; in strings there are none. */
export function eventText(message: string): string {
	return `event: message\ndata: ${message.replace(/[\r\n]+/g, " ")}\n\n`;
}

export function errorText(id: RequestId | undefined, { code, message, data }: RpcFault): string {
	return JSON.stringify({ jsonrpc: "2.0", ...(id !== undefined && { id }), error: { code, message, ...(data && { data }) } });
}

/** An error that a model can read and do better. */
export function toolError(text: string): { readonly content: readonly object[]; readonly isError: true } {
	return { content: [{ type: "text", text }], isError: true };
}

/** A tool that is not there is an error of the protocol; anything else one of the tool. What is no tool has no errors but the protocol's. */
export function sendUnfit(reply: FastifyReply, asked: CallAsked, code: ProblemCode, details: ProblemDetails): FastifyReply {
	reply.refusal = { code, call: details.call };
	return reply.type("application/json").send(unfitText(asked, code, details));
}

export function unfitText(asked: CallAsked, code: ProblemCode, details: ProblemDetails): string {
	if (asked.method !== "tools/call") return errorText(asked.id, problemFault(code, details));
	return code === "function_unknown" ? errorText(asked.id, unknownTool) : failedText(asked, JSON.stringify(problemBody(code, details)));
}

/** What a tool answers a model reads, so a tool says it; of anything else it is an error, because nothing was read. */
export function unfinishedText(asked: CallAsked, told: Unfinished, advice = sameAgain(asked)): string {
	if (asked.method === "tools/call") return failedText(asked, JSON.stringify({ ...told, advice }));
	return errorText(asked.id, fault(rpc.internal, "The call has not ended: ask again", 200, { ...told, advice }));
}

export interface Unfinished {
	readonly call: string;
	readonly state: string;
	readonly waitsFor: object | undefined;
}

function sameAgain({ method }: CallAsked): string {
	const subject = method === "tools/call" ? "Call the same tool with the same arguments" : "Ask for the same with the same parameters";
	return `${subject} again later: that asks nobody anew, and gets what became of this call.`;
}

export function refusedText(asked: CallAsked, told: string): string {
	return asked.method === "tools/call" ? failedText(asked, told) : errorText(asked.id, fault(rpc.internal, told, 200));
}

function failedText({ id, isModern }: CallAsked, text: string): string {
	return resultText(id, JSON.stringify({ ...(isModern && complete), ...toolError(text) }));
}

export const unknownTool = fault(rpc.params, "Unknown tool", 200);

/** A problem as an error of the protocol, whole in its data. */
export function problemFault(code: ProblemCode, details: ProblemDetails): RpcFault {
	const { jsonRpc, title } = problems[code];
	return fault(jsonRpc, title, 200, problemBody(code, details));
}

/** @param refused absent: the server behind Callgate answered so, and nobody was refused here */
export function sendFault(
	reply: FastifyReply,
	id: RequestId | undefined,
	told: RpcFault,
	refused?: ProblemCode | undefined,
	call?: string,
): FastifyReply {
	if (refused !== undefined) reply.refusal = { code: refused, call };
	return reply.code(told.status).type("application/json").send(errorText(id, told));
}
