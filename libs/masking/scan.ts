// One text being looked at: what it is made of, where anything interesting starts, and what detectors found so far.

/** Names that findings and marks carry. */
export type DetectorId = "card" | "iban" | "email" | "phone" | "national-id" | "jwt" | "private-key" | "cloud-token" | "password";

/** Something found: code units `start` to `end` (exclusive) of the scanned text, and the mark to put there. */
export interface Span {
	readonly start: number;
	readonly end: number;
	readonly detector: DetectorId;
	readonly mark: string;
}

/** A prefix, and the place in the list given to `indexPrefixes` of whom it belongs to. */
interface Prefix {
	readonly prefix: string;
	readonly owner: number;
}

/** A place where the text has a prefix. */
interface Anchor extends Prefix {
	readonly start: number;
}

/** Prefixes by their first two characters: the pass over the text pays one table look-up a character, however many prefixes there are. */
export interface PrefixIndex {
	readonly pairs: Uint8Array;
	readonly buckets: readonly (readonly Prefix[])[];
}

export function indexPrefixes(owners: readonly { readonly prefixes: readonly string[] }[]): PrefixIndex {
	const byPair = new Map<number, Prefix[]>();
	for (const [owner, { prefixes }] of owners.entries()) {
		for (const prefix of prefixes) {
			const pair = (prefix.charCodeAt(0) << 7) | prefix.charCodeAt(1);
			byPair.set(pair, [...(byPair.get(pair) ?? []), { prefix, owner }]);
		}
	}
	const pairs = new Uint8Array(128 * 128);
	// Bucket 0 is "nothing starts here". The longest prefix comes first, so that `sk-ant-` is not taken for `sk-`.
	const buckets: Prefix[][] = [[]];
	for (const [pair, entries] of byPair) {
		pairs[pair] = buckets.length;
		buckets.push(entries.sort((a, b) => b.prefix.length - a.prefix.length));
	}
	if (buckets.length > 256) throw new RangeError("more than 255 first pairs do not fit the table");
	return { pairs, buckets };
}

/** Character classes of ASCII, as bits. */
export const chars = {
	digit: 1,
	upper: 2,
	lower: 4,
	letter: 6,
	alnum: 7,
	hex: 8,
	base64url: 16,
	base64: 32,
	space: 64,
	value: 128,
} as const;
const classes = new Uint8Array(128);
function put(bit: number, members: string): void {
	for (const member of members) classes[member.charCodeAt(0)] = (classes[member.charCodeAt(0)] ?? 0) | bit;
}
const digits = "0123456789";
const lower = "abcdefghijklmnopqrstuvwxyz";
put(chars.digit, digits);
put(chars.lower, lower);
put(chars.upper, lower.toUpperCase());
put(chars.hex, `${digits}abcdefABCDEF`);
put(chars.base64url, `${digits}${lower}${lower.toUpperCase()}-_`);
put(chars.base64, `${digits}${lower}${lower.toUpperCase()}-_+/=.~%`);
put(chars.space, " \t\r\n");
for (let code = 0x21; code < 0x7f; code++)
	if (!`"'&;,<>\\\``.includes(String.fromCharCode(code))) put(chars.value, String.fromCharCode(code));

/** Whether the character at `at` is in the class; what lies outside the text or ASCII is in none. */
export function is(text: string, at: number, bits: number): boolean {
	const code = at < 0 || at >= text.length ? 128 : text.charCodeAt(at);
	return code < 128 && ((classes[code] ?? 0) & bits) !== 0;
}

/** Maximal runs of digits, in order: `starts[i]` to `ends[i]`. */
export interface DigitGroups {
	readonly starts: readonly number[];
	readonly ends: readonly number[];
}

/**
 * How often one value may still ask what is dear to answer: each question costs some microseconds, whatever the text is. When they are used
 * up the shape alone decides (fail closed, and bounded). For one value and not for one text, because a value may have very many texts.
 */
export interface Doubts {
	/** Whether a text with a phone number's shape is a possible number: the library answers. */
	phones: number;
	/** Whether a text with a token's shape begins with a JSON object: what does not is a thrown error. */
	headers: number;
}

export function freshDoubts(): Doubts {
	return { phones: 1_000, headers: 1_000 };
}

const noSpans: Span[] = [];
const noAnchors: Anchor[] = [];
const noRun = { end: -1, tries: 0 };

