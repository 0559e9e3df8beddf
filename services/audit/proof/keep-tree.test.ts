// The one writer, on a stream in memory and a real folder: what it signs is the stream, whoever writes it, whatever breaks in between.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { readCheckpoint } from "#libs/merkle/checkpoint.ts";
import { type NoteSigner, noteSigner } from "#libs/merkle/signed-note.ts";
import { entryText } from "#libs/proof/entry.ts";
import { exportRecord } from "#libs/proof/export-record.ts";
import { decodeSegment, segmentPath } from "#libs/proof/segment.ts";
import { type ProofStore, StoreUnavailable } from "#libs/proof/store.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { RecordVerifier, type Verified } from "#libs/proof/verify-record.ts";
import { patience } from "../../../test/support/patience.ts";
import { type KeeperParts, keepTree, type TreeKeeper } from "./keep-tree.ts";
import type { ProofLog } from "./ports.ts";
import { RecordTree } from "./record-tree.ts";

const origin = "callgate.test/record";
const newSigner = () => noteSigner(origin, generateKeyPairSync("ed25519").privateKey);
const terms = { signWithinMs: 20, signEveryMs: 60_000, leaseMs: 100, readEveryMs: 1 };
const metrics = { signed: () => undefined, failed: () => undefined, isWriter: () => undefined };

let folder: string;
let stream: MemoryStream;
let store: ProofStore;
let signer: NoteSigner;
const keepers: TreeKeeper[] = [];
let faults: string[];
let cases = 0;
let asked: number;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-tree-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
	await Promise.all(keepers.splice(0).map((keeper) => keeper.stop()));
	stream = new MemoryStream();
	store = createFileStore(join(folder, String(++cases)));
	signer = newSigner();
	faults = [];
	asked = 0;
});

interface Other {
	readonly bus?: KeeperParts["bus"];
	readonly store?: ProofStore;
	readonly signers?: readonly NoteSigner[];
	readonly terms?: Partial<typeof terms>;
	readonly elapsedMs?: () => number;
}

function keep(other: Other = {}): TreeKeeper {
	const log: ProofLog = {
		began: () => undefined,
		ended: ({ error }) => void faults.push(error instanceof Error ? error.message : "failed"),
		missing: () => undefined,
	};
	const keeper = keepTree({
		...{ bus: createMemoryBus(stream, "audit"), store, origin, signers: [signer], now: () => new Date(), log, metrics },
		witnesses: { ask: async () => void asked++ },
		...other,
		terms: { ...terms, ...other.terms },
	});
	keepers.push(keeper);
	return keeper;
}

function say(...texts: string[]): void {
	for (const text of texts) stream.append("callgate.record._.audit._.control.record.read", Buffer.from(text));
}

async function verified(keys = [signer], known: string[] = []): Promise<Verified & { texts: string[] }> {
	const verifier = new RecordVerifier({ origin, keys, known });
	const texts: string[] = [];
	for await (const lines of exportRecord(store)) {
		for (const line of lines.trimEnd().split("\n")) {
			verifier.line(line);
			const { event } = JSON.parse(line) as { event?: string };
			if (event !== undefined) texts.push(event);
		}
	}
	return { ...verifier.end(), texts };
}

const untilSaid = async (count: number) => {
	await expect.poll(async () => (await verified()).events, patience).toBe(count);
};

