// Between measurements: nothing is said any more, and what was said is indexed. The next one would pay for the rest of the last.
import { setTimeout as delay } from "node:timers/promises";
import { streamName } from "#libs/contracts/subjects.ts";
import { askNats, auditState } from "./ask-nats.ts";
import type { BenchStack } from "./bench-stack.ts";

/** Longer than anything that follows from a call by itself. */
const quietMs = 1_000;
const pollMs = 50;
const quietWithinMs = 600_000;

/** Resolves when the stream did not grow for a second and audit has all of it. @throws {Error} if that takes ten minutes. */
export async function awaitQuiet({ operator }: Pick<BenchStack, "operator">): Promise<void> {
	let last = -1;
	let since = 0;
	for (const until = performance.now() + quietWithinMs; performance.now() < until; await delay(pollMs)) {
		const { state } = await askNats<{ state: { last_seq: number } }>(operator, `STREAM.INFO.${streamName}`);
		const { num_pending, num_ack_pending } = await auditState(operator);
		if (state.last_seq !== last || num_pending + num_ack_pending > 0) {
			last = state.last_seq;
			since = performance.now();
		} else if (performance.now() - since >= quietMs) return;
	}
	throw new Error("the stack does not become quiet");
}
