// Witnesses of the record's tree: asked over their real protocol, from whatever they know; none holds up another, and what they sign is kept.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { readCheckpoint } from "#libs/merkle/checkpoint.ts";
import { cosignaturesOf } from "#libs/merkle/cosignature.ts";
import { noteSigner } from "#libs/merkle/signed-note.ts";
import { startWitness } from "#libs/merkle/witness.test-support.ts";
import { entryText } from "#libs/proof/entry.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { ConfigurationInvalid } from "#libs/service/config.ts";
import { readWitnesses, type Witness, Witnesses, witnessedPath } from "./ask-witnesses.ts";
import { RecordTree } from "./record-tree.ts";

const origin = "callgate.test/record";
const signer = noteSigner(origin, generateKeyPairSync("ed25519").privateKey);
const era = { identity: "1" };
let folder: string;
let store: ProofStore;
let tree: RecordTree;
let said: string[];
let cases = 0;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-witness-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
	store = createFileStore(join(folder, String(++cases)));
	tree = await RecordTree.open({ store, origin, signers: [signer] });
	said = [];
});

const messageOf = (error: unknown) => (error instanceof Error ? error.message : "failed");
function ask(witnesses: readonly Witness[]): Witnesses {
	const log = {
		witnessed: ({ witness, size }: { witness: string; size: number }) => void said.push(`${witness} ${size}`),
		refused: ({ witness, error }: { witness?: string; error: unknown }) => void said.push(`${witness ?? "-"}: ${messageOf(error)}`),
	};
	const counted: string[] = [];
	const metrics = { witnessed: (name: string) => void counted.push(name), refused: (name: string) => void counted.push(`no ${name}`) };
	return new Witnesses({ store, origin, signers: [signer], witnesses, log, metrics });
}

/** Makes the tree so much larger, and its checkpoint. */
async function grow(leaves: number): Promise<void> {
	for (let leaf = 0; leaf < leaves; leaf++) tree.add({ entry: entryText({ kind: "missing", from: leaf + 1, to: leaf + 1 }) });
	await tree.checkpoint(new Date(), 1, era);
	await tree.derive();
}

const kept = async () => (await store.get(witnessedPath))?.toString() ?? "";

it("signs each checkpoint from the one that it signed before, over full and partial tiles, also for a process that does not know which that was", async () => {
	await using witness = await startWitness("w.example/1", [signer]);
	const entry = { url: witness.url, key: witness.cosigner.key };
	const first = ask([entry]);
	for (const leaves of [1, 5, 250, 1, 300, 70_000]) {
		await grow(leaves);
		await first.ask();
		expect(witness.head.size).toBe(tree.size);
	}
	await grow(3);
	await ask([entry]).ask();
	expect(witness.asked).toEqual([0, 2, 8, 259, 261, 562, 0, 70_563]);
	expect(said).toHaveLength(7);
	expect(readCheckpoint(await kept())?.size).toBe(tree.size);
	expect(cosignaturesOf(await kept(), [entry.key])).toHaveLength(1);
	// The same again is signed again: it is as fresh as its time.
	await first.ask();
	expect(witness.head.size).toBe(tree.size);
});

it("keeps what one signed where others are away, do not know the record, or answer with anything", async () => {
	await using good = await startWitness("good.example", [signer]);
	await using stranger = await startWitness("stranger.example", []);
	await using wrong = await startWitness("wrong.example", [signer]);
	await using gone = await startWitness("gone.example", [signer]);
	await gone[Symbol.asyncDispose]();
	const witnesses = [good, stranger, wrong, gone].map(({ url, cosigner }) => ({ url, key: cosigner.key }));
	await grow(4);
	for (const answer of [
		{ status: 200, text: good.cosigner.cosign("another text\n") },
		{ status: 200, text: "x".repeat(70_000) },
		{ status: 302, text: "" },
		{ status: 409, text: "9007199254740993\n" },
		{ status: 409, text: "12\n" },
	]) {
		wrong.wrong = answer;
		await ask(witnesses).ask();
	}
	expect([...new Set(said)].sort()).toEqual([
		"gone.example: it cannot be reached (ECONNREFUSED)",
		"good.example 5",
		"stranger.example: it answered with 403",
		"wrong.example: it answered with 302",
		"wrong.example: it answered with 409",
		"wrong.example: it has signed a tree of 12 leaves, and this one has 5: the storage was rolled back",
		"wrong.example: its answer has more than 65536 bytes",
		"wrong.example: its answer holds no cosignature of its key",
	]);
	expect(
		cosignaturesOf(
			await kept(),
			witnesses.map(({ key }) => key),
		).map(({ by }) => by.name),
	).toEqual(["good.example"]);
});

it("does not sign another tree of the same record, and says so", async () => {
	await using witness = await startWitness("w.example/1", [signer]);
	const witnesses = [{ url: witness.url, key: witness.cosigner.key }];
	await grow(9);
	await ask(witnesses).ask();
	store = createFileStore(join(folder, "fork"));
	tree = await RecordTree.open({ store, origin, signers: [signer] });
	tree.add({ entry: entryText({ kind: "missing", from: 7, to: 9 }) });
	await grow(30);
	await ask(witnesses).ask();
	expect(said).toEqual(["w.example/1 10", "w.example/1: it answered with 422"]);
	expect(await kept()).toBe("");
});

it("is configured by address and key, and what is wrong is told", async () => {
	await using witness = await startWitness("w.example/1", [signer]);
	const { text } = witness.cosigner;
	expect(readWitnesses(`["${witness.url}/ ${text}"]`)).toMatchObject([{ url: witness.url, key: { name: "w.example/1" } }]);
	expect(readWitnesses("[]")).toEqual([]);
	for (const [wrong, said] of [
		["", "must be a JSON list"],
		["{}", "must be a JSON list"],
		[JSON.stringify(Array.from({ length: 17 }, () => `${witness.url} ${text}`)), "at most 16"],
		[JSON.stringify([`https://user:password@w.example ${text}`]), 'as "URL name+id+key"'],
		[JSON.stringify([`https://w.example/?a ${text}`]), 'as "URL name+id+key"'],
		['[{"url":"x"}]', 'as "URL name+id+key"'],
		['["https://w.example w+0+x"]', "of the witness at https://w.example: a verifier's key is written as"],
	] as const) {
		expect(() => readWitnesses(wrong), wrong).toThrow(ConfigurationInvalid);
		expect(() => readWitnesses(wrong), wrong).toThrow(said);
	}
});
