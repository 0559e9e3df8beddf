// A tree that only grows, kept as its right edge alone: what it takes to go on, to tell its root, and to write its tiles as they fill.
import { emptyRoot, hashBytes, nodeHash, perfectRoot } from "./hash.ts";
import { edgeTiles, type TileAt, tileHeight, tileWidth } from "./tile-path.ts";

/** The hashes of a tile, 32 bytes each. */
export interface Tile extends TileAt {
	readonly bytes: Uint8Array;
}

interface Edge {
	readonly height: number;
	readonly hash: Uint8Array;
}

export class GrowingTree {
	/** Roots of whole subtrees from left to right, each smaller than the one before. */
	private readonly edge: Edge[] = [];
	/** What the last tile of each level holds so far. */
	private readonly levels: Uint8Array[][] = [];
	private readonly filled: Tile[] = [];
	private readonly changed = new Set<number>();
	private leaves = 0;

	get size(): number {
		return this.leaves;
	}

	/** Adds a leaf by its hash. One node is hashed for each leaf, over many of them. */
	push(hash: Uint8Array): void {
		this.leaves++;
		this.keep(0, hash);
		let [height, root] = [0, hash];
		for (let last = this.edge.at(-1); last?.height === height; last = this.edge.at(-1)) {
			root = nodeHash(last.hash, root);
			height++;
			this.edge.pop();
			if (height % tileHeight === 0) this.keep(height / tileHeight, root);
		}
		this.edge.push({ height, hash: root });
	}

	private keep(level: number, hash: Uint8Array): void {
		const hashes = this.levels[level] ?? [];
		this.levels[level] = hashes;
		hashes.push(hash);
		this.changed.add(level);
		if (hashes.length < tileWidth) return;
		const index = Math.floor(this.leaves / tileWidth ** (level + 1)) - 1;
		this.filled.push({ level, index, width: tileWidth, bytes: Buffer.concat(hashes) });
		this.levels[level] = [];
	}

	root(): Uint8Array {
		return rootOf(this.edge.map(({ hash }) => hash));
	}

	/** The roots of the whole subtrees at the right edge, from left to right: with the size, all that is needed to go on from here. */
	frontier(): Uint8Array[] {
		return this.edge.map(({ hash }) => hash);
	}

	/** The tiles that were filled or changed since this was asked last: full ones first, then what is in the last of each level. */
	takeTiles(): Tile[] {
		const filled = this.filled.splice(0);
		const partial = edgeTiles(this.leaves)
			.filter(({ level }) => this.changed.has(level))
			.map((at) => ({ ...at, bytes: Buffer.concat(this.levels[at.level] ?? []) }));
		this.changed.clear();
		return [...filled, ...partial];
	}

	/**
	 * The tree of this size, from the tiles at its right edge.
	 *
	 * @param read the bytes of a tile that is exactly so wide
	 * @throws {RangeError} if a tile is missing or has another length. Whether its hashes are right is told by the root alone: compare it.
	 */
	static async load(size: number, read: (tile: TileAt) => Promise<Uint8Array | undefined>): Promise<GrowingTree> {
		const tree = new GrowingTree();
		const tiles = edgeTiles(size);
		for (const tile of tiles) tree.levels[tile.level] = hashesIn(await read(tile), tile);
		for (const { level, width } of tiles.toReversed()) {
			const hashes = tree.levels[level] ?? [];
			for (let bit = tileHeight - 1, from = 0; bit >= 0; bit--) {
				if ((width & (1 << bit)) === 0) continue;
				tree.edge.push({ height: level * tileHeight + bit, hash: perfectRoot(hashes.slice(from, from + (1 << bit))) });
				from += 1 << bit;
			}
		}
		tree.leaves = size;
		return tree;
	}

	/** The tree of this size by its {@link GrowingTree.frontier}: it tells roots, and no tiles. @throws {RangeError} if there are not as many roots as the size has subtrees. */
	static from(size: number, frontier: readonly Uint8Array[]): GrowingTree {
		const tree = new GrowingTree();
		const heights = [...size.toString(2)].flatMap((bit, at, bits) => (bit === "1" ? [bits.length - 1 - at] : []));
		if (heights.length !== frontier.length)
			throw new RangeError(`a tree of ${size} leaves has ${heights.length} subtrees at its edge, found ${frontier.length}`);
		for (const [at, height] of heights.entries()) tree.edge.push({ height, hash: frontier[at] ?? emptyRoot });
		tree.leaves = size;
		return tree;
	}
}

/** The root over subtrees of falling size (RFC 6962 section 2.1). */
function rootOf(subtrees: readonly Uint8Array[]): Uint8Array {
	return subtrees.reduceRight<Uint8Array | undefined>((right, left) => (right ? nodeHash(left, right) : left), undefined) ?? emptyRoot;
}

/** @throws {RangeError} */
export function hashesIn(bytes: Uint8Array | undefined, { level, index, width }: TileAt): Uint8Array[] {
	if (bytes?.length !== width * hashBytes)
		throw new RangeError(`tile ${index} of level ${level} should have ${width * hashBytes} bytes, found ${bytes?.length ?? "none"}`);
	return Array.from({ length: width }, (_, at) => bytes.subarray(at * hashBytes, (at + 1) * hashBytes));
}
