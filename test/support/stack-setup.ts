// One whole stack for all end-to-end tests: two replicas of each service, on ports of its own, in a folder that is thrown away.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { jsonOf } from "../../infra/local/describe-stack.ts";
import { startStack } from "../../infra/local/stack.ts";
import { findPortBase } from "./port-base.ts";
import type { StackFacts } from "./stack.ts";

export async function setup(project: TestProject): Promise<() => Promise<void>> {
	const dataDir = await mkdtemp(join(tmpdir(), "callgate-e2e-"));
	const report = (line: string) => process.stderr.write(`stack: ${line}\n`);
	const firstPort = await findPortBase();
	const stack = await startStack({ dataDir, firstPort, replicas: 2, configDir: undefined, report, syncInterval: "2m" });
	project.provide("stack", { ...(jsonOf(stack) as StackFacts), firstPort });
	return async () => {
		await stack.stop();
		await rm(dataDir, { recursive: true, force: true });
	};
}
