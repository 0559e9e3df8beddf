// Killed and back again: how long each service and NATS take to start on what is stored, and how long a caller has to wait for it.
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { urlOf } from "../../infra/local/port-plan.ts";
import { ingressUrl } from "./addresses.ts";
import type { BenchStack } from "./bench-stack.ts";
import { callArguments } from "./configuration.ts";
import { lettersOf } from "./letters.ts";
import { BenchFailed } from "./measure-lane.ts";

export interface Restart {
	readonly part: Service | "nats";
	/** From the new process' first instruction until it says that it is ready, milliseconds. */
	readonly startMs: number;
	/** From `kill -9` until a call that was made at once is answered: the half second that the supervisor waits included. */
	readonly backMs: number;
}

const backWithinMs = 120_000;
const pollMs = 5;
let calls = 0;

/** Kills one after the other, each when everything works again. */
export async function measureRestarts(bench: BenchStack): Promise<Restart[]> {
	const restarts: Restart[] = [];
	for (const service of services) restarts.push(await restartService(bench, service));
	restarts.push(await restartNats(bench));
	return restarts;
}

async function restartService(bench: BenchStack, service: Service): Promise<Restart> {
	const server = bench.stack.services[service][0];
	if (!server) throw new BenchFailed(`the stack has no ${service}`);
	const killed = server.pid;
	const begun = performance.now();
	await server.kill("SIGKILL");
	const back = untilAnswered(bench, begun);
	const readyAt = await untilReady(`${urlOf(service, bench.firstPort)}/readyz`);
	const backMs = await back;
	// The supervisor tells the new process' id when it found it ready itself.
	for (const until = performance.now() + backWithinMs; server.pid === killed; await delay(pollMs))
		if (performance.now() > until) throw new BenchFailed(`${service} was not started again`);
	return { part: service, startMs: readyAt - (await startedAt(server.pid)), backMs };
}

/** NATS has no supervisor here: it is started at once. Ready is when it takes clients, with every stream recovered. */
async function restartNats(bench: BenchStack): Promise<Restart> {
	const { nats } = bench.stack;
	const begun = performance.now();
	await nats.kill("SIGKILL");
	await nats.restart();
	const startMs = performance.now() - begun;
	return { part: "nats", startMs, backMs: await untilAnswered(bench, begun) };
}

/** Makes one call again and again until one is answered rightly; resolves with the milliseconds since `begun`. */
async function untilAnswered({ firstPort, tokens: [token = ""] }: BenchStack, begun: number): Promise<number> {
	const headers = { "content-type": "application/json", prefer: "wait=55", authorization: `Bearer ${token}` };
	for (;;) {
		const args = JSON.parse(callArguments.join(`back-${lettersOf(calls++)}`)) as object;
		const body = JSON.stringify({ connection: "bank", function: "pay", arguments: args });
		const status = await fetch(`${ingressUrl(firstPort)}/v1/calls`, { method: "POST", headers, body }).then(
			async (answer) => {
				await answer.arrayBuffer();
				return answer.status;
			},
			() => 0,
		);
		if (status === 200) return performance.now() - begun;
		if (performance.now() - begun > backWithinMs) throw new BenchFailed(`no call is answered any more: ${status}`);
		await delay(pollMs);
	}
}

/** Resolves with when it was ready, in milliseconds since the machine started. */
async function untilReady(url: string): Promise<number> {
	for (const until = performance.now() + backWithinMs; performance.now() < until; await delay(pollMs)) {
		const ok = await fetch(url).then(
			async (answer) => {
				await answer.arrayBuffer();
				return answer.ok;
			},
			() => false,
		);
		if (ok) return await uptimeMs();
	}
	throw new BenchFailed(`${url} did not become ready`);
}

async function uptimeMs(): Promise<number> {
	return Number((await readFile("/proc/uptime", "utf8")).split(" ")[0]) * 1_000;
}

/** In milliseconds since the machine started: field 22 of /proc/PID/stat (proc_pid_stat(5)), in ticks of 10 ms. */
async function startedAt(pid: number): Promise<number> {
	const stat = await readFile(`/proc/${pid}/stat`, "utf8");
	return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) * 10;
}
