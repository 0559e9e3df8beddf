// How an approval looks in Slack: who wants what, why it is held, until when, how far it is, and what came of it. Pure; within Slack's limits.
import { type Progress, progressOf } from "./eligibility.ts";
import type { Groups, Shown } from "./ports.ts";
import { codeBlocks, escapeMrkdwn, mrkdwn, plain, slackTime } from "./slack-text.ts";

type Text = ReturnType<typeof plain> | ReturnType<typeof mrkdwn>;
interface Button {
	readonly type: "button";
	readonly action_id: string;
	readonly text: ReturnType<typeof plain>;
	readonly style: "primary" | "danger";
	readonly value: string;
}
/** The Block Kit blocks that cards use: https://docs.slack.dev/reference/block-kit/blocks */
export type CardBlock =
	| { readonly type: "header"; readonly text: ReturnType<typeof plain> }
	| { readonly type: "section"; readonly text: Text }
	| { readonly type: "section"; readonly fields: Text[] }
	| { readonly type: "context"; readonly elements: Text[] }
	| { readonly type: "actions"; readonly block_id: string; readonly elements: Button[] };
export interface Card {
	/** For notifications and screen readers. */
	readonly text: string;
	readonly blocks: CardBlock[];
}

// Slack's limits: 150 characters a header, 3,000 a section, 2,000 a field or context element, 50 blocks a message.
const headerMax = 150;
const sectionMax = 3_000;
const fieldMax = 500;
const contextMax = 1_900;
/** More than an approver reads; what does not fit is said not to fit. */
const argumentBlocksMax = 6;

/** What a button carries back: the call and what exactly was shown. */
export function buttonValue(call: string, digest: string): string {
	return `${call} ${digest}`;
}

/** The message about an approval as it stands. */
export function cardOf(approval: Shown, groups: Groups): Card {
	const { asked } = approval.question;
	const what = `${asked.connection}/${asked.function}`;
	const who = asked.caller.email ?? asked.caller.subject;
	const outcome = outcomeOf(approval);
	return {
		text: escapeMrkdwn(outcome ? `${what} for ${who}: ${outcome.word}` : `${what} for ${who} waits for approval`).slice(0, sectionMax),
		blocks: [
			{ type: "header", text: plain(outcome ? `${outcome.word}: ${what}` : `May this run? ${what}`, headerMax) },
			{ type: "section", fields: factsOf(approval) },
			...argumentsOf(asked.arguments, asked.call),
			{ type: "section", text: plain(whyOf(approval), sectionMax) },
			...(asked.callReason ? [{ type: "section", text: plain(`The caller says: ${asked.callReason}`, sectionMax) } as const] : []),
			...(outcome ? closing(outcome) : asking(approval, groups)),
		],
	};
}

function factsOf({ question: { asked } }: Shown): Text[] {
	const { caller, call, digest, terms } = asked;
	const pairs: [string, Text][] = [
		["Who", plain(caller.email ? `${caller.email} (${caller.subject})` : caller.subject, fieldMax)],
		["Their groups", plain(caller.groups.join(", "), fieldMax)],
		["What", plain(`${asked.connection}/${asked.function}`, fieldMax)],
		["Until", mrkdwn(slackTime(new Date(terms.expiresAt)))],
		["Call", plain(`${call}\n${digest.slice(0, "sha256:".length + 16)}…`, fieldMax)],
	];
	return pairs.flatMap(([label, value]) => [mrkdwn(`*${label}*`), value]);
}

function argumentsOf(masked: unknown, call: string): CardBlock[] {
	const { blocks, isWhole } = codeBlocks(JSON.stringify(masked, undefined, 2) ?? "null", sectionMax, argumentBlocksMax);
	const cut = `:warning: *Not all of the arguments fit here.* See all of them before you decide: \`callgate approvals show ${escapeMrkdwn(call)}\``;
	return [
		{ type: "context", elements: [mrkdwn("*Arguments*, sensitive parts masked")] },
		...blocks.map((block) => ({ type: "section", text: mrkdwn(block) }) as const),
		...(isWhole ? [] : [{ type: "section", text: mrkdwn(cut) } as const]),
	];
}

