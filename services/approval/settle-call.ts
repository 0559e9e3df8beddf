// Whatever is due about a call is done: granted when enough people approved, ended when one rejected or its time is over, escalated in between.
import type { Approval } from "./approval.ts";
import { carryOut } from "./carry-out.ts";
import { decideDue } from "./decide-approval.ts";
import { jobsOf } from "./plan-jobs.ts";
import type { Parts } from "./ports.ts";

/** Every escalation and one ending. */
const stepsMax = 20;

/**
 * Brings a call as far as it can go now. Harmless to repeat, on any number of replicas at once.
 *
 * @throws {EventsUnavailable}
 */
export async function settleCall(parts: Parts, call: string): Promise<Approval> {
	for (let step = 0; step < stepsMax; step++) {
		const { approval, wrote } = await carryOut(parts, call, (now) => decideDue(now, parts.now(), parts.groups()));
		if (wrote === undefined) return approval;
		if (approval.state === "granted" || approval.state === "ended") {
			const outcome = approval.state === "granted" ? "granted" : approval.ending;
			parts.counters.settled(outcome);
			parts.log.info({ ...parts.approvals.about(call), outcome }, "a held call is settled");
		}
		planFor(parts, call);
	}
	return parts.approvals.get(call);
}

/** Puts on the timetable what the state says is to be done. Not waited for: the stream is the truth and planning is repeated. */
export function planFor({ approvals, groups, now, timetable }: Parts, call: string): void {
	void timetable.plan(jobsOf(call, approvals.get(call), groups(), now()));
}
