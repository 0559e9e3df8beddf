// Clicks and reasons from Slack: proven to be Slack's, acknowledged at once, bound to a message of ours, and then a vote like any other.
import type { FastifyInstance } from "fastify";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { sendProblem } from "#libs/service/http.ts";
import type { RefusalTally } from "#libs/service/refusal-events.ts";
import type { Approval } from "./approval.ts";
import type { SlackApp } from "./approvers-slack.ts";
import { type CastVote, decideVote, reasonCharactersMin } from "./decide-approval.ts";
import { progressOf } from "./eligibility.ts";
import { channelsOf } from "./plan-jobs.ts";
import { ApproversUnavailable, isShown, type Parts, type Shown } from "./ports.ts";
import { progressLine } from "./slack-card.ts";
import { type Interaction, readInteraction } from "./slack-payload.ts";
import { isSignedBySlack, ReplayGuard } from "./slack-signature.ts";
import { noteRefusedVote, VoteRefused, voteOnCall } from "./vote-on-call.ts";

export interface SlackListenerOptions {
	readonly parts: Parts;
	readonly slack: SlackApp;
	readonly signingSecret: string;
	readonly strangers: RefusalTally<"control.authentication.failed">;
}
export interface SlackListener {
	/** Resolves when nothing is in work. */
	idle(): Promise<void>;
}

/** A click with the whole message around it; Slack's own limits keep it below this. */
const bodyBytesMax = 512 * 1024;
/** Clicks in work at once; more are refused, and Slack tells the person to try again. */
const inWorkMax = 256;
/** A click can be faster than the record of the message it is on; a modal can only be opened for three seconds. */
const recordWithinMs = 1_500;

type Act = Exclude<Interaction, { kind: "other" }>;

/** Without Slack there are no clicks. */
export function listenSlackIf(
	http: FastifyInstance,
	{ parts, strangers }: Pick<SlackListenerOptions, "parts" | "strangers">,
	slack: SlackApp | undefined,
	config: Pick<SlackListenerOptions, "signingSecret"> | undefined,
): SlackListener {
	return slack && config
		? listenSlack(http, { parts, strangers, slack, signingSecret: config.signingSecret })
		: { idle: async () => undefined };
}

/** Serves `POST /slack/interactions`. */
export function listenSlack(http: FastifyInstance, { parts, slack, signingSecret, strangers }: SlackListenerOptions): SlackListener {
	const replays = new ReplayGuard();
	const inWork = new Set<Promise<void>>();
	http.register(async (scope) => {
		scope.removeAllContentTypeParsers();
		scope.addContentTypeParser(
			"application/x-www-form-urlencoded",
			{ parseAs: "buffer", bodyLimit: bodyBytesMax },
			async (_: unknown, body: Buffer) => body,
		);
		scope.post("/slack/interactions", async (request, reply) => {
			const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
			const signature = one(request.headers["x-slack-signature"]);
			const signed = { timestamp: one(request.headers["x-slack-request-timestamp"]), signature, body };
			const now = parts.now();
			if (!isSignedBySlack(signingSecret, signed, now)) {
				strangers.note({ refusal: "not_slack", from: request.ip });
				return sendProblem(reply, "unauthenticated", { detail: "this is not signed by Slack" }, { reason: "not_slack" });
			}
			if (!replays.admit(signature ?? "", now)) return sendProblem(reply, "too_many_requests", { detail: "this was accepted before" });
			const act = readInteraction(body);
			if (act === undefined)
				return sendProblem(reply, "malformed_request", { detail: "this is no interaction with a message of Callgate's" });
			if (act.kind === "other") return reply.code(200).send();
			if (act.kind === "reason" && act.reason.trim().length < reasonCharactersMin) {
				return reply.send({ response_action: "errors", errors: { reason: `At least ${reasonCharactersMin} characters, please.` } });
			}
			if (inWork.size >= inWorkMax) return sendProblem(reply, "too_many_requests");
			const work = carryOutAct(parts, slack, act).finally(() => inWork.delete(work));
			inWork.add(work);
			return reply.code(200).send();
		});
	});
	return {
		idle: async () => {
			while (inWork.size > 0) await Promise.all(inWork);
		},
	};
}

/** A header that came once. */
function one(header: string | string[] | undefined): string | undefined {
	return typeof header === "string" ? header : undefined;
}

