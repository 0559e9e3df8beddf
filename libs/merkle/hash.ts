// The hashes of a Merkle tree (RFC 6962 section 2.1, SHA-256): of a leaf, of two children, and of no leaf at all.
import { hash } from "node:crypto";

/** Bytes of every hash here. */
export const hashBytes = 32;

/** The root of a tree without leaves. */
export const emptyRoot: Buffer = sha256(new Uint8Array());

export function sha256(bytes: Uint8Array | string): Buffer {
	return hash("sha256", bytes, "buffer");
}

/** Prefixed, so that a leaf is never taken for the two children of a node. */
const leafMark = Buffer.from([0]);
const pair = Buffer.alloc(1 + 2 * hashBytes, 1);

export function leafHash(leaf: Uint8Array): Buffer {
	return sha256(Buffer.concat([leafMark, leaf]));
}

/** @param left @param right 32 bytes each */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
	pair.set(left, 1);
	pair.set(right, 1 + hashBytes);
	return sha256(pair);
}

/** The root over the hashes of a whole subtree: their number is a power of two. */
export function perfectRoot(hashes: readonly Uint8Array[]): Uint8Array {
	let level = hashes;
	while (level.length > 1) {
		const above: Uint8Array[] = [];
		for (let at = 0; at < level.length; at += 2) above.push(nodeHash(level[at] ?? emptyRoot, level[at + 1] ?? emptyRoot));
		level = above;
	}
	return level[0] ?? emptyRoot;
}