describe("the record's tree", () => {
	it("has every event's own bytes in the stream's order, those of a message that is none too, and verifies", async () => {
		say('[{"a":1} ,\t{"b":[1,2]}]', "no list", '["x"]');
		keep();
		await untilSaid(4);
		say("[1]");
		await untilSaid(5);
		const { finding, texts, notices } = await verified();
		expect(finding).toBeUndefined();
		expect(notices).toEqual([]);
		expect(texts).toEqual(['{"a":1}', '{"b":[1,2]}', "no list", '"x"', "1"]);
	});

	it("is signed also where nothing happens, witnesses are asked then, and at least each thousand events", async () => {
		keep({ terms: { signEveryMs: 30 } });
		await expect.poll(async () => (await verified()).checkpoints, patience).toBeGreaterThan(3);
		await expect.poll(() => asked, patience).toBeGreaterThan(1);
		say(...Array.from({ length: 12 }, (_, n) => `[${Array.from({ length: 250 }, (_item, item) => n * 250 + item).join(",")}]`));
		await untilSaid(3_000);
		for (let number = 0; ; number++) {
			const stored = await store.get(segmentPath(number));
			if (!stored) break;
			expect(decodeSegment(stored).leaves.filter(({ event }) => event).length).toBeLessThanOrEqual(1_000);
		}
		expect((await verified()).finding).toBeUndefined();
	});

	it("has tiles that follow from its segments once a second, and all of them when its writer stops", async () => {
		let heads = 0;
		const counted: ProofStore = {
			...store,
			put: (name, bytes) => {
				if (name === "head") heads++;
				return store.put(name, bytes);
			},
		};
		const keeper = keep({ store: counted, elapsedMs: () => 0 });
		say(...Array.from({ length: 20 }, () => `[${Array.from({ length: 250 }, () => 1).join(",")}]`));
		await expect.poll(async () => (await lastSegment()).number, patience).toBeGreaterThan(4);
		expect(heads).toBe(1);
		expect((await store.get("checkpoint"))?.toString()).toBe(decodeSegment((await store.get(segmentPath(0))) ?? Buffer.of()).note);
		await keeper.stop();
		expect((await store.get("checkpoint"))?.toString()).toBe(decodeSegment((await lastSegment()).bytes).note);
		expect(await verified()).toMatchObject({ events: 5_000 });
	});

	it("has a head whose tiles are there, whatever was read since its checkpoint", async () => {
		const parts = { store, origin, signers: [signer] };
		const era = { identity: "stream" };
		const tree = await RecordTree.open(parts);
		for (let position = 1; position <= 300; position++) {
			tree.add({ entry: entryText({ kind: "missing", from: position, to: position }) });
			if (position % 30 === 0) await tree.checkpoint(new Date(), position, era);
			if (position % 7 === 0) await tree.derive();
			await expect(RecordTree.open({ ...parts, store: readOnly(store) })).resolves.toBeInstanceOf(RecordTree);
		}
		expect((await RecordTree.open(parts)).number).toBe(9);
	});

	it("is one tree whoever writes it: two at once, one after the other, with what the one left undone", async () => {
		const known: string[] = [];
		for (let round = 0; round < 4; round++) {
			const two = [keep(), keep()];
			say(`["${round}"]`, `["and ${round}"]`);
			await untilSaid(2 * (round + 1));
			known.push((await store.get("checkpoint"))?.toString() ?? "");
			// Stopped in order, or gone without a word: the lease runs out.
			if (round % 2 === 0) await Promise.all(two.map((keeper) => keeper.stop()));
		}
		const { finding, texts } = await verified([signer], known);
		expect(finding).toBeUndefined();
		expect(texts).toEqual([0, 1, 2, 3].flatMap((round) => [`"${round}"`, `"and ${round}"`]));
	});

	it("is not written twice by writers that both hold themselves for the only one: the segment decides", async () => {
		// Each has a lease of its own, which nobody takes from it.
		for (let keeper = 0; keeper < 2; keeper++) {
			const { stream: read, readAll } = createMemoryBus(stream, "audit");
			keep({ bus: { stream: read, readAll, store: createMemoryBus(new MemoryStream(), "audit").store } });
		}
		const texts = Array.from({ length: 60 }, (_, n) => String(n));
		for (const text of texts) {
			say(`[${text}]`);
			await new Promise((resolve) => setTimeout(resolve, 3));
		}
		await untilSaid(60);
		expect(await verified()).toMatchObject({ texts, noticesTotal: 0 });
		expect((await verified()).finding).toBeUndefined();
	});

	it("makes tiles and head anew from segments where they are lost", async () => {
		keep();
		say(...Array.from({ length: 300 }, (_, n) => `[${n}]`));
		await untilSaid(300);
		await keepers[0]?.stop();
		const before = await store.get("tile/0/000");
		expect(before).toHaveLength(8_192);
		await rm(join(folder, String(cases), "tile"), { recursive: true });
		await unlink(join(folder, String(cases), "head"));
		keep();
		say("[300]");
		await untilSaid(301);
		expect(await store.get("tile/0/000")).toEqual(before);
		expect((await store.get("tile/entries/000"))?.readUInt16BE(0)).toBeGreaterThan(0);
	});

	it("goes on where the storage was away, with nothing lost and nothing twice", async () => {
		let isAway = true;
		const refuse = async () => {
			if (isAway) throw new StoreUnavailable("the storage is away");
		};
		const shaky: ProofStore = {
			...store,
			create: (name, bytes) => refuse().then(() => store.create(name, bytes)),
			put: (name, bytes) => refuse().then(() => store.put(name, bytes)),
		};
		const keeper = keep({ store: shaky });
		say("[1]");
		await expect
			.poll(() => keeper.checkReady().catch((error: Error) => error.message), patience)
			.toMatch(/does not grow: the storage is away/);
		isAway = false;
		await untilSaid(1);
		isAway = true;
		say("[2]");
		await expect.poll(() => faults.length, patience).toBeGreaterThan(1);
		isAway = false;
		await untilSaid(2);
		await expect.poll(() => keeper.checkReady(), patience).toBeUndefined();
		expect((await verified()).texts).toEqual(["1", "2"]);
	});
});

