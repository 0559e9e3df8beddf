// What approval needs from outside: the stream, the people's groups, a way to reach approvers, and a timetable.
import type { Bus, Position } from "#libs/bus/bus.ts";
import type { Group } from "#libs/configuration/kinds/group.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import type { RefusalTally } from "#libs/service/refusal-events.ts";
import type { Approval, Delivered, Ended, Granted, Waiting } from "./approval.ts";
import type { Approvals } from "./approvals.ts";

/** People who may decide, by the group's name: by e-mail, or through groups of the identity provider. */
export type Groups = ReadonlyMap<string, Group>;

/** An approval that people see, or saw. */
export type Shown = Waiting | Granted | (Ended & { readonly question: object });

/** Approvers could not be reached now. The message never repeats a token or a value. */
export class ApproversUnavailable extends ExpectedError {
	/** What those who could be reached asked for, or undefined where it is ours to choose. */
	readonly retryAfterMs: number | undefined;
	/** A code of theirs such as `channel_not_found`, for logs and metrics. */
	readonly code: string;
	constructor(code: string, retryAfterMs?: number) {
		super(`approvers cannot be reached: ${code}`);
		this.code = code;
		this.retryAfterMs = retryAfterMs;
	}
}

/** Where approvers are asked. Each method tries once and rejects with {@link ApproversUnavailable}; the timetable tries again. */
export interface Approvers {
	/** Puts the question into a channel. Repeating it asks twice: record what it returns before anything else. */
	ask(channel: string, approval: Waiting, groups: Groups): Promise<Delivered>;
	/** Makes a message show how the approval stands now. May be repeated. */
	show(delivered: Delivered, approval: Shown, groups: Groups): Promise<void>;
	/** Says under the message that the question still waits. */
	remind(delivered: Delivered, approval: Waiting): Promise<void>;
}

export type JobKind = "deliver" | "update" | "expire" | "remind" | "escalate";
/** Something to do about a call at a time. Equal `call`, `kind` and `nth` are one job, however often it is planned. */
export interface Job {
	readonly call: string;
	readonly kind: JobKind;
	/** A channel for `deliver`, a version for `update`, a step for `remind` and `escalate`. */
	readonly nth: string;
	/** Milliseconds since 1970, by this replica's clock. */
	readonly at: number;
	/** The last event about the call that whoever planned it had read: nobody does it who has read less. */
	readonly after: Position;
}

/** When what is to be done. It may forget everything at any time: what is due is planned again from the stream. */
export interface Timetable {
	/** Adds what is not there yet. Never rejects; what could not be added is planned again later. */
	plan(jobs: readonly Job[]): Promise<void>;
}

/** Does a job; `tries` is 1 the first time. Rejects where it is to be tried again. */
export type Work = (job: Job, tries: number) => Promise<void>;

/** A timetable that can be worked off here, too. */
export interface WorkingTimetable extends Timetable {
	/** From now on jobs whose time has come are done here too. Call it once, when every approval is known. */
	startWork(work: Work): void;
	stop(): Promise<void>;
}

/** Fields must be public ones: see libs/contracts/classification.ts. */
export interface Log {
	info(fields: object, message: string): void;
	warn(fields: object, message: string): void;
	error(fields: object, message: string): void;
}

/** What is counted. */
export interface Counters {
	voted(verdict: "approve" | "reject", via: "slack" | "api"): void;
	refused(refusal: string, via: "slack" | "api"): void;
	settled(outcome: string): void;
	slackFailed(code: string): void;
	timetableFailed(): void;
}

/** The parts every verb works with. */
export interface Parts {
	readonly bus: Pick<Bus, "publishAfter" | "last">;
	readonly approvals: Approvals;
	/** Groups of the configuration that is in force; empty while there is none, so that nobody can decide. */
	readonly groups: () => Groups;
	readonly now: () => Date;
	readonly key: SigningKey;
	/** How long the executor may take to begin, from the last vote on. */
	readonly grantTtlMs: number;
	readonly timetable: Timetable;
	readonly approvers: Approvers | undefined;
	readonly counters: Counters;
	readonly refusedVotes: RefusalTally<"control.vote.refused">;
	readonly log: Log;
}

export function isShown(approval: Approval): approval is Shown {
	return approval.state === "waiting" || approval.state === "granted" || (approval.state === "ended" && approval.question !== undefined);
}
