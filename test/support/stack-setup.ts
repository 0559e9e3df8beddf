// One whole stack for all end-to-end tests: two replicas of each service, on ports of its own, in a folder that is thrown away.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import type { Service } from "#libs/contracts/define-event.ts";
import { jsonOf } from "../../infra/local/describe-stack.ts";
import { startStack } from "../../infra/local/stack.ts";
import { makeForger, toolsDirOf, writeConfiguration } from "./configuration.ts";
import { findPortBase } from "./port-base.ts";
import type { StackFacts } from "./stack.ts";
import { serveControl } from "./stack-control.ts";

/** Free in the plan of ports: the replicas begin at 20. */
const labPortAfterFirst = 15;

export async function setup(project: TestProject): Promise<() => Promise<void>> {
	const dataDir = await mkdtemp(join(tmpdir(), "callgate-e2e-"));
	const report = (line: string) => process.stderr.write(`stack: ${line}\n`);
	const firstPort = await findPortBase();
	const labPort = firstPort + labPortAfterFirst;
	const forger = await makeForger();
	const configDir = join(dataDir, "configuration");
	await writeConfiguration(configDir, { firstPort, labPort, forger });
	// A dead executor's calls are ended when its lease is over, and the record is asked for what was just done: seconds less to wait for.
	const hurried: Partial<Record<Service, Record<string, string>>> = {
		executor: { CALLGATE_SETTLE_WITHIN_MS: "3000" },
		audit: { CALLGATE_AUDIT_BATCH_WAIT_MS: "100", CALLGATE_CHECKPOINT_WITHIN_MS: "500" },
	};
	const serviceEnv = (service: Service): Record<string, string> => hurried[service] ?? {};
	const start = () => startStack({ dataDir, firstPort, replicas: 2, configDir, report, syncInterval: "2m", serviceEnv });
	const control = await serveControl(await start(), start);
	const facts = { ...(jsonOf(control.stack()) as Omit<StackFacts, "lab" | "forger" | "controlUrl">), firstPort };
	const openSearchDataDir = control.stack().openSearch.dataDir;
	project.provide("stack", { ...facts, openSearchDataDir, labPort, forger: forger.privateJwk, controlUrl: control.url } as StackFacts);
	return async () => {
		await control.stop();
		await rm(dataDir, { recursive: true, force: true });
		await rm(toolsDirOf(configDir), { recursive: true, force: true });
	};
}