describe("what the writer refuses", () => {
	it("a storage that was set back, or is another one: nothing is added until somebody has looked", async () => {
		keep();
		say("[1]");
		await untilSaid(1);
		await keepers[0]?.stop();
		const { number } = await lastSegment();
		await unlink(join(folder, String(cases), segmentPath(number)));
		await unlink(join(folder, String(cases), "head"));
		const keeper = keep();
		await expect
			.poll(() => keeper.checkReady().catch((error: Error) => error.message), patience)
			.toMatch(/was rolled back, or is another storage/);
		await keeper.stop();
		const elsewhere = keep({ store: createFileStore(join(folder, `${cases}-other`)) });
		await expect
			.poll(() => elsewhere.checkReady().catch((error: Error) => error.message), patience)
			.toMatch(/was rolled back, or is another storage/);
	});

	it("a segment that is changed or that somebody without a key planted", async () => {
		keep();
		say("[1]");
		await untilSaid(1);
		await keepers[0]?.stop();
		const { number, bytes } = await lastSegment();
		await store.create(segmentPath(number + 1), bytes);
		const keeper = keep();
		await expect.poll(() => keeper.checkReady().catch((error: Error) => error.message), patience).toMatch(/not what its checkpoint signs/);
		await keeper.stop();
		const stranger = keep({ signers: [newSigner()] });
		await expect.poll(() => stranger.checkReady().catch((error: Error) => error.message), patience).toMatch(/signed by none of the keys/);
	});

	it("a stream that is shorter than the tree", async () => {
		keep();
		say("[1]", "[2]");
		await untilSaid(2);
		await keepers[0]?.stop();
		stream.messages.pop();
		expect((await keep().lost).message).toMatch(/the stream ends at 1, and the record's tree has 2/);
	});
});

describe("what the stream lost and what changed", () => {
	it("stands in the tree: positions that were gone, and another stream", async () => {
		say("[1]", "[2]", "[3]");
		stream.messages.splice(1, 1);
		keep();
		await untilSaid(2);
		expect((await verified()).notices).toMatchObject([{ kind: "missing", message: expect.stringContaining("positions 2 to 2") }]);
		await keepers[0]?.stop();
		if (stream.kept) stream.kept = { ...stream.kept, identity: "another" };
		stream.messages.splice(0);
		say("[4]");
		keep();
		await untilSaid(3);
		const { finding, notices } = await verified();
		expect(finding).toBeUndefined();
		expect(notices.at(-1)).toMatchObject({ kind: "new-stream" });
	});

	it("a key is replaced without a gap: who knows the old one alone follows to the new one", async () => {
		const next = newSigner();
		for (const [round, signers] of [[signer], [signer, next], [next]].entries()) {
			const keeper = keep({ signers });
			say(`[${round}]`);
			await expect.poll(async () => (await verified()).events, patience).toBe(round + 1);
			await keeper.stop();
		}
		expect(await verified([signer])).toMatchObject({ events: 3, notices: [{ kind: "new-key" }] });
		expect((await verified([signer])).finding).toBeUndefined();
		expect((await verified([next])).finding).toMatchObject({ fault: "wrong-key" });
	});
});

/** What a writer that comes next reads, without what it would write. */
function readOnly({ get }: ProofStore): ProofStore {
	return { get, create: async () => true, put: async () => undefined, remove: async () => undefined };
}

async function lastSegment(): Promise<{ number: number; bytes: Buffer }> {
	let last: { number: number; bytes: Buffer } | undefined;
	for (let number = 0; ; number++) {
		const bytes = await store.get(segmentPath(number));
		if (!bytes) break;
		last = { number, bytes };
	}
	if (!last || !readCheckpoint(decodeSegment(last.bytes).note)) throw new Error("there is no segment");
	return last;
}
