// Whether what keeps a call from happening twice outlived what could make it happen, and whether the stream kept all that nobody trimmed.

import type { Find, Joined } from "./check-rows.ts";
import { named } from "./check-story.ts";
import { retention } from "./configuration.ts";
import type { Evidence, Removal, StreamEvent } from "./evidence.ts";

interface Guard {
	readonly guard: (event: StreamEvent) => boolean;
	readonly against: (event: StreamEvent) => boolean;
	/** How long after the guard it still guards against what is said again. */
	readonly withinMs: number;
}

/** What leads to something, and what keeps it from happening twice. By type and writer. */
const guards: readonly Guard[] = [
	{
		guard: ({ type }) => type === "call.started" || type === "call.taken",
		against: ({ type }) => type === "call.granted",
		withinMs: retention.guardMs,
	},
	{
		guard: ({ type, writer }) => type === "call.ended" && writer === "executor",
		against: ({ type }) => type === "call.granted",
		withinMs: retention.guardMs,
	},
	{ guard: ({ type }) => type === "approval.asked", against: ({ type }) => type === "call.held", withinMs: retention.guardMs },
	{
		guard: ({ type, writer }) => type === "call.ended" && writer === "policy",
		against: ({ type }) => type === "call.received",
		withinMs: retention.guardMs,
	},
];

/** @param grantTtlMs how long a grant may run, by the clock of whoever signed it; what it says itself may be from a wrong clock. */
export function checkRetention(calls: ReadonlyMap<string, Joined>, evidence: Evidence, grantTtlMs: number, find: Find): void {
	const removed = new Map(evidence.removals.map((removal) => [removal.sequence, removal]));
	for (const { call, said } of calls.values()) {
		for (const { guard, against, withinMs } of guards) {
			for (const event of said.filter(guard)) {
				const causes = said.filter((one) => against(one) && one.at - event.at <= withinMs);
				const removal = removed.get(event.sequence);
				const why = removal && faultOf(removal, causes, removed, grantTtlMs);
				if (why !== undefined) find("retention", `${call}: ${named(event)} was removed ${why}`);
			}
		}
	}
	for (const change of evidence.changed) find("stream differs", change);
}

function faultOf(
	removal: Removal,
	causes: readonly StreamEvent[],
	removed: ReadonlyMap<number, Removal>,
	grantTtlMs: number,
): string | undefined {
	// What was said after the guard was gone came too late to be removed with it: that is another fault's row.
	for (const cause of causes.filter(({ at }) => at < removal.at)) {
		const gone = removed.get(cause.sequence);
		if (!gone) return `and ${named(cause)} is still there`;
		if (gone.step >= removal.step) return `before ${named(cause)}`;
		if (cause.type === "call.granted" && cause.at + grantTtlMs > removal.at) return `while ${named(cause)} could still run`;
	}
	return undefined;
}

/** Whether anything was stored while nothing could be, and whether whoever was refused was told when to ask again. */
export function checkOutages({ outages, stream, calls, effectless }: Evidence, find: Find): void {
	for (const { kind, from, until, takesNothing } of outages) {
		if (!takesNothing) continue;
		for (const event of stream) if (event.at > from && event.at < until) find("stored while full", `${named(event)} while ${kind}`);
	}
	for (const { plan, requests } of calls) {
		for (const { status, retryAfter, code } of requests) {
			if (status === 503 && !/^\d+$/.test(retryAfter ?? "")) find("refused without advice", `${plan.reference}: 503 ${code ?? ""}`);
		}
	}
	for (const one of effectless) find("fault without effect", one);
}