/** Never rejects: whatever goes wrong is said to the person who clicked, if they can be reached. */
async function carryOutAct(parts: Parts, slack: SlackApp, act: Act): Promise<void> {
	let answer: string | undefined;
	try {
		answer = await answerTo(parts, slack, act);
	} catch (error) {
		answer = answerToError(error);
		if (!(error instanceof VoteRefused)) {
			parts.log.error({ ...parts.approvals.about(act.call), error, via: "slack" }, "a click could not be carried out");
		}
	}
	if (answer === undefined) return;
	await slack.whisper(act.channel, act.user, answer).catch((error: unknown) => {
		parts.log.warn({ ...parts.approvals.about(act.call), error }, "the person who clicked could not be answered");
	});
}

function answerToError(error: unknown): string {
	if (error instanceof VoteRefused) return error.message;
	if (error instanceof EventsUnavailable)
		return "It is not certain that your vote was stored: events cannot be stored now. Please try again in a moment.";
	if (error instanceof ApproversUnavailable) return "Slack did not answer in time, so nothing was decided. Please try again.";
	return "Something went wrong and nothing was decided. Please try again.";
}

/** What to tell the person, or undefined where a modal says it. */
async function answerTo(parts: Parts, slack: SlackApp, act: Act): Promise<string | undefined> {
	await parts.approvals.until(() => isBound(parts.approvals.get(act.call), act) || isAllRecorded(parts, act.call), recordWithinMs);
	const approval = parts.approvals.get(act.call);
	if (!isBound(approval, act)) {
		if (approval.state === "granted" || approval.state === "ended") return "This call is no longer waiting.";
		return "This message is not the one on record for that call. Please use the newest message about it.";
	}
	const person = await slack.personOf(act.user);
	if ("refused" in person) {
		noteRefusedVote(parts, act.call, { refusal: `slack_${person.refused}`, via: "slack", voter: { email: undefined } });
		return personRefusals[person.refused];
	}
	const { verdict, call, digest } = act;
	const cast: CastVote = {
		voter: { email: person.email },
		verdict,
		reason: act.kind === "reason" ? act.reason : undefined,
		via: "slack",
		digest,
	};
	const decision = decideVote(approval, cast, parts.now(), parts.groups());
	if (act.kind === "click" && decision.kind === "refuse" && decision.refusal === "reason_required") {
		const { channel, messageTs } = act;
		await slack.askReason(act.triggerId, { call, digest, verdict, channel, messageTs }, whatOf(approval));
		return undefined;
	}
	return standing(await voteOnCall(parts, call, cast), parts);
}

const personRefusals = {
	unknown: "Slack does not know an e-mail address of yours, so it cannot be told which groups you are in. Nothing was decided.",
	deleted: "This account is no longer active. Nothing was decided.",
	bot: "Only people can decide. Nothing was decided.",
	guest: "Guests of this workspace cannot decide. Nothing was decided.",
	foreign: "Members of other workspaces cannot decide. Nothing was decided.",
	unconfirmed: "Your e-mail address is not confirmed in Slack. Nothing was decided.",
} as const;

/** Whether the message that was clicked on is one that we posted about this call. */
function isBound(approval: Approval, { channel, messageTs }: Act): boolean {
	if (!isShown(approval)) return false;
	return approval.question.deliveries.some((delivered) => delivered.channelId === channel && delivered.messageTs === messageTs);
}

/** Whether no message about the call can still be on its way onto the record. */
function isAllRecorded({ approvals, groups }: Parts, call: string): boolean {
	const approval = approvals.get(call);
	if (approval.state !== "waiting") return approval.state !== "absent";
	const recorded = approval.question.deliveries.map(({ channel }) => channel);
	return channelsOf(approval.question, groups()).every((channel) => recorded.includes(channel));
}

function whatOf(approval: Approval): string {
	if (!isShown(approval)) return "This call";
	const { asked } = approval.question;
	return `${asked.connection}/${asked.function} for ${asked.caller.email ?? asked.caller.subject}`;
}

function standing(approval: Shown, parts: Parts): string {
	if (approval.state === "granted") return "Your approval is counted. The call may run.";
	if (approval.state === "ended")
		return approval.ending === "rejected" ? "Your rejection is counted. The call does not run." : "The call is no longer waiting.";
	return `Your approval is counted. ${progressOf(approval.question, parts.groups()).map(progressLine).join("; ")}`;
}
