// A campaign of tampering: every kind of change, on a hundred records each, is found and named; what only looks different is not. The checker in Python agrees.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCheckpoint, signCheckpoint } from "#libs/merkle/checkpoint.ts";
import { keyText } from "#libs/merkle/signed-note.ts";
import { seededChance } from "../../test/support/seeded-chance.ts";
import { aRecord, callOf, isLeaf, type Line, newSigner, origin, textOf } from "./a-record.test-support.ts";
import { digestOf } from "./entry.ts";
import type { LeafLine } from "./export-record.ts";
import { type CallProof, CallProver, findFaultInProof } from "./prove-call.ts";
import { type Fault, RecordVerifier, type Verified, type VerifyTerms } from "./verify-record.ts";

const signer = newSigner();
const seeds = Array.from({ length: 100 }, (_, seed) => seed);

function verified(text: string, terms: Partial<VerifyTerms> = {}): Verified {
	const verifier = new RecordVerifier({ origin, keys: [signer], ...terms });
	for (const line of text.trimEnd().split("\n")) verifier.line(line);
	return verifier.end();
}

interface Tampered {
	readonly lines: readonly Line[];
	/** The first record that is wrong, where it can be told from the export alone. */
	readonly index?: number;
	readonly terms?: Partial<VerifyTerms>;
}

interface Kind {
	readonly name: string;
	readonly faults: readonly Fault[];
	tamper(lines: Line[], pick: (below: number) => number): Tampered;
}

type EventLine = LeafLine & { readonly event: string };
const isEvent = (line: Line): line is EventLine => isLeaf(line) && line.event !== undefined;
/** Where a random event stands. */
function anEvent(lines: readonly Line[], pick: (below: number) => number): { at: number; line: EventLine } {
	const found = lines.flatMap((line, at) => (isEvent(line) ? [{ at, line }] : []));
	const one = found[pick(found.length)];
	if (!one) throw new Error("the record has no event");
	return one;
}
/** As who tampers would: every index is where it is expected. */
function renumbered(lines: readonly Line[]): Line[] {
	let index = 0;
	return lines.map((line) => (isLeaf(line) ? { ...line, index: index++ } : line));
}
/** An entry for another text. */
const entryFor = (line: EventLine, event: string): EventLine => ({
	...line,
	event,
	entry: line.entry.replace(/[0-9a-f]{64}$/, digestOf(Buffer.from(event))),
});
const checkpointsIn = (lines: readonly Line[]) => lines.flatMap((line, at) => (isLeaf(line) ? [] : [{ at, note: line.checkpoint }]));

