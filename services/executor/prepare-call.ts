// Everything that must be right before a call may be claimed: the grant, the digest, the function, what is sent to it and its credential.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Analyzer } from "#libs/configuration/kinds/analyzer.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import type { Event } from "#libs/contracts/events.ts";
import { GrantRefused } from "#libs/contracts/grant.ts";
import { SealBroken } from "#libs/contracts/sealed.ts";
import { continued } from "#libs/functions/continue-call.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import type { MaskingContext, SessionKeys } from "#libs/masking/keyed/session-keys.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { VaultError } from "#libs/vault/vault.ts";
import { CannotRun } from "./cannot-run.ts";
import { type AnswerMasks, masksOf } from "./mask-answer.ts";
import type { Credential, ExecutorPorts, Prepared } from "./ports.ts";
import { type Opened, type ReadGranted, readGranted } from "./read-granted.ts";

export type Granted = Event<"call.granted">;

/** A call that is ready to be claimed and dialled. */
export interface PreparedCall extends Prepared {
	readonly grantId: string;
	readonly fn: ConnectionFunction;
	/** Under which it was granted. */
	readonly configuration: Configuration;
	readonly masks: AnswerMasks;
	readonly analyzer?: Analyzer;
	/** Of the caller's session, where the answer's masks need them; with what the function is given in place of tokens. */
	readonly keys?: MaskingContext | undefined;
	/** How many tokens of each kind the function is given the values of. */
	readonly detokenized: ReadGranted["tokens"]["used"];
	readonly credential?: string;
}

/** @throws {CannotRun} for what will not change by trying again. */
export async function prepareCall(ports: ExecutorPorts, granted: Granted): Promise<PreparedCall> {
	const { data } = granted;
	const permitted = () => orRefused(() => ports.grants.verify(data.grant, data, ports.clock.now()));
	permitted();
	const text = orRefused(() => ports.sealingKeys.openText(data.pool, data.call, "arguments", data.sealed));
	const configuration = await ports.configuration.at(data.revision);
	// It may not have arrived yet; one that never does was never activated, and the grant is parked.
	if (!configuration) throw new Error("the grant's revision is not known here");
	const { masks, opensTokens } = masksOf(configuration, data.connection, data.function);
	const keys = masks.isKeyed || opensTokens ? keysOf(ports, granted) : undefined;
	const { written, sealed, tokens } = await readArguments(ports, configuration, granted, text, opensTokens ? keys : undefined);
	const connection = configuration.connection(data.connection);
	const fn = connection?.function(data.function);
	if (!connection || !fn || !written || connection.pool !== ports.pool)
		throw new CannotRun("function_unknown", "the revision has no such function in this pool");
	const asked = "errors" in written ? written : continued(ports.sealingKeys, data, written, ports.clock.now());
	if ("errors" in asked)
		throw new CannotRun("invalid_arguments", asked.errors.map(({ pointer, message }) => `${pointer} ${message}`).join("; "));
	// A function that is declared idempotent sees one key for all attempts: its own argument, the caller's, or the call's own id.
	const idempotencyKey = fn.idempotent ? (sealed.idempotencyKey ?? data.call) : undefined;
	const credential = await credentialOf(ports, connection);
	const { dial, dialInPieces, dialWithNotices } = ports.dialer.prepare(
		{ connection, fn, written: asked, fields: sealed.headers, idempotencyKey },
		credential,
	);
	// Asked again: large arguments wait for their turn, a vault may be slow, and meanwhile the grant may have expired.
	const { grantId } = permitted();
	const { analyzer } = connection;
	const context = keys && { ...keys, revealed: tokens.revealed, made: new Set<string>() };
	return {
		grantId,
		fn,
		configuration,
		dial,
		...(dialInPieces && { dialInPieces }),
		...(dialWithNotices && { dialWithNotices }),
		masks,
		keys: context,
		detokenized: tokens.used,
		...(analyzer && { analyzer }),
		...(credential && { credential: credential.name }),
	};
}

/** A permission or a seal that is not good is no failure of ours: the call cannot run. */
function orRefused<T>(check: () => T): T {
	try {
		return check();
	} catch (error) {
		throw error instanceof GrantRefused || error instanceof SealBroken ? new CannotRun("grant_refused", error.message) : error;
	}
}

async function readArguments(
	{ aside }: ExecutorPorts,
	configuration: Configuration,
	{ data: { caller, connection, function: name, digest } }: Granted,
	text: string,
	keys: SessionKeys | undefined,
): Promise<ReadGranted> {
	const opened = { text, keys, caller, connection, function: name, digest };
	const read =
		text.length <= hereCharsMax
			? readGranted(configuration, opened)
			: await aside.run<Opened, ReturnType<typeof readGranted>>("readLarge", turnOf(configuration, caller), opened);
	if (!read) throw new CannotRun("grant_refused", "the arguments are not those that were granted");
	if ("refused" in read) throw new CannotRun("token_refused", read.refused);
	return read;
}

/** Looked for before the call runs: an answer that cannot be masked as its policy says would have to be withheld. */
function keysOf({ maskingKeys, clock }: ExecutorPorts, { data: { caller } }: Granted): SessionKeys {
	const keys = maskingKeys.sessionOf(caller, clock.now());
	if (!keys) throw new CannotRun("masking_key_missing", "this executor was given no CALLGATE_MASKING_KEYS, which the policy's masks need");
	return keys;
}

async function credentialOf({ vault }: ExecutorPorts, { secret: name }: Connection): Promise<Credential | undefined> {
	if (name === undefined) return undefined;
	const secret = await vault.get(name).catch((error: unknown) => {
		throw error instanceof VaultError ? new CannotRun("credential_missing", `the vault cannot be used (${error.code})`) : error;
	});
	if (!secret) throw new CannotRun("credential_missing", `the vault has no secret ${name}`);
	return { name, secret };
}
