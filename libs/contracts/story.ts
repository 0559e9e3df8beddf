// The story of a call: one document that says who asked what, how it was decided and by whom, and how it ended, made of the call's own events.
import { type Static, Type } from "typebox";
import { AnswerMark } from "./answer.ts";
import { Caller, CallId, Digest, endings, FunctionName, Instant, Name } from "./call.ts";
import { pub, sensitive } from "./classification.ts";
import { Requirement, Streamed } from "./events.ts";
import { mappingsOfObject, type TemplateOptions } from "./index-template.ts";

/** The index of stories. Beside the record, never instead of it: it is made from the record, and can be made from it again. */
export const storyIndex = "callgate-stories";

/** Where a call stands: it waits for people from `waiting` to `granted`. */
export const storyStates = ["received", "waiting", "granted", "running", "ended"] as const;

/** Of which this may be more than there is room for, the first ones are kept. */
export const stepsOfOneTypeMax = 64;

const Text = sensitive(Type.String({ maxLength: 1024 }), "text");
const Person = sensitive(Type.String({ maxLength: 254 }));
const Rules = pub(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 64 }));
const Reasons = Type.Array(
	Type.Object({
		code: pub(Type.String({ maxLength: 64 })),
		rule: Type.Optional(pub(Type.String({ maxLength: 128 }))),
		message: Type.Optional(Text),
	}),
);
const Findings = Type.Array(
	Type.Object({
		detector: pub(Type.String({ maxLength: 64 })),
		path: sensitive(Type.String({ maxLength: 512 })),
		count: pub(Type.Integer({ minimum: 1 })),
	}),
);
const Milliseconds = Type.Optional(pub(Type.Integer({ minimum: 0 })));

/** One event of the call and its place in the record: whoever has the record finds it, and its proof, by position and item. */
const Step = Type.Object({
	type: Type.String(),
	service: Type.String(),
	/** Tells events of one type apart. */
	nth: Type.Optional(Type.String()),
	at: Type.String(),
	position: Type.Integer(),
	item: Type.Integer(),
	/** Of a vote. */
	voter: Type.Optional(Type.String()),
	verdict: Type.Optional(Type.String()),
	groups: Type.Optional(Type.Array(Type.String())),
	reason: Type.Optional(Type.String()),
	/** Of an escalation. */
	to: Type.Optional(Type.Array(Type.String())),
	/** Of a claim. */
	executor: Type.Optional(Type.String()),
	credential: Type.Optional(Type.String()),
	/** Of an ending, and how long the function took. */
	ending: Type.Optional(Type.String()),
	durationMs: Type.Optional(Type.Integer()),
});
export type Step = Static<typeof Step>;

export const Story = Type.Object({
	call: CallId,
	state: pub(Type.Enum([...storyStates])),
	connection: Type.Optional(Name),
	function: Type.Optional(FunctionName),
	pool: Type.Optional(Name),
	digest: Type.Optional(Digest),
	revision: Type.Optional(Digest),
	caller: Type.Optional(Caller),
	receivedAt: Type.Optional(Instant),
	via: Type.Optional(pub(Type.String({ maxLength: 32 }))),
	callReason: Type.Optional(Text),
	/** Masked. */
	arguments: Type.Optional(sensitive(Type.Unknown(), "flat")),
	findings: Type.Optional(Findings),
	/** What policy made of it. */
	decision: Type.Optional(
		Type.Object({
			effect: pub(Type.Union([Type.Literal("grant"), Type.Literal("hold"), Type.Literal("deny")])),
			at: Instant,
			rules: Rules,
			reasons: Reasons,
		}),
	),
	/** Whom it waits or waited for, and until when. */
	requirements: Type.Optional(Type.Array(Requirement)),
	expiresAt: Type.Optional(Instant),
	votes: Type.Optional(
		Type.Array(
			Type.Object({
				voter: Person,
				verdict: pub(Type.String({ maxLength: 16 })),
				at: Instant,
				groups: pub(Type.Array(Type.String({ maxLength: 64 }))),
				reason: Type.Optional(Text),
			}),
		),
	),
	approvedBy: Type.Optional(sensitive(Type.Array(Type.String({ maxLength: 254 })))),
	attempts: Type.Optional(pub(Type.Integer({ minimum: 1 }))),
	executor: Type.Optional(pub(Type.String({ maxLength: 128 }))),
	credential: Type.Optional(pub(Type.String({ maxLength: 64 }))),
	ending: Type.Optional(pub(Type.Enum([...endings]))),
	endedAt: Type.Optional(Instant),
	endedBy: Type.Optional(pub(Type.String({ maxLength: 32 }))),
	code: Type.Optional(pub(Type.String({ maxLength: 64 }))),
	detail: Type.Optional(Text),
	/** By which rules it ended, and why. */
	rules: Type.Optional(Rules),
	reasons: Type.Optional(Reasons),
	by: Type.Optional(sensitive(Type.Array(Type.String({ maxLength: 254 })))),
	sent: Type.Optional(pub(Type.Boolean())),
	answer: Type.Optional(AnswerMark),
	answerFindings: Type.Optional(Findings),
	streamed: Type.Optional(Streamed),
	/** Where the time went, by the clocks of who said it; a span that those contradict is left out. */
	durations: Type.Optional(
		Type.Object({
			totalMs: Milliseconds,
			decidingMs: Milliseconds,
			waitingMs: Milliseconds,
			dispatchMs: Milliseconds,
			functionMs: Milliseconds,
		}),
	),
	/** Each event in the order of the stream. */
	steps: sensitive(Type.Array(Step), "kept"),
});
export type Story = Static<typeof Story>;

export const storyMappings = mappingsOfObject(Story, "story");

/** The body of `PUT /_index_template/callgate-stories`: a plain index, for a story is written again where its call goes on. */
export function storyTemplate({ replicas }: TemplateOptions) {
	return {
		index_patterns: [storyIndex],
		priority: 500,
		template: {
			settings: { index: { number_of_shards: 1, number_of_replicas: replicas } },
			mappings: {
				dynamic: "strict",
				properties: { ...storyMappings, built: { type: "object", enabled: false } },
			},
		},
		_meta: { description: "The stories of calls: generated from libs/contracts/story.ts" },
	};
}
