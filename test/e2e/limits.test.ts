// A limit counts what ran: a call of which nothing was sent is given back, at whichever replica it was charged.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openVault } from "#libs/vault/vault-file.ts";
import { lateSecret } from "../support/configuration.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { patience } from "../support/patience.ts";
import { anyIngress, expectProblem, newReference, stack, submit } from "../support/stack.ts";

let lab: Lab;
beforeAll(async () => {
	lab = await startLab();
});
afterAll(() => lab?.stop());

const spend = (nth = 0) =>
	submit("ci", { connection: "late", function: "spend", arguments: { tag: newReference("spent"), amount: 8 } }, { at: anyIngress(nth) });

test("a call without its credential does not use up a limit; one that ran does", async () => {
	// The limit is 10 a day: had the first 8 stayed counted, the next would be denied for ever.
	for (const nth of [0, 1, 2, 3]) {
		await expect.poll(async () => (await spend(nth)).body.code, patience).toBe("credential_missing");
	}
	expect(lab.seen).toEqual([]);
	const vault = await openVault({ file: `${stack.dataDir}/vault.json`, keyFile: `${stack.dataDir}/keys/vault.key` });
	await vault.set(lateSecret, "a-late-credential-0123456789");
	await expect.poll(async () => (await spend()).status, patience).toBe(200);
	expect(lab.seen).toHaveLength(1);
	const next = await spend(1);
	expectProblem(next, "denied");
	expect(next.body.reasons).toMatchObject([{ code: "limit_exceeded" }]);
});
