// What the approval process must be told.
import { type Static, Type } from "typebox";
import { ConfigurationInvalid, secretSetting, setting } from "#libs/service/config.ts";
import { servicePort } from "#libs/service/port-plan.ts";
import { natsSettings } from "#libs/service/service-bus.ts";

const ms = (minimum: number, maximum: number, fallback: number) => Type.Integer({ minimum, maximum, default: fallback });

export const ApprovalConfig = Type.Object({
	...natsSettings,
	signingKey: secretSetting("CALLGATE_SIGNING_KEY", "approval's own private key (JWK, Ed25519) for grants", Type.String({ minLength: 1 })),
	grantTtlMs: setting("CALLGATE_GRANT_TTL_MS", "how long a grant may wait for an executor", ms(1_000, 3_600_000, 300_000)),
	redisUrl: secretSetting("CALLGATE_REDIS_URL", "redis:// or rediss:// URL of the timetable", Type.String({ pattern: "^rediss?://" })),
	redisAllowUnsafe: setting(
		"CALLGATE_REDIS_ALLOW_UNSAFE",
		"go on with a Redis that evicts or keeps no append-only file; people may then be asked late",
		Type.Boolean({ default: false }),
	),
	jobConcurrency: setting("CALLGATE_JOB_CONCURRENCY", "timetable jobs in work at once", ms(1, 256, 16)),
	slackToken: Type.Optional(
		secretSetting("CALLGATE_SLACK_TOKEN", "bot token of the Slack app; without it approvers use the API", Type.String({ minLength: 8 })),
	),
	slackSigningSecret: Type.Optional(
		secretSetting("CALLGATE_SLACK_SIGNING_SECRET", "signing secret of the Slack app", Type.String({ minLength: 16 })),
	),
	slackApiUrl: setting(
		"CALLGATE_SLACK_API_URL",
		"Slack's Web API, with a slash at the end",
		Type.String({ pattern: "^https?://.+/$", default: "https://slack.com/api/" }),
	),
	sweepEveryMs: setting(
		"CALLGATE_SWEEP_EVERY_MS",
		"how often calls whose time has come are looked for without Redis",
		ms(100, 60_000, 1_000),
	),
	planEveryMs: setting("CALLGATE_PLAN_EVERY_MS", "how often the timetable is compared with the stream", ms(1_000, 600_000, 10_000)),
	keepSettledMs: setting("CALLGATE_KEEP_SETTLED_MS", "how long settled calls stay in memory", ms(3_600_000, 604_800_000, 86_400_000)),
	bodyBytesMax: setting("CALLGATE_BODY_BYTES_MAX", "largest body of an API request", ms(1_024, 1_048_576, 16_384)),
	port: setting(
		"CALLGATE_PORT",
		"port of the approvals API, Slack's clicks, health, readiness and metrics",
		ms(1, 65_535, servicePort("approval")),
	),
	host: setting("CALLGATE_HOST", "address to listen on", Type.String({ default: "127.0.0.1" })),
});
export type ApprovalConfig = Static<typeof ApprovalConfig>;

export interface SlackConfig {
	readonly token: string;
	readonly signingSecret: string;
	readonly apiUrl: string;
}

/**
 * How to reach Slack, or undefined where approvers are asked through the API alone.
 *
 * @throws {ConfigurationInvalid} with half of it: clicks that nobody can verify, or messages that nobody can click.
 */
export function slackConfigOf({ slackToken, slackSigningSecret, slackApiUrl }: ApprovalConfig): SlackConfig | undefined {
	if (slackToken === undefined && slackSigningSecret === undefined) return undefined;
	if (slackToken !== undefined && slackSigningSecret !== undefined) {
		return { token: slackToken, signingSecret: slackSigningSecret, apiUrl: slackApiUrl };
	}
	const missing = slackToken === undefined ? "CALLGATE_SLACK_TOKEN" : "CALLGATE_SLACK_SIGNING_SECRET";
	throw new ConfigurationInvalid([`${missing}_FILE is missing: Slack needs both its token and its signing secret`]);
}
