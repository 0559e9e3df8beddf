// A call with which a client answers what the function asked: what it came back with is opened here, and the function is told what it asked for alone.
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import { answersTo } from "#libs/mcp/questions.ts";
import { openState, type StateOwner } from "#libs/mcp/request-state.ts";
import { type ArgumentError, isRecord } from "./schema.ts";
import type { Written } from "./transport.ts";

/** Ingress has looked at it already; what is sent is what is looked at here. Errors: it is not this caller's, not of this function, or no answer. */
export function continued(
	keys: SealingKeys,
	granted: StateOwner & { readonly pool: string },
	written: Written,
	now: Date,
): Written | { readonly errors: readonly ArgumentError[] } {
	if (written.protocol !== "mcp") return written;
	const { message } = written;
	const { requestState, inputResponses, ...params } = message.params;
	// Answers to nothing.
	if (requestState === undefined) return inputResponses === undefined ? written : { ...written, message: { ...message, params } };
	const state = typeof requestState === "string" ? openState(keys, granted.pool, granted, requestState, now) : undefined;
	if (!state) return unfit("/requestState", "is not what this caller was given for this function");
	const read = answersTo(state, isRecord(inputResponses) ? inputResponses : {});
	if ("unfit" in read) return unfit("/inputResponses", "has no answer to what was asked");
	const again = state.state === undefined ? {} : { requestState: state.state };
	return { ...written, message: { ...message, params: { ...params, inputResponses: read.answers, ...again } } };
}

function unfit(pointer: string, message: string): { readonly errors: readonly ArgumentError[] } {
	return { errors: [{ pointer, message }] };
}
