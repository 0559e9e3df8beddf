// How an approval looks in Slack: who wants what, why it is held, until when, how far it is, and what came of it. Pure; within Slack's limits.
import { reasonCharactersMax, reasonCharactersMin } from "./decide-approval.ts";
import { type Progress, progressOf } from "./eligibility.ts";
import type { Groups, Shown } from "./ports.ts";
import { codeBlocks, escapeMrkdwn, fitted, mrkdwn, plain, slackTime } from "./slack-text.ts";

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

/**
 * Slack refuses a message whose blocks are together too long (`msg_blocks_too_long`, somewhat above 13,000 characters) and documents neither the
 * bound nor how it counts; people who measured saw 125 characters counted for a block, whatever is in it
 * (https://github.com/slackapi/bolt-js/issues/2509). Everything here is counted as bytes of JSON with 125 for each block, which is never less
 * than characters, and stays well below.
 */
export const cardBytesMax = 11_500;
const blockBytes = 125;

// Slack's own limits are 150 characters a header, 3,000 a section, 2,000 a field or context element, 50 blocks a message. The parts have
// fixed shares, so that a card which was posted still fits when votes and reasons come to it; the arguments have what is left.
const headerMax = 150;
const fieldMax = 500;
const whyMax = 1_500;
const callReasonMax = 1_100;
const progressMax = 1_000;
const outcomeMax = 1_500;
const argumentBlockMax = 2_900;
/** The note that something was left out, the header, the line above the arguments and what ends the card, with all that JSON puts around them. */
const reservedBytes = 550 + 400 + 250 + outcomeMax + 550;

/** A part of a card, and what it is called where not all of it fits. */
interface Part {
	readonly blocks: readonly CardBlock[];
	readonly leftOut: readonly string[];
}

/** How much of the bound blocks use up. */
export function sizeOf(blocks: readonly CardBlock[]): number {
	return Buffer.byteLength(JSON.stringify(blocks)) + blocks.length * blockBytes;
}

/** What a button carries back: the call and what exactly was shown. */
export function buttonValue(call: string, digest: string): string {
	return `${call} ${digest}`;
}

/** The message about an approval as it stands. Slack takes it, however much there is to say; what it leaves out is named. */
export function cardOf(approval: Shown, groups: Groups): Card {
	const { asked } = approval.question;
	const what = `${asked.connection}/${asked.function}`;
	const who = asked.caller.email ?? asked.caller.subject;
	const outcome = outcomeOf(approval);
	const facts = factsOf(approval);
	const why = textPart("why it is held", whyOf(approval), whyMax);
	const says = asked.callReason ? textPart("what the caller says", `The caller says: ${asked.callReason}`, callReasonMax) : nothing;
	const room = cardBytesMax - reservedBytes - sizeOf([...facts.blocks, ...why.blocks, ...says.blocks]);
	const args = argumentsOf(asked.arguments, room);
	const end = outcome ? closing(outcome) : asking(approval, groups);
	const leftOut = [facts, args, why, says, end].flatMap((part) => part.leftOut);
	return {
		text: escapeMrkdwn(outcome ? `${what} for ${who}: ${outcome.word}` : `${what} for ${who} waits for approval`),
		blocks: [
			{ type: "header", text: plain(outcome ? `${outcome.word}: ${what}` : `May this run? ${what}`, headerMax) },
			...facts.blocks,
			...args.blocks,
			...why.blocks,
			...says.blocks,
			...(leftOut.length > 0 ? [leftOutNote(leftOut, asked.call)] : []),
			...end.blocks,
		],
	};
}

const nothing: Part = { blocks: [], leftOut: [] };

function leftOutNote(leftOut: readonly string[], call: string): CardBlock {
	const show = `\`callgate approvals show ${escapeMrkdwn(call)}\``;
	const note = `:warning: *Not everything fits here.* Cut short: ${leftOut.join(", ")}. See all of it before you decide: ${show}`;
	return { type: "section", text: mrkdwn(note) };
}

