// What the checker is given: four logs that know nothing of each other, and what the harness itself did.
import type { PlannedCall } from "./plan-calls.ts";

/** One request for a call, as its client saw it. Times are milliseconds since 1970. */
export interface ClientRequest {
	readonly at: number;
	readonly answeredAt: number;
	/** `Retry-After`. */
	readonly retryAfter?: string;
	/** Absent where there was no answer. */
	readonly status?: number;
	readonly call?: string;
	/** The ending, or the state of a call that goes on. */
	readonly state?: string;
	readonly code?: string;
	readonly failure?: string;
	/** Names of planted secrets that the answer shows. */
	readonly shows?: readonly string[];
	/** Where it went through the proxy, or as a tool of MCP, and was answered. */
	readonly proxied?: ProxiedAnswer;
}

/** What a client of the proxy or of MCP sees beside the status. */
export interface ProxiedAnswer {
	/** `Callgate-Call`. */
	readonly header?: string;
	/** Neither Callgate's problem nor its 202: the function's own. */
	readonly own: boolean;
	/** The body is the bank's whole answer, but for what was masked. */
	readonly whole: boolean;
}

export interface ClientCall {
	readonly plan: PlannedCall;
	readonly requests: readonly ClientRequest[];
	/** What `GET /v1/calls/{id}` said when everything was quiet. */
	readonly later?: { readonly call: string; readonly state: string };
}

/** One request to the function, as the function saw it. */
export interface BankRequest {
	/** When its head had arrived. */
	readonly at: number;
	readonly path: string;
	readonly reference: string;
	/** SHA-256 of the body's members in the order of their names. */
	readonly bodyDigest: string;
	/** SHA-256 of the bearer token. */
	readonly credential: string;
	readonly idempotencyKey?: string;
}

/** One event of a message of the stream, read by the operator. */
export interface StreamEvent {
	readonly sequence: number;
	readonly item: number;
	/** When NATS stored it. */
	readonly at: number;
	readonly id: string;
	readonly type: string;
	/** From the subject, for which NATS vouches. */
	readonly writer: string;
	/** From the subject: whose lane of the ledger it stands on; absent where the call has subjects of its own. */
	readonly lane?: string;
	readonly data: Readonly<Record<string, unknown>>;
}

/** What the signed tokens in an event say, verified with the public keys. */
export interface Permission {
	readonly sequence: number;
	readonly call: string;
	/** Why it is none. */
	readonly fault?: string;
	readonly signer?: "policy" | "approval";
	readonly digest?: string;
	/** Of the hold inside approval's grant. */
	readonly holdDigest?: string;
	readonly expiresAt?: number;
}

export interface RecordedDocument {
	readonly index: string;
	readonly id: string;
	readonly type: string;
	readonly position: number;
	readonly item: number;
	readonly call?: string;
	readonly digest?: string;
	readonly ending?: string;
}

/** A message that the harness put on the stream in somebody's name. */
export interface Poison {
	readonly sequence: number;
	readonly kind: string;
	/**
	 * `parked`: by its reader and by audit. `refused`: its reader parks it and ends its call. `failed`: its call ends as failed.
	 * `unindexed`: audit parks the one item that the index refuses.
	 */
	readonly expects: "parked" | "refused" | "failed" | "unindexed";
	readonly reader: "policy" | "approval" | "executor" | "audit";
	/** Which of the message's events it is, where the others are good. */
	readonly item?: number;
	/** The call that it pretends to be about, which nobody asked for. */
	readonly call?: string;
}

/** `from` and `until` are real times. */
export interface WrongClock {
	readonly service: string;
	readonly replica: number;
	readonly offMs: number;
	readonly from: number;
	readonly until: number;
}

/** A message that trimming removed. */
export interface Removal {
	readonly sequence: number;
	/** What was gone after an earlier look at the stream has a lower number. */
	readonly step: number;
	/** When the removal began after which it was gone. */
	readonly at: number;
}

/** A time in which the stream could not take everything. */
export interface Outage {
	readonly kind: string;
	readonly from: number;
	readonly until: number;
	/** It could take nothing at all. */
	readonly takesNothing: boolean;
}

export interface Evidence {
	readonly calls: readonly ClientCall[];
	readonly bank: readonly BankRequest[];
	readonly stream: readonly StreamEvent[];
	/** Sequences of messages that are no JSON lists of objects with an id and a type. */
	readonly unreadable: readonly number[];
	readonly permissions: readonly Permission[];
	/** `call digest` as it stands on the buttons of each message in Slack. */
	readonly slack: readonly { readonly call: string; readonly digest: string }[];
	/** What each message in Slack says came of its call; undefined where it still asks. */
	readonly outcomes: readonly { readonly call: string; readonly word: string | undefined }[];
	readonly documents: readonly RecordedDocument[];
	readonly poison: readonly Poison[];
	/** Messages that audit raised an alarm about, from its logs. */
	readonly alarms: readonly { readonly position: number; readonly item: number }[];
	readonly removals: readonly Removal[];
	/** How the stream differs from what was heard of it. */
	readonly changed: readonly string[];
	/** How the record's tree differs from what was heard of the stream, and what a verifier finds in it. */
	readonly unproven: readonly string[];
	readonly outages: readonly Outage[];
	/** Faults that did not do what they are there for. */
	readonly effectless: readonly string[];
	/** Sequences of messages that the harness copied. */
	readonly copies: readonly number[];
	/** When which process had the wrong time of day. */
	readonly clocks: readonly WrongClock[];
	/** What had to be settled while Valkey was away, and was not. */
	readonly unsettled: readonly string[];
	/** Process ids that were killed, or paused for longer than a lease. Those that were asked to end are not among them. */
	readonly gone: ReadonlySet<number>;
	/** SHA-256 of the function's own key. */
	readonly bankCredential: string;
	/** Who may approve, by e-mail. */
	readonly approvers: ReadonlySet<string>;
	/** Places where a secret was found: a name and a file. */
	readonly leaks: readonly string[];
	/** Processes that ended by themselves, from their logs. */
	readonly crashes: readonly string[];
	/** What was still in work when the time was over. */
	readonly unfinished: readonly string[];
}
