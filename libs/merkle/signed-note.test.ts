// Notes and checkpoints against what others wrote, and against every way of changing one.
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openCheckpoint, readCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { sha256 } from "./hash.ts";
import { keyText, noteSigner, openNote, readKeyText, signNote } from "./signed-note.ts";

/** The example of golang.org/x/mod/sumdb/note, key and all. */
const peter = {
	verifier: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	seed: "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
	text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
	signature: "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};
const pkcs8 = (seed: Buffer) =>
	createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]), format: "der", type: "pkcs8" });
const newSigner = (name: string) => noteSigner(name, generateKeyPairSync("ed25519").privateKey);

describe("a signed note", () => {
	it("is what Go's own library signs and verifies, byte by byte", () => {
		const signer = noteSigner("PeterNeumann", pkcs8(Buffer.from(peter.seed, "base64").subarray(1)));
		expect(keyText(signer)).toBe(peter.verifier);
		expect(signNote(peter.text, [signer])).toBe(`${peter.text}\n${peter.signature}`);
		expect(openNote(`${peter.text}\n${peter.signature}`, [readKeyText(peter.verifier)])).toMatchObject({ ok: true, text: peter.text });
	});

	it("counts with one known signature among unknown ones, and not with a wrong one of a known key", () => {
		const [one, two, stranger] = [newSigner("a.example/log"), newSigner("a.example/log"), newSigner("b.example")];
		const note = signNote("text\n", [stranger, one, two]);
		expect(openNote(note, [two])).toMatchObject({ ok: true, by: [two] });
		expect(openNote(note, [newSigner("a.example/log")])).toEqual({ ok: false, fault: "unknown-key" });
		expect(openNote(note.replace("text", "Text"), [two])).toEqual({ ok: false, fault: "wrong-signature" });
		expect(openNote(signNote("text\n", [one]).replace(/\n— .*/, ""), [one])).toEqual({ ok: false, fault: "malformed" });
	});

	it("is no note with a control character, without a signature, or with what is no base64", () => {
		const signer = newSigner("a.example");
		const note = signNote("text\n", [signer]);
		for (const changed of [
			note.replace("text", "te\u0001xt"),
			note.slice(0, -1),
			"text\n",
			note.replace(/ (\S)(\S+)\n$/, " $1\n"),
			`${note}— a b\n`,
		])
			expect(openNote(changed, [signer]), JSON.stringify(changed)).toEqual({ ok: false, fault: "malformed" });
		expect(() => signNote("text", [signer])).toThrow(RangeError);
		expect(() => newSigner("a b")).toThrow(RangeError);
		for (const text of [peter.verifier.replace("c74f", "c74e"), peter.verifier.slice(0, -4), "x"])
			expect(() => readKeyText(text)).toThrow(RangeError);
	});
});

describe("a checkpoint", () => {
	it("is read as the specification writes it", () => {
		const note =
			"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
		expect(readCheckpoint(note)).toEqual({
			origin: "example.com/behind-the-sofa",
			size: 20_852_163,
			root: Buffer.from("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", "base64"),
		});
		expect(openCheckpoint(note, [newSigner("example.com/behind-the-sofa")])).toEqual({ ok: false, fault: "unknown-key" });
	});

	it("comes back as it was signed, and only from a key that bears the tree's name", () => {
		const signer = newSigner("callgate.example/record");
		const checkpoint = { origin: "callgate.example/record", size: 5, root: sha256("root") };
		expect(openCheckpoint(signCheckpoint(checkpoint, [signer]), [signer])).toMatchObject({ ok: true, checkpoint });
		const foreign = signCheckpoint({ ...checkpoint, origin: "callgate.example/other" }, [signer]);
		expect(openCheckpoint(foreign, [signer])).toEqual({ ok: false, fault: "other-origin" });
	});

	it("has a size without leading zeroes and a whole root", () => {
		const signer = newSigner("o");
		const root = sha256("root").toString("base64");
		for (const text of [
			`o\n05\n${root}\n`,
			`o\n-1\n${root}\n`,
			`o\n5\n${root.slice(4)}\n`,
			`o\n5\n`,
			`o\n99999999999999999\n${root}\n`,
			`o\n5\n${root}\n\n`,
		])
			expect(openCheckpoint(signNote(text, [signer]), [signer]), JSON.stringify(text)).toEqual({ ok: false, fault: "malformed" });
	});
});
