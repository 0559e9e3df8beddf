// Policy holds a call: from now on it waits for people, unless its caller gave it up in the meantime.
import type { Event } from "#libs/contracts/events.ts";
import { carryOut } from "./carry-out.ts";
import { decideGiveUp, decideHold } from "./decide-approval.ts";
import type { Parts } from "./ports.ts";
import { planFor, settleCall } from "./settle-call.ts";

/** The event may come any number of times, long after the call was settled: then nothing happens. */
export async function holdCall(parts: Parts, { data, traceparent }: Event<"call.held">): Promise<void> {
	const { wrote } = await carryOut(parts, data.call, (approval) => decideHold(approval, data), traceparent);
	if (wrote === "approval.asked")
		parts.log.info(
			{ ...parts.approvals.about(data.call), connection: data.connection, function: data.function },
			"a call waits for people",
		);
	// One that arrives after its own end is ended at once.
	const approval = await settleCall(parts, data.call);
	if (approval.state === "waiting") planFor(parts, data.call);
}

/** The last word about a hold that no try could handle. */
export async function giveUpCall(parts: Parts, { data, traceparent }: Event<"call.held">): Promise<void> {
	await carryOut(parts, data.call, (approval) => decideGiveUp(approval, data), traceparent);
}
