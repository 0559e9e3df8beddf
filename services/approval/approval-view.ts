// An approval as approvers see it through the API: everything they need to decide, nothing that was not masked when it was captured. Pure.
import type { Question } from "./approval.ts";
import { askedGroups, eligibilityOf, isMember, progressOf, type Voter } from "./eligibility.ts";
import type { Groups, Shown } from "./ports.ts";

export interface ApprovalView {
	readonly call: string;
	readonly state: "waiting" | "granted" | "rejected" | "expired" | "cancelled" | "failed";
	readonly connection: string;
	readonly function: string;
	readonly digest: string;
	readonly revision: string;
	readonly caller: Question["asked"]["caller"];
	readonly reason?: string;
	/** Masked. */
	readonly arguments: unknown;
	readonly rules: readonly string[];
	readonly reasons: Question["asked"]["reasons"];
	/** RFC 3339, as the two below. */
	readonly receivedAt: string;
	readonly expiresAt: string;
	readonly settledAt?: string;
	readonly requirements: readonly {
		readonly rule: string;
		readonly anyOf: readonly string[];
		readonly quorum: number;
		readonly reasonRequired: boolean;
		readonly approvedBy: readonly string[];
	}[];
	readonly votes: readonly {
		readonly voter: string;
		readonly verdict: "approve" | "reject";
		readonly reason?: string;
		readonly via: "slack" | "api";
		readonly at: string;
	}[];
	/** Who approved or rejected, once it is settled. */
	readonly by?: readonly string[];
	readonly detail?: string;
}

export function viewOf(approval: Shown, groups: Groups): ApprovalView {
	const { asked, votes } = approval.question;
	const { call, connection, function: name, digest, revision, caller, rules, reasons, receivedAt } = asked;
	return {
		...{ call, state: stateOf(approval), connection, function: name, digest, revision, caller, rules, reasons, receivedAt },
		...(asked.callReason !== undefined && { reason: asked.callReason }),
		arguments: asked.arguments,
		expiresAt: asked.terms.expiresAt,
		requirements: progressOf(approval.question, groups).map(({ requirement, anyOf, approvers }) => ({
			...{ rule: requirement.rule, anyOf, quorum: requirement.quorum, reasonRequired: requirement.reasonRequired },
			approvedBy: approvers,
		})),
		votes: votes.map(({ voter, verdict, reason, via, at }) => ({
			...{ voter, verdict, via, at: at.toISOString() },
			...(reason !== undefined && { reason }),
		})),
		...(approval.state !== "waiting" && { settledAt: approval.at.toISOString(), by: approval.by }),
		...(approval.state === "ended" && approval.detail !== undefined && { detail: approval.detail }),
	};
}

function stateOf(approval: Shown): ApprovalView["state"] {
	if (approval.state !== "ended") return approval.state;
	const { ending } = approval;
	return ending === "rejected" || ending === "expired" || ending === "cancelled" ? ending : "failed";
}

/** Whether this person may vote on it now, were it still waiting. */
export function mayDecide(approval: Shown, person: Voter, groups: Groups): boolean {
	return eligibilityOf(approval.question, person, groups).length > 0;
}

/** Whether this person may see it: a member of a group that was asked, also when the call is their own. */
export function maySee(approval: Shown, person: Voter, groups: Groups): boolean {
	return askedGroups(approval.question).some((name) => {
		const group = groups.get(name);
		return group !== undefined && isMember(person, group);
	});
}
