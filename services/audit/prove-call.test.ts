// A call's proof out of the stored tree: what ours verifies, for events wherever their segments are, and nothing for what is not signed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newSigner, origin } from "#libs/proof/a-record.test-support.ts";
import { digestOf, entryText } from "#libs/proof/entry.ts";
import { findFaultInProof } from "#libs/proof/prove-call.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { callId } from "./events.test-support.ts";
import { RecordTree } from "./proof/record-tree.ts";
import { proveCall } from "./prove-call.ts";

const signer = newSigner();
const era = { identity: "stream-of-test" };
const segments = 40;
const perSegment = 20;
let dir: string;
let store: ProofStore;
/** What is asked of the storage. */
let asked: string[];
const spied: Pick<ProofStore, "get"> = {
	get: (name) => {
		asked.push(name);
		return store.get(name);
	},
};

/** Two events a position, of ten calls in turn; nothing at every seventh position. */
const eventAt = (position: number, item: number) => ({ id: `${position}.${item}`, subject: callId(position % 10), position, item });

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-prove-"));
	store = createFileStore(dir);
	const tree = await RecordTree.open({ store, origin, signers: [signer] });
	for (let position = 1; position <= segments * perSegment; position++) {
		for (const item of position % 7 === 0 ? [] : [0, 1]) {
			const bytes = Buffer.from(JSON.stringify(eventAt(position, item)));
			tree.add({ entry: entryText({ kind: "event", position, item, subject: "callgate.test", digest: digestOf(bytes) }), event: bytes });
		}
		if (position % perSegment === 0) await tree.checkpoint(new Date("2026-01-01T00:00:00.000Z"), position, era);
		if (position % perSegment === 0) await tree.derive();
	}
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const prove = async (places: readonly (readonly [number, number])[], call = callId(3), of: Pick<ProofStore, "get"> = spied) => {
	asked = [];
	return proveCall(
		of,
		call,
		places.map(([position, item]) => eventAt(position, item)),
	);
};

describe("a call's proof", () => {
	it("is that of each of its events, from the first segment to the last", async () => {
		const proof = await prove([
			[3, 0],
			[3, 1],
			[13, 0],
			[403, 1],
			[793, 0],
		]);
		expect(proof?.events.map(({ entry }) => entry.split(" ").slice(1, 3).map(Number))).toEqual([
			[3, 0],
			[3, 1],
			[13, 0],
			[403, 1],
			[793, 0],
		]);
		expect(proof && findFaultInProof(proof, [signer])).toBeUndefined();
	});

	it("finds what stands last in a segment", async () => {
		expect((await prove([[20, 1]], callId(0)))?.events.map(({ index }) => index)).toEqual([35]);
	});

	it("looks at few segments, and at each once", async () => {
		await prove([
			[403, 0],
			[403, 1],
		]);
		const read = asked.filter((name) => name.startsWith("segments/"));
		expect(new Set(read).size).toBe(read.length);
		expect(read.length).toBeLessThanOrEqual(Math.ceil(Math.log2(segments)) + 1);
	});

	it("leaves out what no checkpoint has yet, and what is another event at that place", async () => {
		expect(
			(
				await prove([
					[3, 0],
					[9_999, 0],
					[3, 7],
					[7, 0],
				])
			)?.events,
		).toHaveLength(1);
		asked = [];
		expect((await proveCall(spied, callId(3), [{ ...eventAt(3, 0), id: "of a stream before" }]))?.events).toEqual([]);
	});

	it("is none where there is no checkpoint, and an error where a tile is missing", async () => {
		expect(await prove([[3, 0]], callId(3), { get: async () => undefined })).toBeUndefined();
		const withoutTiles = { get: (name: string) => (name.startsWith("tile/") ? Promise.resolve(undefined) : store.get(name)) };
		await expect(prove([[3, 0]], callId(3), withoutTiles)).rejects.toThrow(RangeError);
	});
});
