// The tree over the record as its one writer holds it: what was read becomes leaves, leaves become a segment with its checkpoint, and from segments follow tiles.
import { openCheckpoint, signCheckpoint } from "#libs/merkle/checkpoint.ts";
import { GrowingTree } from "#libs/merkle/growing-tree.ts";
import { leafHash } from "#libs/merkle/hash.ts";
import type { NoteSigner } from "#libs/merkle/signed-note.ts";
import { edgeTiles, entriesPath, tilePath, tileWidth } from "#libs/merkle/tile-path.ts";
import { type Entry, type Era, entryText, readEntry } from "#libs/proof/entry.ts";
import { decodeSegment, encodeSegment, type Leaf, type Segment, segmentPath } from "#libs/proof/segment.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import { ProofBroken } from "./ports.ts";

export interface TreeParts {
	readonly store: ProofStore;
	/** The tree's name, and the name of every key that signs its checkpoints. */
	readonly origin: string;
	readonly signers: readonly NoteSigner[];
}

/** Another process has written the segment that this one was about to write. */
export class OtherWriter extends Error {
	constructor() {
		super("another process writes the tree");
		this.name = "OtherWriter";
	}
}

/** Where the writer that comes next begins to look. Derived from segments, like tiles and entries. */
const headPath = "head";

/**
 * A segment is the one thing that is written on a condition: whoever creates the next number has made that checkpoint, and nobody else can.
 * Everything else follows from segments, is the same whoever writes it, and is written again by the next writer where one died in between.
 */
export class RecordTree {
	private readonly parts: TreeParts;
	private readonly tree: GrowingTree;
	/** Entries of the last bundle, each with its length before it, and bundles that are full and not written yet. */
	private bundle: Buffer[];
	private readonly fullBundles: { readonly index: number; readonly bytes: Buffer }[] = [];
	/** What this writer wrote of tiles that are not full yet: no longer needed once they are. */
	private readonly partials = new Set<string>();
	private pending: Leaf[] = [];
	private bytes = 0;
	private events = 0;
	/** The last checkpoint, while tiles, entries and head do not follow from it yet. */
	private undone: string | undefined;
	/** Of the segment that was written last; -1 before the first. */
	number = -1;
	/** Of which stream how far everything is in the tree, as its last checkpoint says. */
	last: Extract<Entry, { kind: "time" }> | undefined;

	private constructor(parts: TreeParts, tree: GrowingTree, bundle: Buffer[]) {
		this.parts = parts;
		this.tree = tree;
		this.bundle = bundle;
	}

	/**
	 * The tree as the storage has it. What a writer before this one left undone is done.
	 *
	 * @throws {ProofBroken} where what is stored contradicts itself, or is signed by none of the keys.
	 * @throws {StoreUnavailable}
	 */
	static async open(parts: TreeParts): Promise<RecordTree> {
		const { store } = parts;
		const head = await readHead(parts);
		const tree = await loadTree(store, head?.size ?? 0);
		if (head && Buffer.compare(tree.root(), head.root) !== 0)
			throw new ProofBroken(
				`the tiles are not those of the checkpoint over ${head.size} leaves: remove head and tiles, and they are made anew from the segments`,
			);
		const record = new RecordTree(parts, tree, await loadBundle(store, head?.size ?? 0));
		record.number = head?.number ?? -1;
		if (head) record.last = lastTimeIn(await readSegment(store, head.number));
		for (let number = record.number + 1; ; number++) {
			const stored = await store.get(segmentPath(number));
			if (!stored) return record;
			await record.replay(number, decodeSegment(stored));
		}
	}

	get size(): number {
		return this.tree.size;
	}

	get root(): Uint8Array {
		return this.tree.root();
	}

	/** What was added since the last checkpoint. */
	get waiting(): { readonly events: number; readonly bytes: number } {
		return { events: this.events, bytes: this.bytes };
	}

	/** Adds a leaf; it counts with the next checkpoint. */
	add(leaf: Leaf): void {
		this.grow(leaf);
		this.pending.push(leaf);
		if (!leaf.event) return;
		this.events++;
		this.bytes += leaf.event.length;
	}

	private grow({ entry }: Leaf): void {
		const text = Buffer.from(entry, "latin1");
		this.tree.push(leafHash(text));
		const counted = Buffer.allocUnsafe(2 + text.length);
		counted.writeUInt16BE(text.length);
		counted.set(text, 2);
		this.bundle.push(counted);
		if (this.bundle.length < tileWidth) return;
		this.fullBundles.push({ index: this.tree.size / tileWidth - 1, bytes: Buffer.concat(this.bundle) });
		this.bundle = [];
	}

	/**
	 * Signs what was added, with the time as its last leaf, and makes it durable.
	 *
	 * @param position everything of the stream up to here was added
	 * @throws {OtherWriter} when another was first: this tree counts no more
	 * @throws {StoreUnavailable} when it is not known what became of it: this tree counts no more
	 */
	async checkpoint(at: Date, position: number, era: Era): Promise<void> {
		// A clock that was set back makes no checkpoint older than the one before.
		const before = this.last ? Date.parse(this.last.at) : 0;
		const time = { kind: "time", at: new Date(Math.max(before, at.getTime())).toISOString(), position, era } as const;
		this.add({ entry: entryText(time) });
		const { store, origin, signers } = this.parts;
		const note = signCheckpoint({ origin, size: this.size, root: this.root }, signers);
		const leaves = this.pending;
		this.pending = [];
		[this.events, this.bytes] = [0, 0];
		if (!(await store.create(segmentPath(this.number + 1), encodeSegment({ note, leaves })))) throw new OtherWriter();
		this.number++;
		this.undone = note;
		this.last = time;
	}

