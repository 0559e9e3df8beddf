// What each command leads to in each state: one event to write, a refusal with its reason, or nothing. Pure; whoever writes first wins.
import { type Caller, sameCaller } from "#libs/contracts/call.ts";
import { isEmail } from "#libs/contracts/email.ts";
import type { Event } from "#libs/contracts/events.ts";
import { type Approval, type Asked, type Delivered, isOverdue, type Question } from "./approval.ts";
import { eligibilityOf, isRequester, isSamePerson, progressOf, type Voter, voterOf } from "./eligibility.ts";
import type { Groups } from "./ports.ts";

/** What approval says, but for the grant: that needs a signature. */
export type Written =
	| "approval.asked"
	| "approval.delivered"
	| "approval.voted"
	| "approval.reminded"
	| "approval.escalated"
	| "approval.withdrawn"
	| "call.ended";
/** An event to be. `nth` tells it apart from others of its type about the same call. */
export type Said<Kind extends Written> = {
	[One in Kind]: { readonly type: One; readonly data: Event<One>["data"]; readonly nth?: string | number };
}[Kind];
export type Draft = Said<Written> | { readonly type: "call.granted"; readonly approvedBy: readonly string[] };

export type VoteRefusal =
	| "unknown_call"
	| "unknown_person"
	| "requester"
	| "not_a_member"
	| "other_digest"
	| "settled"
	| "expired"
	| "reason_required";

export type Decision =
	| { readonly kind: "write"; readonly draft: Draft }
	| { readonly kind: "refuse"; readonly refusal: VoteRefusal }
	| { readonly kind: "nothing" };

const nothing: Decision = { kind: "nothing" };
const write = (draft: Draft): Decision => ({ kind: "write", draft });
const refuse = (refusal: VoteRefusal): Decision => ({ kind: "refuse", refusal });

/** Shorter reasons say nothing. Counted after trimming. */
export const reasonCharactersMin = 3;
export const reasonCharactersMax = 1_000;
/** People beyond this many who approve what others already approved are not recorded. */
const votesMax = 256;
/** Strangers cannot fill the memory with withdrawals of a call that never came. */
const withdrawalsMax = 8;

/** Policy holds a call: people are asked, unless its caller has given it up already. May be repeated any number of times. */
export function decideHold(approval: Approval, held: Event<"call.held">["data"]): Decision {
	switch (approval.state) {
		case "absent":
			return write({ type: "approval.asked", data: held });
		case "withdrawn-early":
			return approval.callers.some((caller) => sameCaller(caller, held.caller))
				? write(ended(held, "cancelled", []))
				: write({ type: "approval.asked", data: held });
		case "waiting":
		case "granted":
		case "ended":
		case "forgotten":
			return nothing;
	}
}

export interface CastVote {
	readonly voter: Voter;
	readonly verdict: "approve" | "reject";
	readonly reason: string | undefined;
	readonly via: "slack" | "api";
	/** What the voter saw, where they say so: another call's digest is refused. */
	readonly digest: string | undefined;
}

/** Someone wants to approve or reject. */
export function decideVote(approval: Approval, cast: CastVote, now: Date, groups: Groups): Decision {
	if (approval.state === "absent" || approval.state === "forgotten" || approval.state === "withdrawn-early") return refuse("unknown_call");
	const { question } = approval;
	if (question === undefined) return refuse("unknown_call");
	const { voter, verdict, via } = cast;
	if (voter.email === undefined || !isEmail(voter.email)) return refuse("unknown_person");
	if (isRequester(voter, question.asked)) return refuse("requester");
	const eligible = eligibilityOf(question, voter, groups);
	if (eligible.length === 0) return refuse("not_a_member");
	if (cast.digest !== undefined && cast.digest !== question.asked.digest) return refuse("other_digest");
	if (approval.state !== "waiting" || question.votes.some((vote) => vote.verdict === "reject")) return refuse("settled");
	if (isOverdue(question, now)) return refuse("expired");
	const reason = cast.reason?.trim();
	const reasonRequired = verdict === "reject" || eligible.some(({ requirement }) => requirement.reasonRequired);
	if (reasonRequired && (reason === undefined || reason.length < reasonCharactersMin)) return refuse("reason_required");
	if (verdict === "approve" && hasApproved(question, voter)) return nothing;
	if (verdict === "approve" && question.votes.length >= votesMax) return nothing;
	const { call, digest } = question.asked;
	const through = [...new Set(eligible.flatMap((one) => one.through))].slice(0, 64);
	const data = {
		...{ call, voter: voter.email, groups: through, verdict, via, digest },
		...(reason && { reason }),
		...(voter.identity && { identity: identityOf(voter.identity) }),
	};
	return write({ type: "approval.voted", data, nth: question.votes.length + 1 });
}

