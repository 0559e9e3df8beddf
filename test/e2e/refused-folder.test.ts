// A folder that somebody is half-way through, and policy is started again: calls go on under the revision in force, and everyone who looks is told.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ask, disturb, eventually, newReference, stack, submit, transfer } from "../support/stack.ts";

const file = join(stack.dataDir, "configuration", "tests.yaml");

/** The first replica of policy is the one that is given the folder. */
async function startPolicyAgain(): Promise<{ status: number; warnings: Record<string, string> }> {
	const before = await startedAt();
	await disturb("kill", "policy/0");
	await eventually(async () => ((await startedAt().catch(() => before)) === before ? undefined : true));
	const { status, body } = await ask(`${stack.urls.policy}/readyz`);
	return { status, warnings: body.warnings };
}

const metric = async (name: string) =>
	(await ask(`${stack.urls.policy}/metrics`)).text.split("\n").find((line) => line.startsWith(name)) ?? "";
const startedAt = () => metric("process_start_time_seconds");

test("calls are decided under the revision in force, and the refusal is told until the folder is mended", async () => {
	const text = await readFile(file, "utf8");
	try {
		await writeFile(file, `${text}  - name: half-a-rule\n    match: { connection: nowhere }\n`);
		const { status, warnings } = await startPolicyAgain();
		expect(status).toBe(200);
		expect(warnings).toEqual({ "configuration folder": expect.stringMatching(/^refused .* at tests\.yaml:\d+:\d+;/) });
		expect(await metric("callgate_configuration_refused")).toMatch(/ 1$/);
		// Of two replicas each decides some.
		for (let nth = 0; nth < 8; nth++) {
			const answer = await submit("ci", transfer(12, { reference: newReference("half edited") }));
			expect(answer.status, answer.text).toBe(200);
		}
	} finally {
		await writeFile(file, text);
	}
	expect(await startPolicyAgain()).toEqual({ status: 200, warnings: {} });
	expect(await metric("callgate_configuration_refused")).toMatch(/ 0$/);
}, 240_000);
