// What ingress needs from outside, whatever way calls come in: the stream, the configuration in force, sealing keys, and the time.
import type { Bus } from "#libs/bus/bus.ts";
import type { ActiveConfiguration } from "#libs/configuration/follow-configuration.ts";
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import type { TokenScopes } from "#libs/identity/token-scopes.ts";
import type { Clock } from "#libs/service/clock.ts";
import type { Aside } from "#libs/service/work-aside.ts";
import type { EndedCalls } from "./ended-calls.ts";
import type { Intake } from "./intake.ts";
import type { PendingCalls } from "./pending-calls.ts";

export interface IngressPorts {
	readonly bus: Bus;
	readonly configuration: Pick<ActiveConfiguration, "current" | "at" | "onActivated">;
	readonly sealingKeys: SealingKeys;
	readonly clock: Clock;
	readonly pending: PendingCalls;
	readonly ended: EndedCalls;
	readonly intake: Intake;
	/** Of those who call: see check-scopes.ts. */
	readonly scopes: Pick<TokenScopes, "of">;
	/** Large texts are worked on there: see work.ts. */
	readonly aside: Aside;
}
