// Functions that are not what was pinned, told on the record once for what is different, however often they are called.
import type { RefusalOf, RefusalTally } from "#libs/service/refusal-events.ts";

export type Quarantined = RefusalOf<"control.function.quarantined">;

/** Differences that are remembered; the oldest is told again where it is found again. */
const rememberedMax = 1_000;

export class Quarantine {
	private readonly tally: RefusalTally<"control.function.quarantined">;
	private readonly told = new Set<string>();

	constructor(tally: RefusalTally<"control.function.quarantined">) {
		this.tally = tally;
	}

	/** Never waits and never fails. Told anew after another difference, under another revision of the configuration, and by another process. */
	note(found: Quarantined): void {
		const key = JSON.stringify([found.connection, found.function, found.revision, found.changed]);
		if (this.told.has(key)) return;
		this.told.add(key);
		for (const oldest of this.told) {
			if (this.told.size <= rememberedMax) break;
			this.told.delete(oldest);
		}
		this.tally.note(found);
	}
}
