// Which event leads to which verb in the executor.
import { type Consumption, Unprocessable } from "#libs/bus/bus.ts";
import { endUnprocessed, executeCall } from "./execute-call.ts";
import type { ExecutorPorts } from "./ports.ts";

export async function startExecutor(ports: ExecutorPorts, callsMax: number): Promise<Consumption> {
	return await ports.bus.consume(
		async (event) => {
			switch (event.type) {
				case "call.granted":
					return await executeCall(ports, event);
				default:
					throw new Unprocessable(`${event.type} is not for the executor`);
			}
		},
		{
			concurrency: callsMax,
			onParked: async (event) => {
				if (event.type === "call.granted") await endUnprocessed(ports, event);
			},
		},
	);
}
