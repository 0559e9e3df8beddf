// Cosignatures against the specification's own example, and against every way of making one count that should not.
import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { signCheckpoint } from "./checkpoint.ts";
import { cosignaturesOf } from "./cosignature.ts";
import { noteSigner, readKeyText } from "./signed-note.ts";
import { newCosigner } from "./witness.test-support.ts";

const signer = noteSigner("a.example/log", generateKeyPairSync("ed25519").privateKey);
const note = signCheckpoint({ origin: signer.name, size: 7, root: Buffer.alloc(32, 1) }, [signer]);
const textOf = (signed: string) => signed.slice(0, signed.lastIndexOf("\n\n") + 1);

it("is found with its time, whatever else stands there", () => {
	const [one, two, stranger] = [newCosigner("w.example/1"), newCosigner("w.example/2"), newCosigner("w.example/1")];
	const all = `${note}${stranger.cosign(textOf(note))}${one.cosign(textOf(note), 1_679_315_147n)}${two.cosign(textOf(note))}`;
	expect(cosignaturesOf(all, [one.key])).toMatchObject([{ by: one.key, at: new Date("2023-03-20T12:25:47Z") }]);
	expect(cosignaturesOf(all, [one.key, two.key])).toHaveLength(2);
	expect(`${note}${cosignaturesOf(all, [one.key])[0]?.line}`).toBe(`${note}${one.cosign(textOf(note), 1_679_315_147n)}`);
});

it("does not count for another text or time, twice, as a log's signature, or as none", () => {
	const witness = newCosigner("w.example/1");
	const line = witness.cosign(textOf(note), 1_679_315_147n);
	expect(cosignaturesOf(`${note}${line}${line}`, [witness.key])).toHaveLength(1);
	const other = signCheckpoint({ origin: signer.name, size: 8, root: Buffer.alloc(32, 1) }, [signer]);
	expect(cosignaturesOf(`${other}${line}`, [witness.key])).toEqual([]);
	const [, encoded = ""] = /(\S+)\n$/.exec(line) ?? [];
	const later = Buffer.from(encoded, "base64");
	later[11] = (later[11] ?? 0) ^ 1;
	expect(cosignaturesOf(`${note}— w.example/1 ${later.toString("base64")}\n`, [witness.key])).toEqual([]);
	expect(cosignaturesOf(`${note}— w.example/1 ${later.subarray(0, 40).toString("base64")}\n`, [witness.key])).toEqual([]);
	expect(cosignaturesOf(note, [signer])).toEqual([]);
	expect(cosignaturesOf("no note", [witness.key])).toEqual([]);
	expect(cosignaturesOf(`${note}${witness.cosign(textOf(note), 2n ** 63n)}`, [witness.key])).toEqual([]);
});

it("has a key of its own type: neither kind is taken for the other", () => {
	const witness = newCosigner("w.example/1");
	expect(readKeyText(witness.text, "cosignature").id).toEqual(witness.key.id);
	expect(() => readKeyText(witness.text)).toThrow(/of type 1$/);
});
