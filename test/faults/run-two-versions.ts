// A rolling restart: process by process another version takes over, both run side by side for a while, and then it is taken back.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FaultParts, Versions } from "./fault-parts.ts";
import { makeOtherVersion, provisionOther } from "./other-version.ts";
import type { Fault } from "./plan-faults.ts";
import type { Target } from "./processes.ts";

export function createVersions(dataDir: string): Versions {
	const dir = join(dataDir, "other-version");
	const others = new Set<string>();
	const keyOf = ({ service, replica }: Target) => `${service}-${replica}`;
	return {
		dir,
		root: (service, replica) => (others.has(keyOf({ service, replica })) ? dir : undefined),
		use: (target, version) => void (version === "other" ? others.add(keyOf(target)) : others.delete(keyOf(target))),
	};
}

/** OpenSearch may be away because of another fault, and takes its time to come back where two runs share two cores. */
const provisionAttemptsMax = 180;

export async function runTwoVersions(parts: FaultParts, { order, stayMs }: Extract<Fault, { kind: "two-versions" }>): Promise<void> {
	const { versions, processes, stack } = parts;
	await makeOtherVersion(versions.dir);
	for (let attempt = 1; ; attempt++) {
		try {
			await provisionOther(versions.dir, stack);
			break;
		} catch (error) {
			if (attempt >= provisionAttemptsMax) throw error;
			await delay(1_000);
		}
	}
	for (const target of order) {
		versions.use(target, "other");
		await processes.restart(target);
	}
	await delay(stayMs);
	for (const target of order.toReversed()) {
		versions.use(target, "this");
		await processes.restart(target);
	}
}
