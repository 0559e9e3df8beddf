// What the ingress process must be told.
import { type Static, Type } from "typebox";
import { setting } from "#libs/service/config.ts";
import { servicePort } from "#libs/service/port-plan.ts";
import { natsSettings } from "#libs/service/service-bus.ts";
import { sealingSettings } from "#libs/service/service-keys.ts";

const mebibyte = 1024 * 1024;
const integer = (minimum: number, maximum: number, fallback: number) => Type.Integer({ minimum, maximum, default: fallback });

export const IngressConfig = Type.Object({
	...natsSettings,
	...sealingSettings,
	host: setting("CALLGATE_HOST", "address to listen on", Type.String({ default: "127.0.0.1" })),
	port: setting("CALLGATE_PORT", "port of the API, health, readiness and metrics", integer(1, 65_535, servicePort("ingress"))),
	bodyBytesMax: setting("CALLGATE_BODY_BYTES_MAX", "largest request body", integer(1_024, 4 * mebibyte, mebibyte)),
	publicUrl: Type.Optional(
		setting(
			"CALLGATE_PUBLIC_URL",
			"where callers reach this API (scheme, host, port); MCP clients are told it with the issuers that give them tokens, and without it they are told nothing",
			Type.String({ pattern: "^https?://[A-Za-z0-9.:\\[\\]-]{1,255}$" }),
		),
	),
	waitSecondsMax: setting("CALLGATE_WAIT_SECONDS_MAX", "longest `Prefer: wait` that is honoured", integer(1, 3_600, 300)),
	proxyWaitSeconds: setting("CALLGATE_PROXY_WAIT_SECONDS", "how long a proxied request waits that does not say", integer(1, 3_600, 60)),
	pendingMax: setting(
		"CALLGATE_PENDING_MAX",
		"callers that wait at this replica at once; one who reads an answer in pieces counts as ten",
		integer(1, 100_000, 10_000),
	),
	intakeBytesMax: setting(
		"CALLGATE_INTAKE_BYTES_MAX",
		"bodies of requests that this replica has not answered yet or still works on, and large answers that are asked for again, together; one caller has at most as much of it as is left for the others",
		integer(8 * mebibyte, 16_384 * mebibyte, 256 * mebibyte),
	),
	stepsMax: setting("CALLGATE_EVENT_STREAMS_MAX", "open `…/events` streams at this replica", integer(1, 10_000, 256)),
	subscriptionsMax: setting(
		"CALLGATE_MCP_SUBSCRIPTIONS_MAX",
		"MCP clients that listen for changes at this replica; one caller has at most 16 such streams",
		integer(1, 10_000, 1_000),
	),
});
export type IngressConfig = Static<typeof IngressConfig>;
