// A call comes in: found, checked, digested, sealed, shown masked, and durable. Nothing is published before all of it is right.
import type { Position } from "#libs/bus/bus.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import { type Caller, madeAt } from "#libs/contracts/call.ts";
import { canonicalJson, digestOfCanonical } from "#libs/contracts/digest.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { compileView } from "#libs/masking/view.ts";
import { type About, type Aside, turnOf } from "#libs/service/work-aside.ts";
import { checkScopes } from "./check-scopes.ts";
import type { IngressPorts } from "./ports.ts";
import { functionOf, PreparedArguments, prepareArguments } from "./prepare-arguments.ts";

/** What a caller asks for, whichever way it came. */
export interface AskedCall {
	readonly caller: Caller;
	readonly connection: string;
	readonly function: string;
	/** Large ones are prepared when they are read, in another thread. */
	readonly arguments: JsonObject | PreparedArguments;
	readonly reason?: string | undefined;
	/** The way in: `calls`, `proxy`. */
	readonly via: string;
	/** Named texts beside the arguments that the connection lets pass, as HTTP has headers; lower-case names. */
	readonly fields?: readonly (readonly [string, string])[];
	readonly idempotencyKey?: string | undefined;
	readonly traceparent?: string | undefined;
}

/** Which function is to be called with what. */
export type Meant = Pick<AskedCall, "connection" | "function" | "arguments">;

/** A call that exists as far as this process knows, and can be published. */
export interface CheckedCall {
	readonly asked: AskedCall;
	readonly configuration: Configuration;
	readonly connection: Connection;
	readonly fn: ConnectionFunction;
	readonly prepared: PreparedArguments;
}

/**
 * @param gone aborted when nobody waits for it any more
 * @throws {Refusal} `function_unknown`, `insufficient_scope`, `invalid_arguments`, `body_too_large`
 */
export async function checkCall(
	ports: Pick<IngressPorts, "aside" | "scopes"> & { readonly configuration: Pick<IngressPorts["configuration"], "current"> },
	asked: AskedCall,
	gone?: AbortSignal,
): Promise<CheckedCall> {
	const configuration = ports.configuration.current();
	const { connection, fn } = functionOf(configuration, asked);
	checkScopes(configuration, ports.scopes, asked.caller, asked);
	const args = asked.arguments;
	if (args instanceof PreparedArguments && args.revision === configuration.revision)
		return { asked, configuration, connection, fn, prepared: args };
	const here = args instanceof PreparedArguments ? undefined : prepareArguments(configuration, connection, fn, args);
	const prepared = here ?? (await prepareAside(ports.aside, turnOf(configuration, asked.caller, gone), asked));
	return { asked: { ...asked, arguments: prepared }, configuration, connection, fn, prepared };
}

async function prepareAside(aside: Aside, turn: About, asked: AskedCall): Promise<PreparedArguments> {
	const text = asked.arguments instanceof PreparedArguments ? asked.arguments.text : JSON.stringify(asked.arguments);
	const input = { connection: asked.connection, function: asked.function, text };
	return new PreparedArguments(await aside.run("prepareText", turn, input));
}

/**
 * Publishes a checked call under its id. Saying it again under the same id is saying the same: salt, digest and time follow from the id.
 *
 * @param since for a call that most likely ends while its caller waits: nothing was said of it before.
 * @throws {EventsUnavailable} when it is not known to be durable.
 */
export async function publishCall(ports: IngressPorts, call: string, checked: CheckedCall, since?: Position): Promise<Position> {
	const { asked, configuration, connection, fn, prepared } = checked;
	const { caller, via, reason, traceparent, idempotencyKey } = asked;
	const { pool } = connection;
	const salt = saltOf(ports.sealingKeys, pool, call);
	const now = ports.clock.now();
	const { text, canonical, view, findings } = prepared;
	const digest = digestOfCanonical({ caller, connection: connection.name, function: fn.name, arguments: canonical, salt });
	const rest = JSON.stringify({ salt, headers: asked.fields ?? [], ...(idempotencyKey !== undefined && { idempotencyKey }) });
	const sealed = ports.sealingKeys.sealText(pool, call, "arguments", `{"arguments":${text},${rest.slice(1)}`);
	const data = {
		...{
			call,
			connection: connection.name,
			function: fn.name,
			pool,
			digest,
			revision: configuration.revision,
			caller,
			via,
			sealed,
			findings,
		},
		...(reason !== undefined && { callReason: maskReason(reason) }),
		...(since !== undefined && { since }),
		receivedAt: madeAt(call).toISOString(),
		arguments: view,
	};
	return await ports.bus.publish(newEvent("ingress", "call.received", data, { at: now, traceparent }));
}

const reasonView = compileView();

function maskReason(reason: string): string {
	return reasonView.maskText(reason).text.slice(0, 1_024);
}

/** A salt that only holders of the pool's key can know, and that a repeated publish of one call shares. */
function saltOf(keys: SealingKeys, pool: string, call: string): string {
	return macOf(keys, pool, `salt ${call}`).slice(0, 32);
}

/** Names what is asked without saying it: equal for equal calls of one caller, and of use to nobody without the pool's key. */
export function fingerprintOf(keys: SealingKeys, { asked, connection, fn, prepared }: CheckedCall): string {
	const salt = "fingerprint";
	const named = { connection: connection.name, function: fn.name };
	const { issuer, subject } = asked.caller;
	// Whoever comes again may do so in another session.
	const digest = digestOfCanonical({ caller: { issuer, subject }, ...named, arguments: prepared.canonical, salt });
	return macOf(keys, connection.pool, digest);
}

/** Names a caller's claims as far as policy decides by them, without saying them. */
export function claimsOf(keys: SealingKeys, { asked: { caller }, connection }: CheckedCall): string {
	const claims = canonicalJson([caller.issuer, caller.subject, caller.email ?? null, caller.groups.toSorted()]);
	return macOf(keys, connection.pool, `claims ${claims}`);
}

function macOf(keys: SealingKeys, pool: string, text: string): string {
	const mac = keys.mac(pool, text);
	if (mac === undefined) throw new Refusal("not_ready", { detail: `this process holds no sealing key of pool ${pool}` });
	return mac;
}
