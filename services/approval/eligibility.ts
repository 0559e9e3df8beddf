// Who may decide a call, and whether enough of them did: people against groups as they are now. Pure.

import type { Group } from "#libs/configuration/kinds/group.ts";
import { groupsAsked } from "#libs/contracts/approval-terms.ts";
import { type Caller, sameCaller } from "#libs/contracts/call.ts";
import { emailKey, isEmail } from "#libs/contracts/email.ts";
import type { Asked, Question, Vote } from "./approval.ts";
import type { Groups } from "./ports.ts";

/** Someone who wants to vote. Slack knows people by e-mail alone; a token also says issuer, subject and groups. */
export interface Voter {
	readonly email: string | undefined;
	readonly identity?: Pick<Caller, "issuer" | "subject" | "groups"> | undefined;
}

export type Requirement = Asked["terms"]["requirements"][number];

export interface Progress {
	readonly requirement: Requirement;
	/** The requirement's groups and those it was escalated to. */
	readonly anyOf: readonly string[];
	/** E-mails of the distinct people who approved and are members now. */
	readonly approvers: readonly string[];
	readonly met: boolean;
}

/** The same mailbox, or the same account at the same issuer. */
export function isSamePerson(one: Voter, other: Voter): boolean {
	if (one.email !== undefined && other.email !== undefined && emailKey(one.email) === emailKey(other.email)) return true;
	return one.identity !== undefined && other.identity !== undefined && sameCaller(one.identity, other.identity);
}

/** Nobody decides on their own call, whichever way they come. */
export function isRequester(person: Voter, { caller }: Asked): boolean {
	return isSamePerson(person, { email: caller.email, identity: caller });
}

export function isMember({ email, identity }: Voter, group: Group): boolean {
	if (email === undefined || !isEmail(email)) return false;
	if (group.members.has(emailKey(email))) return true;
	return identity?.groups.some((name) => group.groups.has(name)) ?? false;
}

/** Names of the groups that may meet this requirement now, escalations included. */
export function groupsOf({ asked, escalated }: Question, requirement: Requirement): string[] {
	return groupsAsked(asked.terms, escalated, requirement);
}

/** Every group that was asked so far. */
export function askedGroups(question: Question): string[] {
	return [...new Set(question.asked.terms.requirements.flatMap((requirement) => groupsOf(question, requirement)))];
}

/** The requirements this person's vote counts for, and through which groups. Empty: not an approver of this call. */
export function eligibilityOf(question: Question, person: Voter, groups: Groups): { requirement: Requirement; through: string[] }[] {
	if (isRequester(person, question.asked)) return [];
	return question.asked.terms.requirements.flatMap((requirement) => {
		const through = groupsOf(question, requirement).filter((name) => isMemberOf(person, groups.get(name)));
		return through.length > 0 ? [{ requirement, through }] : [];
	});
}

function isMemberOf(person: Voter, group: Group | undefined): boolean {
	return group !== undefined && isMember(person, group);
}

export function voterOf({ voter, identity }: Vote): Voter {
	return { email: voter, identity };
}

/** How far each requirement is, counting only people who are members now and each once. */
export function progressOf(question: Question, groups: Groups): Progress[] {
	const approvals = question.votes
		.filter(({ verdict }) => verdict === "approve")
		.filter((vote) => !isRequester(voterOf(vote), question.asked));
	return question.asked.terms.requirements.map((requirement) => {
		const anyOf = groupsOf(question, requirement);
		const counted: Vote[] = [];
		for (const vote of approvals) {
			const person = voterOf(vote);
			if (!anyOf.some((name) => isMemberOf(person, groups.get(name)))) continue;
			if (!counted.some((other) => isSamePerson(voterOf(other), person))) counted.push(vote);
		}
		return { requirement, anyOf, approvers: counted.map(({ voter }) => voter), met: counted.length >= requirement.quorum };
	});
}
