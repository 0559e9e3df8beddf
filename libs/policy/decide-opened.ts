// The dear part of a decision, pure: the opened arguments are those of the digest, and what the rules say about them.
import { digestOf } from "#libs/contracts/digest.ts";
import type { Event } from "#libs/contracts/events.ts";
import type { SealedArguments } from "#libs/contracts/sealed.ts";
import type { CompiledPolicy } from "./compiled-policy.ts";
import { type Decision, decide } from "./decide.ts";

export type Opened = Pick<Event<"call.received">["data"], "caller" | "connection" | "function" | "digest" | "receivedAt"> & {
	/** What was sealed, as it was opened. */
	readonly text: string;
};

/** Undefined: what was sealed is not what the digest says. */
export function decideOpened({ policy }: { readonly policy: CompiledPolicy }, opened: Opened): Decision | undefined {
	const { caller, connection, function: name, digest, receivedAt } = opened;
	const { arguments: args, salt } = JSON.parse(opened.text) as SealedArguments;
	if (digestOf({ caller, connection, function: name, arguments: args, salt }) !== digest) return undefined;
	return decide(policy, { caller, connection, function: name, arguments: args, receivedAt });
}
