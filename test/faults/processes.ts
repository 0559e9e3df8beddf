// The service processes of a fault run: killed, paused, armed to kill themselves, and remembered by process id.
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { type CrashPoint, crashMark } from "#libs/service/crash-point.ts";
import type { RunningServer } from "../../infra/local/run-server.ts";
import type { Stack } from "../../infra/local/stack.ts";
import { leaseMs } from "./configuration.ts";

export interface Target {
	readonly service: Service;
	readonly replica: number;
}

const startedWithinMs = 20_000;
const linesMax = 4;
/** A graceful stop may take 45 s, and what comes next a while on a busy machine. */
const restartedWithinMs = 90_000;

export interface Processes {
	/** For `startStack`: what each start of a process is told. */
	env(service: Service, replica: number): Readonly<Record<string, string>>;
	/** From now on every end of a process is noted. */
	watch(stack: Stack): void;
	kill(target: Target): Promise<void>;
	/** Kills it; what is started in its place is armed, once. */
	arm(target: Target, point: CrashPoint, nth: number): Promise<void>;
	/** Asks it to end, as whoever updates it would; resolves when another runs in its place. What it had in work is no excuse for anything. */
	restart(target: Target): Promise<void>;
	/** Stops it for so long that its leases are over if `pauseMs` says so. Resolves when it runs again. */
	pause(target: Target, pauseMs: number): Promise<void>;
	/** Stops whoever has this process id, for longer than its lease; undefined if that is no service's. `wake` lets it go on if it is still there. */
	stop(pid: number): Promise<{ target: Target; wake(): Promise<void> } | undefined>;
	/** Ids of processes that are gone, or were away for longer than a lease. */
	readonly gone: ReadonlySet<number>;
	/** Adds to `gone` who died before it was ready, and so was never watched: its log tells. */
	learnFromLogs(): Promise<void>;
	/** How many processes ended while they were watched. */
	deaths(): number;
	/** From the logs: how often each moment killed. */
	crashed(): Promise<Map<string, number>>;
	/** From the logs: what audit could not index and told of. */
	alarms(): Promise<{ position: number; item: number }[]>;
	/** From the logs: errors that nobody caught. */
	uncaught(): Promise<string[]>;
	/** From the logs: the last things that each replica of a service said about a call. */
	linesAbout(call: string, service: Service): Promise<string[]>;
}

export function createProcesses(common: Readonly<Record<Service, Readonly<Record<string, string>>>>): Processes {
	const armed = new Map<string, string>();
	const gone = new Set<number>();
	/** Processes that end because they were asked to, and processes that may kill themselves. */
	const asked = new Set<number>();
	const loaded = new Set<string>();
	let deaths = 0;
	let running: Stack | undefined;
	const keyOf = ({ service, replica }: Target) => `${service}-${replica}`;
	const serverOf = ({ service, replica }: Target): RunningServer => {
		const server = running?.services[service][replica];
		if (!server) throw new Error(`no process ${service} ${replica}`);
		return server;
	};
	const all = () => (running ? services.flatMap((service) => [...(running?.services[service] ?? [])]) : []);

	async function note(server: RunningServer, key: string): Promise<void> {
		for (;;) {
			const { pid } = server;
			const mayKillItself = loaded.has(key);
			await server.exited();
			deaths++;
			if (!asked.has(pid) || mayKillItself) gone.add(pid);
			while (server.pid === pid) await delay(20);
		}
	}
	const shoot = async (server: RunningServer) => {
		gone.add(server.pid);
		await server.kill("SIGKILL");
	};
	/** What is dead cannot be killed, and what is about to be started would take another's arms. */
	const alive = async (target: Target): Promise<RunningServer> => {
		const server = serverOf(target);
		const until = performance.now() + startedWithinMs;
		while (!isAlive(server.pid) && performance.now() < until) await delay(50);
		return server;
	};

	return {
		env(service, replica) {
			const key = keyOf({ service, replica });
			const at = armed.get(key);
			armed.delete(key);
			if (at === undefined) loaded.delete(key);
			else loaded.add(key);
			return { ...common[service], ...(at !== undefined && { CALLGATE_CRASH_AT: at }) };
		},
		watch(stack) {
			running = stack;
			for (const service of services) {
				for (const [replica, server] of stack.services[service].entries()) void note(server, keyOf({ service, replica }));
			}
		},
		kill: async (target) => await shoot(await alive(target)),
		async arm(target, point, nth) {
			const server = await alive(target);
			armed.set(keyOf(target), `${point}:${nth}`);
			await shoot(server);
		},
		async restart(target) {
			const server = await alive(target);
			const { pid } = server;
			asked.add(pid);
			await server.kill("SIGTERM");
			const until = performance.now() + restartedWithinMs;
			while (server.pid === pid && performance.now() < until) await delay(50);
		},
		async pause(target, pauseMs) {
			const server = serverOf(target);
			const { pid } = server;
			await server.kill("SIGSTOP");
			await delay(pauseMs);
			if (pauseMs >= leaseMs) gone.add(pid);
			// Another fault may have killed it meanwhile.
			if (server.pid === pid) await server.kill("SIGCONT");
		},
		async stop(pid) {
			for (const service of services) {
				for (const [replica, server] of (running?.services[service] ?? []).entries()) {
					if (server.pid !== pid) continue;
					await server.kill("SIGSTOP");
					gone.add(pid);
					const wake = async () => {
						if (server.pid === pid) await server.kill("SIGCONT");
					};
					return { target: { service, replica }, wake };
				}
			}
			return undefined;
		},
		gone,
		async learnFromLogs() {
			for (const server of all()) {
				const lines = await linesOf([server]);
				const pids = new Set(lines.map((line) => Number(/^\{.*"pid":(\d+)/.exec(line)?.[1] ?? Number.NaN)));
				for (const pid of pids) if (pid !== server.pid && !asked.has(pid) && !Number.isNaN(pid)) gone.add(pid);
			}
		},
		deaths: () => deaths,
		async crashed() {
			const found = new Map<string, number>();
			for (const line of await linesOf(all())) {
				if (!line.startsWith(crashMark)) continue;
				const point = line.slice(crashMark.length);
				found.set(point, (found.get(point) ?? 0) + 1);
			}
			return found;
		},
		async alarms() {
			const lines = await linesOf(running?.services.audit ?? []);
			const told = lines.filter((line) => line.startsWith("{") && line.includes('"msg":"an event is not in the index: it was parked"'));
			return told.map((line) => JSON.parse(line) as { position: number; item: number }).map(({ position, item }) => ({ position, item }));
		},
		async uncaught() {
			const lines = await linesOf(all());
			return lines.filter((line) => /"msg":"(uncaught exception|unhandled rejection)"/.test(line)).map((line) => line.slice(0, 300));
		},
		async linesAbout(call, service) {
			const servers = running?.services[service] ?? [];
			const lines = await Promise.all(servers.map(async (server) => (await linesOf([server])).filter((line) => line.includes(call))));
			return lines.flatMap((own, replica) => own.slice(-linesMax).map((line) => `${service}-${replica + 1}: ${line.slice(0, 400)}`));
		},
	};
}

function isAlive(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

async function linesOf(servers: readonly RunningServer[]): Promise<string[]> {
	const texts = await Promise.all(servers.map(({ logFile }) => readFile(logFile, "utf8")));
	return texts.flatMap((text) => text.split("\n"));
}
