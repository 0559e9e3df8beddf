// The dear part of making a call ready, pure: the opened arguments are those of the digest, and what is sent of them.
import type { Configuration } from "#libs/configuration/configuration.ts";
import { digestOf } from "#libs/contracts/digest.ts";
import type { Event } from "#libs/contracts/events.ts";
import type { SealedArguments } from "#libs/contracts/sealed.ts";
import { written } from "#libs/functions/transport.ts";

export type Opened = Pick<Event<"call.granted">["data"], "caller" | "connection" | "function" | "digest"> & {
	/** What was sealed, as it was opened. */
	readonly text: string;
};

export interface ReadGranted {
	/** Undefined where the revision has no such function. */
	readonly written: ReturnType<typeof written> | undefined;
	readonly sealed: Omit<SealedArguments, "arguments" | "salt">;
}

/** Undefined: what was sealed is not what the digest says. */
export function readGranted(configuration: Configuration, opened: Opened): ReadGranted | undefined {
	const { caller, connection, function: name, digest } = opened;
	const { arguments: args, salt, ...sealed } = JSON.parse(opened.text) as SealedArguments;
	if (digestOf({ caller, connection, function: name, arguments: args, salt }) !== digest) return undefined;
	const fn = configuration.connection(connection)?.function(name);
	return { written: fn && written(fn.transport, args), sealed };
}
