// An installed server is taken only if it is new enough.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findInstalled } from "./find-installed.ts";

let dir: string;
beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-find-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A program that prints what a server prints about its version. */
async function program(name: string, says: string): Promise<string> {
	const path = join(dir, name);
	await writeFile(path, `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 });
	return path;
}

it.each([
	["newer minor", "nats-server: v2.15.1", true],
	["exactly the oldest", "nats-server: v2.12.0", true],
	["newer major", "nats-server: v3.0.0", true],
	["Debian's own", "nats-server: v2.9.10", false],
	["something else", "hello", false],
] as const)("%s: %s → %s", async (name, says, taken) => {
	const command = await program(name.replaceAll(" ", "-"), says);
	const found = await findInstalled({
		commands: [join(dir, "absent"), command],
		args: ["--version"],
		version: /v(\d+)\.(\d+)\./,
		oldest: [2, 12],
	});
	expect(found?.command).toBe(taken ? command : undefined);
});

it("takes the first that will do", async () => {
	const old = await program("old", "Redis server v=6.0.16 sha=0");
	const good = await program("good", "Redis server v=7.0.15 sha=0");
	const found = await findInstalled({ commands: [old, good], args: [], version: /v=(\d+)\.(\d+)\./, oldest: [7, 0] });
	expect(found).toEqual({ command: good, version: "7.0" });
});
