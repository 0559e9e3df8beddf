// What the timetable's jobs do: ask in a channel, show how it stands, remind. Every job looks at the state first, as new as its planner saw it; what is
// no longer needed is not done.
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import type { Approval, Delivered } from "./approval.ts";
import { carryOut } from "./carry-out.ts";
import { decideDelivered, decideRemind } from "./decide-approval.ts";
import { type Approvers, ApproversUnavailable, isShown, type Job, type Parts } from "./ports.ts";
import { settleCall } from "./settle-call.ts";

/** Messages that were posted and could not be recorded yet, by call and channel; bounded, because the oldest is the least likely to matter. */
const unrecordedMax = 1_000;
/** A settlement that arrives while a message is being changed is shown by changing it again, this often at most. */
const changesMax = 5;

/** The processor of jobs. Rejects with {@link ApproversUnavailable} or {@link EventsUnavailable} where the job is to be tried again. */
export function createJobs(parts: Parts): (job: Job, tries: number) => Promise<void> {
	const unrecorded = new Map<string, Delivered>();
	return async (job, tries) => {
		// A job that is done is never planned again: to find nothing to do because another replica was faster would be for good.
		await parts.approvals.reach(job.after);
		switch (job.kind) {
			case "expire":
			case "escalate":
				crashPoint("after-timer-before-event");
				await settleCall(parts, job.call);
				return;
			case "deliver":
				if (parts.approvers) await deliver(parts, parts.approvers, job, unrecorded);
				return;
			case "update":
				if (parts.approvers) await show(parts, parts.approvers, job.call);
				return;
			case "remind":
				await remind(parts, job, tries);
				return;
		}
	};
}

/** Puts the question into a channel once. A crash between posting and recording asks twice; both messages work the same way. */
async function deliver(parts: Parts, approvers: Approvers, { call, nth: channel }: Job, unrecorded: Map<string, Delivered>): Promise<void> {
	const approval = parts.approvals.get(call);
	if (approval.state !== "waiting" || isDelivered(approval, channel)) return;
	const key = `${call} ${channel}`;
	const delivered = unrecorded.get(key) ?? (await approvers.ask(channel, approval, parts.groups()));
	unrecorded.set(key, delivered);
	for (const oldest of unrecorded.keys()) {
		if (unrecorded.size <= unrecordedMax) break;
		unrecorded.delete(oldest);
	}
	const { approval: after, wrote } = await carryOut(parts, call, (now) => decideDelivered(now, delivered));
	unrecorded.delete(key);
	if (wrote !== undefined) parts.log.info({ ...parts.approvals.about(call), channel }, "approvers were asked");
	// Settled while the message was on its way: it must not go on asking.
	if (isShown(after) && !shows(approval, after)) await approvers.show(delivered, after, parts.groups());
}

function isDelivered(approval: Approval, channel: string): boolean {
	return isShown(approval) && approval.question.deliveries.some((delivered) => delivered.channel === channel);
}

/** Whether a message made from `before` still says what `after` is. */
function shows(before: Approval, after: Approval): boolean {
	if (!isShown(before) || !isShown(after) || before.state !== after.state) return false;
	return (
		before.question.votes.length === after.question.votes.length && before.question.escalated.length === after.question.escalated.length
	);
}

/** Makes every message about the call show how it stands now, also if that changes meanwhile. */
async function show(parts: Parts, approvers: Approvers, call: string): Promise<void> {
	for (let change = 0; change < changesMax; change++) {
		const approval = parts.approvals.get(call);
		if (!isShown(approval)) return;
		await toEach(approval.question.deliveries, (delivered) => approvers.show(delivered, approval, parts.groups()));
		if (shows(approval, parts.approvals.get(call))) return;
	}
	throw new EventsUnavailable("the call changes faster than its messages can show");
}

/** Written first, said second: a replica that lost the race for the event says nothing, one that tries again says it again. */
async function remind(parts: Parts, { call, nth }: Job, tries: number): Promise<void> {
	const { wrote, approval } = await carryOut(parts, call, (now) => decideRemind(now, Number(nth), parts.now()));
	const { approvers } = parts;
	if (approval.state !== "waiting" || !approvers || (wrote === undefined && tries <= 1)) return;
	await toEach(approval.question.deliveries, (delivered) => approvers.remind(delivered, approval));
}

/** One message that cannot be reached does not keep the others from being; one that somebody deleted needs nothing. */
async function toEach(deliveries: readonly Delivered[], act: (delivered: Delivered) => Promise<void>): Promise<void> {
	let failure: unknown;
	for (const delivered of deliveries) {
		try {
			await act(delivered);
		} catch (error) {
			if (!(error instanceof ApproversUnavailable && error.code === "message_not_found")) failure = error;
		}
	}
	if (failure !== undefined) throw failure;
}