function identityOf({ issuer, subject, groups }: Pick<Caller, "issuer" | "subject" | "groups">) {
	return { issuer, subject, groups };
}

function hasApproved({ votes }: Question, voter: Voter): boolean {
	return votes.some((vote) => vote.verdict === "approve" && isSamePerson(voterOf(vote), voter));
}

/** What is due without anyone asking: a rejection or quorum that was voted and not yet acted on, the end of its time, an escalation. */
export function decideDue(approval: Approval, now: Date, groups: Groups): Decision {
	if (approval.state !== "waiting") return nothing;
	const { question } = approval;
	// A rejection counted when it was written; that it was not yet acted on changes nothing.
	const rejection = question.votes.find(({ verdict }) => verdict === "reject");
	if (rejection) return write(ended(question.asked, "rejected", [rejection.voter], rejection.reason));
	if (isOverdue(question, now)) return write(ended(question.asked, "expired", []));
	const progress = question.votes.length > 0 ? progressOf(question, groups) : [];
	if (progress.length > 0 && progress.every(({ met }) => met)) {
		const approvedBy = [...new Set(progress.flatMap(({ approvers, requirement }) => approvers.slice(0, requirement.quorum)))];
		return write({ type: "call.granted", approvedBy });
	}
	return decideEscalation(question, now);
}

function decideEscalation({ asked, escalated }: Question, now: Date): Decision {
	const index = asked.terms.escalations.findIndex(({ at }, step) => !escalated.includes(step + 1) && now.getTime() >= Date.parse(at));
	const escalation = asked.terms.escalations[index];
	if (!escalation) return nothing;
	return write({ type: "approval.escalated", data: { call: asked.call, step: index + 1, to: escalation.to }, nth: index + 1 });
}

/** The caller no longer wants it. Too late once it is granted or has ended. */
export function decideWithdraw(approval: Approval, call: string, caller: Caller): Decision {
	switch (approval.state) {
		case "absent":
			return write({ type: "approval.withdrawn", data: { call, caller }, nth: 1 });
		case "withdrawn-early": {
			const known = approval.callers.length >= withdrawalsMax || approval.callers.some((other) => sameCaller(other, caller));
			return known ? nothing : write({ type: "approval.withdrawn", data: { call, caller }, nth: approval.callers.length + 1 });
		}
		case "waiting":
			return sameCaller(approval.question.asked.caller, caller) ? write(ended(approval.question.asked, "cancelled", [])) : nothing;
		case "granted":
		case "ended":
		case "forgotten":
			return nothing;
	}
}

/** The question was put into a channel; each channel is recorded once. */
export function decideDelivered(approval: Approval, delivered: Delivered): Decision {
	if (approval.state !== "waiting") return nothing;
	const { asked, deliveries } = approval.question;
	if (deliveries.some(({ channel }) => channel === delivered.channel)) return nothing;
	return write({
		type: "approval.delivered",
		data: { call: asked.call, ...delivered },
		nth: `${delivered.channelId}-${delivered.messageTs}`,
	});
}

/** The `reminder`th reminder is due, counted from 1. */
export function decideRemind(approval: Approval, reminder: number, now: Date): Decision {
	if (approval.state !== "waiting" || isOverdue(approval.question, now)) return nothing;
	const { asked, reminders } = approval.question;
	const at = asked.terms.remindAt[reminder - 1];
	if (at === undefined || reminder <= reminders || !(now.getTime() >= Date.parse(at))) return nothing;
	return write({ type: "approval.reminded", data: { call: asked.call, reminder }, nth: reminder });
}

/** A hold that can never be handled still ends its call. */
export function decideGiveUp(approval: Approval, held: Event<"call.held">["data"]): Decision {
	const unanswered = approval.state === "absent" || approval.state === "withdrawn-early";
	return unanswered ? write(ended(held, "failed", [], "approval could not handle the call")) : nothing;
}

type EndedHere = "rejected" | "expired" | "cancelled" | "failed";

function ended(asked: Asked, ending: EndedHere, by: readonly string[], detail?: string): Draft {
	const { call, connection, function: name, pool, digest, revision, caller, rules, reasons } = asked;
	const data = {
		...{ call, connection, function: name, pool, digest, revision, caller, ending, rules, reasons },
		code: ending === "failed" ? "internal" : ending,
		...(by.length > 0 && { by: [...by] }),
		...(detail && { detail }),
	};
	return { type: "call.ended", data };
}
