// The executor's vault, as a command names it: with options or in the environment.
import { type Vault, VaultError } from "#libs/vault/vault.ts";
import { openVault } from "#libs/vault/vault-file.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import type { Io } from "./io.ts";

export interface VaultOptions {
	readonly vault?: string;
	readonly vaultKey?: string;
	readonly json?: true;
}

export function keyFileOf({ vaultKey }: VaultOptions, { environment }: Io): string {
	const keyFile = vaultKey ?? environment.CALLGATE_VAULT_KEY_FILE;
	if (keyFile) return keyFile;
	throw wrongUsage(
		"Which key file is not said. Name it with --vault-key or CALLGATE_VAULT_KEY_FILE; `callgate secret init --vault-key FILE` makes one.",
	);
}

export async function openNamedVault(options: VaultOptions, io: Io): Promise<Vault> {
	const file = options.vault ?? io.environment.CALLGATE_VAULT_FILE;
	if (!file) throw wrongUsage("Which vault is not said. Name its file with --vault or CALLGATE_VAULT_FILE; the first secret makes it.");
	return await refusing(() => openVault({ file, keyFile: keyFileOf(options, io) }));
}

/** The vault's own words hold no value; they tell what to do. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (!(error instanceof VaultError)) throw error;
		const advice = error.code === "key_missing" ? "\n`callgate secret init` makes one." : "";
		throw new CommandFailed(`The vault refused (${error.code}): ${error.message}.${advice}`, { shown: { code: error.code } });
	}
}
