// A caller no longer wants its call: it is cancelled if it still waits for people, and the caller learns which.
import type { Caller } from "#libs/contracts/call.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { Ended } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";
import { showCall, stateOf } from "./show-call.ts";

/** Approval answers within milliseconds where it runs at all. */
const settleWithinMsDefault = 5_000;

/**
 * @returns the call's ending, or undefined where nobody has answered yet: the withdrawal is on the record and will be carried out.
 * @throws {Refusal} `not_found`; `already_settled` where the call is no longer waiting.
 */
export async function cancelCall(
	ports: IngressPorts,
	caller: Caller,
	call: string,
	settleWithinMs = settleWithinMsDefault,
): Promise<Ended | undefined> {
	const own = await showCall(ports, caller, call);
	refuseSettled(call, own.standing.state);
	const wait = ports.pending.listen(call, own.pool);
	try {
		await ports.bus.publish(newEvent("ingress", "call.withdrawn", { call, caller }, { at: ports.clock.now() }));
		const heard = await wait.ended(settleWithinMs);
		if (heard?.data.ending === "cancelled") return heard;
		const { ended, state } = await stateOf(ports, own);
		if (state !== "cancelled") refuseSettled(call, state);
		return ended;
	} finally {
		wait.cancel();
	}
}

function refuseSettled(call: string, state: string): void {
	if (state !== "received" && state !== "held") throw new Refusal("already_settled", { call, detail: `the call is ${state}` });
}
