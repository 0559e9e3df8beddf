// "did you mean …": the known name that is closest to a misspelt one.

/** Longer names are not compared: the table below is quadratic. */
const charsMax = 64;

/** The nearest of `known` to `found`, if it is near enough to be what was meant: at most a third of the letters differ. */
export function nearest(found: string, known: Iterable<string>): string | undefined {
	if (found.length > charsMax) return undefined;
	let best: { readonly name: string; readonly distance: number } | undefined;
	for (const name of known) {
		if (name.length > charsMax || name === found) continue;
		const distance = editDistance(found.toLowerCase(), name.toLowerCase());
		if (distance <= Math.max(1, Math.floor(Math.max(found.length, name.length) / 3)) && (best === undefined || distance < best.distance))
			best = { name, distance };
	}
	return best?.name;
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(found: string, known: Iterable<string>): string {
	const name = nearest(found, known);
	return name === undefined ? "" : `; did you mean "${name}"?`;
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(one: string, other: string): number {
	const at = (row: readonly number[], index: number): number => row[index] ?? 0;
	let beforeLast: number[] = [];
	let last = Array.from({ length: other.length + 1 }, (_, index) => index);
	for (let i = 1; i <= one.length; i++) {
		const row = [i];
		for (let j = 1; j <= other.length; j++) {
			const cost = one[i - 1] === other[j - 1] ? 0 : 1;
			let distance = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + cost);
			const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
			if (swapped) distance = Math.min(distance, at(beforeLast, j - 2) + 1);
			row.push(distance);
		}
		beforeLast = last;
		last = row;
	}
	return at(last, other.length);
}
