// What people write in a document of kind `Policy`: rules that read like sentences, and what to mask.
import { type Static, Type } from "typebox";
import { callerBounds, namePattern } from "#libs/contracts/call.ts";
import {
	actionNames,
	actionsInWords,
	type FindAction,
	findActions,
	findActionsInWords,
	type MaskAction,
	shownActions,
} from "#libs/masking/action.ts";
import { kindPattern } from "#libs/masking/keyed/token.ts";
import { selectorCharsMax } from "#libs/masking/selector.ts";
import { durationPattern } from "./duration.ts";

/** Kebab case: a rule's name appears in Slack, in problems and in the record. */
const ruleNamePattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
/** A condition longer than this is a program; programs belong into the function. */
const conditionCharactersMax = 4_096;

const closed = { additionalProperties: false } as const;
const strict = <T extends Parameters<typeof Type.Object>[0]>(properties: T) => Type.Object(properties, closed);

const Name = Type.String({ pattern: namePattern });
const FunctionName = Type.String({ minLength: 1, maxLength: 128 });
const GroupName = Type.String({ minLength: 1, maxLength: callerBounds.groupCharacters });
const Duration = Type.String({ pattern: durationPattern });
const Condition = Type.String({ minLength: 1, maxLength: conditionCharactersMax });
/** `issuer|subject`, or an e-mail address whichever issuer vouches for it. */
const CallerName = Type.String({ minLength: 3, maxLength: 800 });

/** One name or a list of names. */
const oneOrMore = <T extends typeof Name>(name: T) => Type.Union([name, Type.Array(name, { minItems: 1, maxItems: 256 })]);

const Match = strict({
	connection: Type.Optional(oneOrMore(Name)),
	function: Type.Optional(oneOrMore(FunctionName)),
	/** The caller is in at least one of these groups, as its issuer says. */
	groups: Type.Optional(Type.Array(GroupName, { minItems: 1, maxItems: 256 })),
	caller: Type.Optional(oneOrMore(CallerName)),
});

const limitWindow = {
	per: Type.Union([Type.Literal("caller"), Type.Literal("function"), Type.Literal("connection"), Type.Literal("everyone")]),
	window: Duration,
	max: Type.Number({ minimum: 0 }),
};
const Limit = Type.Union([strict({ sum: Condition, ...limitWindow }), strict({ count: Type.Literal(true), ...limitWindow })]);

const Approval = strict({
	anyOf: Type.Array(Name, { minItems: 1, maxItems: 32 }),
	quorum: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
	expires: Type.Optional(Duration),
	remind: Type.Optional(Type.Array(Duration, { maxItems: 8 })),
	escalate: Type.Optional(strict({ after: Duration, to: Type.Array(Name, { minItems: 1, maxItems: 32 }) })),
	reason: Type.Optional(Type.Union([Type.Literal("required"), Type.Literal("optional")])),
});

export const Rule = strict({
	name: Type.String({ pattern: ruleNamePattern, maxLength: 64 }),
	match: Match,
	when: Type.Optional(Condition),
	effect: Type.Union([Type.Literal("allow"), Type.Literal("hold"), Type.Literal("deny")]),
	message: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
	limit: Type.Optional(Limit),
	approval: Type.Optional(Approval),
});
export type Rule = Static<typeof Rule>;

const Selector = Type.String({ minLength: 1, maxLength: selectorCharsMax });
const ShownAction = Type.Enum([...shownActions]);
const Action = Type.Unsafe<MaskAction>(
	Type.Union([...actionNames.map((action) => Type.Literal(action)), Type.String({ pattern: `^tokenize ${kindPattern.slice(1)}` })], {
		expected: actionsInWords,
	}),
);
const Kind = Type.String({ pattern: kindPattern, expected: "a kind of values such as email" });
const Kinds = Type.Array(Kind, { minItems: 1, maxItems: 32 });

const Detector = Type.String({ minLength: 1, maxLength: 32 });
const FindsAction = Type.Unsafe<FindAction>(
	Type.Union([...findActions.map((action) => Type.Literal(action)), Type.String({ pattern: `^tokenize ${kindPattern.slice(1)}` })], {
		expected: findActionsInWords,
	}),
);
const Finds = Type.Record(Detector, FindsAction, { minProperties: 1, maxProperties: 64 });

export const MaskEntry = strict({
	match: strict({ connection: Type.Optional(oneOrMore(Name)), function: Type.Optional(oneOrMore(FunctionName)) }),
	request: Type.Optional(Type.Record(Selector, ShownAction)),
	response: Type.Optional(Type.Record(Selector, Action)),
	/** Kinds of tokens that the function gets as what they stand for: anywhere in its arguments, or at places of them. */
	detokenize: Type.Optional(Type.Union([Kinds, Type.Record(Selector, Kinds)])),
	/** What is looked for; or what becomes of what is found, by detector: then all are looked for. An item of a list may say both. */
	detect: Type.Optional(Type.Union([Type.Array(Type.Union([Detector, Finds]), { minItems: 1, maxItems: 64 }), Finds])),
});
export type MaskEntry = Static<typeof MaskEntry>;

export const PolicyDocument = strict({
	kind: Type.Literal("Policy"),
	name: Name,
	rules: Type.Array(Rule, { maxItems: 10_000 }),
	mask: Type.Optional(Type.Array(MaskEntry, { maxItems: 1_000 })),
});
export type PolicyDocument = Static<typeof PolicyDocument>;
