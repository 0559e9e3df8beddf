// Every call that the stack recorded is decided again as the record says: from the record's own bytes, by the revision that decided it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileFolder } from "#libs/configuration/compile-folder.ts";
import { decodeEvents } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { differences, recordedDecision } from "#libs/policy/decide-again.ts";
import { decideOpened } from "#libs/policy/decide-opened.ts";
import { readEntry } from "#libs/proof/entry.ts";
import { exportRecord } from "#libs/proof/export-record.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { readSealingKeys } from "#libs/service/service-keys.ts";
import { runProgram } from "../../cli/run-program.test-support.ts";
import { patience } from "../support/patience.ts";
import { accepted, ending, newReference, readKey, stack, submit, transfer } from "../support/stack.ts";

const folder = join(stack.dataDir, "configuration");
const sealingKeysFile = join(stack.dataDir, "keys", "sealing-keys.json");
let dir: string;
beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-decide-again-"));
});
afterAll(() => rm(dir, { recursive: true }));

/** What is in the record's tree by now, by call. */
async function recordedCalls(): Promise<Map<string, CallgateEvent[]>> {
	const calls = new Map<string, CallgateEvent[]>();
	for await (const lines of exportRecord(createFileStore(stack.proof.dir))) {
		for (const line of lines.trimEnd().split("\n")) {
			const { entry: text, event } = JSON.parse(line) as { entry?: string; event?: string };
			const entry = text === undefined ? undefined : readEntry(text);
			if (entry?.kind !== "event" || event === undefined) continue;
			const [item] = decodeEvents(entry.subject, Buffer.from(`[${event}]`));
			if (item?.ok) calls.set(item.event.subject, [...(calls.get(item.event.subject) ?? []), item.event]);
		}
	}
	return calls;
}

test("what policy decided it decides again, whatever the calls of all these tests were", async () => {
	const granted = await accepted("ci", transfer(10, { reference: newReference("granted") }));
	await ending("ci", granted);
	const held = await accepted("ci", transfer(5_000, { reference: newReference("held") }));
	await submit("ci", transfer(10, { country: "XX" }));
	await expect.poll(async () => [...(await recordedCalls()).keys()], patience).toEqual(expect.arrayContaining([granted, held]));

	const compiled = await compileFolder(folder);
	if (!compiled.ok) throw new Error("the stack's configuration does not compile");
	const { configuration } = compiled;
	const keys = readSealingKeys(readKey(sealingKeysFile));
	const effects = new Map<string, number>();
	for (const [call, events] of await recordedCalls()) {
		const received = events.find((event) => event.type === "call.received");
		const recorded = recordedDecision(events);
		// Other tests activate configurations of their own.
		if (!received || !recorded || received.data.revision !== configuration.revision) continue;
		const { pool, sealed, caller, connection, function: name, digest, receivedAt } = received.data;
		const text = keys.openText(pool, call, "arguments", sealed);
		const again = decideOpened(configuration, { text, caller, connection, function: name, digest, receivedAt });
		expect(again && differences(recorded, again), call).toEqual([]);
		effects.set(recorded.effect, (effects.get(recorded.effect) ?? 0) + 1);
	}
	expect([...effects.keys()].sort()).toEqual(["deny", "grant", "hold"]);

	const { origin, dir: store, checkpointKeysFile } = stack.proof;
	const { out: key } = await runProgram(["audit", "key", "--checkpoint-keys", checkpointKeysFile, "--origin", origin]);
	const exported = join(dir, "record.ndjson");
	expect(await runProgram(["audit", "export", "--store", store, "--output", exported])).toMatchObject({ exitCode: 0 });
	const decide = ["--record", exported, "--key", key, "--decide", "--sealing-keys", sealingKeysFile, "--recorded", folder];
	expect(await runProgram(["audit", "replay", granted, ...decide])).toMatchObject({
		...{ exitCode: 0, out: expect.stringMatching(/^decided again by the recorded revision sha256:[0-9a-f]{64}: grant, as recorded$/) },
	});
});