const kinds: readonly Kind[] = [
	{
		name: "a byte of an event",
		faults: ["changed"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			const bytes = Buffer.from(line.event);
			const byte = pick(bytes.length);
			bytes[byte] = (bytes[byte] ?? 0) ^ 1;
			const isText = Buffer.from(bytes.toString()).equals(bytes);
			const { event: _, ...bare } = line;
			return {
				lines: lines.with(at, isText ? { ...line, event: bytes.toString() } : { ...bare, bytes: bytes.toString("base64") }),
				index: line.index,
			};
		},
	},
	{
		name: "an event with its digest",
		faults: ["changed"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			return { lines: lines.with(at, entryFor(line, line.event.replace("specversion", "specverzion"))) };
		},
	},
	{
		name: "an event's subject",
		faults: ["changed"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			return { lines: lines.with(at, { ...line, entry: line.entry.replace("ingress", "approval") }) };
		},
	},
	{
		name: "an event taken out",
		faults: ["removed"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			return { lines: lines.toSpliced(at, 1), index: line.index };
		},
	},
	{
		name: "an event taken out and the rest counted anew",
		faults: ["removed", "reordered"],
		tamper(lines, pick) {
			const { at } = anEvent(lines, pick);
			return { lines: renumbered(lines.toSpliced(at, 1)) };
		},
	},
	{
		name: "the contents of an event taken out",
		faults: ["removed"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			const { event: _, ...bare } = line;
			return { lines: lines.with(at, bare), index: line.index };
		},
	},
	{
		name: "a whole message taken out, and every position after it moved up",
		faults: ["removed", "changed"],
		tamper(lines, pick) {
			const { line } = anEvent(lines, pick);
			const position = Number(line.entry.split(" ")[1]);
			const kept = lines.filter((one) => !isLeaf(one) || !one.entry.startsWith(`event ${position} `));
			const moved = kept.map((one) => {
				if (!isLeaf(one)) return one;
				const [kind, first, second, ...rest] = one.entry.split(" ");
				if (kind === "event" && Number(first) > position) return { ...one, entry: [kind, Number(first) - 1, second, ...rest].join(" ") };
				if (kind === "time" && Number(second) >= position) return { ...one, entry: [kind, first, Number(second) - 1, ...rest].join(" ") };
				return one;
			});
			return { lines: renumbered(moved) };
		},
	},
	{
		name: "an event slipped in",
		faults: ["inserted", "reordered", "removed", "changed"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			const [, position, item] = line.entry.split(" ").map(Number);
			const slipped = entryFor(line, '{"never":"happened"}');
			const entry = slipped.entry.replace(`event ${position} ${item}`, `event ${position} ${(item ?? 0) + 1}`);
			return { lines: renumbered(lines.toSpliced(at + 1, 0, { ...slipped, entry })) };
		},
	},
	{
		name: "an event told twice",
		faults: ["reordered"],
		tamper(lines, pick) {
			const { at, line } = anEvent(lines, pick);
			return { lines: renumbered(lines.toSpliced(at + 1, 0, line)), index: line.index + 1 };
		},
	},
	{
		name: "two records swapped",
		faults: ["removed", "reordered"],
		tamper(lines, pick) {
			const leaves = lines.flatMap((line, at) => (isLeaf(line) && isLeaf(lines[at + 1] ?? { checkpoint: "" }) ? [at] : []));
			const at = leaves[pick(leaves.length)] ?? 0;
			const [one, two] = [lines[at], lines[at + 1]];
			if (!one || !two || !isLeaf(one)) throw new Error("there are no two records");
			return { lines: lines.with(at, two).with(at + 1, one), index: one.index };
		},
	},
	{
		name: "the end cut off between checkpoints",
		faults: ["cut-off"],
		tamper(lines, pick) {
			const { at } = anEvent(lines, pick);
			return { lines: lines.slice(0, at + 1) };
		},
	},
	{
		name: "the end cut off behind a checkpoint, where a later one is known",
		faults: ["rolled-back"],
		tamper(lines, pick) {
			const notes = checkpointsIn(lines);
			const { at = 0 } = notes[pick(notes.length - 1)] ?? {};
			return { lines: lines.slice(0, at + 1), terms: { known: [notes.at(-1)?.note ?? ""] } };
		},
	},
	{
		name: "the end cut off behind a checkpoint, where its age is looked at",
		faults: ["stale"],
		tamper(lines, pick) {
			const notes = checkpointsIn(lines);
			const { at = 0 } = notes[pick(notes.length - 1)] ?? {};
			return { lines: lines.slice(0, at + 1), terms: { age: { now: new Date("2026-01-01T00:03:30.000Z"), maxMs: 45_000 } } };
		},
	},
	{
		name: "a checkpoint over another root",
		faults: ["wrong-signature"],
		tamper(lines, pick) {
			const notes = checkpointsIn(lines);
			const { at = 0, note = "" } = notes[pick(notes.length)] ?? {};
			const [name, size] = note.split("\n");
			return { lines: lines.with(at, { checkpoint: note.replace(/^.*\n.*\n.*\n/, `${name}\n${size}\n${"A".repeat(43)}=\n`) }) };
		},
	},
	{
		name: "the tail signed by another key",
		faults: ["wrong-key"],
		tamper(lines, pick) {
			const stranger = newSigner();
			const notes = checkpointsIn(lines);
			const from = notes[pick(notes.length)]?.at ?? 0;
			const resigned = lines.map((line, at) => {
				if (isLeaf(line) || at < from) return line;
				const checkpoint = readCheckpoint(line.checkpoint);
				return checkpoint ? { checkpoint: signCheckpoint(checkpoint, [stranger]) } : line;
			});
			return { lines: resigned };
		},
	},
	{
		name: "another record under the same key",
		faults: ["fork", "rolled-back"],
		tamper(lines, pick) {
			return { lines: aRecord(1_000 + pick(1_000), signer), terms: { known: checkpointsIn(lines).map(({ note }) => note) } };
		},
	},
];

describe("tampering", () => {
	it.each(kinds)("is found and named: $name", ({ faults, tamper }) => {
		for (const seed of seeds) {
			const lines = aRecord(seed, signer);
			const random = seededChance(seed + 7);
			const { lines: tampered, index, terms } = tamper(lines, (below) => Math.floor(random() * below));
			expect(
				verified(textOf(lines), { ...terms, ...(terms?.known && { known: checkpointsIn(lines).map(({ note }) => note) }) }).finding,
				`seed ${seed}`,
			).toBeUndefined();
			const { finding } = verified(textOf(tampered), terms);
			expect(faults, `seed ${seed}: ${finding?.message ?? "nothing was found"}`).toContain(finding?.fault);
			if (index !== undefined) expect(finding?.index, `seed ${seed}: ${finding?.message}`).toBe(index);
		}
	});

	it("is not what only looks different: white space and the order of members, or a checkpoint that is left out", () => {
		for (const seed of seeds) {
			const lines = aRecord(seed, signer);
			const rewritten = textOf(lines)
				.trimEnd()
				.split("\n")
				.map((line) =>
					JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).reverse()), undefined, " ").replaceAll("\n", ""),
				)
				.join("\n");
			expect(verified(rewritten)).toEqual(verified(textOf(lines)));
			const [first] = checkpointsIn(lines);
			expect(verified(textOf(lines.toSpliced(first?.at ?? 0, 1))).finding).toBeUndefined();
		}
	});

	it("is not verified where there is nothing, or no export", () => {
		expect(verified("").finding).toMatchObject({ fault: "malformed" });
		expect(verified(textOf([])).finding).toMatchObject({ fault: "cut-off" });
		expect(verified('{"callgate":"record-export","version":2}').finding).toMatchObject({ fault: "malformed" });
		expect(verified(`${textOf([])}{"index":0}`).finding).toMatchObject({ fault: "malformed" });
		expect(verified(textOf(aRecord(1, signer)), { known: ["no note"] }).finding).toMatchObject({ fault: "wrong-key" });
	});
});

