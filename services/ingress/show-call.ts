// Where a call stands, read back from the record: for its own caller only.

import { stores } from "#libs/bus/stores.ts";
import { type Caller, madeAt, sameCaller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { type KeptCall, keptCall } from "./kept-calls.ts";
import type { Ended } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";

export type Standing =
	| { readonly ended: Ended; readonly state: Ended["data"]["ending"] }
	| { readonly ended: undefined; readonly state: "received" | "held" | "started" };

/** Where a call stands. That it has started is known only of one with subjects of its own: one with `since`, which nobody holds, is `received` until it has ended. */
export async function stateOf({ bus, ended }: Pick<IngressPorts, "bus" | "ended">, { call, pool, since }: KeptCall): Promise<Standing> {
	const [asked, started, ...endings] = await Promise.all([
		bus.last("approval.asked", "approval", call),
		bus.last("call.started", "executor", call, pool),
		...writersOfEndings.map((writer) => bus.last("call.ended", writer, call, pool)),
	]);
	// An executor's word about a call is the last: nothing else can follow it.
	const own = endings.findLast((one) => one !== undefined)?.event;
	// A call that people are asked about ends on its own subjects, whoever waited for it.
	const last = own ?? (asked || since === undefined ? undefined : await ended.find({ call, pool, since }));
	if (last) return { ended: last, state: last.data.ending };
	return { ended: undefined, state: started ? "started" : asked ? "held" : "received" };
}

const writersOfEndings = ["policy", "approval", "executor"] as const;

/** A call that its caller may see. */
export interface OwnCall extends KeptCall {
	readonly standing: Standing;
}

/**
 * The ending of a call of which nothing says in which pool it is: one that all who spoke of it agree on, about a connection of that pool.
 * Executors may say of any call what they like on their own pool's subjects, and a call has one pool.
 */
async function endingOfUnkept({ bus, configuration, sealingKeys, ended }: IngressPorts, call: string): Promise<Ended | undefined> {
	const pools = [...new Set([...configuration.current().connections.map(({ pool }) => pool), ...sealingKeys.pools()])];
	const [one, another] = await ended.recall(call, pools);
	if (!one || another) return undefined;
	const { connection, pool, revision } = one.data;
	const [asked, ...started] = await Promise.all([
		bus.last("approval.asked", "approval", call),
		...pools.filter((other) => other !== pool).map((other) => bus.last("call.started", "executor", call, other)),
	]);
	if ((asked && asked.event.data.pool !== pool) || started.some((claim) => claim !== undefined)) return undefined;
	return (await configuration.at(revision))?.connection(connection)?.pool === pool ? one : undefined;
}

/** @throws {Refusal} `not_found`, also for a call of someone else's: whether it exists is nobody's business. */
export async function showCall(ports: IngressPorts, caller: Caller, call: string): Promise<OwnCall> {
	const kept = await keptCall(ports.bus, call);
	if (kept) {
		if (!sameCaller(kept.caller, caller)) throw notFound(ports, call);
		return { ...kept, standing: await stateOf(ports, kept) };
	}
	// A call that was answered with its ending is not kept, but a replica that heard its ending can tell it for a while.
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
