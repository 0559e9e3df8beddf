// The caller no longer wants a call: it ends as cancelled, unless people or time were faster.
import type { Event } from "#libs/contracts/events.ts";
import { carryOut } from "./carry-out.ts";
import { decideWithdraw } from "./decide-approval.ts";
import type { Parts } from "./ports.ts";
import { planFor, settleCall } from "./settle-call.ts";

/** May come before the call does, after it is settled, and more than once. */
export async function withdrawCall(parts: Parts, { data, traceparent }: Event<"call.withdrawn">): Promise<void> {
	// A quorum that was reached before this and not yet acted on was faster.
	await settleCall(parts, data.call);
	const { wrote } = await carryOut(parts, data.call, (approval) => decideWithdraw(approval, data.call, data.caller), traceparent);
	if (wrote !== "call.ended") return;
	parts.counters.settled("cancelled");
	parts.log.info({ ...parts.approvals.about(data.call), outcome: "cancelled" }, "a held call is settled");
	planFor(parts, data.call);
}
