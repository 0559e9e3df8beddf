// What a call is: who asks, for which function, and how it can end.
import { type Static, Type } from "typebox";
import { pub, sensitive } from "./classification.ts";
import { emailCharactersMax } from "./email.ts";

/** A call's id: a UUIDv7 (RFC 9562), so ids sort by time and are safe as one token of a subject. */
export const callIdPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
export const CallId = pub(Type.String({ pattern: callIdPattern }));

/** When the call was made, to the millisecond: the first 48 bits of its id (RFC 9562 section 5.7). */
export function madeAt(call: string): Date {
	return new Date(Number.parseInt(call.slice(0, 8) + call.slice(9, 13), 16));
}

/** Names of connections, pools, groups and rules: one token of a subject, one word in Slack. */
export const namePattern = "^[a-z][a-z0-9-]{0,62}$";
export const Name = pub(Type.String({ pattern: namePattern }));
/** Functions as they may be called: most of what vendors write as `operationId`, and `GET/accounts/:id`. */
export const functionNamePattern = "^_?[A-Za-z][A-Za-z0-9_.:/-]{0,126}$";
/** A function's name is its `operationId`, which vendors write in their own way. */
export const FunctionName = pub(Type.String({ minLength: 1, maxLength: 128 }));
/** `sha256:` and 64 hexadecimal digits. */
export const Digest = pub(Type.String({ pattern: "^sha256:[0-9a-f]{64}$" }));
/** RFC 3339, UTC, milliseconds. */
export const Instant = pub(Type.String({ maxLength: 32 }), "date");

/**
 * What a caller may be: wide enough for people of large directories and for names that are paths, and small enough that each event about a
 * call carries it whole. The size of a token bounds all groups together.
 */
export const callerBounds = { subjectCharacters: 256, groups: 4_000, groupCharacters: 512 } as const;
export const Subject = pub(Type.String({ minLength: 1, maxLength: callerBounds.subjectCharacters }));
export const CallerGroups = pub(Type.Array(Type.String({ maxLength: callerBounds.groupCharacters }), { maxItems: callerBounds.groups }));

/** Who is asking, as an issuer vouched for them. Two callers are the same person if issuer and subject are equal. */
export const Caller = Type.Object(
	{
		issuer: pub(Type.String({ maxLength: 512 })),
		subject: Subject,
		email: Type.Optional(sensitive(Type.String({ maxLength: emailCharactersMax }))),
		groups: CallerGroups,
		/** Which of its sessions, where its issuer says that: a digest, so that whoever reads it cannot speak of the session. */
		session: Type.Optional(pub(Type.String({ pattern: "^[\\w-]{22}$" }))),
	},
	{ additionalProperties: false },
);
export type Caller = Static<typeof Caller>;

/** Exactly one of these ends a call. */
export const endings = ["denied", "rejected", "expired", "cancelled", "completed", "failed", "unknown"] as const;

export function sameCaller(one: Pick<Caller, "issuer" | "subject">, other: Pick<Caller, "issuer" | "subject">): boolean {
	return one.issuer === other.issuer && one.subject === other.subject;
}
