// The approval process: knows what was said, takes held calls, asks people, takes their votes.
import { followConfiguration } from "#libs/configuration/follow-configuration.ts";
import type { Group } from "#libs/configuration/kinds/group.ts";
import { createAuthenticator } from "#libs/identity/authenticate.ts";
import { watchIssuers } from "#libs/identity/watch-issuers.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { runService } from "#libs/service/run.ts";
import { connectServiceBus } from "#libs/service/service-bus.ts";
import { readSigningKey } from "#libs/service/service-keys.ts";
import { Approvals } from "./approvals.ts";
import { openSlack } from "./approvers-slack.ts";
import { ApprovalConfig, slackConfigOf } from "./config.ts";
import { createCounters } from "./count.ts";
import { openDeadlines } from "./deadlines-bullmq.ts";
import { listenHttp } from "./listen-http.ts";
import { listenSlackIf } from "./listen-slack.ts";
import { startApproval } from "./service.ts";

runService("approval", async (log, environment) => {
	const config = readConfig(ApprovalConfig, environment);
	const slackConfig = slackConfigOf(config);
	const key = readSigningKey(config.signingKey);
	const metrics = createMetrics("approval");
	const approvals = new Approvals();
	const counters = createCounters(metrics, approvals);
	const timetable = await openDeadlines({
		url: config.redisUrl,
		allowUnsafe: config.redisAllowUnsafe,
		concurrency: config.jobConcurrency,
		counters,
		log,
	});
	metrics.gauge("callgate_timetable_up", "Whether Redis is there and fit to be used", () => Number(timetable.isUp()));

	const { bus, stream } = await connectServiceBus("approval", config, { log, metrics });
	let authenticator = createAuthenticator([]);
	let warnings = watchIssuers([]);
	let groups: ReadonlyMap<string, Group> = new Map();
	const configuration = await followConfiguration(
		bus,
		(activated) => {
			authenticator = createAuthenticator(activated.issuers);
			warnings = watchIssuers(activated.issuers);
			groups = new Map(activated.groups.map((group) => [group.name, group]));
			log.info({ revision: activated.revision }, "configuration in force");
		},
		(error) => log.error({ error }, "a configuration could not be followed"),
	);

	const slack = openSlack(slackConfig, counters);
	const strangers = tellRefusals("control.authentication.failed", "approval", { bus, log });
	const refusedVotes = tellRefusals("control.vote.refused", "approval", { bus, log });
	const parts = {
		...{ bus, approvals, refusedVotes, timetable, counters, log, key, approvers: slack },
		...{ groups: () => groups, now: systemClock.now, grantTtlMs: config.grantTtlMs },
	};
	const running = await startApproval(parts, { bus, timetable, rhythm: config });

	const ready = { events: stream.checkReady, configuration: () => configuration.checkReady() };
	const durability = () => ({ ...stream.durability(), redis: timetable.durability() });
	const http = createHttp({ log, metrics, ready, warnings: () => warnings(), durability, bodyBytesMax: config.bodyBytesMax });
	await listenHttp(http, { parts, strangers, authenticate: (authorization) => authenticator.authenticate(authorization) });
	const clicks = listenSlackIf(http, { parts, strangers }, slack, slackConfig);
	await http.listen({ host: config.host, port: config.port });
	return {
		broken: stream.lost,
		stop: async () => {
			stream.stop();
			await http.close();
			await clicks.idle();
			await Promise.all([strangers.close(), refusedVotes.close()]);
			await running.stop();
			await bus.close();
		},
	};
});
