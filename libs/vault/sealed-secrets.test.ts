// An entry opens under its own name and key only, also for someone who could write a seal.
import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { NO_SECRETS, openSecret, readSecrets, sealSecret, writeSecrets } from "./sealed-secrets.ts";
import type { VaultKey } from "./vault-key.ts";

const newKey = (): VaultKey => {
	const bytes = randomBytes(32);
	return { id: createHash("sha256").update(bytes).digest("base64url").slice(0, 16), bytes };
};
const key = newKey();
const tampered = { code: "tampered" };

test("an entry opens under its own name", async () => {
	expect(await openSecret(key, "bank-key", await sealSecret(key, "bank-key", "value"))).toBe("value");
});

test("and under no other name or key", async () => {
	const entry = await sealSecret(key, "bank-key", "value");
	await expect(openSecret(key, "other", entry)).rejects.toMatchObject(tampered);
	await expect(openSecret(newKey(), "bank-key", entry)).rejects.toMatchObject(tampered);
});

test("a seal is no entry", async () => {
	const { seal } = JSON.parse(await writeSecrets(key, NO_SECRETS)) as { seal: string };
	await expect(openSecret(key, "bank-key", seal)).rejects.toMatchObject(tampered);
});

test("what is written is read", async () => {
	const secrets = {
		generation: 7,
		entries: new Map([
			["b", await sealSecret(key, "b", "x")],
			["a", await sealSecret(key, "a", "y")],
		]),
	};
	expect(await readSecrets(key, await writeSecrets(key, secrets), "file")).toEqual(secrets);
});
