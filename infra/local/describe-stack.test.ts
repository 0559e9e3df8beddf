// What a ready stack tells people to paste does what it says.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openVault } from "#libs/vault/vault-file.ts";
import { runProgram } from "../../cli/run-program.test-support.ts";
import { describeStack } from "./describe-stack.ts";
import { openKeyRing } from "./key-ring.ts";
import { urlOf } from "./port-plan.ts";
import { vaultFiles } from "./service-plans.ts";

let dataDir: string;
beforeEach(async () => {
	dataDir = await mkdtemp(join(tmpdir(), "callgate-describe-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

test.each([undefined, "my-folder"])("how a secret is set is told, with the vault of this very stack (--config %s)", async (config) => {
	const keys = await openKeyRing(join(dataDir, "keys"));
	const told = describeStack({ dataDir, keys, url: (part) => urlOf(part, 7300) }, { config });
	const [, assignments = "", command = ""] = /^ *((?:CALLGATE_VAULT\w+=\S+ )+)npm run -s callgate -- (secret set) NAME$/m.exec(told) ?? [];
	const environment = Object.fromEntries(
		assignments
			.trim()
			.split(" ")
			.map((one) => one.split("=") as [string, string]),
	);
	const ran = await runProgram([...command.split(" "), "my-api-key"], { environment, input: "value\n" });
	expect(ran).toMatchObject({ exitCode: 0, out: "set my-api-key" });
	expect((await (await openVault(vaultFiles(dataDir, keys))).get("my-api-key"))?.reveal()).toBe("value");
});

test("the help names where a stack's vault and key are", async () => {
	const { out } = await runProgram(["secret", "--help"]);
	const keys = await openKeyRing(join(dataDir, "keys"));
	for (const file of Object.values(vaultFiles(dataDir, keys))) expect(out).toContain(`.callgate/${relative(dataDir, file)}`);
});
