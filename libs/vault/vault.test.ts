// Both vaults against the contract.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { vaultContract } from "./vault-contract.ts";
import { openVault } from "./vault-file.ts";
import { createVaultKey } from "./vault-key.ts";
import { createMemoryVault } from "./vault-memory.ts";

const folders: string[] = [];
afterAll(async () => {
	for (const folder of folders) await rm(folder, { recursive: true });
});

vaultContract("the vault in memory", async () => createMemoryVault());

vaultContract("the vault in a file", async () => {
	const folder = await mkdtemp(join(tmpdir(), "callgate-vault-"));
	folders.push(folder);
	const keyFile = join(folder, "vault.key");
	await createVaultKey(keyFile);
	return openVault({ file: join(folder, "vault.json"), keyFile });
});
