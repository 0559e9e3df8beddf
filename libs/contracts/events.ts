// Every event, in the order a call meets them, each declared once. Subjects, permissions, mapping, redaction and the reference page follow from here.
import { Type } from "typebox";
import { AnswerMark } from "./answer.ts";
import { Caller, CallerGroups, CallId, Digest, endings, FunctionName, Instant, Name, Subject } from "./call.ts";
import { pub, sensitive } from "./classification.ts";
import { defineEvent, type EventOf, type Service } from "./define-event.ts";
import { pieceCharsMax, piecesMax, sealedCharsMax } from "./message-size.ts";

/** What approvers, auditors and Slack see of arguments and results: masked and cut to size when it was captured. */
const View = sensitive(Type.Unknown(), "flat");
/** A JWE (RFC 7516) that only ingress, policy and the pool's executors can open. */
const Sealed = Type.String({ minLength: 1, maxLength: sealedCharsMax });
/** A JWS (RFC 7515). */
const Signed = Type.String({ minLength: 1, maxLength: 16_384 });
const RuleNames = pub(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 64 }));
/** Why, from policy's closed list of codes. */
const Reasons = Type.Array(
	Type.Object(
		{
			code: pub(Type.String({ maxLength: 64 })),
			rule: Type.Optional(pub(Type.String({ maxLength: 128 }))),
			message: Type.Optional(sensitive(Type.String({ maxLength: 1024 }), "text")),
		},
		{ additionalProperties: false },
	),
	{ maxItems: 64 },
);
/** What masking found: which detector, where (a JSON pointer), how often. Never the thing itself. */
const Findings = Type.Array(
	Type.Object(
		{
			detector: pub(Type.String({ maxLength: 64 })),
			path: sensitive(Type.String({ maxLength: 512 })),
			count: pub(Type.Integer({ minimum: 1 })),
		},
		{ additionalProperties: false },
	),
	{ maxItems: 256 },
);

/** By which way in a call came, as the listener there is called: the record's readers need not know them all. */
const WayIn = pub(Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" }));

/** What every event of a call repeats, so that each can be read, searched and checked alone. */
const theCall = {
	call: CallId,
	connection: Name,
	function: FunctionName,
	pool: Name,
	digest: Digest,
	revision: Digest,
};
const asker = { caller: Caller, callReason: Type.Optional(sensitive(Type.String({ maxLength: 1024 }), "text")) };

/**
 * A position of the stream before which nothing was said of the call. Its executors claim and end it in the ledger of its pool; a call without it,
 * which its caller may ask about by name, has subjects of its own.
 */
const Since = pub(Type.Integer({ minimum: 0 }));

/** People without whom a held call does not run; each requirement must be met. */
export const Requirement = Type.Object(
	{
		rule: pub(Type.String({ maxLength: 128 })),
		anyOf: pub(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 32 })),
		quorum: pub(Type.Integer({ minimum: 1, maximum: 10 })),
		reasonRequired: pub(Type.Boolean()),
	},
	{ additionalProperties: false },
);

/** What policy asks of approval. */
export const ApprovalTerms = Type.Object(
	{
		requirements: Type.Array(Requirement, { minItems: 1, maxItems: 16 }),
		expiresAt: Instant,
		remindAt: pub(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 16 }), "date"),
		escalations: Type.Array(
			Type.Object(
				{
					at: Instant,
					to: pub(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 32 })),
					/** The rule whose requirement these groups may also meet; without it, every requirement. */
					rule: Type.Optional(pub(Type.String({ maxLength: 128 }))),
				},
				{ additionalProperties: false },
			),
			{ maxItems: 16 },
		),
	},
	{ additionalProperties: false },
);

export const callReceived = defineEvent({
	type: "call.received",
	says: "An authenticated caller asked for this call; its arguments fit the function's schema.",
	reader: "policy",
	writers: { ingress: "grouped" },
	data: {
		...theCall,
		...asker,
		via: WayIn,
		receivedAt: Instant,
		arguments: View,
		findings: Findings,
		sealed: Sealed,
		since: Type.Optional(Since),
	},
});

export const callWithdrawn = defineEvent({
	type: "call.withdrawn",
	says: "The caller no longer wants this call; it is cancelled if it is still waiting for people.",
	reader: "approval",
	writers: { ingress: "grouped" },
	data: { call: CallId, caller: Caller },
});

