// That a leaf is in a tree, and that one tree is the beginning of another: proofs made and checked (RFC 6962 section 2.1, RFC 9162 section 2.1.3 and 2.1.4).

import { hashesIn } from "./growing-tree.ts";
import { emptyRoot, nodeHash, perfectRoot } from "./hash.ts";
import { type TileAt, tileHeight, tileWidth } from "./tile-path.ts";

/** The root over the leaves from `from` up to `to`, where these are a subtree that the tree of some size has. */
export type RangeRoot = (from: number, to: number) => Promise<Uint8Array>;

/** The largest power of two below `leaves`. */
function splitOf(leaves: number): number {
	let split = 1;
	while (split * 2 < leaves) split *= 2;
	return split;
}

/** Siblings from the leaf up to the root's child. @throws {RangeError} if there is no such leaf. */
export async function proveInclusion(index: number, size: number, rootOf: RangeRoot): Promise<Uint8Array[]> {
	if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`);
	const path: Uint8Array[] = [];
	let [from, to] = [0, size];
	while (to - from > 1) {
		const middle = from + splitOf(to - from);
		path.unshift(index < middle ? await rootOf(middle, to) : await rootOf(from, middle));
		[from, to] = index < middle ? [from, middle] : [middle, to];
	}
	return path;
}

/** @throws {RangeError} if the first is larger than the second. */
export async function proveConsistency(first: number, second: number, rootOf: RangeRoot): Promise<Uint8Array[]> {
	if (first > second) throw new RangeError(`a tree of ${first} leaves is no beginning of one of ${second}`);
	if (first === 0 || first === second) return [];
	const path: Uint8Array[] = [];
	let [from, to] = [0, second];
	let isWhole = true;
	for (;;) {
		if (first === to) {
			if (!isWhole) path.unshift(await rootOf(from, to));
			return path;
		}
		const middle = from + splitOf(to - from);
		path.unshift(first <= middle ? await rootOf(middle, to) : await rootOf(from, middle));
		if (first > middle) isWhole = false;
		[from, to] = first <= middle ? [from, middle] : [middle, to];
	}
}

/** Whether this leaf is at `index` of the tree with this size and root. */
export function isIncluded(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): boolean {
	if (index >= size) return false;
	let [node, last, hash] = [index, size - 1, leaf];
	for (const sibling of proof) {
		if (last === 0) return false;
		if (node % 2 === 1 || node === last) {
			hash = nodeHash(sibling, hash);
			while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
		} else {
			hash = nodeHash(hash, sibling);
		}
		[node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
	}
	return last === 0 && equal(hash, root);
}

export interface TreeHead {
	readonly size: number;
	readonly root: Uint8Array;
}

/** Whether the first tree is the beginning of the second. */
export function isBeginningOf(first: TreeHead, second: TreeHead, proof: readonly Uint8Array[]): boolean {
	if (first.size > second.size) return false;
	if (first.size === second.size) return proof.length === 0 && equal(first.root, second.root);
	if (first.size === 0) return proof.length === 0 && equal(first.root, emptyRoot);
	const isPower = Number.isInteger(Math.log2(first.size));
	const [begin, ...rest] = isPower ? [first.root, ...proof] : proof;
	if (begin === undefined) return false;
	let [node, last] = [first.size - 1, second.size - 1];
	while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
	let [old, now]: [Uint8Array, Uint8Array] = [begin, begin];
	for (const sibling of rest) {
		if (last === 0) return false;
		if (node % 2 === 1 || node === last) {
			[old, now] = [nodeHash(sibling, old), nodeHash(sibling, now)];
			while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
		} else {
			now = nodeHash(now, sibling);
		}
		[node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
	}
	return last === 0 && equal(old, first.root) && equal(now, second.root);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
	return Buffer.compare(one, other) === 0;
}

/**
 * Roots from the tiles of a tree of this size.
 *
 * @param read the bytes of a tile that is at least so wide
 * @throws {RangeError} from what it returns, if a tile is missing or too short
 */
export function rootsFromTiles(size: number, read: (tile: TileAt) => Promise<Uint8Array | undefined>): RangeRoot {
	const rootOf: RangeRoot = async (from, to) => {
		const leaves = to - from;
		const height = Math.log2(leaves);
		if (!Number.isInteger(height)) {
			const middle = from + splitOf(leaves);
			return nodeHash(await rootOf(from, middle), await rootOf(middle, to));
		}
		const level = Math.floor(height / tileHeight);
		const span = tileWidth ** level;
		const [first, count] = [from / span, leaves / span];
		const index = Math.floor(first / tileWidth);
		const width = Math.min(tileWidth, Math.floor(size / span) - index * tileWidth);
		const at = { level, index, width };
		const hashes = hashesIn((await read(at))?.subarray(0, width * 32), at);
		return perfectRoot(hashes.slice(first % tileWidth, (first % tileWidth) + count));
	};
	return rootOf;
}