const checker = fileURLToPath(new URL("../../docs/verify_record.py", import.meta.url));
let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "callgate-python-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the checker in Python says. @throws where the machine has no Python: that the two agree is then not known. */
function python(text: string): { ok: boolean; said: string } {
	const file = join(folder, "file");
	writeFileSync(file, text);
	const { error, status, stdout, stderr } = spawnSync("python3", [checker, file, keyText(signer)], { encoding: "utf8" });
	if (error)
		throw new Error(
			"python3 is needed to compare the verifier with the one in docs/verify_record.py: install it (Debian: apt-get install python3)",
			{ cause: error },
		);
	return { ok: status === 0, said: stdout + stderr };
}

describe("the checker in Python", () => {
	it("verifies what ours verifies, to the same root", () => {
		for (const seed of [1, 2, 3]) {
			const text = textOf(aRecord(seed, signer));
			const { leaves, events, root } = verified(text);
			expect(python(text)).toEqual({ ok: true, said: `verified: ${leaves} records, ${events} events, root ${root}\n` });
		}
	});

	// What is known of the record from elsewhere, and the time, it is not told.
	it.each(kinds.filter(({ faults }) => !["rolled-back", "stale", "fork"].some((fault) => faults.includes(fault as Fault))))(
		"refuses: $name",
		({ tamper }) => {
			for (const seed of [4, 5]) {
				const random = seededChance(seed);
				const { lines, index } = tamper(aRecord(seed, signer), (below) => Math.floor(random() * below));
				const { ok, said } = python(textOf(lines));
				expect(ok, said).toBe(false);
				expect(said).toMatch(/^WRONG: /);
				if (index !== undefined) expect(said).toContain(`record ${index}`);
			}
		},
	);
});

describe("the proof of one call", () => {
	const call = callOf(1);

	async function proven(seed = 8): Promise<{ proof: CallProof; lines: Line[] }> {
		const lines = aRecord(seed, signer, 6);
		const prover = new CallProver(call);
		for (const line of lines) prover.line(JSON.stringify(line));
		const proof = await prover.end();
		if (!proof) throw new Error("there is no proof");
		return { proof, lines };
	}

	it("has all its events, and holds for ours and for Python", async () => {
		for (const seed of [8, 9, 10]) {
			const { proof, lines } = await proven(seed);
			expect(proof.events.map(({ event }) => event)).toEqual(
				lines.filter((line) => isEvent(line) && line.event.includes(call)).map((line) => (line as EventLine).event),
			);
			expect(findFaultInProof(proof, [signer])).toBeUndefined();
			expect(python(JSON.stringify(proof)).said).toMatch(new RegExp(`^verified: ${proof.events.length} events of call ${call}`));
		}
	});

	it("does not hold for any other event, place, checkpoint, call or key", async () => {
		const { proof } = await proven();
		const [first] = proof.events;
		if (!first) throw new Error("there is no event");
		const withFirst = (changed: Partial<typeof first>): CallProof => ({ ...proof, events: [{ ...first, ...changed }] });
		const other = aRecord(99, signer);
		const forged: [CallProof, Fault][] = [
			[withFirst({ event: first.event?.replace("specversion", "specverzion") ?? "" }), "changed"],
			[withFirst(entryFor(first as EventLine, first.event?.replace("specversion", "specverzion") ?? "")), "inserted"],
			[withFirst({ index: first.index + 1 }), "inserted"],
			[withFirst({ proof: first.proof.slice(1) }), "inserted"],
			[withFirst({ entry: "key x" }), "malformed"],
			[{ ...proof, call: callOf(2) }, "changed"],
			[{ ...proof, checkpoint: checkpointsIn(other).at(-1)?.note ?? "" }, "inserted"],
			[{ ...proof, checkpoint: proof.checkpoint.replace(/\n\d+\n/, "\n7\n") }, "wrong-signature"],
		];
		for (const [one, fault] of forged) {
			expect(findFaultInProof(one, [signer])?.fault).toBe(fault);
			expect(python(JSON.stringify(one)).ok, fault).toBe(false);
		}
		expect(findFaultInProof(proof, [newSigner()])?.fault).toBe("wrong-key");
		expect(await new CallProver("nobody").end()).toBeUndefined();
	});
});
