// What the executor needs from outside: the stream, the revision a call was granted under, its keys, the vault, and the functions themselves.
import type { Bus, Position } from "#libs/bus/bus.ts";
import type { ActiveConfiguration } from "#libs/configuration/follow-configuration.ts";
import type { Analyzer } from "#libs/configuration/kinds/analyzer.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import type { McpAnswer } from "#libs/contracts/answer.ts";
import type { Event } from "#libs/contracts/events.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { GrantVerifier } from "#libs/contracts/grant.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import type { Written } from "#libs/functions/transport.ts";
import type { MaskingKeys } from "#libs/masking/keyed/session-keys.ts";
import type { Clock } from "#libs/service/clock.ts";
import type { Aside } from "#libs/service/work-aside.ts";
import type { Secret } from "#libs/vault/secret.ts";
import type { Vault } from "#libs/vault/vault.ts";
import type { Claims } from "./claims.ts";
import type { History } from "./history.ts";
import type { Quarantine } from "./quarantine.ts";

/** One call as it is asked of its function. */
export interface Asked {
	readonly connection: Connection;
	readonly fn: ConnectionFunction;
	/** What the function's transport made of the arguments. */
	readonly written: Written;
	/** Fields of the caller's request; those that the connection does not declare are not passed on. */
	readonly fields: readonly (readonly [name: string, value: string])[];
	/** The same for all attempts, for a function that is declared idempotent. */
	readonly idempotencyKey: string | undefined;
}

/** What a connection's functions want to be shown, and the name it has in the vault. */
export interface Credential {
	readonly name: string;
	readonly secret: Secret;
}

/** What a function answered, whole and within its bounds, without the credential, not masked yet: a union by protocol. */
export type FunctionAnswer = HttpFunctionAnswer | McpFunctionAnswer;

export interface HttpFunctionAnswer {
	readonly protocol: "http";
	readonly status: number;
	/** Lower-case names. */
	readonly headers: readonly (readonly [name: string, value: string])[];
	readonly body: Uint8Array;
}

export interface McpFunctionAnswer {
	readonly protocol: "mcp";
	/** Whether the tool says that it failed, or the server that it could not answer. */
	readonly isError: boolean;
	/** Of an error of JSON-RPC, which then is the body. */
	readonly code?: number;
	/** The result, or the error: the JSON as the server wrote it, in UTF-8, but without the state of a result that asks something. */
	readonly body: Uint8Array;
	/** What the result asks the caller, where it does. */
	readonly asks?: McpAnswer["asks"];
}

/** A function's answer that comes in pieces, without the credential, not masked yet. */
export interface AnswerInPieces {
	readonly protocol: "http";
	readonly status: number;
	/** Lower-case names. */
	readonly headers: HttpFunctionAnswer["headers"];
	/** What a record is: one of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), or one line. */
	readonly framing: "events" | "lines";
	/**
	 * Each whole, with the end that its format gives it, as the function sent it; read no faster than they are taken.
	 *
	 * @throws {DialError} where it breaks off or breaks a bound
	 */
	readonly records: AsyncIterable<string>;
	/** Lets the function go. Must be called by whoever does not take all records. */
	leave(): void;
	/** Takes the credential out of a text that is put together from several records. */
	readonly scrub: (text: string) => Promise<string>;
}

/** What a function says while it works on a call, beside its answer. Not masked yet, without the credential; of the shapes that MCP has for these. */
export interface Notice {
	readonly method: "notifications/progress" | "notifications/message";
	readonly params: JsonObject;
}

