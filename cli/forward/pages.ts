// Pages of the record for a forwarder, in the order of the stream, however long audit is away.
import { setTimeout as delay } from "node:timers/promises";
import { reach } from "../api-client.ts";
import { CommandFailed } from "../command-failed.ts";
import { Zone } from "../instants.ts";
import type { Io } from "../io.ts";
import { recordOf } from "../problem.ts";
import { askPatiently, type NarrowingOptions, pageOf, queryOf } from "../search-record.ts";
import type { RecordedEvent } from "./ocsf.ts";

export interface Page {
	readonly events: readonly RecordedEvent[];
	/** Where to go on. */
	readonly next: string;
	/** How many more there are already; counted up to 10,000. */
	readonly left: number;
}

export interface AskedPage {
	/** None to begin with. */
	readonly cursor: string | undefined;
	readonly size: number;
	/** For how long audit may wait where there is nothing yet. */
	readonly waitMs: number;
}

/** @throws {CommandFailed} where audit cannot be read for some ten minutes, or it is another one */
export type AskPage = (asked: AskedPage) => Promise<Page>;

export function pagesOf(options: NarrowingOptions, io: Io): AskPage {
	const query = queryOf([], options, new Zone(options.zone));
	return async ({ cursor, size, waitMs }) => {
		query.set("size", String(size));
		if (cursor !== undefined) {
			query.set("cursor", cursor);
			// Only to begin with: `--from 7d` of a later start would leave out what waited for longer.
			query.delete("from");
			query.set("wait", String(Math.ceil(waitMs / 1_000)));
		}
		const asked = performance.now();
		const answer = await askPatiently(() => reach("audit", options, io), query, io);
		const { found, next } = pageOf(answer);
		const { value: left } = recordOf(recordOf(answer.value).left);
		if (next === undefined || typeof left !== "number")
			throw new CommandFailed("What answers is not Callgate's audit service of this version: it does not say where to go on.");
		// An audit that has no place for one who waits answers at once.
		if (found.length === 0 && cursor !== undefined && performance.now() - asked < Math.min(waitMs, 1_000)) await delay(1_000);
		return { events: found as readonly RecordedEvent[], next, left };
	};
}
