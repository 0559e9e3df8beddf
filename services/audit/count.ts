// What is counted of the record: documents by outcome, what was parked, and how far the index is behind the stream.
import type { Metrics } from "#libs/service/metrics.ts";
import type { AuditMetrics } from "./ports.ts";

/** Without a batch for this long nothing is known to wait: the last one's delay says nothing of now. */
const idleMs = 15_000;

/** `callgate_audit_lag_seconds` grows while the index is away; with `callgate_audit_lag_messages` it tells a slow index from a quiet night. */
export function createCounters(metrics: Metrics, now: () => Date, backlog?: () => Promise<number>): AuditMetrics {
	const documents = metrics.counter("callgate_audit_documents_total", "Events given to the index, by outcome", ["outcome"]);
	const parked = metrics.counter("callgate_audit_parked_total", "Events without a document: someone should look");
	const stories = metrics.counter("callgate_audit_stories_total", "Stories of calls written or added to, by outcome", ["outcome"]);
	let waitingSince: number | undefined;
	let last = { delayMs: 0, at: 0 };
	const lagSeconds = (): number => {
		const at = now().getTime();
		if (waitingSince !== undefined) return Math.max(0, at - waitingSince) / 1_000;
		return at - last.at > idleMs ? 0 : last.delayMs / 1_000;
	};
	metrics.gauge("callgate_audit_lag_seconds", "How long the oldest event waits, or the last waited, to be indexed", lagSeconds);
	if (backlog) metrics.gauge("callgate_audit_lag_messages", "Messages of the stream that are not indexed yet, as the stream says", backlog);
	metrics.gauge("callgate_audit_index_available", "Whether the index took the last batch", () => (waitingSince === undefined ? 1 : 0));
	return {
		recorded: (outcome, events) => documents.inc({ outcome }, events),
		told: (outcome, calls) => stories.inc({ outcome }, calls),
		parked: () => parked.inc(),
		indexed(oldest) {
			waitingSince = undefined;
			last = { delayMs: Math.max(0, now().getTime() - oldest.getTime()), at: now().getTime() };
		},
		waiting(oldest) {
			waitingSince = Math.min(waitingSince ?? Number.POSITIVE_INFINITY, oldest.getTime());
		},
	};
}
