// The tree against a naive one that is RFC 6962 written down, against vectors of others, and its proofs against every change of them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GrowingTree } from "./growing-tree.ts";
import { emptyRoot, leafHash, nodeHash } from "./hash.ts";
import { isBeginningOf, isIncluded, proveConsistency, proveInclusion, rootsFromTiles } from "./proofs.ts";
import { entriesPath, numberPath, type TileAt, tilePath } from "./tile-path.ts";

/** MTH of RFC 6962 section 2.1, as it stands there. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
	const [only] = leaves;
	if (only === undefined) return emptyRoot;
	if (leaves.length === 1) return only;
	let split = 1;
	while (split * 2 < leaves.length) split *= 2;
	return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

const leavesOf = (count: number, salt = "") => Array.from({ length: count }, (_, n) => leafHash(Buffer.from(`${salt}${n}`)));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Grows a tree in steps, writing its tiles as they come. */
function grown(leaves: readonly Uint8Array[], steps: readonly number[] = []) {
	const tiles = new Map<string, Uint8Array>();
	const tree = new GrowingTree();
	const stops = new Set(steps);
	leaves.forEach((leaf, at) => {
		tree.push(leaf);
		if (stops.has(at)) for (const tile of tree.takeTiles()) tiles.set(tilePath(tile), tile.bytes);
	});
	for (const tile of tree.takeTiles()) tiles.set(tilePath(tile), tile.bytes);
	return { tree, read: async (at: TileAt) => tiles.get(tilePath(at)), tiles };
}

const sizes = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 250, max: 520 }));

