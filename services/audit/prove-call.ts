// One call's proof out of the tree as it is stored: where its events stand in it, and the hashes from there to the last checkpoint.
import { readCheckpoint } from "#libs/merkle/checkpoint.ts";
import { proveInclusion, rootsFromTiles } from "#libs/merkle/proofs.ts";
import { tilePath, tileWidth } from "#libs/merkle/tile-path.ts";
import { readEntry } from "#libs/proof/entry.ts";
import { leafLine } from "#libs/proof/export-record.ts";
import type { CallProof } from "#libs/proof/prove-call.ts";
import { decodeSegment, type Leaf, segmentPath } from "#libs/proof/segment.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import type { RecordedEvent } from "./ports.ts";

type Store = Pick<ProofStore, "get">;
type Place = Pick<RecordedEvent, "id" | "position" | "item">;

/** A segment as one request needs it. */
interface Part {
	readonly leaves: readonly Leaf[];
	/** The index of its first leaf. */
	readonly first: number;
	/** Up to where the stream is in the tree by it. */
	readonly upTo: number;
}

/**
 * The form is that of `callgate audit prove`. Events that no checkpoint has yet, or that stand elsewhere (on a stream before one that was lost),
 * are left out. Undefined where there is no checkpoint.
 *
 * @throws {StoreUnavailable}
 * @throws {RangeError} where a tile is missing: the writer was replacing it, or it was lost
 */
export async function proveCall(store: Store, call: string, events: readonly Place[]): Promise<CallProof | undefined> {
	const head = (await store.get("head"))?.toString() ?? "";
	const [number = ""] = head.split("\n", 1);
	const checkpoint = head.slice(number.length + 1);
	const size = readCheckpoint(checkpoint)?.size;
	if (size === undefined) return undefined;
	const rootOf = rootsFromTiles(
		size,
		async (tile) => (await store.get(tilePath(tile))) ?? (await store.get(tilePath({ ...tile, width: tileWidth }))),
	);
	const parts = new Map<number, Part>();
	const proven: CallProof["events"][number][] = [];
	for (const event of events) {
		const found = await find(store, parts, Number(number), event);
		if (!found) continue;
		const proof = await proveInclusion(found.index, size, rootOf);
		proven.push({ ...leafLine(found.leaf, found.index), proof: proof.map((hash) => Buffer.from(hash).toString("base64")) });
	}
	return { callgate: "call-proof", version: 1, call, checkpoint, events: proven };
}

/** Segments have the stream in its order: the first by which it is far enough has the event, if any has. */
async function find(store: Store, parts: Map<number, Part>, last: number, { id, position, item }: Place) {
	let [low, high] = [0, last];
	while (low < high) {
		const middle = Math.floor((low + high) / 2);
		if ((await partAt(store, parts, middle)).upTo >= position) high = middle;
		else low = middle + 1;
	}
	const { leaves, first } = await partAt(store, parts, low);
	const at = leaves.findIndex(({ entry, event }) => event && entry.startsWith(`event ${position} ${item} `) && idOf(event) === id);
	const leaf = leaves[at];
	return leaf && { leaf, index: first + at };
}

async function partAt(store: Store, parts: Map<number, Part>, number: number): Promise<Part> {
	const known = parts.get(number);
	if (known) return known;
	const stored = await store.get(segmentPath(number));
	if (!stored) throw new RangeError(`${segmentPath(number)} is missing`);
	const { note, leaves } = decodeSegment(stored);
	const time = readEntry(leaves.at(-1)?.entry ?? "");
	const part = { leaves, first: (readCheckpoint(note)?.size ?? 0) - leaves.length, upTo: time?.kind === "time" ? time.position : 0 };
	parts.set(number, part);
	return part;
}

function idOf(event: Uint8Array): unknown {
	try {
		return (JSON.parse(Buffer.from(event).toString()) as { id?: unknown } | null)?.id;
	} catch {
		// What is no JSON is no event of a call.
		return undefined;
	}
}
