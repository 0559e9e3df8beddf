// The text as a detector should read it: digits of any script as ASCII, invisible characters gone, every dash a dash and every space a space.

/** Anything outside ASCII that folding could change. One test of one character class: linear, and false for most texts. */
const foldable =
	/[[\p{Nd}\p{No}\p{Cf}\p{Mn}\p{Me}\p{Pd}\p{Zs}\p{Default_Ignorable_Code_Point}\u2024\u2044\u2212\u2215\u2100-\u214F\u2192\u21D2\u279C\u27A1\u2460-\u24FF\uFE50-\uFE6F\uFF01-\uFF5E\u{1D400}-\u{1D7FF}\u{1F100}-\u{1F1FF}]--\p{ASCII}]/v;
// Marks (Mn, Me) too: a digit with a keycap or a strike-through is still read as a digit by people.
const invisible = /[\p{Cf}\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]/v;
const digit = /\p{Nd}/v;
const dash = /[\p{Pd}\u2212]/v;
const space = /\p{Zs}/v;
/** Between a name and its value they are what a colon is. */
const arrow = /[\u2192\u21D2\u279C\u27A1]/v;

/** A folded text. `offsets[i]` is where its i-th code unit began in the original; one more entry holds the original's length. */
export interface Folded {
	readonly text: string;
	readonly offsets: Uint32Array;
}

/**
 * Folds a text for detection, or returns undefined when there is nothing to fold. Only what folds to a single ASCII character is changed, so
 * the folded text is never longer than the original and letters of other scripts stay what they are.
 */
export function fold(text: string): Folded | undefined {
	if (!foldable.test(text)) return undefined;
	const offsets = new Uint32Array(text.length + 1);
	let folded = "";
	for (let at = 0; at < text.length; ) {
		const code = text.codePointAt(at) ?? 0;
		const width = code > 0xffff ? 2 : 1;
		const replacement = code < 0x80 ? text.charAt(at) : foldOne(code);
		for (let unit = 0; unit < replacement.length; unit++) offsets[folded.length + unit] = at + (replacement.length === width ? unit : 0);
		folded += replacement;
		at += width;
	}
	offsets[folded.length] = text.length;
	return { text: folded, offsets: offsets.subarray(0, folded.length + 1) };
}

const known = new Map<number, string>();
const knownMax = 4096;

function foldOne(code: number): string {
	const cached = known.get(code);
	if (cached !== undefined) return cached;
	if (known.size >= knownMax) known.clear();
	const folded = foldCodePoint(code);
	known.set(code, folded);
	return folded;
}

function foldCodePoint(code: number): string {
	const character = String.fromCodePoint(code);
	if (invisible.test(character)) return "";
	if (digit.test(character)) return String(digitValue(code));
	if (dash.test(character)) return "-";
	if (space.test(character)) return " ";
	if (arrow.test(character)) return ":";
	const compatible = character.normalize("NFKC");
	return compatible.length === 1 && compatible.charCodeAt(0) < 0x80 ? compatible : character;
}

/** Unicode keeps decimal digits in contiguous runs from zero to nine (chapter 4.6), so the place in the run is the value. */
function digitValue(code: number): number {
	let before = 0;
	while (digit.test(String.fromCodePoint(code - before - 1))) before++;
	return before % 10;
}