/** A call of which nothing can be wrong any more but the way there and the function itself. */
export interface Prepared {
	/**
	 * Sends it, once, and waits for the answer as long as the function may take. `beforeFirstByte` is called once, in the same turn in which the
	 * first byte is written, when the way is open; if it throws nothing is sent. Nothing is tried again.
	 *
	 * @throws {DialError} where no whole answer came: what was sent of it, and whether an answer had begun.
	 */
	dial(beforeFirstByte: () => void): Promise<FunctionAnswer>;
	/**
	 * As `dial`; tells of what the function says meanwhile, in its order, before it resolves. Absent: its protocol has no such thing.
	 */
	dialWithNotices?(beforeFirstByte: () => void, noticed: (notice: Notice) => void): Promise<FunctionAnswer>;
	/** As `dial`, where an answer may come in pieces: one in a format that has records is told of when it begins. Absent: no answer has. */
	dialInPieces?(beforeFirstByte: () => void): Promise<FunctionAnswer | AnswerInPieces>;
}

/** How functions are reached, whatever their protocol. dial-contract.ts is what each dialer passes. */
export interface Dialer {
	/**
	 * Sends nothing and waits for nothing. The credential is in what is sent and in nothing that comes back, error or answer.
	 *
	 * @throws {CannotRun}
	 */
	prepare(asked: Asked, credential: Credential | undefined): Prepared;
	/** Lets running dials finish. */
	close(): Promise<void>;
}

/** A part of a text, in UTF-16 code units: `end` is behind it. */
export interface TextSpan {
	readonly start: number;
	readonly end: number;
}

/** Who recognises in a text what no pattern finds: names and addresses of people. */
export interface Recogniser {
	/**
	 * Where the entities stand that are asked for: each place within the text, in any order, perhaps overlapping. Asks once, and waits as long as
	 * the analyzer may take.
	 *
	 * @throws {RecognitionFailed} for everything else than an answer that can be understood whole.
	 */
	recognise(text: string, analyzer: Analyzer): Promise<readonly TextSpan[]>;
}

/** The message is safe for everyone: nothing of the text, nothing of what the analyzer said. */
export class RecognitionFailed extends ExpectedError {}

/** A lease is these two, the function's own timeout between them and the analyzer's. Executors of one pool must agree on them. */
export interface LeaseTerms {
	/** A claimed call is dialled within this or not at all: an executor that was paused must not dial when it wakes. */
	readonly startWithinMs: number;
	/** What masking, sealing and storing the ending may take after the function's own time. */
	readonly settleWithinMs: number;
}

export const leaseTermsDefault: LeaseTerms = { startWithinMs: 5_000, settleWithinMs: 10_000 };

export interface ExecutorPorts {
	readonly bus: Bus;
	readonly configuration: Pick<ActiveConfiguration, "at">;
	readonly grants: Pick<GrantVerifier, "verify">;
	readonly sealingKeys: SealingKeys;
	readonly maskingKeys: Pick<MaskingKeys, "sessionOf">;
	readonly vault: Pick<Vault, "get">;
	readonly dialer: Dialer;
	/** Asked about the answers of connections that name an analyzer. */
	readonly recogniser: Recogniser;
	readonly claims: Claims;
	/** Told of functions that are not what was pinned; never waits and never fails. */
	readonly quarantine: Pick<Quarantine, "note">;
	/** What is said in the pool's ledger of a call of which nothing was said before `since`. */
	readonly ledger: { of(since: Position): History };
	/** Large arguments and answers are worked on there: see work.ts. */
	readonly aside: Aside;
	readonly clock: Clock;
	readonly pool: string;
	/** Absent: {@link leaseTermsDefault}. */
	readonly lease?: LeaseTerms;
	/** Tells this process from its replicas, on the record. */
	readonly name: string;
	/** Milliseconds of a clock that never goes back; the process's own where it is not given. */
	readonly elapsedMs?: () => number;
	/** How long to wait before an ending that could not be stored is stored again; see execute-call.ts for the default. */
	readonly storeRetryMs?: number;
	/** Told of each ending, for metrics and logs. */
	readonly ended: (granted: Event<"call.granted">, ending: string, code: string | undefined, seconds: number) => void;
	/** Something failed that is nobody's fault but ours; never with a value. */
	readonly failed: (error: unknown, call: string) => void;
}
