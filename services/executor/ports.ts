// What the executor needs from outside: the stream, the revision a call was granted under, its keys, the vault, and the functions themselves.
import type { Bus, Position } from "#libs/bus/bus.ts";
import type { ActiveConfiguration } from "#libs/configuration/follow-configuration.ts";
import type { Event } from "#libs/contracts/events.ts";
import type { GrantVerifier } from "#libs/contracts/grant.ts";
import type { SealingKeys } from "#libs/contracts/sealed.ts";
import type { Clock } from "#libs/service/clock.ts";
import type { Aside } from "#libs/service/work-aside.ts";
import type { Vault } from "#libs/vault/vault.ts";
import type { Claims } from "./claims.ts";
import type { HttpDialer } from "./dial-http.ts";
import type { History } from "./history.ts";

/** A lease is these two and the function's own timeout between them. Executors of one pool must agree on them. */
export interface LeaseTerms {
	/** A claimed call is dialled within this or not at all: an executor that was paused must not dial when it wakes. */
	readonly startWithinMs: number;
	/** What masking, sealing and storing the ending may take after the function's own time. */
	readonly settleWithinMs: number;
}

export const leaseTermsDefault: LeaseTerms = { startWithinMs: 5_000, settleWithinMs: 10_000 };

export interface ExecutorPorts {
	readonly bus: Bus;
	readonly configuration: Pick<ActiveConfiguration, "at">;
	readonly grants: Pick<GrantVerifier, "verify">;
	readonly sealingKeys: SealingKeys;
	readonly vault: Pick<Vault, "get">;
	readonly dialer: HttpDialer;
	readonly claims: Claims;
	/** What is said in the pool's ledger of a call of which nothing was said before `since`. */
	readonly ledger: { of(since: Position): History };
	/** Large arguments and answers are worked on there: see work.ts. */
	readonly aside: Aside;
	readonly clock: Clock;
	readonly pool: string;
	/** Absent: {@link leaseTermsDefault}. */
	readonly lease?: LeaseTerms;
	/** Tells this process from its replicas, on the record. */
	readonly name: string;
	/** Milliseconds of a clock that never goes back; the process's own where it is not given. */
	readonly elapsedMs?: () => number;
	/** How long to wait before an ending that could not be stored is stored again; see execute-call.ts for the default. */
	readonly storeRetryMs?: number;
	/** Told of each ending, for metrics and logs. */
	readonly ended: (granted: Event<"call.granted">, ending: string, code: string | undefined, seconds: number) => void;
	/** Something failed that is nobody's fault but ours; never with a value. */
	readonly failed: (error: unknown, call: string) => void;
}
