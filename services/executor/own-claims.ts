// What one executor knows of its own claims: which calls are in work here, and which claims were made without ever hearing whether they were stored.
import type { Bus } from "#libs/bus/bus.ts";

interface Own {
	readonly inWork: Set<string>;
	readonly unheard: Map<string, number>;
}

const owns = new WeakMap<Bus, Own>();
/** A claim that is forgotten is taken for a stranger's. */
const unheardMax = 10_000;

function ownOf(bus: Bus): Own {
	const own = owns.get(bus) ?? { inWork: new Set(), unheard: new Map() };
	owns.set(bus, own);
	return own;
}

function keyOf(call: string, attempt: number): string {
	return `${call} ${attempt}`;
}

/** Does `work` unless the call is in work here already: then undefined. A claim without an acknowledgement is never asked for twice at once. */
export function workAlone(bus: Bus, call: string, work: () => Promise<void>): Promise<void> | undefined {
	const { inWork } = ownOf(bus);
	if (inWork.has(call)) return undefined;
	inWork.add(call);
	return work().finally(() => inWork.delete(call));
}

/**
 * A claim was asked for at `claimedAtMs` (monotonic clock) and no answer came: it may be stored. Nothing was dialled on it, and nothing will be
 * now. Of one that was asked for several times the first time counts: any of them may be the one that others see, and count the lease from.
 */
export function rememberUnheard(bus: Bus, call: string, attempt: number, claimedAtMs: number): void {
	const { unheard } = ownOf(bus);
	const key = keyOf(call, attempt);
	unheard.set(key, Math.min(claimedAtMs, unheard.get(key) ?? claimedAtMs));
	for (const oldest of unheard.keys()) {
		if (unheard.size <= unheardMax) break;
		unheard.delete(oldest);
	}
}

/** When such a claim was asked for, told to one who asks: whoever is told may dial on it. Also says that a later claim was heard of, which is dialled on by itself. */
export function takeUnheard(bus: Bus, call: string, attempt: number): number | undefined {
	const { unheard } = ownOf(bus);
	const claimedAtMs = unheard.get(keyOf(call, attempt));
	unheard.delete(keyOf(call, attempt));
	return claimedAtMs;
}