function textPart(name: string, text: string, bytesMax: number): Part {
	const { text: shown, isWhole } = fitted(text, bytesMax);
	return { blocks: [{ type: "section", text: { type: "plain_text", text: shown, emoji: false } }], leftOut: isWhole ? [] : [name] };
}

function factsOf({ question: { asked } }: Shown): Part {
	const { caller, call, digest, terms } = asked;
	const pairs: [label: string, text: string][] = [
		["Who", caller.email ? `${caller.email} (${caller.subject})` : caller.subject],
		["Their groups", caller.groups.join(", ")],
		["What", `${asked.connection}/${asked.function}`],
		["Call", `${call}\n${digest.slice(0, "sha256:".length + 16)}…`],
	];
	const fields = pairs.flatMap(([label, text]) => [mrkdwn(`*${label}*`), plain(text, fieldMax)]);
	const until = [mrkdwn("*Until*"), mrkdwn(slackTime(new Date(terms.expiresAt)))];
	const cut = pairs.filter(([, text]) => !fitted(text, fieldMax).isWhole);
	return { blocks: [{ type: "section", fields: [...fields, ...until] }], leftOut: cut.map(([label]) => `"${label}"`) };
}

function argumentsOf(masked: unknown, bytesMax: number): Part {
	const around = sizeOf([{ type: "section", text: mrkdwn("") }]);
	const blocksMax = Math.max(1, Math.ceil(bytesMax / (argumentBlockMax + around)));
	const blockMax = Math.min(argumentBlockMax, Math.floor(bytesMax / blocksMax) - around);
	const { blocks, isWhole } = codeBlocks(JSON.stringify(masked, undefined, 2) ?? "null", blockMax, blocksMax);
	return {
		blocks: [
			{ type: "context", elements: [mrkdwn("*Arguments*, sensitive parts masked")] },
			...blocks.map((block) => ({ type: "section", text: mrkdwn(block) }) as const),
		],
		leftOut: isWhole ? [] : ["the arguments"],
	};
}

function whyOf({ question: { asked } }: Shown): string {
	const messages = asked.reasons.flatMap(({ message, code }) => message ?? code);
	return [`Held by ${asked.rules.join(", ") || "policy"}`, ...new Set(messages)].join("\n");
}

function asking(approval: Shown, groups: Groups): Part {
	const { call, digest } = approval.question.asked;
	const value = buttonValue(call, digest);
	const progress = fitted(progressOf(approval.question, groups).map(progressLine).join("\n"), progressMax);
	return {
		blocks: [
			{ type: "context", elements: [{ type: "plain_text", text: progress.text, emoji: false }] },
			{
				type: "actions",
				block_id: "callgate-vote",
				elements: [
					{ type: "button", action_id: "approve", text: plain("Approve", 75), style: "primary", value },
					{ type: "button", action_id: "reject", text: plain("Reject", 75), style: "danger", value },
				],
			},
		],
		leftOut: progress.isWhole ? [] : ["who was asked and approved"],
	};
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

function closing({ says, at }: Outcome): Part {
	const part = textPart("what approvers said", says, outcomeMax);
	return { ...part, blocks: [...part.blocks, { type: "context", elements: [mrkdwn(slackTime(at))] }] };
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

/**
 * The modal that asks why: https://docs.slack.dev/surfaces/modals. Slack draws every submit button green, so the button says what it does in
 * both cases, and the verdict stands above it.
 */
export function reasonView(asked: ReasonAsked, what: string) {
	const verb = asked.verdict;
	return {
		type: "modal" as const,
		callback_id: reasonModal,
		private_metadata: JSON.stringify(asked),
		title: plain(verb === "approve" ? "Approve this call" : "Reject this call", 24),
		submit: plain("Send", 24),
		close: plain("Back", 24),
		blocks: [
			{ type: "section" as const, text: plain(what, whyMax) },
			{
				type: "input" as const,
				block_id: "reason",
				label: plain(`Why do you ${verb} it?`, 100),
				hint: plain("The caller sees this; it goes on the record.", 100),
				element: {
					type: "plain_text_input" as const,
					action_id: "reason",
					multiline: true,
					min_length: reasonCharactersMin,
					max_length: reasonCharactersMax,
				},
			},
		],
	};
}
