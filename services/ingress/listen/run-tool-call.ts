// One tool call of a model, from what the model wrote to what it is told: whatever goes wrong is told to the model, so that it can do better.
import type { Caller } from "#libs/contracts/call.ts";
import { bodyJsonOf } from "#libs/contracts/ending-answer.ts";
import { type ProblemDetails, problemBody, Refusal } from "#libs/contracts/problems.ts";
import { problemOf } from "#libs/service/http.ts";
import { checkCall } from "../accept-call.ts";
import { answerOf, type OpenedAnswer } from "../answer-call.ts";
import type { IngressPorts } from "../ports.ts";
import { type Submitted, submitCall } from "../submit-call.ts";
import { waitsForOf } from "../waits-for.ts";
import type { DoorPorts } from "./door.ts";
import { failureText, type Told, type ToolCall } from "./models/format.ts";
import type { ReadToolCall } from "./read-tool-calls.ts";
import { modelText } from "./write-mcp-answer.ts";

export interface ToolTerms {
	readonly caller: Caller;
	readonly via: string;
	/** What the model's own ids are unique within, where its caller says so. */
	readonly scope: string | undefined;
	readonly traceparent: string;
	readonly waitMs: number;
	readonly gone: AbortSignal;
	/** Around work on the request, which counts as the caller's while it lasts. */
	readonly during: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Never rejects: what became of the others is told all the same. */
export async function runToolCall(ports: DoorPorts, { toolCall, meant }: ReadToolCall, terms: ToolTerms): Promise<Told> {
	try {
		if ("refused" in meant) throw new Refusal(meant.refused.code, meant.refused.details);
		const { caller, via, traceparent, gone, waitMs } = terms;
		const asked = { ...meant, caller, via, traceparent, idempotencyKey: keyOf(toolCall, terms) };
		const checked = await terms.during(() => checkCall(ports, asked, gone));
		const submitted = await ports.intake.through(() => submitCall(ports, checked, { waitMs, gone, attach: false }));
		return await told(ports, toolCall, submitted, gone);
	} catch (error) {
		const { code, details } = problemOf(error);
		if (code === "internal") ports.log.error({ error, code }, "a tool call failed");
		return failed(toolCall, code, details);
	}
}

/** The same call of the same model is one call, however often it is sent. Its id may be anything; a key is visible ASCII. */
function keyOf({ id }: ToolCall, { via, scope }: ToolTerms): string | undefined {
	if (id === undefined) return undefined;
	const key = [via, ...(scope === undefined ? [] : [scope]), id].join("/");
	if (!/^[\x21-\x7e]{1,255}$/.test(key))
		throw new Refusal("malformed_request", {
			detail: "the id of a tool call must be visible ASCII, with its API and the Idempotency-Key before it at most 255 characters",
		});
	return key;
}

async function told(ports: IngressPorts, toolCall: ToolCall, submitted: Submitted, gone: AbortSignal): Promise<Told> {
	const { call } = submitted;
	if (!submitted.ended) return { toolCall, kind: "pending", text: await pendingText(ports, submitted), call };
	const answer = await answerOf(ports, submitted.ended, gone);
	if (!answer.ok) return failed(toolCall, answer.code, { ...answer.details, call });
	const { result } = answer;
	if (!isRefusal(result)) return { toolCall, kind: "answered", text: textOf(result), call };
	const status = result.protocol === "http" ? `"status":${result.status},` : "";
	const text = `{"error":{"code":"function_refused",${status}"body":${bodyJsonOf(result) ?? "null"}}}`;
	return { toolCall, kind: "failed", text, call };
}

function isRefusal(result: OpenedAnswer): boolean {
	return result.protocol === "http" ? result.status >= 400 : result.isError;
}

/** No provider takes an empty answer. */
function textOf(result: OpenedAnswer): string {
	if (result.protocol === "mcp") return modelText(result);
	return bodyJsonOf(result) ?? JSON.stringify({ status: result.status });
}

function failed(toolCall: ToolCall, code: Parameters<typeof problemBody>[0], details: ProblemDetails): Told {
	return { toolCall, kind: "failed", text: failureText(problemBody(code, details)), call: details.call };
}

async function pendingText({ bus }: IngressPorts, { call, state }: Exclude<Submitted, { ended: object }>): Promise<string> {
	const waitsFor = state === "held" ? await waitsForOf(bus, call) : undefined;
	const what =
		state === "held" ? "People must approve this call before it runs; it has not run." : "This call was accepted and has not ended.";
	const message = `${what} Do not ask for it under a new id: the same tool call, sent again, is answered with its ending.`;
	return JSON.stringify({ pending: { call, state, message, ...(waitsFor && { waitsFor }) } });
}
