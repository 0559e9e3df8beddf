// Someone approves or rejects a held call, in Slack or through the API: one verb, so both ways have the same rules and one winner.
import { type ProblemCode, Refusal } from "#libs/contracts/problems.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { carryOut } from "./carry-out.ts";
import { type CastVote, decideVote, type VoteRefusal } from "./decide-approval.ts";
import { isShown, type Parts, type Shown } from "./ports.ts";
import { planFor, settleCall } from "./settle-call.ts";

interface Words {
	readonly code: ProblemCode;
	/** For the person who wanted to vote, where the title of the problem does not say all of it. */
	readonly detail: string | undefined;
}

/** Each way a vote can be refused, in words for the voter. */
export const voteRefusals: Record<VoteRefusal, Words> = {
	unknown_call: { code: "not_found", detail: "No such call waits for people." },
	unknown_person: {
		code: "not_an_approver",
		detail: "Nobody knows an e-mail address of yours, so it cannot be told which groups you are in.",
	},
	requester: { code: "not_an_approver", detail: "This is your own call. Nobody decides on a call of their own." },
	not_a_member: { code: "not_an_approver", detail: "You are not a member of a group that was asked about this call." },
	other_digest: { code: "already_settled", detail: "What you saw is not the call that waits here. Nothing was decided." },
	settled: { code: "already_settled", detail: undefined },
	expired: { code: "already_settled", detail: "The time for this call is over; nobody can approve it any more." },
	reason_required: { code: "reason_required", detail: undefined },
};

/** A vote that does not count. */
export class VoteRefused extends Refusal {
	readonly refusal: VoteRefusal;
	constructor(refusal: VoteRefusal, call: string) {
		super(voteRefusals[refusal].code, { call, detail: voteRefusals[refusal].detail });
		this.refusal = refusal;
	}
}

/** A vote that does not count leaves a number, a line and an event, whichever way it came. */
export function noteRefusedVote(
	{ counters, log, approvals, refusedVotes }: Parts,
	call: string,
	{ refusal, via, voter }: Pick<CastVote, "via" | "voter"> & { readonly refusal: string },
): void {
	counters.refused(refusal, via);
	log.info({ ...approvals.about(call), refusal, via }, "a vote was refused");
	const { email, identity } = voter;
	const whose = {
		...(email !== undefined && { voter: email }),
		...(identity && { identity: { issuer: identity.issuer, subject: identity.subject } }),
	};
	refusedVotes.note({ call, refusal, via, ...whose }, { refusal, via, ...whose });
}

/**
 * Records a vote and settles the call if it was the one that was missing. Resolves with how the call stands then. The same vote of the same
 * person again is no second vote.
 *
 * @throws {VoteRefused}
 * @throws {EventsUnavailable} when it is not known whether the vote was stored: voting again is safe.
 */
export async function voteOnCall(parts: Parts, call: string, cast: CastVote): Promise<Shown> {
	crashPoint("after-click-before-stored");
	const { wrote, refusal } = await carryOut(parts, call, (approval) => decideVote(approval, cast, parts.now(), parts.groups()));
	const approval = await settleCall(parts, call);
	if (refusal !== undefined) {
		noteRefusedVote(parts, call, { ...cast, refusal });
		throw new VoteRefused(refusal, call);
	}
	if (wrote !== undefined) {
		parts.counters.voted(cast.verdict, cast.via);
		parts.log.info({ ...parts.approvals.about(call), verdict: cast.verdict, via: cast.via }, "a vote was counted");
		if (approval.state === "waiting") planFor(parts, call);
	}
	if (!isShown(approval)) throw new VoteRefused("unknown_call", call);
	return approval;
}
