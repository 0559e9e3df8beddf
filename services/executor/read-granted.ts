// The dear part of making a call ready, pure: the opened arguments are those of the digest, and what is sent of them.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import { digestOf } from "#libs/contracts/digest.ts";
import type { Event } from "#libs/contracts/events.ts";
import type { SealedArguments } from "#libs/contracts/sealed.ts";
import { type ArgumentsCheck, compileArguments } from "#libs/functions/check-arguments.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { written } from "#libs/functions/transport.ts";
import { compileDetokenizer, type Opened as Detokenization, TokenRefused } from "#libs/masking/keyed/detokenize.ts";
import type { SessionKeys } from "#libs/masking/keyed/session-keys.ts";
import { maskFor } from "#libs/policy/mask-for.ts";

export type Opened = Pick<Event<"call.granted">["data"], "caller" | "connection" | "function" | "digest"> & {
	/** What was sealed, as it was opened. */
	readonly text: string;
	/** Of the caller's session, where the function is one that is given what tokens stand for. */
	readonly keys?: SessionKeys | undefined;
};

export interface ReadGranted {
	/** Undefined where the revision has no such function. */
	readonly written: ReturnType<typeof written> | undefined;
	readonly sealed: Omit<SealedArguments, "arguments" | "salt">;
	readonly tokens: Pick<Detokenization, "used" | "revealed">;
}

/** A token that was to be opened cannot be. */
export interface Refused {
	readonly refused: string;
}

/** Undefined: what was sealed is not what the digest says. */
export function readGranted(configuration: Configuration, opened: Opened): ReadGranted | Refused | undefined {
	const { caller, connection, function: name, digest, keys } = opened;
	const { arguments: args, salt, ...sealed } = JSON.parse(opened.text) as SealedArguments;
	if (digestOf({ caller, connection, function: name, arguments: args, salt }) !== digest) return undefined;
	const at = configuration.connection(connection);
	const fn = at?.function(name);
	if (!at || !fn) return { written: undefined, sealed, tokens: none };
	try {
		const opening = keys ? toolsOf(configuration, at, fn).open(args, keys) : { ...none, arguments: args };
		const { used, revealed } = opening;
		return { written: writtenWith(opening, configuration, at, fn), sealed, tokens: { used, revealed } };
	} catch (error) {
		if (error instanceof TokenRefused) return { refused: error.message };
		throw error;
	}
}

const none = { used: [], revealed: [] } as const;

interface Tools {
	readonly open: ReturnType<typeof compileDetokenizer>;
	readonly check: ArgumentsCheck;
}

/** Compiled once per revision and function: a revision never changes. */
const compiled = new WeakMap<ConnectionFunction, Tools>();

function toolsOf({ policy }: Configuration, connection: Connection, fn: ConnectionFunction): Tools {
	const known = compiled.get(fn);
	if (known) return known;
	const { detokenize } = maskFor(policy, connection.name, fn.name);
	const tools = { open: compileDetokenizer(detokenize), check: compileArguments(fn, connection.transport) };
	compiled.set(fn, tools);
	return tools;
}

/** Ingress held the token against the schema; what it stands for is held against it here. */
function writtenWith(
	{ arguments: args, used }: Detokenization,
	configuration: Configuration,
	connection: Connection,
	fn: ConnectionFunction,
) {
	const checked = used.length === 0 ? ({ ok: true } as const) : toolsOf(configuration, connection, fn).check(args);
	return checked.ok ? written(fn.transport, args) : { errors: checked.errors };
}
