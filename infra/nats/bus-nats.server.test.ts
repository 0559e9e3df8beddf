// The bus on a real NATS keeps the contract, under the permissions that each service really has.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeBus } from "#libs/bus/bus-contract.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { connectLink, newUserKey } from "#libs/bus/nats-link.ts";
import { findFreePorts } from "../local/ports.ts";
import { provideNats } from "../local/provide-nats.ts";
import { startNats } from "../local/run-nats.ts";
import { provisionStream } from "./provision-stream.ts";
import { operatorInbox, serverConfig } from "./server-config.ts";

describeBus("bus on NATS", async () => {
	const dir = await mkdtemp(join(tmpdir(), "callgate-bus-"));
	const keys = {
		operator: newUserKey(),
		ingress: newUserKey(),
		policy: newUserKey(),
		approval: newUserKey(),
		audit: newUserKey(),
		executor: newUserKey(),
	};
	const users = {
		operator: keys.operator.publicKey,
		services: {
			ingress: keys.ingress.publicKey,
			policy: keys.policy.publicKey,
			approval: keys.approval.publicKey,
			audit: keys.audit.publicKey,
		},
		executors: { default: keys.executor.publicKey },
	};
	const [port] = await findFreePorts(1);
	if (port === undefined) throw new Error("no free port");
	const { binary } = await provideNats(() => undefined);
	const server = await startNats({
		binary,
		dir,
		port,
		configText: serverConfig({ users, storeDir: join(dir, "jetstream"), syncInterval: "2m" }),
	});
	const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };
	const operator = await connectLink({
		servers: [server.url],
		name: "operator",
		seed: keys.operator.seed,
		inboxPrefix: operatorInbox,
		onStatus: () => undefined,
	});
	await provisionStream(operator, { pools: ["default"] });
	const buses: { close(): Promise<void> }[] = [];
	return {
		connect: async (service, pool) => {
			const bus = await connectBus({ servers: [server.url], service, seed: keys[service].seed, log, ...(pool && { pool }) });
			buses.push(bus);
			return bus;
		},
		close: async () => {
			await Promise.all(buses.map((bus) => bus.close()));
			await operator.close();
			await server.stop();
		},
	};
});
