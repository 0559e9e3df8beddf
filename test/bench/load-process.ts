// The callers, in a process of their own: sends calls over kept connections and checks every answer.
import { setTimeout as delay } from "node:timers/promises";
import { type Dispatcher, Pool } from "undici";
import { serve } from "./child.ts";
import { type ClosedLoad, closedLoop, type LoadResult, type OpenLoad, openLoop, type Send } from "./generate-load.ts";
import { lettersOf } from "./letters.ts";

/** Where calls go and how they look; the same for every call but its reference and its caller's token. */
export interface Target {
	readonly origin: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	/** Bearer tokens, one a caller; none: calls carry no token. */
	readonly tokens: readonly string[];
	/** The body around the call's reference. */
	readonly body: readonly [before: string, after: string];
}

export interface LoadOrder<Load> {
	readonly target: Target;
	readonly load: Load;
	/** Calls of different orders have different references. Letters. */
	readonly run: string;
}

/** An open load never waits for a connection: what is slow is what is measured, and nothing here. */
const openConnections = 2_048;
const clock = { now: () => performance.now(), sleep: (ms: number) => delay(ms) };

function sender({ target, run }: LoadOrder<unknown>, pools: readonly Pool[]): Send {
	const { path, headers, tokens, body } = target;
	return (number, caller) => {
		const pool = pools[caller % pools.length];
		const token = tokens[caller % tokens.length];
		const reference = `${run}-${lettersOf(number)}`;
		const request: Dispatcher.DispatchOptions = {
			...{ path, method: "POST", body: `${body[0]}${reference}${body[1]}` },
			headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
		};
		return new Promise((resolve) => pool?.dispatch(request, new Checked(reference, resolve)));
	};
}

/** Reads one answer: the right one is 200 and repeats the reference, which only the bank can have said in its place. */
class Checked implements Dispatcher.DispatchHandler {
	private readonly reference: string;
	private readonly done: (fault: string | undefined) => void;
	private status = 0;
	private text = "";
	constructor(reference: string, done: (fault: string | undefined) => void) {
		this.reference = reference;
		this.done = done;
	}
	onRequestStart(): void {}
	onResponseStart(_controller: unknown, status: number): void {
		this.status = status;
	}
	onResponseData(_controller: unknown, chunk: Buffer): void {
		this.text += chunk.toString("latin1");
	}
	onResponseEnd(): void {
		const right = this.status === 200 && this.text.includes(`"done":true,"reference":"${this.reference}"`);
		this.done(right ? undefined : `${this.status} ${this.text.slice(0, 300)}`);
	}
	onResponseError(_controller: unknown, error: Error): void {
		this.done(`no answer: ${error.message}`);
	}
}

async function withPools(
	origin: string,
	connections: readonly number[],
	work: (pools: Pool[]) => Promise<LoadResult>,
): Promise<LoadResult> {
	const pools = connections.map(
		(count) => new Pool(origin, { connections: count, pipelining: 1, headersTimeout: 60_000, bodyTimeout: 60_000 }),
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
			order.target.origin,
			Array.from({ length: order.load.callers }, () => 1),
			(pools) => closedLoop(order.load, sender(order, pools), clock),
		),
	open: (order: LoadOrder<OpenLoad>) =>
		withPools(order.target.origin, [openConnections], (pools) => openLoop(order.load, sender(order, pools), clock)),
});
