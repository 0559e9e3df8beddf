// What ingress hears: the endings of calls, for those who wait here. It consumes nothing for work; its verbs begin with requests.
import type { Bus, Following } from "#libs/bus/bus.ts";
import { followed } from "#libs/bus/permissions.ts";
import type { PendingCalls } from "./pending-calls.ts";

export async function followEndings(bus: Bus, pending: PendingCalls): Promise<Following> {
	const following = await bus.follow({
		filter: followed.endings,
		from: "now",
		handle: ({ event }) => {
			if (event.type === "call.ended") pending.settle(event);
		},
	});
	await following.caughtUp;
	return following;
}