export const callHeld = defineEvent({
	type: "call.held",
	says: "Policy wants people to decide: who, how many, until when and why.",
	reader: "approval",
	writers: { policy: "grouped" },
	data: {
		...theCall,
		...asker,
		receivedAt: Instant,
		arguments: View,
		rules: RuleNames,
		reasons: Reasons,
		terms: ApprovalTerms,
		hold: Signed,
		sealed: Sealed,
	},
});

export const callGranted = defineEvent({
	type: "call.granted",
	says: "This exact call may run once, until then: a signed, single-use permission.",
	reader: "executor",
	writers: { policy: "grouped", approval: "per-call" },
	pooled: true,
	data: {
		...theCall,
		...asker,
		receivedAt: Instant,
		rules: RuleNames,
		reasons: Reasons,
		approvedBy: Type.Optional(sensitive(Type.Array(Type.String({ maxLength: 254 }), { maxItems: 64 }))),
		/** Limits counted it: they are told if it does not run. */
		charged: Type.Optional(pub(Type.Boolean())),
		expiresAt: Instant,
		grant: Signed,
		sealed: Sealed,
		since: Type.Optional(Since),
	},
});

export const callStarted = defineEvent({
	type: "call.started",
	says: "An executor claimed the call and is about to dial. On the record before the first byte.",
	reader: "record",
	writers: { executor: "ledger" },
	pooled: true,
	data: {
		...theCall,
		caller: Caller,
		grantId: pub(Type.String({ maxLength: 64 })),
		executor: pub(Type.String({ maxLength: 128 })),
		attempt: pub(Type.Integer({ minimum: 1, maximum: 10 })),
		leaseUntil: Instant,
		credential: Type.Optional(pub(Type.String({ maxLength: 64 }))),
		/** Tokens in its arguments that are opened for this dial, by kind. Never a token, and never what it stands for. */
		detokenized: Type.Optional(
			Type.Array(
				Type.Object(
					{ kind: pub(Type.String({ maxLength: 32 })), count: pub(Type.Integer({ minimum: 1 })) },
					{ additionalProperties: false },
				),
				{ maxItems: 64 },
			),
		),
	},
});

export const callTaken = defineEvent({
	type: "call.taken",
	says: "An executor took the call from whoever had it, or from nobody, to end it or to try again: nobody else's ending counts from here on.",
	reader: "record",
	writers: { executor: "ledger" },
	pooled: true,
	data: {
		...theCall,
		caller: Caller,
		executor: pub(Type.String({ maxLength: 128 })),
		/** Attempts that were begun before. */
		attempts: pub(Type.Integer({ minimum: 0, maximum: 10 })),
		leaseUntil: Instant,
	},
});

export const callStreamed = defineEvent({
	type: "call.streamed",
	says: "A piece of a function's answer, for a caller who sees it as it comes. On the record before the caller has it.",
	reader: "record",
	writers: { executor: "per-call" },
	pooled: true,
	data: {
		...theCall,
		caller: Caller,
		executor: pub(Type.String({ maxLength: 128 })),
		/** The first is 1, and says how the answer begins. */
		piece: pub(Type.Integer({ minimum: 1, maximum: piecesMax })),
		/** Of text that is in it, masked. What that is, the ending shows: cut, as of any answer. */
		chars: pub(Type.Integer({ minimum: 0, maximum: pieceCharsMax })),
		sealed: Sealed,
	},
});

/** Of an answer that came in pieces: how many there are, and SHA-256 over their seals in their order, in hexadecimal. */
export const Streamed = Type.Object(
	{
		pieces: pub(Type.Integer({ minimum: 1, maximum: piecesMax })),
		chars: pub(Type.Integer({ minimum: 0 })),
		digest: pub(Type.String({ pattern: "^[0-9a-f]{64}$" })),
	},
	{ additionalProperties: false },
);

