// What one executor knows of claims beside what the stream says: which calls are in work here, which of its own claims it never heard of, and since when it sees others'.
import type { Position } from "#libs/bus/bus.ts";

/** Calls remembered at once. An own claim that is forgotten is taken for a stranger's; a stranger's that is forgotten is waited for anew. */
const rememberedMax = 10_000;

/** One executor's, as long as its process lives. All times are milliseconds of its monotonic clock: none is compared with another's. */
export class Claims {
	private readonly inWork = new Set<string>();
	private readonly unheard = new Map<string, number>();
	private readonly foreign = new Map<Position, number>();

	/** Does `work` unless the call is in work here already: then undefined. A claim without an acknowledgement is never asked for twice at once. */
	workAlone(call: string, work: () => Promise<void>): Promise<void> | undefined {
		if (this.inWork.has(call)) return undefined;
		this.inWork.add(call);
		return work().finally(() => this.inWork.delete(call));
	}

	/**
	 * A claim was asked for at `claimedAtMs` and no answer came: it may be stored. Nothing was dialled on it, and nothing will be now. Of one that
	 * was asked for several times the first time counts: any of them may be the one that others see, and count the lease from.
	 */
	rememberUnheard(call: string, attempt: number, claimedAtMs: number): void {
		const key = `${call} ${attempt}`;
		remember(this.unheard, key, Math.min(claimedAtMs, this.unheard.get(key) ?? claimedAtMs));
	}

	/** When such a claim was asked for, told to one who asks: whoever is told may dial on it. Also says that a later claim was heard of, which is dialled on by itself. */
	takeUnheard(call: string, attempt: number): number | undefined {
		const key = `${call} ${attempt}`;
		const claimedAtMs = this.unheard.get(key);
		this.unheard.delete(key);
		return claimedAtMs;
	}

	/** When the claim at this position was first seen here, which may be now. */
	foreignSince(claim: Position, nowMs: number): number {
		const since = this.foreign.get(claim) ?? nowMs;
		remember(this.foreign, claim, since);
		return since;
	}

	/** The call of this claim has ended. */
	forgetForeign(claim: Position): void {
		this.foreign.delete(claim);
	}
}

function remember<Key>(known: Map<Key, number>, key: Key, value: number): void {
	known.set(key, value);
	for (const oldest of known.keys()) {
		if (known.size <= rememberedMax) break;
		known.delete(oldest);
	}
}
