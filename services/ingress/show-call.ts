// Where a call stands, read back from the record: for its own caller only.

import type { Bus } from "#libs/bus/bus.ts";
import { stores } from "#libs/bus/stores.ts";
import { type Caller, madeAt, sameCaller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { type KeptCall, keptCall } from "./kept-calls.ts";
import type { Ended } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";

export type Standing =
	| { readonly ended: Ended; readonly state: Ended["data"]["ending"] }
	| { readonly ended: undefined; readonly state: "received" | "held" | "started" };

/** The ending of a call, whoever ended it. */
export async function endingOf(bus: Bus, call: string, pools: readonly string[]): Promise<Ended | undefined> {
	const writers = ["policy", "approval", "executor"] as const;
	const found = await Promise.all(pools.flatMap((pool) => writers.map((writer) => bus.last("call.ended", writer, call, pool))));
	// An executor's word about a call is the last: nothing else can follow it.
	return found.findLast((one) => one !== undefined)?.event;
}

export async function stateOf(bus: Bus, call: string, pools: readonly string[]): Promise<Standing> {
	const [ended, asked, ...started] = await Promise.all([
		endingOf(bus, call, pools),
		bus.last("approval.asked", "approval", call),
		...pools.map((pool) => bus.last("call.started", "executor", call, pool)),
	]);
	if (ended) return { ended, state: ended.data.ending };
	if (started.some((one) => one !== undefined)) return { ended: undefined, state: "started" };
	return { ended: undefined, state: asked ? "held" : "received" };
}

/** A call that its caller may see. */
export interface OwnCall extends KeptCall {
	readonly standing: Standing;
}

/**
 * The ending of a call of which nothing says in which pool it is: one that all who spoke of it agree on, about a connection of that pool.
 * Executors may say of any call what they like on their own pool's subjects, and a call has one pool.
 */
async function endingOfUnkept({ bus, configuration, sealingKeys }: IngressPorts, call: string): Promise<Ended | undefined> {
	const pools = new Set([...configuration.current().connections.map(({ pool }) => pool), ...sealingKeys.pools()]);
	const [asked, ...said] = await Promise.all([
		bus.last("approval.asked", "approval", call),
		...[...pools].map(
			async (pool) => (await endingOf(bus, call, [pool])) ?? (await bus.last("call.started", "executor", call, pool))?.event,
		),
	]);
	const [one, another] = said.filter((event) => event !== undefined);
	if (another || one?.type !== "call.ended") return undefined;
	const { connection, pool, revision } = one.data;
	if (asked && asked.event.data.pool !== pool) return undefined;
	return (await configuration.at(revision))?.connection(connection)?.pool === pool ? one : undefined;
}

/** @throws {Refusal} `not_found`, also for a call of someone else's: whether it exists is nobody's business. */
export async function showCall(ports: IngressPorts, caller: Caller, call: string): Promise<OwnCall> {
	const { bus } = ports;
	const kept = await keptCall(bus, call);
	if (kept) {
		if (!sameCaller(kept.caller, caller)) throw notFound(ports, call);
		return { ...kept, standing: await stateOf(bus, call, [kept.pool]) };
	}
	// A call that was answered with its ending is not kept, but its ending is on the record.
	const ended = await endingOfUnkept(ports, call);
	if (!ended || !sameCaller(ended.data.caller, caller)) throw notFound(ports, call);
	const { connection, function: name, pool } = ended.data;
	return {
		call,
		caller,
		connection,
		function: name,
		pool,
		receivedAt: madeAt(call).toISOString(),
		standing: { ended, state: ended.data.ending },
	};
}

/** An id says when it was made, so whether its age is a reason can be told to anyone. */
function notFound({ clock }: Pick<IngressPorts, "clock">, call: string): Refusal {
	const isOld = clock.now().getTime() - madeAt(call).getTime() > stores.calls.ageMaxMs;
	return new Refusal("not_found", {
		detail: isOld ? "calls can be asked for during 24 hours, and this id is older" : "no call of yours has this id",
	});
}
