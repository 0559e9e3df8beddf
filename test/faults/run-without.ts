// A fault run against a copy of the services that lacks one safeguard: it must end badly.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeChangedCopy } from "./changed-copy.ts";
import { safeguards } from "./safeguards.ts";

/** Resolves with 0 if the run found that the safeguard is missing, with 1 if it did not. */
export async function runWithout(name: string, args: readonly string[], report: (line: string) => void): Promise<number> {
	const safeguard = safeguards[name];
	if (!safeguard) throw new Error(`--without knows ${Object.keys(safeguards).join(", ")}, not ${name}`);
	const dir = await mkdtemp(join(tmpdir(), "callgate-without-"));
	try {
		await makeChangedCopy(dir, ["libs", "services", "infra", "test"], safeguard.changes);
		report(`without ${name}: ${safeguard.what}`);
		const run = spawn(process.execPath, [join(dir, "test/faults/run.ts"), ...args], { stdio: "inherit", cwd: dir });
		const [code] = (await once(run, "exit")) as [number | null];
		if (code !== 0 && code !== 1) throw new Error(`the run without ${name} ended with ${code}`);
		report(code === 1 ? `without ${name}: noticed` : `without ${name}: NOT NOTICED`);
		return code === 1 ? 0 : 1;
	} finally {
		await rm(dir, { recursive: true, force: true });
	}
}
