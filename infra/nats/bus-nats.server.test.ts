// The bus on a real NATS keeps the contract, under the permissions that each service really has.
import { describeBus } from "#libs/bus/bus-contract.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { startNatsForTests } from "./nats.test-support.ts";

const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };

describeBus("bus on NATS", async () => {
	const nats = await startNatsForTests();
	const buses: { close(): Promise<void> }[] = [];
	return {
		connect: async (service, pool) => {
			const bus = await connectBus({ servers: [nats.url], service, seed: nats.seeds[service], log, ...(pool && { pool }) });
			buses.push(bus);
			return bus;
		},
		goAway: async () => {
			await nats.server.kill("SIGKILL");
			return () => nats.server.restart();
		},
		close: async () => {
			await Promise.all(buses.map((bus) => bus.close()));
			await nats.stop();
		},
	};
});