describe("the tree", () => {
	it("has the roots of the vectors that Certificate Transparency's own tests have", () => {
		const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
		const roots = [
			"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
			"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
			"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
			"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
			"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
			"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
			"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
		];
		const tree = new GrowingTree();
		expect(hex(tree.root())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
		for (const [at, input] of inputs.entries()) {
			tree.push(leafHash(Buffer.from(input, "hex")));
			expect(hex(tree.root())).toBe(roots[at]);
		}
	});

	it("has the root of a naive tree at every size, also when it is loaded again from its tiles or its edge and goes on", async () => {
		await fc.assert(
			fc.asyncProperty(sizes, fc.integer({ min: 0, max: 300 }), async (size, more) => {
				const leaves = leavesOf(size + more);
				const { read } = grown(leaves.slice(0, size));
				const loaded = await GrowingTree.load(size, read);
				const slim = GrowingTree.from(size, loaded.frontier());
				for (const tree of [loaded, slim]) {
					for (const leaf of leaves.slice(size)) tree.push(leaf);
					expect(tree.size).toBe(size + more);
					expect(hex(tree.root())).toBe(hex(naiveRoot(leaves)));
				}
			}),
			// One tree that has a tile of the third level.
			{ numRuns: 40, examples: [[65_793, 3]] },
		);
	});

	it("writes the same tiles however it grew: all at once, in steps, or loaded again in between", async () => {
		await fc.assert(
			fc.asyncProperty(fc.integer({ min: 1, max: 1_200 }), fc.integer({ min: 0, max: 1_199 }), async (size, stop) => {
				const leaves = leavesOf(size);
				const whole = grown(leaves);
				const { tiles, read } = grown(leaves.slice(0, stop));
				const rest = await GrowingTree.load(Math.min(stop, size), read);
				for (const leaf of leaves.slice(stop)) rest.push(leaf);
				for (const tile of rest.takeTiles()) tiles.set(tilePath(tile), tile.bytes);
				for (const [path, bytes] of whole.tiles) expect(hex(tiles.get(path) ?? Buffer.from("none")), path).toBe(hex(bytes));
			}),
			{ numRuns: 40 },
		);
	});

	it("has the tiles that the specification lists for a tree of 70,000", () => {
		const { tiles } = grown(leavesOf(70_000));
		const paths = [...tiles.keys()];
		expect(paths.filter((path) => /^tile\/0\/[x\d/]+$/.test(path))).toHaveLength(273);
		expect(paths).toContain("tile/0/273.p/112");
		expect(paths).toContain("tile/1/000");
		expect(paths).toContain("tile/1/001.p/17");
		expect(paths).toContain("tile/2/000.p/1");
		expect(paths).toHaveLength(277);
		expect(tiles.get("tile/0/272")).toHaveLength(8_192);
		expect(numberPath(1_234_067)).toBe("x001/x234/067");
		expect(entriesPath({ index: 0, width: 256 })).toBe("tile/entries/000");
	});

	it("is not loaded from tiles that are missing or cut", async () => {
		const { read } = grown(leavesOf(300));
		await expect(GrowingTree.load(300, async () => undefined)).rejects.toThrow(/should have 1408 bytes, found none/);
		await expect(GrowingTree.load(300, async (at) => (await read(at))?.subarray(32))).rejects.toThrow(RangeError);
		expect(() => GrowingTree.from(5, [emptyRoot])).toThrow(/2 subtrees/);
	});
});

describe("proofs", () => {
	const proofCase = fc.integer({ min: 1, max: 600 }).chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 })));

	it("of inclusion hold for each leaf at its place, and not with another leaf, place, size, root, or any hash changed or left out", async () => {
		await fc.assert(
			fc.asyncProperty(proofCase, fc.nat(), async ([size, index], pick) => {
				const leaves = leavesOf(size);
				const { tree, read } = grown(leaves);
				const proof = await proveInclusion(index, size, rootsFromTiles(size, read));
				const leaf = leaves[index] ?? emptyRoot;
				expect(isIncluded(leaf, index, size, proof, tree.root())).toBe(true);
				expect(isIncluded(leafHash(Buffer.from("other")), index, size, proof, tree.root())).toBe(false);
				expect(isIncluded(leaf, index, size, proof, leaf === tree.root() ? emptyRoot : nodeHash(leaf, leaf))).toBe(false);
				if (size > 1) expect(isIncluded(leaf, (index + 1) % size, size, proof, tree.root())).toBe(false);
				expect(isIncluded(leaf, index, size, [...proof, emptyRoot], tree.root())).toBe(false);
				if (proof.length === 0) return;
				const at = pick % proof.length;
				expect(isIncluded(leaf, index, size, proof.toSpliced(at, 1), tree.root())).toBe(false);
				expect(isIncluded(leaf, index, size, proof.with(at, emptyRoot), tree.root())).toBe(false);
			}),
			{ numRuns: 60 },
		);
		await expect(proveInclusion(3, 3, async () => emptyRoot)).rejects.toThrow(RangeError);
	});

	it("of consistency hold for a tree that grew, and not for one in which any leaf before was changed", async () => {
		await fc.assert(
			fc.asyncProperty(proofCase, fc.nat(), async ([second, first], pick) => {
				const leaves = leavesOf(second);
				const { tree, read } = grown(leaves);
				const head = { size: second, root: tree.root() };
				const before = { size: first, root: naiveRoot(leaves.slice(0, first)) };
				const proof = await proveConsistency(first, second, rootsFromTiles(second, read));
				expect(isBeginningOf(before, head, proof)).toBe(true);
				if (first === 0) return;
				const changed = leaves.slice(0, first).with(pick % first, emptyRoot);
				expect(isBeginningOf({ size: first, root: naiveRoot(changed) }, head, proof)).toBe(false);
				expect(isBeginningOf(before, { size: second, root: emptyRoot }, proof)).toBe(false);
				if (proof.length > 0) expect(isBeginningOf(before, head, proof.toSpliced(pick % proof.length, 1))).toBe(false);
			}),
			{ numRuns: 60 },
		);
		expect(isBeginningOf({ size: 2, root: emptyRoot }, { size: 1, root: emptyRoot }, [])).toBe(false);
	});
});
