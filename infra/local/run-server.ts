// One local server as a child process: started, asked until it is ready, stopped, killed and restarted; it never outlives this process.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { assertPortFree } from "./ports.ts";
import { hasCode, SetupError, setupError } from "./setup-error.ts";

/** What one server needs to run. */
export interface ServerPlan {
	/** In messages, and the log's file name: `<dir>/<name>.log`. */
	readonly name: string;
	readonly command: string;
	readonly args: readonly string[];
	/** Where it keeps everything; the folder is in use by one server at a time. */
	readonly dir: string;
	readonly port: number;
	readonly env?: Readonly<Record<string, string>>;
	/** The user and group to run as, when this process is root and the server must not be. */
	readonly user?: number;
	/** How far it gives way where everybody wants the processor, 0 (by default: not) to 19. */
	readonly niceness?: number;
	readonly readyWithinMs: number;
	readonly stopWithinMs: number;
	/** Asks the server itself. True once it serves; false or an error means "not yet", but a SetupError means "never" and is passed on. */
	isReady(): Promise<boolean>;
}

/** A server that runs. Its data stays in its folder, whichever way it ends. */
export interface RunningServer {
	/** Of the current process; another after `restart`. */
	readonly pid: number;
	readonly logFile: string;
	/** Asks it to end, and kills it when it takes too long. Resolves when it is gone. Again is harmless. */
	stop(): Promise<void>;
	/** Sends any signal. With SIGKILL it resolves when the process is gone, with others at once. */
	kill(signal: NodeJS.Signals): Promise<void>;
	/** Stops it if it runs and starts it again on the same data and port; resolves when it is ready. */
	restart(): Promise<void>;
	/** Resolves when the current process ends, however it does. */
	exited(): Promise<void>;
}

const pollMs = 50;
/** One question to a server that is starting may take this long before it is asked again. */
export const askTimeoutMs = 2_000;

/** Where setpriv is (Linux), the kernel kills a server whose parent died by SIGKILL; elsewhere only the exit handler below does. */
const canDieWithParent = process.platform === "linux" && spawnSync("setpriv", ["--version"], { stdio: "ignore" }).status === 0;

