// The first thing `npm start`, `npm test` and the others run, on whatever Node the machine has: installs what the lockfile names, then hands over to the Node 24 that the `node` package brought.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const modules = join(root, "node_modules");
const ownNode = join(modules, "node/bin/node");
const marker = join(modules, ".callgate-installed");
/** Beside node_modules, which npm removes first. */
const turn = join(root, ".callgate-installing");

/** The lockfile and the package file together say what `node_modules` must hold. */
function wanted() {
	const hash = createHash("sha256");
	for (const file of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(root, file)));
	return hash.digest("hex");
}

function fail(message) {
	process.stderr.write(`\ncallgate: ${message}\n`);
	process.exit(1);
}

function isInstalled() {
	return existsSync(ownNode) && existsSync(marker) && readFileSync(marker, "utf8") === wanted();
}

/** Two that install into one folder break each other: one does, the others wait for it. A turn whose process has ended is taken over. */
function takeTurn() {
	for (let told = false; ; told = true) {
		try {
			writeFileSync(turn, String(process.pid), { flag: "wx" });
			process.on("exit", () => rmSync(turn, { force: true }));
			return;
		} catch (error) {
			if (error.code !== "EEXIST")
				fail(`${turn} cannot be written (${error.message}). Make the project's folder writable, then run this again.`);
		}
		const holder = holderOfTurn();
		if (holder !== undefined && !isAlive(holder)) rmSync(turn, { force: true });
		else if (!told) process.stderr.write(`callgate: process ${holder ?? "(unknown)"} is installing packages; waiting for it…\n`);
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
	}
}

/** Undefined while it is being written, and after it was given back. */
function holderOfTurn() {
	try {
		return Number(readFileSync(turn, "utf8")) || undefined;
	} catch {
		return undefined;
	}
}

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error.code !== "ESRCH";
	}
}

function install() {
	process.stderr.write("callgate: installing packages (once; about half a minute)…\n");
	const npm = process.platform === "win32" ? "npm.cmd" : "npm";
	const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
	const result = spawnSync(npm, args, { cwd: root, stdio: ["ignore", 2, 2] });
	if (result.error) fail(`npm could not be started (${result.error.message}). Install Node.js 20 or newer with npm, then run this again.`);
	if (result.status !== 0) {
		fail(
			"npm could not install the packages; its message is above. Check the network and the registry npm is configured for, then run this again.",
		);
	}
	// An npm that blocks install scripts leaves the `node` package without its binary: its own installer is run by hand then.
	if (!existsSync(ownNode))
		spawnSync(process.execPath, ["installArchSpecificPackage"], { cwd: join(modules, "node"), stdio: ["ignore", 2, 2] });
	if (!existsSync(ownNode)) fail("the package `node` brought no Node 24. Run `npm rebuild node` and read what it says.");
	writeFileSync(marker, wanted());
}

const [script, ...rest] = process.argv.slice(2);
if (!script) fail("bootstrap.mjs expects the TypeScript file to run.");
if (!isInstalled()) {
	takeTurn();
	// Whoever had it before may have installed everything.
	if (!isInstalled()) install();
	rmSync(turn, { force: true });
}

// One process group: Ctrl-C reaches the child by itself; a signal sent to this process alone is passed on.
const child = spawn(ownNode, [join(root, script), ...rest], { stdio: "inherit", cwd: process.env.INIT_CWD ?? process.cwd() });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
	process.on(signal, () => {
		if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
	});
}
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