export const callEnded = defineEvent({
	type: "call.ended",
	says: "How the call ended. Each accepted call has exactly one.",
	reader: "ingress",
	writers: { policy: "per-call", approval: "per-call", executor: "ledger" },
	pooled: true,
	data: {
		...theCall,
		caller: Caller,
		ending: pub(Type.Enum([...endings])),
		code: Type.Optional(pub(Type.String({ maxLength: 64 }))),
		detail: Type.Optional(sensitive(Type.String({ maxLength: 1024 }), "text")),
		rules: RuleNames,
		reasons: Reasons,
		by: Type.Optional(sensitive(Type.Array(Type.String({ maxLength: 254 }), { maxItems: 64 }))),
		/** `false`: not a byte of it went to the function, in no attempt, for certain. Left out, it may have. */
		sent: Type.Optional(pub(Type.Boolean())),
		answer: Type.Optional(AnswerMark),
		/** HTTP's, as versions said it that knew no other protocol: read where it stands on a stream, written no more. */
		status: Type.Optional(pub(Type.Integer({ minimum: 100, maximum: 599 }))),
		durationMs: Type.Optional(pub(Type.Integer({ minimum: 0 }))),
		result: Type.Optional(View),
		findings: Type.Optional(Findings),
		/** The answer. One that came in pieces is in them, and not here: `streamed` says which they are; beside an answer they are what the function said before. */
		sealed: Type.Optional(Sealed),
		streamed: Type.Optional(Streamed),
	},
});

export const callUnspent = defineEvent({
	type: "call.unspent",
	says: "A call that limits counted has ended, and nothing of it was sent: they give it back.",
	reader: "policy",
	writers: { executor: "grouped" },
	pooled: true,
	data: { ...theCall, caller: Caller },
});

export const approvalAsked = defineEvent({
	type: "approval.asked",
	says: "A held call waits for people from now on.",
	reader: "record",
	writers: { approval: "per-call" },
	data: {
		...theCall,
		...asker,
		receivedAt: Instant,
		arguments: View,
		rules: RuleNames,
		reasons: Reasons,
		terms: ApprovalTerms,
		hold: Signed,
		sealed: Sealed,
	},
});

export const approvalDelivered = defineEvent({
	type: "approval.delivered",
	says: "The question was put to approvers: which Slack channel and message.",
	reader: "record",
	writers: { approval: "per-call" },
	data: {
		call: CallId,
		channel: pub(Type.String({ maxLength: 128 })),
		channelId: pub(Type.String({ maxLength: 64 })),
		messageTs: pub(Type.String({ maxLength: 64 })),
	},
});

export const approvalVoted = defineEvent({
	type: "approval.voted",
	says: "A current member of an asked group approved or rejected.",
	reader: "record",
	writers: { approval: "per-call" },
	data: {
		call: CallId,
		voter: sensitive(Type.String({ maxLength: 254 })),
		groups: pub(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
		verdict: pub(Type.Union([Type.Literal("approve"), Type.Literal("reject")])),
		reason: Type.Optional(sensitive(Type.String({ maxLength: 1024 }), "text")),
		via: pub(Type.Union([Type.Literal("slack"), Type.Literal("api")])),
		/** What the voter's token said, where there was one: who the issuer knows them as, and in which of its groups they were. */
		identity: Type.Optional(
			Type.Object(
				{
					issuer: pub(Type.String({ maxLength: 512 })),
					subject: Subject,
					groups: CallerGroups,
				},
				{ additionalProperties: false },
			),
		),
		digest: Digest,
	},
});

export const approvalReminded = defineEvent({
	type: "approval.reminded",
	says: "Approvers were reminded of a call that still waits.",
	reader: "record",
	writers: { approval: "per-call" },
	data: { call: CallId, reminder: pub(Type.Integer({ minimum: 1, maximum: 16 })) },
});

export const approvalEscalated = defineEvent({
	type: "approval.escalated",
	says: "More groups may decide, because those asked first did not in time.",
	reader: "record",
	writers: { approval: "per-call" },
	data: {
		call: CallId,
		step: pub(Type.Integer({ minimum: 1, maximum: 16 })),
		to: pub(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 32 })),
	},
});

export const approvalWithdrawn = defineEvent({
	type: "approval.withdrawn",
	says: "A caller withdrew a call that approval had not seen yet; it is cancelled as soon as it arrives.",
	reader: "record",
	writers: { approval: "per-call" },
	data: { call: CallId, caller: Caller },
});

export const configurationActivated = defineEvent({
	type: "control.configuration.activated",
	says: "From now on calls are decided by this revision of the configuration.",
	reader: "all",
	writers: { policy: "grouped" },
	data: {
		revision: Digest,
		previous: Type.Optional(Digest),
		documents: pub(Type.Integer({ minimum: 0 })),
	},
});

