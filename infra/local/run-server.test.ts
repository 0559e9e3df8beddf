// Starting, stopping and killing a server as a process, shown with a small one: what goes wrong is said, and nothing is left running.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { askTcp } from "./ask-tcp.ts";
import { assertPortFree, findFreePorts } from "./ports.ts";
import { runCommand } from "./run-command.ts";
import { type RunningServer, type ServerPlan, startServer } from "./run-server.ts";
import { SetupError } from "./setup-error.ts";

/** Says hello to who connects; `mode` makes it fail to start, never answer, or ignore SIGTERM. */
const program = `
const [dir, port, mode] = process.argv.slice(1);
console.log("starting in", dir);
if (mode === "fails") { console.error("no such option: --wrong"); process.exit(3); }
if (mode === "deaf") process.on("SIGTERM", () => {});
if (mode === "mute") setInterval(() => {}, 1000);
else require("node:net").createServer((socket) => socket.end("hello\\n")).listen(Number(port), "127.0.0.1");
`;

let dir: string;
let port: number;
let started: RunningServer[];

beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-run-server-"));
	[port = 0] = await findFreePorts(1);
	started = [];
});
afterEach(async () => {
	await Promise.all(started.map((server) => server.stop()));
	await rm(dir, { recursive: true, force: true });
});

function plan(mode = "", more: Partial<ServerPlan> = {}): ServerPlan {
	return {
		name: "greeter",
		command: process.execPath,
		args: ["--eval", program, "--", dir, `${port}`, mode],
		dir,
		port,
		readyWithinMs: 20_000,
		stopWithinMs: 20_000,
		isReady: () => askTcp(port, "", /^hello/),
		...more,
	};
}

async function start(mode?: string, more?: Partial<ServerPlan>): Promise<RunningServer> {
	const server = await startServer(plan(mode, more));
	started.push(server);
	return server;
}

const isAlive = (pid: number): boolean => {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
};

it.runIf(process.platform === "linux")("gives way to others where the plan says so", async () => {
	const here = getPriority();
	expect(getPriority((await start()).pid)).toBe(here);
	await started[0]?.stop();
	expect(getPriority((await start("", { niceness: 5 })).pid)).toBe(Math.min(19, here + 5));
});

it("runs until it is stopped, and starts again as another process", async () => {
	const server = await start();
	const first = server.pid;
	expect(await askTcp(port, "", /^hello/)).toBe(true);
	await server.restart();
	expect(isAlive(first)).toBe(false);
	expect(server.pid).not.toBe(first);
	expect(await askTcp(port, "", /^hello/)).toBe(true);
	const exited = server.exited();
	await server.stop();
	await exited;
	expect(isAlive(server.pid)).toBe(false);
	await server.stop();
	expect(await readFile(server.logFile, "utf8")).toMatch(/starting in .*\n.*starting in/);
});

it("is gone when kill -9 resolves", async () => {
	const server = await start();
	await server.kill("SIGKILL");
	expect(isAlive(server.pid)).toBe(false);
	await server.exited();
});

it("kills what does not stop, and stops what is frozen", async () => {
	const deaf = await start("deaf", { stopWithinMs: 100 });
	await deaf.stop();
	expect(isAlive(deaf.pid)).toBe(false);
	const frozen = await start();
	await frozen.kill("SIGSTOP");
	await frozen.stop();
	expect(isAlive(frozen.pid)).toBe(false);
});

it("shows the end of the log when the server ends instead of starting", async () => {
	const failure = await start("fails").catch((error: unknown) => error);
	expect(failure).toBeInstanceOf(SetupError);
	expect(String(failure)).toContain("greeter ended with code 3");
	expect(String(failure)).toContain("no such option: --wrong");
	expect(String(failure)).toContain(join(dir, "greeter.log"));
});

it("gives up on a server that never answers, and ends it", async () => {
	await expect(start("mute", { readyWithinMs: 300 })).rejects.toThrow(/greeter was not ready after 0.3 s/);
	const pid = Number(await readFile(join(dir, "greeter.pid"), "utf8"));
	expect(isAlive(pid)).toBe(false);
});

it("passes on at once that it will never be ready, and ends it", async () => {
	const never = new SetupError("the password is another");
	await expect(start("", { isReady: () => Promise.reject(never) })).rejects.toBe(never);
	const pid = Number(await readFile(join(dir, "greeter.pid"), "utf8"));
	expect(isAlive(pid)).toBe(false);
});

it("names a busy port before it starts anything", async () => {
	const other = createServer().listen(port, "127.0.0.1");
	await once(other, "listening");
	await expect(start()).rejects.toThrow(new RegExp(`Port ${port} .*greeter.*in use`));
	other.close();
	await once(other, "close");
	await assertPortFree(port, "greeter");
});

it("does not start a second server on one folder", async () => {
	const server = await start();
	const [another = 0] = await findFreePorts(1);
	await expect(startServer({ ...plan(), port: another })).rejects.toThrow(`process ${server.pid}`);
});

it("says so when the program is not one", async () => {
	await expect(start("", { command: join(dir, "nothing") })).rejects.toThrow(/nothing/);
});

it.runIf(process.platform === "linux")("does not outlive a parent that was killed", { timeout: 30_000 }, async () => {
	const module = JSON.stringify(new URL("./run-server.ts", import.meta.url).href);
	const ask = JSON.stringify(new URL("./ask-tcp.ts", import.meta.url).href);
	const { isReady: _ask, ...rest } = plan();
	const code = `
		import { startServer } from ${module};
		import { askTcp } from ${ask};
		const server = await startServer({ ...${JSON.stringify(rest)}, isReady: () => askTcp(${port}, "", /^hello/) });
		console.log(server.pid);
		setInterval(() => {}, 1000);
	`;
	const parent = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: ["ignore", "pipe", "inherit"] });
	const [line] = await once(createInterface({ input: parent.stdout }), "line");
	const pid = Number(line);
	expect(await askTcp(port, "", /^hello/)).toBe(true);
	parent.kill("SIGKILL");
	await once(parent, "exit");
	// Its port is free again: the kernel has ended it (a process that nobody reaps would still have an id).
	await expect.poll(() => askTcp(port, "", /^hello/), patience).toBe(false);
	expect(pid).toBeGreaterThan(0);
});

it("says which tool is missing, or what it said when it failed", async () => {
	const words = { timeoutMs: 20_000, purpose: "Testing", missing: "Install it.", failing: "Mend it." };
	await expect(runCommand({ ...words, command: "no-such-tool-here", args: [] })).rejects.toThrow(
		/`no-such-tool-here` is not installed[\s\S]*Install it\./,
	);
	const failing = runCommand({
		...words,
		command: process.execPath,
		args: ["--eval", "console.error('the disk is full'); process.exit(2)"],
	});
	await expect(failing).rejects.toThrow(/ended with code 2[\s\S]*Mend it\.[\s\S]*the disk is full/);
	const hanging = runCommand({ ...words, command: process.execPath, args: ["--eval", "setInterval(() => {}, 1000)"], timeoutMs: 100 });
	await expect(hanging).rejects.toThrow(/took longer than 0.1 s/);
});
