// Everything on one machine: real servers, the demo's surroundings and the five services, started in the order they need each other.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectLink } from "#libs/bus/nats-link.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { indexTemplate, recordStream } from "#libs/contracts/index-template.ts";
import { storyIndex, storyTemplate } from "#libs/contracts/story.ts";
import { openVault } from "#libs/vault/vault-file.ts";
import { provisionStream, StreamNotThere } from "../nats/provision-stream.ts";
import { operatorInbox, serverConfig } from "../nats/server-config.ts";
import { provisionOpenSearch } from "../opensearch/provision.ts";
import type { Report } from "./cache.ts";
import { lockData } from "./data-lock.ts";
import { demoConfiguration } from "./demo/configuration.ts";
import { type KeyRing, localPool, openKeyRing } from "./key-ring.ts";
import { assertPortsFree, type Part, portOf, urlOf } from "./port-plan.ts";
import { loopback } from "./ports.ts";
import { provideServers } from "./provide-servers.ts";
import { natsStoreDir, type RunningNats, startNats } from "./run-nats.ts";
import { type RunningOpenSearch, startOpenSearch } from "./run-opensearch.ts";
import { type RunningServer, type ServerPlan, startServer } from "./run-server.ts";
import { type RunningValkey, startValkey } from "./run-valkey.ts";
import { type StackFacts, servicePlan, vaultFiles } from "./service-plans.ts";
import { setupError } from "./setup-error.ts";
import { Supervisor } from "./supervisor.ts";

export interface StackOptions {
	readonly dataDir: string;
	readonly firstPort: number;
	readonly replicas: number;
	/** The demo's own where undefined. */
	readonly configDir: string | undefined;
	readonly report: Report;
	/** Of NATS: see infra/nats/server-config.ts. */
	readonly syncInterval?: string;
	/** Whether starting soon counts more than what each document costs afterwards: see run-opensearch.ts. */
	readonly livesFor?: "minutes" | "days";
	/** Of one process, beside what its plan says; asked at each of its starts. For fault tests. */
	readonly serviceEnv?: (service: Service, replica: number) => Readonly<Record<string, string>>;
	/** The checkout that one process runs, where it is not this one; asked at each of its starts. For fault tests. */
	readonly serviceRoot?: (service: Service, replica: number) => string | undefined;
}

