// Decides and writes until one of them holds: whoever writes first about a call wins, everyone else looks again and decides anew.
import { randomUUID } from "node:crypto";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { signGrant } from "#libs/contracts/grant.ts";
import type { Approval, Waiting } from "./approval.ts";
import type { Decision, Draft, Said, VoteRefusal, Written } from "./decide-approval.ts";
import type { Parts } from "./ports.ts";

/** Each lost race means that someone else moved the call on, and a call can only move on so often. */
const racesMax = 64;

export interface CarriedOut {
	/** The state after it, whoever brought it about. */
	readonly approval: Approval;
	readonly wrote: CallgateEvent["type"] | undefined;
	readonly refusal: VoteRefusal | undefined;
}

/**
 * Carries out one decision about a call. Resolves when what was decided is durable and known to this replica.
 *
 * @throws {EventsUnavailable} when it is not known whether it is: asking again is safe.
 */
export async function carryOut(
	parts: Parts,
	call: string,
	decide: (approval: Approval) => Decision,
	traceparent?: string | undefined,
): Promise<CarriedOut> {
	for (let race = 0; race < racesMax; race++) {
		const approval = parts.approvals.get(call);
		const decision = decide(approval);
		if (decision.kind !== "write") {
			return { approval, wrote: undefined, refusal: decision.kind === "refuse" ? decision.refusal : undefined };
		}
		const event = await eventOf(parts, call, approval, decision.draft, traceparent);
		const written = await parts.bus.publishAfter(event, approval.last);
		await parts.approvals.reach(written.won ? written.position : written.last);
		if (written.won) return { approval: parts.approvals.get(call), wrote: event.type, refusal: undefined };
		if (parts.approvals.get(call).state === "absent" && !(await recall(parts, call, written.last))) {
			return { approval: { state: "forgotten", last: written.last }, wrote: undefined, refusal: undefined };
		}
	}
	throw new EventsUnavailable("too many at once decide about this call");
}

/** Fetches back what was dropped from memory and still matters: that the caller gave the call up before it was asked about. */
async function recall({ bus, approvals }: Parts, call: string, last: number): Promise<boolean> {
	const withdrawn = await bus.last("approval.withdrawn", "approval", call);
	if (withdrawn?.position !== last) return false;
	approvals.fold({ event: withdrawn.event, position: withdrawn.position });
	return true;
}

async function eventOf(
	parts: Parts,
	call: string,
	approval: Approval,
	draft: Draft,
	traceparent: string | undefined,
): Promise<CallgateEvent> {
	const question = "question" in approval ? approval.question : undefined;
	const trace = traceparent ?? question?.traceparent;
	if (draft.type !== "call.granted") return say(draft, parts.now(), trace);
	if (approval.state !== "waiting") throw new Error("only a call that waits can be granted");
	return newEvent("approval", "call.granted", await grantOf(parts, call, approval, draft.approvedBy), {
		at: parts.now(),
		traceparent: trace,
	});
}

function say<Kind extends Written>({ type, data, nth }: Said<Kind>, at: Date, traceparent: string | undefined): Event<Kind> {
	return newEvent<Kind>("approval", type, data, { at, traceparent, ...(nth !== undefined && { nth }) });
}

/** Approval's own signature over policy's hold and the people who met it; the arguments are passed on as they came, sealed. */
async function grantOf(parts: Parts, call: string, { question }: Waiting, by: readonly string[]): Promise<Event<"call.granted">["data"]> {
	const { digest, pool, connection, function: name, revision, caller, callReason, receivedAt, rules, reasons } = question.asked;
	const asked = await parts.bus.last("approval.asked", "approval", call);
	if (asked?.event.data.digest !== digest) throw new EventsUnavailable("the question is no longer on the stream");
	const { hold, sealed } = asked.event.data;
	const expiresAt = new Date(parts.now().getTime() + parts.grantTtlMs);
	const approvedBy = [...by];
	const granted = { call, pool, connection, function: name, digest, revision };
	const grant = signGrant("approval", parts.key, granted, { grantId: randomUUID(), expiresAt, hold, approvedBy });
	return {
		...{ ...granted, caller, receivedAt, rules, reasons, approvedBy, grant, sealed },
		...(callReason !== undefined && { callReason }),
		expiresAt: expiresAt.toISOString(),
	};
}
