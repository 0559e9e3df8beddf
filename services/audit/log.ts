// Audit's troubles in the log: names, numbers and codes, and one line when a trouble begins rather than one a batch.
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { Logger } from "#libs/service/logger.ts";
import type { AuditLog } from "./ports.ts";

/** Readiness' reason while the index takes nothing. The process stays alive and goes on trying: calls do not need the index. */
export class IndexNotReady extends ExpectedError {
	constructor(trouble: string) {
		super(`degraded: events wait in the stream, ${trouble}`);
	}
	static throwIf(trouble: string | undefined): void {
		if (trouble !== undefined) throw new IndexNotReady(trouble);
	}
}

export function createAuditLog(log: Logger): AuditLog {
	let reason: string | undefined;
	return {
		unavailable(about) {
			const level = about.reason === reason ? "debug" : "error";
			reason = about.reason;
			log[level](about, "the index takes no events: they wait in the stream");
		},
		available() {
			reason = undefined;
			log.info("the index takes events again");
		},
		untold: (stories) => log.error({ stories }, "calls have no story in the index: it refuses them, their events are on the record"),
		parked: (about) => log.error(about, "an event is not in the index: it was parked"),
	};
}
