// `callgate audit export`, `verify`, `prove` and `key`: files in, files out, no server; what is wrong is named, and nothing is overwritten.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrowingTree } from "#libs/merkle/growing-tree.ts";
import { leafHash } from "#libs/merkle/hash.ts";
import { keyText } from "#libs/merkle/signed-note.ts";
import { tilePath } from "#libs/merkle/tile-path.ts";
import { newCosigner } from "#libs/merkle/witness.test-support.ts";
import { aRecord, callOf, isLeaf, type Line, newSigner, origin, textOf } from "#libs/proof/a-record.test-support.ts";
import { encodeSegment, type Leaf, segmentPath } from "#libs/proof/segment.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { runProgram } from "./run-program.test-support.ts";

const signer = newSigner();
const key = keyText(signer);
const lines = aRecord(5, signer);
let folder: string;
let store: string;
let exported: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-prove-"));
	store = join(folder, "store");
	exported = join(folder, "record.ndjson");
	await storeAs(store, lines);
	await writeFile(exported, textOf(lines));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The folder that a writer would have made. */
async function storeAs(path: string, record: readonly Line[]): Promise<void> {
	const files = createFileStore(path);
	const tree = new GrowingTree();
	let leaves: Leaf[] = [];
	let number = 0;
	for (const line of record) {
		if (isLeaf(line)) {
			leaves.push({ entry: line.entry, ...(line.event !== undefined && { event: Buffer.from(line.event) }) });
			tree.push(leafHash(Buffer.from(line.entry)));
			continue;
		}
		await files.create(segmentPath(number++), encodeSegment({ note: line.checkpoint, leaves }));
		for (const tile of tree.takeTiles()) await files.put(tilePath({ ...tile, width: 256 }), tile.bytes);
		leaves = [];
	}
}

const audit = (...args: string[]) => runProgram(["audit", ...args]);