function whyOf({ question: { asked } }: Shown): string {
	const messages = asked.reasons.flatMap(({ message, code }) => message ?? code);
	return [`Held by ${asked.rules.join(", ") || "policy"}`, ...new Set(messages)].join("\n");
}

function asking(approval: Shown, groups: Groups): CardBlock[] {
	const { call, digest } = approval.question.asked;
	const value = buttonValue(call, digest);
	const progress = progressOf(approval.question, groups);
	return [
		{ type: "context", elements: [plain(progress.map(progressLine).join("\n"), contextMax)] },
		{
			type: "actions",
			block_id: "callgate-vote",
			elements: [
				{ type: "button", action_id: "approve", text: plain("Approve", 75), style: "primary", value },
				{ type: "button", action_id: "reject", text: plain("Reject", 75), style: "danger", value },
			],
		},
	];
}

/** `finance or cfo: 1 of 2 approved (dana@example.com)` */
export function progressLine({ anyOf, requirement, approvers }: Progress): string {
	const names = approvers.length > 0 ? ` (${approvers.join(", ")})` : "";
	const reason = requirement.reasonRequired ? ", with a reason" : "";
	return `${anyOf.join(" or ")}: ${approvers.length} of ${requirement.quorum} approved${names}${reason}`;
}

interface Outcome {
	readonly word: string;
	readonly says: string;
	readonly at: Date;
}

function outcomeOf(approval: Shown): Outcome | undefined {
	if (approval.state === "waiting") return undefined;
	const by = approval.by.join(", ");
	const { at } = approval;
	if (approval.state === "granted") {
		const reasons = approval.question.votes.flatMap(({ voter, reason }) => (reason ? [`${voter}: ${reason}`] : []));
		return { word: "Approved", says: [`Approved by ${by}`, ...reasons].join("\n"), at };
	}
	switch (approval.ending) {
		case "rejected":
			return { word: "Rejected", says: `Rejected by ${by}${approval.detail ? `: ${approval.detail}` : ""}`, at };
		case "expired":
			return { word: "Expired", says: "Nobody decided in time; it does not run.", at };
		case "cancelled":
			return { word: "Cancelled", says: "The caller no longer wants it.", at };
		default:
			return { word: "Ended", says: "It does not run.", at };
	}
}

function closing({ says, at }: Outcome): CardBlock[] {
	return [
		{ type: "section", text: plain(says, sectionMax) },
		{ type: "context", elements: [mrkdwn(slackTime(at))] },
	];
}

/** What the reason modal has to remember; at most 3,000 characters in Slack. */
export interface ReasonAsked {
	readonly call: string;
	readonly digest: string;
	readonly verdict: "approve" | "reject";
	readonly channel: string;
	readonly messageTs: string;
}

export const reasonModal = "callgate-reason";
export const reasonCharactersMax = 1_000;

/** The modal that asks why: https://docs.slack.dev/surfaces/modals */
export function reasonView(asked: ReasonAsked, what: string) {
	const word = asked.verdict === "approve" ? "Approve" : "Reject";
	return {
		type: "modal" as const,
		callback_id: reasonModal,
		private_metadata: JSON.stringify(asked),
		title: plain(`${word} this call`, 24),
		submit: plain(word, 24),
		close: plain("Back", 24),
		blocks: [
			{ type: "section" as const, text: plain(what, sectionMax) },
			{
				type: "input" as const,
				block_id: "reason",
				label: plain("Why?", 2_000),
				hint: plain("The caller sees this; it goes on the record.", 2_000),
				element: {
					type: "plain_text_input" as const,
					action_id: "reason",
					multiline: true,
					min_length: 3,
					max_length: reasonCharactersMax,
				},
			},
		],
	};
}