/**
 * The state of one scan. Detectors never run a regular expression over the whole text: they start from an anchor, a digit group or an `@`,
 * and step with `runEnd` and `runStart`, which count into `work`. So the work of a scan is a number that a test can bound by the length of
 * the text, whatever the text is.
 */
export class Scan {
	readonly text: string;
	readonly hints: number;
	// Most texts have neither, and allocating for each of a million short strings is what would cost most: both begin as one shared empty list.
	spans: Span[] = noSpans;
	anchors: Anchor[] = noAnchors;
	digits = 0;
	ats = 0;
	pluses = 0;
	outsideAscii = false;
	/** Characters looked at so far. */
	work = 0;
	/** Scratch of detect-private-key.ts: where the last key ended. */
	keyEnd = 0;
	/** Scratch of detect-jwt.ts: the run that was looked at last, and how often. */
	run = noRun;
	/** The last run of each class, so that a run with many anchors in it is walked once. */
	private runs: Map<number, { from: number; end: number }> | undefined;
	private groups: DigitGroups | undefined;

	/** Shared by all texts of one value. */
	readonly doubts: Doubts;

	constructor(text: string, hints: number, doubts: Doubts) {
		this.text = text;
		this.hints = hints;
		this.doubts = doubts;
	}

	/** The one pass over the whole text: counts what detectors need before they are worth starting, and finds token prefixes. */
	profile(index: PrefixIndex): void {
		const { text } = this;
		const { pairs } = index;
		let before = 0;
		let digitCount = 0;
		for (let at = 0; at < text.length; at++) {
			const code = text.charCodeAt(at);
			if (code >= 128) {
				this.outsideAscii = true;
				before = 0;
				continue;
			}
			if (code <= 0x40) {
				if (code >= 0x30 && code <= 0x39) digitCount++;
				else if (code === 0x40) this.ats++;
				else if (code === 0x2b) this.pluses++;
			}
			const bucket = pairs[(before << 7) | code] ?? 0;
			if (bucket !== 0) this.anchor(at - 1, index.buckets[bucket] ?? []);
			before = code;
		}
		this.digits += digitCount;
		this.work += text.length;
	}

	private anchor(start: number, bucket: readonly Prefix[]): void {
		for (const { prefix, owner } of bucket) {
			this.work++;
			if (!this.text.startsWith(prefix, start)) continue;
			if (this.anchors === noAnchors) this.anchors = [];
			this.anchors.push({ start, prefix, owner });
			return;
		}
	}

	add(start: number, end: number, detector: DetectorId, mark: string): void {
		// A mark of an earlier pass is what should be there already.
		if (end - start === mark.length && this.text.startsWith(mark, start)) return;
		if (this.spans === noSpans) this.spans = [];
		this.spans.push({ start, end, detector, mark });
	}

	/** End of the run of `bits` that starts at `from`. */
	runEnd(from: number, bits: number): number {
		const known = this.runs?.get(bits);
		if (known && from >= known.from && from <= known.end) return known.end;
		let at = from;
		while (at < this.text.length && is(this.text, at, bits)) at++;
		this.work += at - from + 1;
		this.runs ??= new Map();
		this.runs.set(bits, { from, end: at });
		return at;
	}

	/** Start of the run of `bits` that ends before `from`, at most `max` characters back. */
	runStart(from: number, bits: number, max: number): number {
		const stop = Math.max(0, from - max);
		let at = from;
		while (at > stop && is(this.text, at - 1, bits)) at--;
		this.work += from - at + 1;
		return at;
	}

	/** Where `shape` (sticky, of bounded length) matches at `at`. */
	match(shape: RegExp, at: number): RegExpExecArray | null {
		if (at < 0) return null;
		this.work += 8;
		shape.lastIndex = at;
		return shape.exec(this.text);
	}

	digitGroups(): DigitGroups {
		if (this.groups) return this.groups;
		const starts: number[] = [];
		const ends: number[] = [];
		const { text } = this;
		let inside = false;
		for (let at = 0; at < text.length; at++) {
			const code = text.charCodeAt(at);
			const isDigit = code >= 0x30 && code <= 0x39;
			if (isDigit === inside) continue;
			(isDigit ? starts : ends).push(at);
			inside = isDigit;
		}
		if (inside) ends.push(text.length);
		this.work += text.length;
		this.groups = { starts, ends };
		return this.groups;
	}
}
