// What the policy process must be told.
import { type Static, Type } from "typebox";
import { secretSetting, setting } from "#libs/service/config.ts";
import { servicePort } from "#libs/service/port-plan.ts";
import { natsSettings } from "#libs/service/service-bus.ts";
import { sealingSettings } from "#libs/service/service-keys.ts";

const secondMs = 1_000;

export const PolicyConfig = Type.Object({
	...natsSettings,
	...sealingSettings,
	signingKey: secretSetting(
		"CALLGATE_SIGNING_KEY",
		"policy's private key (JWK, Ed25519) for grants and holds",
		Type.String({ minLength: 1 }),
	),
	configurationDir: Type.Optional(
		setting("CALLGATE_CONFIGURATION_DIR", "the folder to activate at start; without it the revision in force stays", Type.String()),
	),
	grantTtlMs: setting(
		"CALLGATE_GRANT_TTL_MS",
		"how long a grant may wait for an executor",
		Type.Integer({ minimum: secondMs, maximum: 3_600 * secondMs, default: 300 * secondMs }),
	),
	host: setting("CALLGATE_HOST", "address to listen on", Type.String({ default: "127.0.0.1" })),
	port: setting(
		"CALLGATE_PORT",
		"port of health, readiness and metrics",
		Type.Integer({ minimum: 1, maximum: 65_535, default: servicePort("policy") }),
	),
});
export type PolicyConfig = Static<typeof PolicyConfig>;
