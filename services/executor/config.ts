// What an executor must be told.
import { type Static, Type } from "typebox";
import { namePattern } from "#libs/contracts/call.ts";
import { secretSetting, setting } from "#libs/service/config.ts";
import { servicePort } from "#libs/service/port-plan.ts";
import { natsSettings } from "#libs/service/service-bus.ts";
import { maskingSettings, sealingSettings } from "#libs/service/service-keys.ts";
import { leaseTermsDefault } from "./ports.ts";

export const ExecutorConfig = Type.Object({
	...natsSettings,
	...sealingSettings,
	...maskingSettings,
	grantKeys: secretSetting(
		"CALLGATE_GRANT_KEYS",
		'public keys whose grants count: {"policy": [JWK], "approval": [JWK]}',
		Type.String({ minLength: 2 }),
	),
	pool: setting("CALLGATE_POOL", "the pool this executor belongs to", Type.String({ pattern: namePattern, default: "default" })),
	vaultFile: setting("CALLGATE_VAULT_FILE", "the encrypted vault", Type.String({ minLength: 1 })),
	vaultKeyFile: setting("CALLGATE_VAULT_KEY_FILE", "the vault's key, readable by this process alone", Type.String({ minLength: 1 })),
	callsMax: setting("CALLGATE_CALLS_MAX", "calls in work at once", Type.Integer({ minimum: 1, maximum: 2_000, default: 256 })),
	startWithinMs: setting(
		"CALLGATE_START_WITHIN_MS",
		"how soon after its claim a call must be dialled; the same for all executors of a pool",
		Type.Integer({ minimum: 500, maximum: 60_000, default: leaseTermsDefault.startWithinMs }),
	),
	settleWithinMs: setting(
		"CALLGATE_SETTLE_WITHIN_MS",
		"how long storing an answer may take before others take the executor for dead; the same for all executors of a pool",
		Type.Integer({ minimum: 500, maximum: 600_000, default: leaseTermsDefault.settleWithinMs }),
	),
	host: setting("CALLGATE_HOST", "address to listen on", Type.String({ default: "127.0.0.1" })),
	port: setting(
		"CALLGATE_PORT",
		"port of health, readiness and metrics",
		Type.Integer({ minimum: 1, maximum: 65_535, default: servicePort("executor") }),
	),
});
export type ExecutorConfig = Static<typeof ExecutorConfig>;