describe("callgate audit", () => {
	it("exports what the storage has, line by line, into a new file of one's own", async () => {
		const output = join(folder, "exported.ndjson");
		expect(await audit("export", "--store", store, "--output", output)).toMatchObject({ exitCode: 0, out: "" });
		expect(await readFile(output, "utf8")).toBe(textOf(lines));
		expect((await stat(output)).mode & 0o777).toBe(0o600);
		const again = await audit("export", "--store", store, "--output", output);
		expect(again).toMatchObject({ exitCode: 1, err: expect.stringContaining("cannot be made") });
		const nothing = await audit("export", "--store", join(store, "misspelt"), "--output", join(folder, "nothing.ndjson"));
		expect(nothing).toMatchObject({ exitCode: 1, err: expect.stringContaining("holds no record's tree") });
	});

	it("verifies an export, and says what was verified", async () => {
		const { exitCode, out } = await audit("verify", exported, "--key", key);
		expect({ exitCode, out }).toEqual({
			exitCode: 0,
			out: expect.stringMatching(
				/^verified: \d+ records, \d+ events, 4 checkpoints, 2026-01-01T00:00:00.000Z to 2026-01-01T00:03:00.000Z\nroot: \S{44}$/,
			),
		});
		expect(JSON.parse((await audit("verify", exported, "--key", key, "--json")).out)).toMatchObject({ checkpoints: 4, notices: [] });
	});

	it("names what is wrong: a changed event, a checkpoint that was kept, one that is old, another key", async () => {
		const changed = join(folder, "changed.ndjson");
		await writeFile(changed, textOf(lines).replace('specversion\\":\\"1.0', 'specversion\\":\\"1.1'));
		expect(await audit("verify", changed, "--key", key)).toMatchObject({
			exitCode: 1,
			err: expect.stringMatching(/not verified: the event at position 1, item 0 was changed/),
		});
		const json = await audit("verify", changed, "--key", key, "--json");
		expect(JSON.parse(json.out)).toMatchObject({ finding: { fault: "changed", position: 1, item: 0 } });

		const kept = join(folder, "kept");
		await writeFile(
			kept,
			aRecord(6, signer, 9)
				.flatMap((line) => (isLeaf(line) ? [] : [line.checkpoint]))
				.at(-1) ?? "",
		);
		expect((await audit("verify", exported, "--key", key, "--checkpoint", kept)).err).toMatch(/is known, and the record ends with/);
		expect((await audit("verify", exported, "--key", key, "--max-age", "60")).err).toMatch(/older than 60 s/);
		expect((await audit("verify", exported, "--key", keyText(newSigner()))).err).toMatch(/signed by no key that is trusted/);
	});

	it("holds the record against what witnesses signed, each of those that are named", async () => {
		const [one, two] = [newCosigner("w.example/1"), newCosigner("w.example/2")];
		const checkpoint = lines.flatMap((line) => (isLeaf(line) ? [] : [line.checkpoint])).at(1) ?? "";
		const witnessed = join(folder, "witnessed");
		await writeFile(witnessed, `${checkpoint}${one.cosign(checkpoint.slice(0, checkpoint.lastIndexOf("\n\n") + 1))}`);
		const held = ["verify", exported, "--key", key, "--checkpoint", witnessed];
		expect(await audit(...held, "--witness", one.text)).toMatchObject({ exitCode: 0 });
		expect((await audit(...held, "--witness", one.text, "--witness", two.text)).err).toMatch(
			/not verified: the checkpoint .*witnessed bears no signature of the witness w.example\/2/,
		);
		expect((await audit("verify", exported, "--key", key, "--witness", one.text)).err).toMatch(/--witness needs a --checkpoint/);
		expect((await audit(...held, "--witness", key)).err).toMatch(/of type 4/);
	});

	it("names the record by the tiles where the export alone tells an interval", async () => {
		const forged = lines.map((line) => (isLeaf(line) ? { ...line, entry: line.entry.replace("call.received", "call.withdrawn") } : line));
		const file = join(folder, "forged.ndjson");
		await writeFile(file, textOf(forged));
		expect((await audit("verify", file, "--key", key)).err).toMatch(
			/one was changed, removed, inserted or moved between record 0 and record/,
		);
		expect((await audit("verify", file, "--key", key, "--store", store)).err).toMatch(/record 2 is not the one that was signed/);
	});

	it("writes one call's proof, which verifies by itself, and not when anything in it is changed", async () => {
		const output = join(folder, "call.json");
		expect(await audit("prove", callOf(1), "--export", exported, "--key", key, "--output", output)).toMatchObject({ exitCode: 0 });
		expect((await audit("verify", output, "--key", key)).out).toMatch(/^verified: \d+ events of call 01890a5d/);
		const text = await readFile(output, "utf8");
		for (const changed of [
			text.replace("specversion", "specverzion"),
			text.replace('"version":1', '"version":2'),
			text.replace(callOf(1), callOf(2)),
		]) {
			await writeFile(output, changed);
			expect(await audit("verify", output, "--key", key)).toMatchObject({ exitCode: 1, err: expect.stringContaining("not verified") });
		}
		const nobody = await audit("prove", callOf(77), "--export", exported, "--key", key, "--output", join(folder, "none"));
		expect(nobody).toMatchObject({ exitCode: 1, err: expect.stringContaining("nothing of this call") });
	});

	it("prints the public half of keys, and never the private one", async () => {
		const secret = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
		const file = join(folder, "keys.json");
		await writeFile(file, JSON.stringify([secret]));
		const { out } = await audit("key", "--checkpoint-keys", file, "--origin", origin);
		expect(out).toMatch(/^callgate\.test\/record\+[0-9a-f]{8}\+AS*[A-Za-z0-9+/]+$/);
		await writeFile(file, JSON.stringify([secret]).slice(0, -2));
		const failed = await audit("key", "--checkpoint-keys", file, "--origin", origin);
		expect(failed.exitCode).toBe(1);
		expect(failed.err).not.toContain(String(secret.d));
	});

	it("refuses what cannot be meant", async () => {
		expect((await audit("verify", exported)).exitCode).not.toBe(0);
		expect((await audit("verify", exported, "--key", "x")).err).toMatch(/name\+id\+key/);
		expect((await audit("verify", join(folder, "nowhere"), "--key", key)).err).toMatch(/cannot be read/);
		expect((await audit("verify", exported, "--key", key, "--max-age", "0")).err).toMatch(/number of seconds/);
		const other = key.replace("callgate.test/record", "other");
		expect((await audit("verify", exported, "--key", key, "--key", other)).exitCode).not.toBe(0);
	});
});
