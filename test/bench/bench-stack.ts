// What a bench runs on: one whole stack with Callgate in it, and beside it the bank, the callers, the proxy and the floor, all ready at once so that lanes can take turns.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { localPool } from "../../infra/local/key-ring.ts";
import { urlOf } from "../../infra/local/port-plan.ts";
import { type Stack, startStack } from "../../infra/local/stack.ts";
import { provisionStream } from "../../infra/nats/provision-stream.ts";
import { operatorInbox } from "../../infra/nats/server-config.ts";
import type { OpenSearchAccess } from "../../infra/opensearch/ask-opensearch.ts";
import { adminAccess } from "../faults/read-record.ts";
import { benchPorts } from "./addresses.ts";
import { type Child, startChild } from "./child.ts";
import { writeConfiguration } from "./configuration.ts";
import { makeFloorStream, startFloor } from "./floor.ts";
import type { NamedProcess } from "./measure-processes.ts";
import type { Peer } from "./peer.ts";
import { benchTokens } from "./tokens.ts";

export interface BenchStackOptions {
	readonly firstPort: number;
	/** Of NATS, for every lane alike. */
	readonly syncInterval: string;
	readonly callersMax: number;
	readonly peer: Peer | undefined;
	/** Folder for CPU profiles of the services. */
	readonly profileDir: string | undefined;
	readonly report: (line: string) => void;
}

export interface BenchStack {
	readonly stack: Stack;
	readonly firstPort: number;
	readonly bank: Child;
	readonly proxy: Child;
	readonly load: Child;
	/** Replaces the floor's processes by new ones: the plain client does not survive its server as well as Callgate's. */
	restartFloor(): Promise<void>;
	readonly operator: Link;
	readonly index: OpenSearchAccess;
	/** One a caller. */
	readonly tokens: readonly string[];
	readonly ports: { readonly bank: number; readonly proxy: number; readonly floor: number };
	readonly peer: Peer | undefined;
	/** Runs `work` while there are two of each service. The second ones are started for it and stopped after it. */
	withTwo<Result>(work: () => Promise<Result>): Promise<Result>;
	/** Everything whose cost is counted. */
	processes(): NamedProcess[];
	stop(): Promise<void>;
}

/** Outside the soak nothing is trimmed while a bench runs: a million events, and all that the lanes add. */
const streamBytesMax = 16 * 1024 ** 3;

export async function startBenchStack(options: BenchStackOptions): Promise<BenchStack> {
	const { firstPort, syncInterval, report, profileDir, peer } = options;
	const dataDir = await mkdtemp(join(tmpdir(), "callgate-bench-"));
	const started: (() => Promise<unknown>)[] = [() => rm(dataDir, { recursive: true, force: true })];
	const stop = async () => {
		for (const end of started.toReversed()) await end();
	};
	const child = async (name: string, script: string, settings: object): Promise<Child> => {
		const running = await startChild(name, script, settings);
		started.push(running.stop);
		return running;
	};
	try {
		const ports = benchPorts(firstPort);
		const configDir = join(dataDir, "configuration");
		await writeConfiguration(configDir, { issuer: urlOf("idp", firstPort), bankUrl: `http://127.0.0.1:${ports.bank}` });
		const bank = await child("bank", "bank-process.ts", { port: ports.bank });
		// A folder a service: a profile's own name tells only the process.
		const serviceEnv = (service: Service): Record<string, string> =>
			profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${join(profileDir, service)}` };
		const stack = await startStack({ dataDir, firstPort, replicas: 1, configDir, report, syncInterval, livesFor: "days", serviceEnv });
		started.push(stack.stop);
		const operator = await connectOperator(stack);
		started.push(() => operator.close());
		await provisionStream(operator, { pools: [localPool], streamBytesMax });
		const proxy = await child("proxy", "proxy-process.ts", { port: ports.proxy, targetPort: ports.bank });
		const load = await child("callers", "load-process.ts", {});
		const seed = stack.keys.value("nats-operator.seed");
		const startTheFloor = () => startFloor(child, { natsUrl: stack.nats.url, seed, port: ports.floor, bankPort: ports.bank });
		await makeFloorStream(operator);
		let floor = await startTheFloor();
		const restartFloor = async () => {
			for (const one of floor) await one.stop();
			floor = await startTheFloor();
		};
		const tokens = await benchTokens(stack, options.callersMax);
		const second = secondOnes(stack, report);
		const peers = peer?.pids.map((pid) => ({ name: "peer", pid })) ?? [];
		return {
			...{ stack, firstPort, bank, proxy, load, operator, tokens, ports, peer, restartFloor, withTwo: second.while, stop },
			index: await adminAccess(stack),
			processes: () => [
				...processesOf(stack),
				...second.processes(),
				...[load, bank, proxy, ...floor].map(({ name, pid }) => ({ name, pid })),
				...peers,
			],
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

/** The second one of each service, while there is one. */
function secondOnes(
	stack: Stack,
	report: BenchStackOptions["report"],
): { processes(): readonly NamedProcess[]; while: BenchStack["withTwo"] } {
	let running: readonly NamedProcess[] = [];
	return {
		processes: () => running,
		while: async (work) => {
			report("starting a second one of each service");
			const added = await stack.addReplica();
			running = services.map((service) => ({ name: service, pid: added[service].pid }));
			try {
				return await work();
			} finally {
				running = [];
				await Promise.all(services.map((service) => added[service].stop()));
			}
		},
	};
}

function processesOf({ services: running, nats, openSearch, valkey }: Stack): NamedProcess[] {
	return [
		...services.map((service) => ({ name: service, pid: running[service][0]?.pid ?? 0 })),
		{ name: "nats", pid: nats.pid },
		{ name: "opensearch", pid: openSearch.pid },
		{ name: "valkey", pid: valkey.pid },
	];
}

async function connectOperator({ nats, keys }: Stack): Promise<Link> {
	const seed = keys.value("nats-operator.seed");
	const inboxPrefix = `${operatorInbox}_bench`;
	return await connectLink({ servers: [nats.url], name: "bench", seed, inboxPrefix, onStatus: () => undefined });
}
