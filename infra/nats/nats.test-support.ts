// A real NATS for tests: provisioned as in production, one key per service, on a free port and in a folder that is thrown away.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectLink, newUserKey } from "#libs/bus/nats-link.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { findFreePorts } from "../local/ports.ts";
import { provideNats } from "../local/provide-nats.ts";
import { natsConfigFile, natsStoreDir, type RunningNats, startNats } from "../local/run-nats.ts";
import { provisionStream } from "./provision-stream.ts";
import { operatorInbox, serverConfig } from "./server-config.ts";

export interface NatsForTests {
	readonly url: string;
	readonly server: RunningNats;
	readonly seeds: Readonly<Record<Service, string>>;
	readonly operatorSeed: string;
	/** The server knows a service by another public key from now on, while it runs. Returns what makes it known again. */
	replaceKey(service: Exclude<Service, "executor">, publicKey: string): Promise<() => Promise<void>>;
	/** The server takes no larger messages from now on, while it runs. */
	takeAtMost(bytes: number): Promise<void>;
	stop(): Promise<void>;
}

export async function startNatsForTests({ syncInterval = "2m" } = {}): Promise<NatsForTests> {
	const dir = await mkdtemp(join(tmpdir(), "callgate-nats-"));
	const [ingress, policy, approval, executor, audit, operator] = Array.from({ length: 6 }, newUserKey);
	if (!ingress || !policy || !approval || !executor || !audit || !operator) throw new Error("keys could not be made");
	const users = {
		operator: operator.publicKey,
		services: { ingress: ingress.publicKey, policy: policy.publicKey, approval: approval.publicKey, audit: audit.publicKey },
		executors: { default: executor.publicKey },
	};
	const [port = 0] = await findFreePorts(1);
	const { binary } = await provideNats(() => undefined);
	const configOf = (services: typeof users.services) =>
		serverConfig({ users: { ...users, services }, storeDir: natsStoreDir(dir), syncInterval });
	const server = await startNats({ binary, dir, port, configText: configOf(users.services) });
	const reload = async (configText: string) => {
		await writeFile(natsConfigFile(dir), configText);
		await server.kill("SIGHUP");
	};
	const link = { servers: [server.url], name: "operator", seed: operator.seed, inboxPrefix: operatorInbox, onStatus: () => undefined };
	const connected = await connectLink(link);
	await provisionStream(connected, { pools: ["default"] });
	await connected.close();
	return {
		url: server.url,
		server,
		seeds: { ingress: ingress.seed, policy: policy.seed, approval: approval.seed, executor: executor.seed, audit: audit.seed },
		operatorSeed: operator.seed,
		replaceKey: async (service, publicKey) => {
			await reload(configOf({ ...users.services, [service]: publicKey }));
			return () => reload(configOf(users.services));
		},
		takeAtMost: (bytes) => reload(configOf(users.services).replace(/^max_payload: .*$/m, `max_payload: ${bytes}`)),
		stop: async () => {
			await server.stop();
			await rm(dir, { recursive: true, force: true });
		},
	};
}