export const messageParked = defineEvent({
	type: "control.message.parked",
	says: "A message no handler could process was set aside: someone should look.",
	reader: "all",
	writers: { policy: "grouped", approval: "grouped", executor: "grouped", audit: "grouped" },
	data: {
		service: pub(Type.String({ maxLength: 32 })),
		position: pub(Type.Integer({ minimum: 0 })),
		item: pub(Type.Integer({ minimum: 0 })),
		tries: pub(Type.Integer({ minimum: 1 })),
		fault: pub(Type.String({ maxLength: 512 })),
		call: Type.Optional(CallId),
	},
});

export const recordRead = defineEvent({
	type: "control.record.read",
	says: "An auditor read the record: who, and what they looked for.",
	reader: "all",
	writers: { audit: "grouped" },
	data: {
		reader: Caller,
		query: sensitive(Type.String({ maxLength: 2048 }), "text"),
		hits: pub(Type.Integer({ minimum: 0 })),
	},
});

/** How many of one kind: the first is told at once, those that follow within a second together. What else is told is of the first of them. */
const HowMany = pub(Type.Integer({ minimum: 1 }));

export const authenticationFailed = defineEvent({
	type: "control.authentication.failed",
	says: "Someone who could not prove who they are was refused: why, by which Issuer, from which address.",
	reader: "record",
	writers: { ingress: "grouped", approval: "grouped", audit: "grouped" },
	data: {
		/** Of the closed list in not-authenticated.ts, `not_slack` for a click that Slack did not sign, or `various` beyond what is told apart. */
		refusal: pub(Type.String({ maxLength: 64 })),
		issuer: Type.Optional(pub(Type.String({ maxLength: 64 }))),
		from: Type.Optional(sensitive(Type.String({ maxLength: 64 }))),
		count: HowMany,
	},
});

export const voteRefused = defineEvent({
	type: "control.vote.refused",
	says: "A vote on a held call did not count: whose, and why.",
	reader: "record",
	writers: { approval: "grouped" },
	data: {
		call: Type.Optional(CallId),
		refusal: pub(Type.String({ maxLength: 64 })),
		via: pub(Type.Union([Type.Literal("slack"), Type.Literal("api")])),
		voter: Type.Optional(sensitive(Type.String({ maxLength: 254 }))),
		identity: Type.Optional(
			Type.Object(
				{ issuer: pub(Type.String({ maxLength: 512 })), subject: pub(Type.String({ minLength: 1, maxLength: 256 })) },
				{ additionalProperties: false },
			),
		),
		count: HowMany,
	},
});

export const recordRefused = defineEvent({
	type: "control.record.refused",
	says: "Someone who is no auditor wanted to read the record.",
	reader: "record",
	writers: { audit: "grouped" },
	data: { reader: Type.Optional(Caller), count: HowMany },
});

export const functionQuarantined = defineEvent({
	type: "control.function.quarantined",
	says: "A function is not what was pinned of it, so that its calls do not run: what differs. Told once for a difference, by each executor that met it.",
	reader: "record",
	writers: { executor: "grouped" },
	data: {
		connection: Name,
		function: FunctionName,
		/** Parts of its definition; `gone`, `twice`, or `protocolVersion` of its server. Never what the server says by now: nobody has read that. */
		changed: pub(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 16 })),
		/** Of the configuration, in which it is pinned. */
		revision: Type.Optional(Digest),
		count: HowMany,
	},
});

/** All of them. The order is the order of a call's life. */
export const events = [
	callReceived,
	callWithdrawn,
	callHeld,
	approvalAsked,
	approvalDelivered,
	approvalVoted,
	approvalReminded,
	approvalEscalated,
	approvalWithdrawn,
	callGranted,
	callStarted,
	callTaken,
	callStreamed,
	callEnded,
	callUnspent,
	configurationActivated,
	messageParked,
	recordRead,
	authenticationFailed,
	voteRefused,
	recordRefused,
	functionQuarantined,
] as const;

export type AnyDeclaration = (typeof events)[number];
export type EventType = AnyDeclaration["type"];
/** Any event, as a union discriminated by `type`. */
export type CallgateEvent = { [Kind in EventType]: EventOf<Extract<AnyDeclaration, { type: Kind }>> }[EventType];
/** The event of one type. */
export type Event<Kind extends EventType> = Extract<CallgateEvent, { type: Kind }>;

const byType = new Map<string, AnyDeclaration>(events.map((declaration) => [declaration.type, declaration]));

export function declarationOf(type: string): AnyDeclaration | undefined {
	return byType.get(type);
}

/** What one service may publish. */
export function writtenBy(service: Service): AnyDeclaration[] {
	return events.filter((declaration) => service in declaration.writers);
}
