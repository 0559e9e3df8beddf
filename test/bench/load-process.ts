// The callers, in a process of their own: sends calls over kept connections and checks every answer.
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { serve } from "./child.ts";
import { type ClosedLoad, closedLoop, type LoadResult, type OpenLoad, openLoop } from "./generate-load.ts";
import { sender, type Target } from "./send-calls.ts";

export interface LoadOrder<Load> {
	readonly target: Target;
	readonly load: Load;
	/** Calls of different orders have different references. Letters. */
	readonly run: string;
}

/** An open load never waits for a connection: what is slow is what is measured, and nothing here. */
const openConnections = 2_048;
const clock = { now: () => performance.now(), sleep: (ms: number) => delay(ms) };

async function withPools(
	origins: readonly string[],
	connections: readonly number[],
	work: (pools: Pool[]) => Promise<LoadResult>,
): Promise<LoadResult> {
	const pools = connections.map(
		(count, at) =>
			new Pool(origins[at % origins.length] ?? "", { connections: count, pipelining: 1, headersTimeout: 60_000, bodyTimeout: 60_000 }),
	);
	try {
		return await work(pools);
	} finally {
		await Promise.all(pools.map((pool) => pool.destroy()));
	}
}

serve({
	closed: (order: LoadOrder<ClosedLoad>) =>
		// A connection a caller.
		withPools(
			order.target.origins,
			Array.from({ length: order.load.callers }, () => 1),
			(pools) => closedLoop(order.load, sender(order.target, order.run, pools), clock),
		),
	open: (order: LoadOrder<OpenLoad>) =>
		withPools(
			order.target.origins,
			order.target.origins.map(() => openConnections),
			(pools) => openLoop(order.load, sender(order.target, order.run, pools), clock),
		),
});
