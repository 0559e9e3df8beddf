// What approval counts, for Prometheus.
import type { Metrics } from "#libs/service/metrics.ts";
import type { Approvals } from "./approvals.ts";
import type { Counters } from "./ports.ts";

export function createCounters(metrics: Metrics, approvals: Approvals): Counters {
	metrics.gauge("callgate_approvals_pending", "Calls that wait for people", () => approvals.pending);
	const votes = metrics.counter("callgate_votes_total", "Votes that were counted", ["verdict", "via"]);
	const refused = metrics.counter("callgate_votes_refused_total", "Votes that do not count, by why", ["refusal", "via"]);
	const settled = metrics.counter("callgate_approvals_settled_total", "Held calls that were settled by this replica", ["outcome"]);
	const slack = metrics.counter("callgate_slack_errors_total", "Calls to Slack that failed, by Slack's code", ["code"]);
	const timetable = metrics.counter("callgate_timetable_errors_total", "Jobs that could not be put on the timetable at once");
	return {
		voted: (verdict, via) => votes.inc({ verdict, via }),
		refused: (refusal, via) => refused.inc({ refusal, via }),
		settled: (outcome) => settled.inc({ outcome }),
		slackFailed: (code) => slack.inc({ code }),
		timetableFailed: () => timetable.inc(),
	};
}
