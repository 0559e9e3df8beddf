// What ingress hears: the endings of calls, for those who wait here and those who ask later. It consumes nothing for work; its verbs begin with requests.
import type { Bus } from "#libs/bus/bus.ts";
import type { Clock } from "#libs/service/clock.ts";
import { EndedCalls } from "./ended-calls.ts";
import type { PendingCalls } from "./pending-calls.ts";

export async function followEndings(bus: Bus, clock: Clock, pending: PendingCalls): Promise<EndedCalls> {
	return await EndedCalls.follow({ bus, clock, tell: (ended) => pending.settle(ended) });
}
