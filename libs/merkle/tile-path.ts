// Where a tile lies and how wide it is (C2SP tlog-tiles): 256 hashes of one level, the last of each level as wide as the tree makes it.

/** Hashes in a full tile. */
export const tileWidth = 256;
/** A tile spans this many levels of the tree. */
export const tileHeight = 8;

/** A tile: `level` 0 is of leaves, `level` n of the roots of full tiles at n - 1; `width` 1 to 256. */
export interface TileAt {
	readonly level: number;
	readonly index: number;
	readonly width: number;
}

/** `tile/0/x001/x234/067`, and `tile/0/x001/x234/067.p/5` for one that holds five. */
export function tilePath({ level, index, width }: TileAt): string {
	return pathOf(`tile/${level}`, index, width);
}

/** Where the entries of a tile of level 0 lie. */
export function entriesPath({ index, width }: Omit<TileAt, "level">): string {
	return pathOf("tile/entries", index, width);
}

/** A number as path elements of three digits, all but the last marked with `x`: no folder gets more than some thousand names. */
export function numberPath(number: number): string {
	const digits = String(number);
	const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
	return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

function pathOf(folder: string, index: number, width: number): string {
	return `${folder}/${numberPath(index)}${width === tileWidth ? "" : `.p/${width}`}`;
}

/** The tiles at the right edge of a tree, lowest level first, empty ones left out: what is needed to go on with it. */
export function edgeTiles(size: number): TileAt[] {
	const tiles: TileAt[] = [];
	for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / tileWidth)) {
		const width = count % tileWidth;
		if (width > 0) tiles.push({ level, index: Math.floor(count / tileWidth), width });
	}
	return tiles;
}
