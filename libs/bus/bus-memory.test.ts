// The bus in memory keeps the contract.

import { describeBus } from "./bus-contract.ts";
import { createMemoryBus, MemoryStream } from "./bus-memory.ts";

describeBus("bus in memory", async () => {
	const stream = new MemoryStream();
	return {
		connect: async (service, pool) => createMemoryBus(stream, service, pool),
		goAway: async () => {
			stream.away = true;
			return async () => {
				stream.away = false;
			};
		},
		close: async () => undefined,
	};
});
