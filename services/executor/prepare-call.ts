// Everything that must be right before a call may be claimed: the grant, the digest, the function, its request and its credential.
import type { Configuration } from "#libs/configuration/configuration.ts";
import { addressPolicy } from "#libs/configuration/kinds/addresses.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import type { Event } from "#libs/contracts/events.ts";
import { GrantRefused } from "#libs/contracts/grant.ts";
import type { ProblemCode } from "#libs/contracts/problems.ts";
import { SealBroken } from "#libs/contracts/sealed.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import type { BuiltRequest } from "#libs/openapi/build-request.ts";
import { whyTooLarge } from "#libs/openapi/request-bounds.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { VaultError } from "#libs/vault/vault.ts";
import type { OutboundRequest } from "./dial-http.ts";
import { CredentialError, injectCredential } from "./inject-credential.ts";
import { type AnswerMasks, masksOf } from "./mask-answer.ts";
import { buildOutboundHeaders, type HeaderField } from "./outbound-headers.ts";
import type { ExecutorPorts } from "./ports.ts";
import { type Opened, type ReadGranted, readGranted } from "./read-granted.ts";
import { type Scrubber, scrubber } from "./scrub-secret.ts";

export type Granted = Event<"call.granted">;

/** A call that is ready to be claimed and dialled. */
export interface PreparedCall {
	readonly grantId: string;
	readonly fn: ConnectionFunction;
	/** Under which it was granted. */
	readonly configuration: Configuration;
	readonly request: OutboundRequest;
	readonly scrub: Scrubber;
	readonly masks: AnswerMasks;
	readonly credential?: string;
}

/** The call cannot run; nothing was sent. The detail is safe for its caller. */
export class CannotRun extends Error {
	readonly code: ProblemCode;
	constructor(code: ProblemCode, detail: string) {
		super(detail);
		this.name = "CannotRun";
		this.code = code;
	}
}

const headerBytesMax = 64 * 1024;

/** @throws {CannotRun} for what will not change by trying again. */
export async function prepareCall(ports: ExecutorPorts, granted: Granted): Promise<PreparedCall> {
	const { data } = granted;
	const permitted = () => orRefused(() => ports.grants.verify(data.grant, data, ports.clock.now()));
	permitted();
	const text = orRefused(() => ports.sealingKeys.openText(data.pool, data.call, "arguments", data.sealed));
	const configuration = await ports.configuration.at(data.revision);
	// It may not have arrived yet; one that never does was never activated, and the grant is parked.
	if (!configuration) throw new Error("the grant's revision is not known here");
	const { built, sealed } = await readArguments(ports, configuration, granted, text);
	const connection = configuration.connection(data.connection);
	const fn = connection?.function(data.function);
	if (!connection || !fn || !built || connection.pool !== ports.pool)
		throw new CannotRun("function_unknown", "the revision has no such function in this pool");
	const bare = requestOf(connection, fn, built, sealed, data.call);
	const credentialed = await addCredential(ports, connection, bare);
	const masks = masksOf(configuration, data.connection, fn);
	// Asked again: large arguments wait for their turn, a vault may be slow, and meanwhile the grant may have expired.
	const { grantId } = permitted();
	return { grantId, fn, configuration, ...credentialed, masks, ...(connection.secret !== undefined && { credential: connection.secret }) };
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
): Promise<ReadGranted> {
	const opened = { text, caller, connection, function: name, digest };
	const read =
		text.length <= hereCharsMax
			? readGranted(configuration, opened)
			: await aside.run<Opened, ReadGranted | undefined>("readLarge", turnOf(configuration, caller), opened);
	if (!read) throw new CannotRun("grant_refused", "the arguments are not those that were granted");
	return read;
}

function requestOf(
	connection: Connection,
	fn: ConnectionFunction,
	built: BuiltRequest,
	sealed: ReadGranted["sealed"],
	call: string,
): OutboundRequest {
	if (!built.ok) throw new CannotRun("invalid_arguments", built.errors.map(({ pointer, message }) => `${pointer} ${message}`).join("; "));
	const { request } = built;
	const { transport } = connection;
	const tooLarge = whyTooLarge({ ...request, bodyBytes: request.body?.length ?? 0 }, transport);
	if (tooLarge) throw new CannotRun(tooLarge.code, tooLarge.message);
	const own: HeaderField[] = Object.entries(request.headers);
	if (request.contentType !== undefined) own.push(["content-type", request.contentType]);
	const defaults: HeaderField[] = [
		["accept", "application/json, */*;q=0.5"],
		["user-agent", "callgate"],
	];
	// A function that is declared idempotent sees one key for all attempts: its own argument, the caller's, or the call's own id.
	if (fn.idempotent) defaults.push(["idempotency-key", sealed.idempotencyKey ?? call]);
	const { limits } = transport;
	return {
		url: `${transport.url}${request.path}${request.query === "" ? "" : `?${request.query}`}`,
		method: request.method,
		headers: buildOutboundHeaders({
			caller: sealed.headers.map(([name, value]) => [name, value]),
			forward: transport.forward,
			own,
			defaults,
		}),
		...(request.body !== undefined && { body: request.body }),
		limits: {
			connectTimeoutMs: limits.connectTimeoutMs,
			headersTimeoutMs: Math.min(limits.headersTimeoutMs, fn.timeoutMs),
			totalTimeoutMs: fn.timeoutMs,
			bodyBytesMax: limits.responseBodyBytesMax,
			headerBytesMax,
		},
		addresses: addressPolicy(transport),
	};
}

async function addCredential({ vault }: ExecutorPorts, { secret: name, transport: { credential } }: Connection, request: OutboundRequest) {
	if (!credential || name === undefined) return { request, scrub: scrubber([]) };
	const secret = await vault.get(name).catch((error: unknown) => {
		throw error instanceof VaultError ? new CannotRun("credential_missing", `the vault cannot be used (${error.code})`) : error;
	});
	if (!secret) throw new CannotRun("credential_missing", `the vault has no secret ${name}`);
	try {
		return injectCredential(request, { ...credential, secret: name }, secret);
	} catch (error) {
		if (error instanceof CredentialError) throw new CannotRun("credential_missing", error.message);
		throw error;
	}
}
