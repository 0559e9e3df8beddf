// Which event leads to which verb in policy.
import type { Consumption } from "#libs/bus/bus.ts";
import { Unprocessable } from "#libs/bus/bus.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { giveBack } from "./charge-limits.ts";
import { decideCall, endUndecided } from "./decide-call.ts";
import type { PolicyPorts } from "./ports.ts";

export async function startPolicy(ports: PolicyPorts): Promise<Consumption> {
	return await ports.bus.consume(
		async (event, { storedAt }) => {
			switch (event.type) {
				case "call.received":
					await decideCall(ports, event, storedAt);
					crashPoint("after-decision-before-ack");
					return;
				case "call.unspent":
					return await giveBack(ports, event.data);
				default:
					throw new Unprocessable(`${event.type} is not for policy`);
			}
		},
		{
			onParked: async (event) => {
				if (event.type === "call.received") await endUndecided(ports, event);
			},
		},
	);
}
