// One stack at a time on a data folder: two would write the same streams and keys, and break both.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VaultError } from "#libs/vault/vault.ts";
import { type HeldLock, takeLock } from "#libs/vault/vault-lock.ts";
import { setupError } from "./setup-error.ts";

/**
 * Held until `release`, or until this process ends: what a killed stack left is taken over.
 *
 * @throws SetupError that names the process that runs there.
 */
export async function lockData(dataDir: string): Promise<HeldLock> {
	const held = join(dataDir, "running");
	try {
		return await takeLock(held, { waitMaxMs: 0, staleAfterMs: Number.POSITIVE_INFINITY });
	} catch (cause) {
		if (!(cause instanceof VaultError) || cause.code !== "locked") throw cause;
		const pid = /"pid":(\d+)/.exec(await readFile(`${held}.lock`, "utf8").catch(() => ""))?.[1];
		throw setupError({
			failed: `Another Callgate${pid === undefined ? "" : ` (process ${pid})`} is running on ${dataDir}, or is being started there.`,
			expected: "a data folder that nobody else works on.",
			todo: `Stop it first, or give this one a folder and ports of its own: --data DIR --port N. If none is running, remove ${held}.lock.`,
			cause,
		});
	}
}