	/** Takes over a segment that a writer before this one has stored. */
	private async replay(number: number, segment: Segment): Promise<void> {
		const { origin, signers } = this.parts;
		const opened = openCheckpoint(segment.note, signers);
		if (!opened.ok || opened.checkpoint.origin !== origin) throw signedByNone(segmentPath(number));
		for (const leaf of segment.leaves) this.grow(leaf);
		const { size, root } = opened.checkpoint;
		if (size !== this.size || Buffer.compare(root, this.root) !== 0)
			throw new ProofBroken(`${segmentPath(number)} is not what its checkpoint signs: it was changed after it was written`);
		this.number = number;
		this.last = lastTimeIn(segment);
		this.undone = segment.note;
		await this.derive();
	}

	/**
	 * Writes what follows from the segments so far; the checkpoint last, because what it needs must be there. While leaves wait for their checkpoint
	 * there is nothing to write: the tiles of the tree as it is are not those of the last one.
	 *
	 * @returns whether something was written
	 * @throws {StoreUnavailable}
	 */
	async derive(): Promise<boolean> {
		const { store } = this.parts;
		const note = this.undone;
		if (note === undefined || this.pending.length > 0) return false;
		const tiles = this.tree.takeTiles();
		const bundles = this.fullBundles.splice(0).map(({ index, bytes }) => ({ path: entriesPath({ index, width: tileWidth }), bytes }));
		const width = this.size % tileWidth;
		if (width > 0)
			bundles.push({ path: entriesPath({ index: Math.floor(this.size / tileWidth), width }), bytes: Buffer.concat(this.bundle) });
		const objects = [...tiles.map((tile) => ({ path: tilePath(tile), bytes: tile.bytes })), ...bundles];
		await Promise.all(objects.map(({ path, bytes }) => store.put(path, bytes)));
		await store.put(headPath, Buffer.from(`${this.number}\n${note}`));
		await store.put("checkpoint", Buffer.from(note));
		this.undone = undefined;
		for (const { path } of objects) if (path.includes(".p/")) this.partials.add(path);
		await this.dropPartials(objects.map(({ path }) => path));
		return true;
	}

	private async dropPartials(written: readonly string[]): Promise<void> {
		const full = new Set(written.filter((path) => !path.includes(".p/")));
		for (const path of this.partials) {
			if (!full.has(path.slice(0, path.indexOf(".p/")))) continue;
			this.partials.delete(path);
			await this.parts.store.remove(path);
		}
	}
}

interface Head {
	readonly number: number;
	readonly size: number;
	readonly root: Uint8Array;
}

async function readHead({ store, origin, signers }: TreeParts): Promise<Head | undefined> {
	const text = (await store.get(headPath))?.toString();
	if (text === undefined) return undefined;
	const end = text.indexOf("\n");
	const opened = openCheckpoint(text.slice(end + 1), signers);
	if (!opened.ok || opened.checkpoint.origin !== origin || !/^\d{1,15}$/.test(text.slice(0, end))) throw signedByNone(headPath);
	return { number: Number(text.slice(0, end)), size: opened.checkpoint.size, root: opened.checkpoint.root };
}

function signedByNone(path: string): ProofBroken {
	return new ProofBroken(
		`${path} is signed by none of the keys in CALLGATE_CHECKPOINT_KEYS for this CALLGATE_PROOF_ORIGIN: a key is replaced by adding the new one first (docs/proof.md)`,
	);
}

async function loadTree(store: ProofStore, size: number): Promise<GrowingTree> {
	try {
		return await GrowingTree.load(size, (tile) => store.get(tilePath(tile)));
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new ProofBroken(`${error.message}: remove head and tiles, and they are made anew from the segments`);
	}
}

async function loadBundle(store: ProofStore, size: number): Promise<Buffer[]> {
	const [edge] = edgeTiles(size);
	if (edge?.level !== 0) return [];
	const bytes = await store.get(entriesPath(edge));
	const entries: Buffer[] = [];
	for (let at = 0; bytes && at + 2 <= bytes.length; ) {
		const end = at + 2 + bytes.readUInt16BE(at);
		entries.push(bytes.subarray(at, end));
		at = end;
	}
	if (entries.length !== edge.width)
		throw new ProofBroken(
			`${entriesPath(edge)} should hold ${edge.width} entries, found ${entries.length}: remove head and tiles, and they are made anew`,
		);
	return entries;
}

async function readSegment(store: ProofStore, number: number): Promise<Segment> {
	const stored = await store.get(segmentPath(number));
	if (!stored) throw new ProofBroken(`${segmentPath(number)} is missing, and a later checkpoint rests on it: restore it from a backup`);
	return decodeSegment(stored);
}

function lastTimeIn({ leaves }: Segment): Extract<Entry, { kind: "time" }> | undefined {
	const entry = readEntry(leaves.at(-1)?.entry ?? "");
	return entry?.kind === "time" ? entry : undefined;
}
