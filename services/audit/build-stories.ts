// Stories of what was on the record before there were any, or after their index was made anew: built once from the record, beside what comes meanwhile.
import type { Place } from "#libs/contracts/index-template.ts";
import { IndexUnavailable, type RecordReader, type Stories } from "./ports.ts";
import { storiesOf } from "./tell-story.ts";

interface Parts {
	readonly reader: Pick<RecordReader, "stretch" | "refresh">;
	readonly stories: Stories;
	/** Told when there was something to build and all of it is. */
	readonly onBuilt: (events: number) => void;
	/** Events that are read at once. */
	readonly pageEvents?: number;
	/** From one look at whether there is something to build to the next. */
	readonly everyMs?: number;
}

export interface BuiltStories {
	/** Resolves once everything that was on the record then is told; rejects where the index is away. */
	build(): Promise<void>;
	stop(): void;
}

const pageDefault = 2_000;
/** An index of stories that an operator dropped and provisioned again is full again without a restart. */
const everyMsDefault = 60_000;

/** Looks at once and from time to time; several may do it at once, for a story that is told twice is the same. */
export function keepBuilt({ reader, stories, onBuilt, pageEvents = pageDefault, everyMs = everyMsDefault }: Parts): BuiltStories {
	let isStopped = false;
	let running: Promise<void> | undefined;
	const buildAll = async (): Promise<void> => {
		const known = await stories.built();
		if (known === "whole") return;
		// What was indexed before is found now, and what is indexed from now on is told as it comes.
		await reader.refresh();
		let after: Place = known ?? { position: 0, item: 0 };
		let events = 0;
		while (!isStopped) {
			const { events: found } = await reader.stretch({}, pageEvents, { after, upTo: Number.MAX_SAFE_INTEGER });
			const last = found.at(-1);
			await stories.merge(storiesOf(found));
			await stories.setBuilt(last ? { position: last.position, item: last.item } : "whole");
			if (!last) return events > 0 ? onBuilt(events) : undefined;
			events += found.length;
			after = last;
		}
	};
	const build = (): Promise<void> => {
		running ??= buildAll().finally(() => {
			running = undefined;
		});
		return running;
	};
	const look = () =>
		void build().catch((error: unknown) => {
			// An index that is away is told by readiness; it is looked at again.
			if (!(error instanceof IndexUnavailable)) throw error;
		});
	look();
	const timer = setInterval(look, everyMs).unref();
	return {
		build,
		stop: () => {
			isStopped = true;
			clearInterval(timer);
		},
	};
}
