// The browser's verifier says what ours says, of sound proofs and of changed ones.
import { describe, expect, it } from "vitest";
import { keyText } from "#libs/merkle/signed-note.ts";
import { aRecord, callOf, newSigner } from "#libs/proof/a-record.test-support.ts";
import { type CallProof, CallProver, findFaultInProof } from "#libs/proof/prove-call.ts";

interface Verifier {
	verifyProof(proof: unknown, keys: readonly string[]): Promise<{ events: { position: number }[]; size: number; by: string }>;
	isPartOf(shown: unknown, signed: unknown): boolean;
}
// As the browser gets it: plain JavaScript, of which the type checker knows nothing.
const { verifyProof, isPartOf } = (await import(new URL("verify-proof.js", import.meta.url).href)) as Verifier;

const signer = newSigner();

async function proofOf(seed: number, call: string): Promise<CallProof | undefined> {
	const prover = new CallProver(call);
	for (const line of aRecord(seed, signer, 40)) prover.line(JSON.stringify(line));
	return prover.end();
}

/** Each is another way to change one thing. */
const changes: readonly [string, (proof: CallProof) => unknown][] = [
	["an event", (proof) => withFirst(proof, ({ event = "", ...line }) => ({ ...line, event: event.replace('"nth":', '"nth" :') }))],
	["an entry", (proof) => withFirst(proof, ({ entry, ...line }) => ({ ...line, entry: entry.replace(/^event \d+/, "event 9999") }))],
	["an index", (proof) => withFirst(proof, ({ index, ...line }) => ({ ...line, index: index + 1 }))],
	["a way that is too short", (proof) => withFirst(proof, (line) => ({ ...line, proof: line.proof.slice(1) }))],
	["a way that is too long", (proof) => withFirst(proof, (line) => ({ ...line, proof: [...line.proof, ...line.proof.slice(0, 1)] }))],
	[
		"a hash",
		(proof) =>
			withFirst(proof, (line) => ({
				...line,
				proof: line.proof.map((hash, at) => (at === 0 ? hash.replace(/^./, (one) => (one === "A" ? "B" : "A")) : hash)),
			})),
	],
	[
		"the root",
		(proof) => ({
			...proof,
			checkpoint: proof.checkpoint.replace(/\n(.)([^\n]*\n\n)/, (_, one, rest) => `\n${one === "A" ? "B" : "A"}${rest}`),
		}),
	],
	["the size", (proof) => ({ ...proof, checkpoint: proof.checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`) })],
	["the signature", (proof) => ({ ...proof, checkpoint: proof.checkpoint.replace(/.{8}==\n$|.{9}=\n$|.{10}\n$/, "AAAAAAAAAA\n") })],
	["the call", (proof) => ({ ...proof, call: callOf(99) })],
];

function withFirst(proof: CallProof, change: (line: CallProof["events"][number]) => object): unknown {
	const [first, ...rest] = proof.events;
	return { ...proof, events: [first && change(first), ...rest] };
}

describe("a call's proof in a browser", () => {
	it.each([1, 2, 3, 4, 5])("is verified where it is sound, event by event (record %i)", async (seed) => {
		const proof = await proofOf(seed, callOf(1));
		if (!proof) throw new Error("this record has nothing of the call");
		expect(findFaultInProof(proof, [signer])).toBeUndefined();
		const { events, by } = await verifyProof(JSON.parse(JSON.stringify(proof)), [keyText(newSigner()), keyText(signer)]);
		expect(events).toHaveLength(proof.events.length);
		expect(by).toBe(keyText(signer));
	});

	it.each(changes)("is not where somebody changed %s", async (_, change) => {
		for (const seed of [1, 2, 3]) {
			const proof = await proofOf(seed, callOf(1));
			if (!proof) throw new Error("this record has nothing of the call");
			const changed = JSON.parse(JSON.stringify(change(proof)));
			expect(changed).not.toEqual(proof);
			expect(findFaultInProof(changed, [signer])).toBeDefined();
			await expect(verifyProof(changed, [keyText(signer)])).rejects.toThrow();
		}
	});

	it("is not by a key that nobody vouched for", async () => {
		await expect(verifyProof(await proofOf(1, callOf(1)), [keyText(newSigner())])).rejects.toThrow("signed by none of the keys");
		await expect(verifyProof(await proofOf(1, callOf(1)), ["nonsense"])).rejects.toThrow("a key is not in the form of one");
	});
});

describe("what is shown of an event", () => {
	it.each([
		[true, { a: 1, list: [{ b: 2 }] }, { a: 1, secret: "x", list: [{ b: 2, secret: "y" }] }],
		[true, { result: { value: [1, 2] } }, { result: [1, 2] }],
		[true, { result: { value: "text" } }, { result: "text" }],
		[true, { result: { value: null } }, { result: null }],
		[false, { a: 1 }, { a: 2 }],
		[false, { a: 1, more: 2 }, { a: 1 }],
		[false, { list: [1] }, { list: [1, 2] }],
		[false, { list: [1, 2] }, { list: [2, 1] }],
		[false, { a: "1" }, { a: 1 }],
		[false, { constructor: 1 }, {}],
		[false, JSON.parse('{"__proto__":{}}'), {}],
		[false, { result: { value: "other" } }, { result: "text" }],
	])("is part of it: %s (%j of %j)", (expected, shown, signed) => {
		expect(isPartOf(JSON.parse(JSON.stringify(shown)), signed)).toBe(expected);
	});
});
