// What the faults of a run did, so that a run in which one did nothing is not taken for one that survived it.
import type { Outage } from "./evidence.ts";

export interface Effects {
	/** Times in which nothing could be stored. */
	readonly outages: Outage[];
	/** How often OpenSearch said 429. */
	tooBusy: number;
	/** Messages given out again. */
	redelivered: number;
	/** Calls that another executor ended while theirs was stopped. */
	overtaken: number;
	/** Faults that did not do what they are there for. */
	readonly none: string[];
	/** Faults that this machine cannot have. */
	readonly leftOut: string[];
}

export function noEffects(): Effects {
	return { outages: [], tooBusy: 0, redelivered: 0, overtaken: 0, none: [], leftOut: [] };
}
