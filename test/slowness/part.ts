// What the slowness fuzzer looks at: one reader of text that a caller or a function chose, and the pieces its slow texts are likely made of.
export interface Part {
	readonly name: string;
	/** Pieces that mean something to it; whole texts begin as one of them, repeated. */
	readonly pieces: readonly string[];
	/** Put around the repeated pieces, so that they are reached at all: the brackets of a JSON text. */
	readonly around?: readonly [before: string, after: string];
	/** The longest text that it reads in the thread that everybody waits for, where that is less than for others. */
	readonly hereMax?: number;
	/** Reads the text; what it refuses it may throw. */
	readonly read: (text: string) => unknown;
}

/** A text of about `size` characters: the pieces, over and over, within what the part wants around them. */
export function textOf(part: Part, pieces: readonly string[], size: number): string {
	const [before, after] = part.around ?? ["", ""];
	const unit = pieces.join("");
	const room = size - before.length - after.length;
	// Whole pieces only: half a member would make JSON that is refused at its end.
	return before + unit.repeat(Math.max(1, Math.floor(room / Math.max(1, unit.length)))) + after;
}
