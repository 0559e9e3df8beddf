// What policy needs from outside: the stream and its stores, the configuration in force, its keys, and the time.
import type { Bus } from "#libs/bus/bus.ts";
import type { ActiveConfiguration } from "#libs/configuration/follow-configuration.ts";
import type { Event } from "#libs/contracts/events.ts";
import type { GrantSigner } from "#libs/contracts/grant.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import type { Clock } from "#libs/service/clock.ts";
import type { Aside } from "#libs/service/work-aside.ts";

export interface PolicyPorts {
	readonly bus: Bus;
	readonly configuration: Pick<ActiveConfiguration, "current" | "at" | "supersededAt">;
	readonly sealingKeys: SealingKeys;
	/** Signs holds. */
	readonly signingKey: SigningKey;
	readonly grants: Pick<GrantSigner, "sign">;
	/** Large arguments are decided about there: see work.ts. */
	readonly aside: Aside;
	readonly clock: Clock;
	readonly grantTtlMs: number;
	/** Told of each decision, for metrics and logs. */
	readonly decided: (effect: "grant" | "hold" | "deny", received: Event<"call.received">) => void;
}
