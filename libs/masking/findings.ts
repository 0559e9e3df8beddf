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

	/** `names`: the names and indexes from the root; names must be masked already. */
	add(detector: string, names: readonly (string | number)[], count: number): void {
		const path = pointerTo(names);
		const known = this.entries.get(`${detector} ${path}`);
		if (known) known.count += count;
		else if (this.entries.size < findingsMax - rootEntries || path === "")
			this.entries.set(`${detector} ${path}`, { detector, path, count });
		else this.add(detector, [], count);
	}

	list(): Finding[] {
		return [...this.entries.values()];
	}
}

function pointerTo(names: readonly (string | number)[]): string {
	let pointer = "";
	for (const name of names) {
		if (typeof name === "string" && name.length > pathCharsMax) return pointer;
		const next = `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
		if (next.length > pathCharsMax) return pointer;
		pointer = next;
	}
	return pointer;
}
