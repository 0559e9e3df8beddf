// The bank's support desk: what the demo's configuration has pinned is what it has, and it wants the bank's key.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openVault } from "#libs/vault/vault-file.ts";
import { createVaultKey } from "#libs/vault/vault-key.ts";
import { runProgram } from "../../../cli/run-program.test-support.ts";
import { type Bank, startBank } from "./bank.ts";
import { demoConfiguration } from "./configuration.ts";

let bank: Bank;
let dir: string;
beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-desk-"));
	bank = await startBank({ port: 0, apiKey: "bank-key-of-this-test" });
	const files = demoConfiguration({ issuer: "http://127.0.0.1:9", bankUrl: bank.url });
	for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
	await createVaultKey(join(dir, "vault.key"));
});
afterEach(async () => {
	await bank.stop();
	await rm(dir, { recursive: true });
});

async function pullChecks(key: string) {
	const [file, keyFile] = [join(dir, "vault.json"), join(dir, "vault.key")];
	await (await openVault({ file, keyFile })).set("bank-api-key", key);
	return await runProgram(["pull", dir, "support", "--check"], {
		environment: { CALLGATE_VAULT_FILE: file, CALLGATE_VAULT_KEY_FILE: keyFile },
	});
}

test("what the demo pinned of it is what it says", async () => {
	expect(await pullChecks("bank-key-of-this-test")).toMatchObject({ exitCode: 0, out: "Nothing changed." });
	expect(
		bank.requests.every(({ path, status }) => path === "/mcp" && status === 200),
		JSON.stringify(bank.requests),
	).toBe(true);
});

test("without the bank's key it tells nobody anything", async () => {
	expect(await pullChecks("another-key")).toMatchObject({ exitCode: 1, err: expect.stringContaining("could not be asked") });
	expect(bank.requests.map(({ status }) => status)).toContain(401);
});
