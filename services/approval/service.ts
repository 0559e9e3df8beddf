// Which event leads to which verb.
import type { Bus, Consumption } from "#libs/bus/bus.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { giveUpCall, holdCall } from "./hold-call.ts";
import type { Parts } from "./ports.ts";
import { withdrawCall } from "./withdraw-call.ts";

export async function handle(parts: Parts, event: CallgateEvent): Promise<void> {
	switch (event.type) {
		case "call.held":
			return await holdCall(parts, event);
		case "call.withdrawn":
			return await withdrawCall(parts, event);
		default:
			return;
	}
}

/** Takes approval's events until stopped. Start it only when every approval is known: see `Approvals.follow`. */
export async function startService(parts: Parts, bus: Pick<Bus, "consume">): Promise<Consumption> {
	return await bus.consume((event) => handle(parts, event), {
		onParked: async (event, fault) => {
			parts.log.error({ event: event.id, fault }, "an event could not be handled and is parked");
			if (event.type === "call.held") await giveUpCall(parts, event);
		},
	});
}