/** A stack that is ready. */
export interface Stack {
	readonly dataDir: string;
	readonly keys: KeyRing;
	url(part: Part): string;
	readonly nats: RunningNats;
	readonly valkey: RunningValkey;
	readonly openSearch: RunningOpenSearch;
	/** By service: its replicas, in order. */
	readonly services: Readonly<Record<Service, readonly RunningServer[]>>;
	/** Starts one more of each service than it was started with; resolves when they are ready. Whoever asked stops them; nobody starts them again. */
	addReplica(): Promise<Readonly<Record<Service, RunningServer>>>;
	/** Stops services before the servers they need; resolves when nothing is left. */
	stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
/** A process may have to wait for its turn on a busy machine. */
const readyWithinMs = 90_000;
/** A service finishes the calls in work: see `stopMsMax` in libs/service/run.ts. */
const stopWithinMs = 50_000;
/** NATS refuses a stream that is larger than the disk it has. */
const localStreamBytesMax = 1024 ** 3;

/** @throws SetupError with one message that says what to do. Whatever was started is stopped again. */
export async function startStack(options: StackOptions): Promise<Stack> {
	await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
	const lock = await lockData(options.dataDir);
	const started: { stop(): Promise<void> }[] = [];
	const supervisor = new Supervisor(options.report);
	const stop = async () => {
		supervisor.release();
		// Services of one rank together, ranks in reverse order of their start.
		for (const one of started.toReversed()) await one.stop();
		lock.release();
	};
	try {
		return await assemble(options, (one) => started.push(one), supervisor, stop);
	} catch (error) {
		await stop();
		throw error;
	}
}

async function assemble(
	options: StackOptions,
	keep: (one: { stop(): Promise<void> }) => void,
	supervisor: Supervisor,
	stop: () => Promise<void>,
): Promise<Stack> {
	const { dataDir, firstPort, replicas, report } = options;
	await assertPortsFree(firstPort, replicas);
	const keys = await openKeyRing(join(dataDir, "keys"));
	const { keeper, ...servers } = await startServers(options, keys, keep);
	supervisor.watch("keeper", keeper);
	const redisUrlFile = join(keys.dir, "valkey.url");
	await writeFile(redisUrlFile, servers.valkey.url, { mode: 0o600 });

	report("demo: starting bank, identity provider and Slack stand-in");
	const demo = await Promise.all((["bank", "idp", "slack"] as const).map((name) => startDemo(name, options, keys)));
	keep({ stop: async () => void (await Promise.all(demo.map((one) => one.stop()))) });
	const configurationDir = options.configDir ?? (await writeDemoConfiguration(dataDir, firstPort));
	const vault = await openVault(vaultFiles(dataDir, keys));
	await vault.set("bank-api-key", keys.value("bank-api.key"));

	const facts: StackFacts = {
		...{ firstPort, keys, dataDir, redisUrlFile, configurationDir },
		natsUrl: servers.nats.url,
		streamIdentity: servers.streamIdentity,
		openSearch: servers.openSearch,
		slackApiUrl: `${urlOf("slack", firstPort)}/api/`,
	};
	report(`services: starting ${services.join(", ")}${replicas > 1 ? `, ${replicas} of each` : ""}`);
	const running = await startServices(facts, options);
	const all = Object.values(running).flat();
	keep({ stop: async () => void (await Promise.all(all.map((one) => one.stop()))) });
	for (const [service, ones] of Object.entries(running)) for (const one of ones) supervisor.watch(service, one);
	const addReplica = async () => {
		const added = await startReplica(facts, options, replicas);
		keep({ stop: async () => void (await Promise.all(Object.values(added).map((one) => one.stop()))) });
		return added;
	};
	return { dataDir, keys, url: (part) => urlOf(part, firstPort), ...servers, services: running, addReplica, stop };
}

async function startServers(options: StackOptions, keys: KeyRing, keep: (one: { stop(): Promise<void> }) => void) {
	const { dataDir, firstPort, report, syncInterval, livesFor } = options;
	const dir = (name: string) => join(dataDir, name);
	const kept = async <T extends RunningServer>(starting: Promise<T>): Promise<T> => {
		const server = await starting;
		keep(server);
		return server;
	};
	const { natsBinary, valkeyBinary, javaHome, openSearchHome } = await provideServers(report);
	const startTheNats = async () => {
		const configText = serverConfig({ users: keys.natsUsers, storeDir: natsStoreDir(dir("nats")), ...(syncInterval && { syncInterval }) });
		const server = await kept(startNats({ binary: natsBinary, dir: dir("nats"), port: portOf("nats", firstPort), configText }));
		const streamIdentity = await provisionNats(server, keys, join(dataDir, "stream.identity"));
		const keeper = await kept(startKeeper(options, keys, server));
		report("nats: ready");
		return { server, streamIdentity, keeper };
	};
	const startTheValkey = async () => {
		const server = await kept(
			startValkey({ binary: valkeyBinary, dir: dir("valkey"), port: portOf("valkey", firstPort), password: keys.value("valkey.password") }),
		);
		report("valkey: ready");
		return server;
	};
	const startTheIndex = async () => {
		report("opensearch: starting (half a minute)");
		const passwords = keys.openSearchPasswords;
		const port = portOf("opensearch", firstPort);
		const place = { openSearchHome, javaHome, dir: dir("opensearch"), port };
		const server = await kept(
			startOpenSearch({ ...place, passwords, places: { stream: recordStream, stories: storyIndex }, ...(livesFor && { livesFor }) }),
		);
		const ca = await readFile(server.caFile, "utf8");
		const login = { url: server.url, ca, user: "provisioner", password: passwords.provisioner } as const;
		await provisionOpenSearch({ ...login, name: recordStream, template: indexTemplate({ replicas: 0 }) });
		await provisionOpenSearch({ ...login, name: storyIndex, template: storyTemplate({ replicas: 0 }) });
		report("opensearch: ready");
		return server;
	};
	// All of them are awaited before an error is passed on: what was started must be known to be stopped.
	const [nats, valkey, openSearch] = await Promise.allSettled([startTheNats(), startTheValkey(), startTheIndex()]);
	for (const one of [nats, valkey, openSearch]) if (one.status === "rejected") throw one.reason;
	if (nats.status !== "fulfilled" || valkey.status !== "fulfilled" || openSearch.status !== "fulfilled") throw new Error("unreachable");
	const { server, streamIdentity, keeper } = nats.value;
	return { nats: server, streamIdentity, keeper, valkey: valkey.value, openSearch: openSearch.value };
}

/**
 * Makes the stream, as its operator: services cannot.
 *
 * @param identityFile which stream this data folder has, beside the stream itself: one that is lost is not made anew unnoticed
 */
async function provisionNats({ url }: RunningNats, keys: KeyRing, identityFile: string): Promise<string> {
	const seed = keys.value("nats-operator.seed");
	const operator = await connectLink({ servers: [url], name: "operator", seed, inboxPrefix: operatorInbox, onStatus: () => undefined });
	try {
		const identity = await readFile(identityFile, "utf8").then(
			(text) => text.trim(),
			() => undefined,
		);
		const streamIdentity = await provisionStream(operator, { pools: [localPool], identity, streamBytesMax: localStreamBytesMax });
		await writeFile(identityFile, `${streamIdentity}\n`);
		return streamIdentity;
	} catch (error) {
		if (!(error instanceof StreamNotThere)) throw error;
		throw setupError({
			failed: error.message,
			expected: "the stream that this data folder had.",
			todo: `Put back its folder nats/, or begin anew with another --data.`,
		});
	} finally {
		await operator.close();
	}
}

/** The process that keeps the stream short. */
function startKeeper({ dataDir, firstPort }: StackOptions, keys: KeyRing, nats: RunningNats): Promise<RunningServer> {
	const port = portOf("keeper", firstPort);
	const env = {
		CALLGATE_HOST: loopback,
		CALLGATE_PORT: String(port),
		CALLGATE_NATS_SERVERS: nats.url,
		CALLGATE_NATS_OPERATOR_SEED_FILE: keys.file("nats-operator.seed"),
		CALLGATE_POOLS: localPool,
	};
	const args = [join(root, "infra/nats/main.ts"), "keep"];
	const isReady = () => answers(`${urlOf("keeper", firstPort)}/readyz`, true);
	return startProcess({ name: "keeper", args, dir: join(dataDir, "services", "keeper"), port, isReady }, () => env);
}

function startDemo(name: "bank" | "idp" | "slack", { dataDir, firstPort }: StackOptions, keys: KeyRing): Promise<RunningServer> {
	const dir = join(dataDir, "demo", name);
	const port = portOf(name, firstPort);
	const env = {
		DEMO_PORT: String(port),
		DEMO_DATA_DIR: dir,
		...(name === "bank" && { DEMO_BANK_API_KEY_FILE: keys.file("bank-api.key") }),
		...(name === "idp" && {
			DEMO_PASSWORD_FILE: keys.file("people.password"),
			DEMO_CI_SECRET_FILE: keys.file("client-ci.secret"),
			DEMO_AGENT_SECRET_FILE: keys.file("client-agent.secret"),
		}),
		...(name === "slack" && {
			DEMO_SLACK_BOT_TOKEN_FILE: keys.file("slack-bot.token"),
			DEMO_SLACK_SIGNING_SECRET_FILE: keys.file("slack-signing.secret"),
			DEMO_SLACK_INTERACTIVITY_URL: `${urlOf("approval", firstPort)}/slack/interactions`,
		}),
	};
	const args = [join(root, "infra/local/demo/main.ts"), name];
	return startProcess({ name, args, dir, port, isReady: () => answers(`${urlOf(name, firstPort)}/`, false) }, () => env);
}

/** One of each service. */
async function startReplica(
	facts: StackFacts,
	{ serviceEnv = () => ({}), serviceRoot = () => undefined }: StackOptions,
	replica: number,
): Promise<Record<Service, RunningServer>> {
	const start = async (service: Service) => {
		const { name, script, port, env } = servicePlan(service, replica, facts);
		const dir = join(facts.dataDir, "services", name);
		const ready = `${urlOf(service, facts.firstPort, replica)}/readyz`;
		const plan = {
			...{ name, dir, port, isReady: () => answers(ready, true) },
			get args() {
				return [join(serviceRoot(service, replica) ?? root, script)];
			},
		};
		return await startProcess(plan, () => ({ ...env, ...serviceEnv(service, replica) }));
	};
	// The revision in force comes from policy: the others are ready only when there is one.
	const ones = await Promise.all(services.map(async (service) => [service, await start(service)] as const));
	return Object.fromEntries(ones) as Record<Service, RunningServer>;
}

async function startServices(facts: StackFacts, options: StackOptions): Promise<Record<Service, RunningServer[]>> {
	const running: Record<Service, RunningServer[]> = { ingress: [], policy: [], approval: [], executor: [], audit: [] };
	for (let replica = 0; replica < options.replicas; replica++) {
		const ones = await startReplica(facts, options, replica);
		for (const service of services) running[service].push(ones[service]);
	}
	return running;
}

interface ProcessPlan {
	readonly name: string;
	readonly args: readonly string[];
	readonly dir: string;
	readonly port: number;
	readonly isReady: () => Promise<boolean>;
}

/** Runs a program of ours as a server: its own folder, its own log, asked until it is ready. */
async function startProcess(plan: ProcessPlan, env: () => Readonly<Record<string, string>>): Promise<RunningServer> {
	await mkdir(plan.dir, { recursive: true, mode: 0o700 });
	const { name, dir, port, isReady } = plan;
	const prepared: ServerPlan = {
		...{ name, dir, port, isReady, command: process.execPath, readyWithinMs, stopWithinMs },
		// Asked at each start: a fault test changes them from one to the next.
		get args() {
			return plan.args;
		},
		get env() {
			return env();
		},
	};
	return await startServer(prepared);
}

async function answers(url: string, mustBeOk: boolean): Promise<boolean> {
	const response = await fetch(url, { signal: AbortSignal.timeout(2_000), redirect: "manual" });
	await response.arrayBuffer();
	return response.ok || !mustBeOk;
}

async function writeDemoConfiguration(dataDir: string, firstPort: number): Promise<string> {
	const dir = join(dataDir, "configuration");
	await rm(dir, { recursive: true, force: true });
	await mkdir(dir, { recursive: true });
	const files = demoConfiguration({ issuer: urlOf("idp", firstPort), bankUrl: urlOf("bank", firstPort) });
	for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
	return dir;
}
