// A call comes in: found, checked, digested, sealed, shown masked, and durable. Nothing is published before all of it is right.
import type { Position } from "#libs/bus/bus.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Connection, ConnectionFunction } from "#libs/configuration/kinds/connection.ts";
import { type Caller, madeAt } from "#libs/contracts/call.ts";
import { canonicalJson, digestOf } from "#libs/contracts/digest.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import type { Mask } from "#libs/masking/mask.ts";
import { MaskingError } from "#libs/masking/masking-error.ts";
import { compileView, maskedView } from "#libs/masking/view.ts";
import { withBodyType } from "#libs/openapi/body-type.ts";
import { compileArguments } from "#libs/openapi/validate-arguments.ts";
import { maskFor } from "#libs/policy/mask-for.ts";
import type { IngressPorts } from "./ports.ts";

/** What a caller asks for, whichever way it came. */
export interface AskedCall {
	readonly caller: Caller;
	readonly connection: string;
	readonly function: string;
	readonly arguments: JsonObject;
	readonly reason?: string | undefined;
	readonly via: "calls" | "proxy";
	/** Headers of the request that the connection lets pass; lower-case names. */
	readonly headers?: readonly (readonly [string, string])[];
	readonly idempotencyKey?: string | undefined;
	readonly traceparent?: string | undefined;
}

/** A call that exists as far as this process knows, and can be published. */
export interface CheckedCall {
	readonly asked: AskedCall;
	readonly configuration: Configuration;
	readonly connection: Connection;
	readonly fn: ConnectionFunction;
}

/** @throws {Refusal} `function_unknown`, `invalid_arguments` */
export function checkCall({ configuration }: Pick<IngressPorts, "configuration">, asked: AskedCall): CheckedCall {
	const current = configuration.current();
	const connection = current.connection(asked.connection);
	const fn = connection?.function(asked.function);
	if (!connection || !fn) {
		throw new Refusal("function_unknown", { detail: connection ? "the connection has no such function" : "there is no such connection" });
	}
	const complete = { ...asked, arguments: withBodyType(fn, asked.arguments) };
	const checked = toolsOf(current, connection, fn).check(complete.arguments);
	if (!checked.ok) throw new Refusal("invalid_arguments", { detail: "the arguments do not fit the function", errors: checked.errors });
	return { asked: complete, configuration: current, connection, fn };
}

/**
 * Publishes a checked call under its id. Saying it again under the same id is saying the same: salt, digest and time follow from the id.
 *
 * @throws {EventsUnavailable} when it is not known to be durable.
 */
export async function publishCall(ports: IngressPorts, call: string, checked: CheckedCall): Promise<Position> {
	const { asked, configuration, connection, fn } = checked;
	const { caller, via, reason, traceparent, idempotencyKey } = asked;
	const { pool } = connection;
	const salt = saltOf(ports.sealingKeys, pool, call);
	const now = ports.clock.now();
	const { view, findings } = viewOf(checked);
	const digest = digestOf({ caller, connection: connection.name, function: fn.name, arguments: asked.arguments, salt });
	const sealed = ports.sealingKeys.seal(pool, call, "arguments", {
		arguments: asked.arguments,
		salt,
		headers: asked.headers ?? [],
		...(idempotencyKey !== undefined && { idempotencyKey }),
	});
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
		receivedAt: madeAt(call).toISOString(),
		arguments: view,
	};
	return await ports.bus.publish(newEvent("ingress", "call.received", data, { at: now, traceparent }));
}

interface Tools {
	readonly check: ReturnType<typeof compileArguments>;
	readonly view: Mask;
}

/** Compiled once per revision and function: a revision never changes. */
const compiled = new WeakMap<ConnectionFunction, Tools>();

function toolsOf(configuration: Configuration, connection: Connection, fn: ConnectionFunction): Tools {
	const known = compiled.get(fn);
	if (known) return known;
	const { request } = maskFor(configuration.policy, connection.name, fn.name);
	const tools = { check: compileArguments(fn), view: compileView({ ...request, sensitivePaths: fn.sensitive }) };
	compiled.set(fn, tools);
	return tools;
}

/** What cannot be shown masked is not accepted: nobody could approve it and nobody could audit it. */
function viewOf({ asked, configuration, connection, fn }: CheckedCall) {
	try {
		return maskedView(asked.arguments, toolsOf(configuration, connection, fn).view);
	} catch (error) {
		if (error instanceof MaskingError) throw new Refusal("invalid_arguments", { detail: "the arguments cannot be shown masked" });
		throw error;
	}
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
export function fingerprintOf(keys: SealingKeys, { asked, connection, fn }: CheckedCall): string {
	const salt = "fingerprint";
	const digest = digestOf({ caller: asked.caller, connection: connection.name, function: fn.name, arguments: asked.arguments, salt });
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
