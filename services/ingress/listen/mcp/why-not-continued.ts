// Whether a client may come back with what it brings, where a function asked it something.
import type { Caller } from "#libs/contracts/call.ts";
import { answersTo } from "#libs/mcp/questions.ts";
import { openState } from "#libs/mcp/request-state.ts";
import type { AskedCall } from "../../accept-call.ts";
import type { IngressPorts } from "../../ports.ts";
import { type Continues, fault, type RpcFault, rpc } from "../read-mcp.ts";

/** The state must be what this caller was given for this function, and the answers those of what was asked. */
export function whyNotContinued(
	{ configuration, sealingKeys, clock }: IngressPorts,
	caller: Caller,
	{ connection, function: name }: Pick<AskedCall, "connection" | "function">,
	{ requestState, inputResponses }: Continues,
): RpcFault | undefined {
	const pool = configuration.current().connection(connection)?.pool ?? "";
	const state = openState(sealingKeys, pool, { caller, connection, function: name }, requestState, clock.now());
	if (!state) return fault(rpc.params, "The requestState is not one that you were given for this: ask anew, without it", 200);
	const read = answersTo(state, inputResponses);
	return "unfit" in read ? fault(rpc.params, `The answer to ${JSON.stringify(read.unfit)} is none to what was asked`, 200) : undefined;
}
