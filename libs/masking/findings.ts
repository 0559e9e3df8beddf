// What masking found: which detector, where, how often. Never the thing itself.

/** `detector` is a detector's name, or `path` for what a path of the policy masked. `path` is a JSON pointer (RFC 6901) to the masked value's place. */
export interface Finding {
	detector: string;
	path: string;
	count: number;
}

/** What one event may carry. */
export const findingsMax = 256;
/** Kept for the root entries, one a detector, that count what no longer fits. */
const rootEntries = 16;
const pathCharsMax = 512;

/** Collects findings within the bounds of an event. Past them nothing is dropped: counts go to the nearest ancestor's path, or to the root. */
export class Findings {
	private readonly entries = new Map<string, Finding>();
	/** The last place and its pointer: one text may have several findings. */
	private path = "";

	/** The place of the findings to come. `names`: the names and indexes from the root; names must be masked already. */
	at(names: readonly (string | number)[]): void {
		// Past the bound every count goes to the root, and nobody asks where it was.
		this.path = this.isFull() ? "" : pointerTo(names);
	}

	add(detector: string, count: number): void {
		this.addAt(detector, this.path, count);
	}

	private addAt(detector: string, path: string, count: number): void {
		const key = path === "" ? detector : `${detector} ${path}`;
		const known = this.entries.get(key);
		if (known) known.count += count;
		else if (path === "" || !this.isFull()) this.entries.set(key, { detector, path, count });
		else this.addAt(detector, "", count);
	}

	private isFull(): boolean {
		return this.entries.size >= findingsMax - rootEntries;
	}

	list(): Finding[] {
		return [...this.entries.values()];
	}
}

function pointerTo(names: readonly (string | number)[]): string {
	let pointer = "";
	for (const name of names) {
		if (typeof name === "string" && name.length > pathCharsMax) return pointer;
		const written = typeof name === "string" && /[~/]/.test(name) ? name.replaceAll("~", "~0").replaceAll("/", "~1") : name;
		const next = `${pointer}/${written}`;
		if (next.length > pathCharsMax) return pointer;
		pointer = next;
	}
	return pointer;
}
