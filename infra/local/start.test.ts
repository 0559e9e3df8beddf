// `npm start` with a folder that cannot be activated: told as `callgate check` tells it, and nothing was started for it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runProgram } from "../../cli/run-program.test-support.ts";

const startScript = fileURLToPath(new URL("start.ts", import.meta.url));

let dir: string;
beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-start-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function start(...args: string[]): Promise<{ exitCode: number | null; out: string; err: string }> {
	const child = spawn(process.execPath, [startScript, "--data", join(dir, "data"), ...args], { stdio: ["ignore", "pipe", "pipe"] });
	const read = async (stream: Readable) => (await stream.setEncoding("utf8").toArray()).join("");
	const exitCode = new Promise<number | null>((resolve) => child.once("exit", resolve));
	const [out, err] = await Promise.all([read(child.stdout), read(child.stderr)]);
	return { exitCode: await exitCode, out, err };
}

test("a typo ends it with every line of `callgate check`, before a data folder is made", async () => {
	const config = join(dir, "config");
	await writeFile(join(dir, "bank.yaml"), "kind: Group\nname: finance\nmembrs: [dana@example.com]\n");
	const checked = await runProgram(["check", dir]);
	expect(checked.out).toContain("bank.yaml:3:1");
	const started = await start("--config", dir);
	expect(started).toMatchObject({ exitCode: 1, out: "" });
	for (const line of `${checked.out}\n${checked.err}`.split("\n")) expect(started.err).toContain(line);
	expect(started.err).not.toMatch(/starting|ready/);
	expect(existsSync(join(dir, "data"))).toBe(false);
	expect((await start("--config", config)).err).toMatch(/ENOENT.*Nothing was started/s);
});