const running = new Set<ChildProcess>();
process.on("exit", () => {
	for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts the server and resolves when it is ready.
 * @throws SetupError when the port or the folder is in use, or when it ends or is not ready in time; with the end of its log.
 */
export async function startServer(plan: ServerPlan): Promise<RunningServer> {
	const logFile = join(plan.dir, `${plan.name}.log`);
	let child = await launch(plan, logFile);

	async function stop(): Promise<void> {
		if (hasEnded(child)) return;
		const gone = ending(child);
		child.kill("SIGTERM");
		// A server that a fault test froze cannot hear SIGTERM.
		child.kill("SIGCONT");
		const late = new AbortController();
		const limit = delay(plan.stopWithinMs, "late", { signal: late.signal }).catch(() => "gone");
		if ((await Promise.race([gone, limit])) === "late") child.kill("SIGKILL");
		await gone;
		late.abort();
	}

	return {
		get pid() {
			return pidOf(child);
		},
		logFile,
		stop,
		async kill(signal) {
			if (signal === "SIGKILL") await killed(child);
			else child.kill(signal);
		},
		async restart() {
			await stop();
			child = await launch(plan, logFile);
		},
		exited: () => (hasEnded(child) ? Promise.resolve() : ending(child)),
	};
}

function hasEnded(child: ChildProcess): boolean {
	return child.exitCode !== null || child.signalCode !== null;
}

function ending(child: ChildProcess): Promise<void> {
	return new Promise((resolve) => child.once("exit", () => resolve()));
}

function pidOf(child: ChildProcess): number {
	if (child.pid === undefined) throw new Error("A process that was never started has no id.");
	return child.pid;
}

/** The command in the clothes it runs in: another user where asked, giving way where asked, killed by the kernel when this process dies. */
function dressed(plan: ServerPlan): { command: string; args: string[] } {
	if (!canDieWithParent) return { command: plan.command, args: [...plan.args] };
	const nice = plan.niceness ? ["nice", "-n", `${plan.niceness}`] : [];
	const user = plan.user === undefined ? [] : ["--reuid", `${plan.user}`, "--regid", `${plan.user}`, "--clear-groups"];
	return { command: "setpriv", args: ["--pdeathsig", "KILL", ...user, "--", ...nice, plan.command, ...plan.args] };
}

async function launch(plan: ServerPlan, logFile: string): Promise<ChildProcess> {
	await assertPortFree(plan.port, plan.name);
	await assertFolderFree(plan);
	const { command, args } = dressed(plan);
	const log = openSync(logFile, "a", 0o600);
	const child = spawn(command, args, {
		cwd: plan.dir,
		stdio: ["ignore", log, log],
		// A group of its own: Ctrl-C at the terminal reaches the stack, which stops its services before the servers they need.
		detached: true,
		// Not this process's environment: it may hold secrets, and JAVA_TOOL_OPTIONS or proxy variables of the machine are not the servers' business.
		env: { PATH: process.env.PATH, LANG: "C.UTF-8", ...plan.env },
		...(plan.user !== undefined && !canDieWithParent ? { uid: plan.user, gid: plan.user } : {}),
	});
	closeSync(log);
	const failedToStart = new Promise<Error>((resolve) => child.once("error", resolve));
	running.add(child);
	child.once("exit", () => running.delete(child));
	if (child.pid === undefined) {
		running.delete(child);
		const cause = await failedToStart;
		throw setupError({
			failed: `${plan.name} could not be started (${cause.message}).`,
			expected: `${plan.command} to be a program for this machine.`,
			todo: "If it was just downloaded, this platform may not be supported; otherwise remove the cache folder and run this again.",
			cause,
		});
	}
	await writeFile(pidFile(plan), `${child.pid}\n`, { mode: 0o600 });
	await waitUntilReady(plan, child, logFile);
	return child;
}

async function waitUntilReady(plan: ServerPlan, child: ChildProcess, logFile: string): Promise<void> {
	const deadline = Date.now() + plan.readyWithinMs;
	for (;;) {
		if (hasEnded(child)) {
			const how = child.exitCode === null ? `was ended by ${child.signalCode}` : `ended with code ${child.exitCode}`;
			throw notReady(plan, how, await tail(logFile), logFile);
		}
		const answer = await plan.isReady().catch((error: unknown) => error);
		if (answer === true) return;
		if (answer instanceof SetupError) {
			await killed(child);
			throw answer;
		}
		if (Date.now() > deadline) {
			await killed(child);
			throw notReady(plan, `was not ready after ${plan.readyWithinMs / 1000} s`, await tail(logFile), logFile);
		}
		await delay(pollMs);
	}
}

async function killed(child: ChildProcess): Promise<void> {
	if (hasEnded(child)) return;
	const gone = ending(child);
	child.kill("SIGKILL");
	await gone;
}

function notReady(plan: ServerPlan, how: string, detail: string, logFile: string): Error {
	return setupError({
		failed: `${plan.name} ${how} while starting on port ${plan.port}.`,
		expected: `it to answer within ${plan.readyWithinMs / 1000} s.`,
		todo: `Read the end of its log below (all of it: ${logFile}). On a busy machine, run this again. If its data is damaged, move ${plan.dir} away and run this again.`,
		detail,
	});
}

const tailBytes = 8 * 1024;
const tailLines = 20;

async function tail(logFile: string): Promise<string> {
	await using file = await open(logFile, "r");
	const { size } = await file.stat();
	const start = Math.max(0, size - tailBytes);
	const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(tailBytes), position: start });
	return buffer.toString("utf8", 0, bytesRead).trim().split("\n").slice(-tailLines).join("\n");
}

function pidFile(plan: ServerPlan): string {
	return join(plan.dir, `${plan.name}.pid`);
}

/** Two servers on one folder would destroy each other's data, and NATS does not notice by itself. */
async function assertFolderFree(plan: ServerPlan): Promise<void> {
	mkdirSync(plan.dir, { recursive: true, mode: 0o700 });
	const pid = Number(await readFile(pidFile(plan), "utf8").catch(() => ""));
	if (!Number.isSafeInteger(pid) || pid <= 0 || !(await isServerOf(pid, plan))) return;
	throw setupError({
		failed: `${plan.name} (process ${pid}) already runs on ${plan.dir}.`,
		expected: "a data folder that no other server uses.",
		todo: "Stop the other Callgate, or choose another folder with --data.",
	});
}

/** A process id alone proves little, it may have been given to another program since: on Linux the command line must name this folder. */
async function isServerOf(pid: number, plan: ServerPlan): Promise<boolean> {
	try {
		process.kill(pid, 0);
	} catch (error) {
		if (hasCode(error, "ESRCH")) return false;
	}
	const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
	return commandLine === undefined ? process.platform !== "linux" : commandLine.includes(plan.dir);
}
