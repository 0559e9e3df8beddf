// Two stacks in one checkout do not break each other: one installs, one runs, and the other is told so.
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { lockData } from "./data-lock.ts";
import { findFreePorts } from "./ports.ts";
import { SetupError } from "./setup-error.ts";
import { startStack } from "./stack.ts";

let dir: string;
beforeEach(async () => {
	dir = await realpath(await mkdtemp(join(tmpdir(), "callgate-start-")));
});
afterEach(() => rm(dir, { recursive: true }));

const read = (name: string) => readFile(join(dir, name), "utf8").catch(() => "");

test("a second stack on the data folder of a running one is refused before it touches anything, and says who runs there", async () => {
	const [firstPort = 0] = await findFreePorts(1);
	const options = { dataDir: dir, firstPort, replicas: 1, configDir: undefined, report: () => undefined };
	const lock = await lockData(dir);
	const files = vi.fn();
	const refused = await startStack({ ...options, report: files }).catch((error: unknown) => error);
	expect(refused).toBeInstanceOf(SetupError);
	expect(String(refused)).toContain(`Another Callgate (process ${process.pid}) is running on ${dir}`);
	expect(files).not.toHaveBeenCalled();
	lock.release();
	(await lockData(dir)).release();
});

test("a folder whose stack was killed is free", async () => {
	const child = spawn(process.execPath, ["-e", ""]);
	await new Promise((resolve) => child.on("exit", resolve));
	await writeFile(join(dir, "running.lock"), JSON.stringify({ nonce: "n", host: hostname(), pid: child.pid, since: Date.now() }));
	(await lockData(dir)).release();
});

test("of two first starts one installs the packages, and the other goes on with them", async () => {
	await mkdir(join(dir, "infra/local"), { recursive: true });
	await mkdir(join(dir, "bin"));
	await copyFile(fileURLToPath(new URL("bootstrap.mjs", import.meta.url)), join(dir, "infra/local/bootstrap.mjs"));
	for (const file of ["package.json", "package-lock.json"]) await writeFile(join(dir, file), "{}");
	await writeFile(join(dir, "hello.mjs"), 'process.stdout.write("hello");');
	// An npm that takes as long as the test wants.
	const npm = `#!/bin/sh
cd "${dir}"
echo begun >> installs
while [ ! -e go ]; do sleep 0.05; done
mkdir -p node_modules/node/bin
ln -sf "${process.execPath}" node_modules/node/bin/node
`;
	await writeFile(join(dir, "bin/npm"), npm, { mode: 0o755 });
	const env = { ...process.env, PATH: `${join(dir, "bin")}:${process.env.PATH}`, INIT_CWD: dir };
	const runs = [1, 2].map(() => spawn(process.execPath, [join(dir, "infra/local/bootstrap.mjs"), "hello.mjs"], { env }));
	let [said, heard] = ["", ""];
	const ends = runs.map((run) => {
		run.stdout.on("data", (chunk) => {
			heard += chunk;
		});
		run.stderr.on("data", (chunk) => {
			said += chunk;
		});
		return new Promise((resolve) => run.on("close", resolve));
	});
	const installs = async () => (await read("installs")).split("\n").length - 1;
	await vi.waitFor(async () => expect((await installs()) === 2 || said.includes("waiting for it")).toBe(true), patience);
	await writeFile(join(dir, "go"), "");
	expect(await Promise.all(ends)).toEqual([0, 0]);
	expect(heard).toBe("hellohello");
	expect(await installs()).toBe(1);
	expect(await read(".callgate-installing")).toBe("");
}, 120_000);
