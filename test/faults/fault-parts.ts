// What a fault may touch while it is done.
import type { Service } from "#libs/contracts/define-event.ts";
import type { Stack } from "../../infra/local/stack.ts";
import type { Clocks } from "./clocks.ts";
import type { Effects } from "./effects.ts";
import type { Poison } from "./evidence.ts";
import type { FollowedApprovals } from "./follow-approvals.ts";
import type { KeptStream } from "./keep-stream.ts";
import type { Operator, StoredMessage } from "./operator.ts";
import type { Path, PlannedCall } from "./plan-calls.ts";
import type { Processes, Target } from "./processes.ts";

export interface Versions {
	/** For `startStack`: the checkout that a process is started from. */
	root(service: Service, replica: number): string | undefined;
	readonly dir: string;
	use(target: Target, version: "this" | "other"): void;
}

export interface FaultParts {
	readonly stack: Stack;
	readonly processes: Processes;
	readonly operator: Operator;
	/** Messages that services take for work, as they were stored. */
	readonly seen: readonly StoredMessage[];
	readonly poison: Poison[];
	readonly copies: number[];
	readonly clocks: Clocks;
	readonly versions: Versions;
	readonly approvals: FollowedApprovals;
	/** What should have been settled and was not. */
	readonly unsettled: string[];
	readonly kept: KeptStream;
	readonly effects: Effects;
	/** Asks about calls that ended, once, what callers are told: from the stream, before it is trimmed. */
	readonly askAboutEnded: () => Promise<void>;
	/** Asks for one more call than was planned, on this path, and with these things instead of those of chance. */
	readonly send: (path: Path, more?: Partial<PlannedCall>) => Promise<PlannedCall>;
	/** Whether a request that was sent at this time or later was answered 503. */
	readonly refusedSince: (at: number) => boolean;
	/** Whether the function has seen this call. */
	readonly bankSaw: (reference: string) => boolean;
	/** What goes on while other things happen, by what it is done to; awaited before the end. */
	readonly background: Map<string, Promise<void>>;
}
