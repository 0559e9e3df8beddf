// A vault that lasts as long as its process: for tests, as strict as the file.
import { Secret } from "./secret.ts";
import { checkName, checkValue, SECRETS_MAX, type Vault, VaultError } from "./vault.ts";

/** An empty vault in memory, or one with these secrets. @throws VaultError for names and values that break the rules */
export const createMemoryVault = (initial: Readonly<Record<string, string>> = {}): Vault => {
	const secrets = new Map<string, Secret>();
	const put = (name: string, value: string): void => {
		checkName(name);
		checkValue(value);
		const known = secrets.get(name);
		if (known === undefined && secrets.size >= SECRETS_MAX) throw new VaultError("full", `a vault holds ${SECRETS_MAX} secrets`);
		if (known?.reveal() !== value) secrets.set(name, new Secret(value));
	};
	for (const [name, value] of Object.entries(initial)) put(name, value);
	return {
		get: async (name) => {
			checkName(name);
			return secrets.get(name);
		},
		names: async () => [...secrets.keys()].sort(),
		set: async (name, value) => put(name, value),
		remove: async (name) => {
			checkName(name);
			return secrets.delete(name);
		},
	};
};
