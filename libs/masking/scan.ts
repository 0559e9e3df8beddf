// One text being looked at: what it is made of, where anything interesting starts, and what detectors found so far.

/** Names that findings and marks carry. */
export type DetectorId =
	| "card"
	| "iban"
	| "crypto-address"
	| "email"
	| "phone"
	| "ip-address"
	| "mac-address"
	| "birth-date"
	| "national-id"
	| "document"
	| "jwt"
	| "private-key"
	| "cloud-token"
	| "password";

/** Something found: code units `start` to `end` (exclusive) of the scanned text, and the mark to put there. */
export interface Span {
	readonly start: number;
	readonly end: number;
	readonly detector: DetectorId;
	readonly mark: string;
	/** The mark for more than the span: a token or a hash is of exactly what it stands for. */
	readonly plain?: string;
	/** Where a quote stands that is written as quotes are there: the mark is put between two of it, for it replaces what had none and needs some to stay JSON. */
	readonly quote?: number | undefined;
}

/** A text after masking. */
export interface MaskedString {
	readonly text: string;
	/** How many marks each detector put there. */
	readonly found: ReadonlyMap<DetectorId, number>;
}

/** A prefix, and the place in the list given to `indexPrefixes` of whom it belongs to. */
interface Prefix {
	readonly prefix: string;
	readonly owner: number;
}

/** A place where the text has a prefix. */
export interface Anchor extends Prefix {
	readonly start: number;
}

/** A prefix, and how far into it the three characters stand by which it is looked up. */
interface Indexed extends Prefix {
	readonly offset: number;
	/** The code of its first character. */
	readonly first: number;
}

/**
 * Prefixes by three neighbouring characters of theirs, five bits of each: the pass over the text pays one table look-up a character, however
 * many prefixes there are.
 */
export interface PrefixIndex {
	/** Whether three characters are any prefix's: a byte each, so that what every character asks stays in a near cache. */
	readonly starts: Uint8Array;
	readonly slots: Uint16Array;
	readonly buckets: readonly (readonly Indexed[])[];
	/** Where a piece of a text is written to be read. */
	readonly bytes: Buffer;
}

const keyBits = 0x7fff;
const keyOf = (text: string): number => {
	let key = 0;
	for (let at = 0; at < text.length; at++) key = ((key << 5) | (text.charCodeAt(at) & 31)) & keyBits;
	return key;
};

/** A shorter text is read before it were written. */
const bytesCharsMin = 24;
/** As much as fits into the nearest cache beside the table of prefixes. */
const pieceChars = 4096;
/** UTF-8 of a code unit. */
const bytesPerUnit = 3;
const ellipsis = 0x2026;
/** What a mark shows of the original. */
const shownChars = 4;

/** Whether four letters or digits and a bracket stand at `at`, as a mark ends. */
function isEndOfMark(text: string, at: number): boolean {
	if (text.charCodeAt(at + shownChars) !== 0x5d) return false;
	for (let place = at; place < at + shownChars; place++) if (!is(text, place, chars.alnum)) return false;
	return true;
}

/** How often letters come in texts, in per mille: prefixes are looked up by their rarest three, so that words are passed by. */
const frequency: Readonly<Record<string, number>> = {
	...{
		e: 110,
		t: 90,
		a: 80,
		o: 75,
		i: 73,
		n: 70,
		s: 65,
		r: 60,
		h: 50,
		d: 40,
		l: 40,
		c: 30,
		u: 28,
		m: 25,
		f: 22,
		p: 20,
		g: 20,
		w: 18,
		y: 17,
	},
	...{ b: 15, v: 10, k: 8, x: 2, j: 2, q: 1, z: 1, " ": 170, "-": 12, _: 8, ".": 14, ":": 12, "/": 10 },
};
const oftenOf = (character: string): number => frequency[character.toLowerCase()] ?? 12;

/** Prefixes have two characters at least; what follows one of two is looked up as well, whatever it is. */
const keyChars = 3;

export function indexPrefixes(owners: readonly { readonly prefixes: readonly string[] }[]): PrefixIndex {
	const byKey = new Map<number, Indexed[]>();
	const plant = (key: number, entry: Indexed): void => void byKey.set(key, [...(byKey.get(key) ?? []), entry]);
	for (const [owner, { prefixes }] of owners.entries()) {
		for (const prefix of prefixes) {
			const first = prefix.charCodeAt(0);
			if (prefix.length < keyChars)
				for (let next = 0; next < 32; next++) plant((keyOf(prefix) << 5) | next, { prefix, owner, offset: 0, first });
			else {
				const offset = rarestOf(prefix);
				plant(keyOf(prefix.slice(offset, offset + keyChars)), { prefix, owner, offset, first });
			}
		}
	}
	const slots = new Uint16Array(keyBits + 1);
	const starts = new Uint8Array(keyBits + 1);
	// Bucket 0 is "nothing starts here". The longest prefix comes first, so that `sk-ant-` is not taken for `sk-`.
	const buckets: Indexed[][] = [[]];
	for (const [key, entries] of byKey) {
		slots[key] = buckets.length;
		starts[key] = 1;
		buckets.push(entries.sort((a, b) => b.prefix.length - a.prefix.length));
	}
	return { starts, slots, buckets, bytes: Buffer.alloc(pieceChars * bytesPerUnit) };
}

/** Where the three characters of a prefix begin that words have least. */
function rarestOf(prefix: string): number {
	let offset = 0;
	let least = Number.POSITIVE_INFINITY;
	for (let at = 0; at + keyChars <= prefix.length; at++) {
		const three = [...prefix.slice(at, at + keyChars)];
		if (three.some((character) => character > "~")) continue;
		const weight = three.reduce((product, character) => product * oftenOf(character), 1);
		if (weight < least) [least, offset] = [weight, at];
	}
	return offset;
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
	/** What tokens are written with: letters, digits, `_`; and with dots and dashes. */
	token: 128,
	dotted: 256,
} as const;
const classes = new Uint16Array(128);
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
put(chars.token, `${digits}${lower}${lower.toUpperCase()}_`);
put(chars.dotted, `${digits}${lower}${lower.toUpperCase()}-_.=~`);

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
	/** Whether a text with the shape of a crypto-currency's address has its checksum: two digests. */
	addresses: number;
}

export function freshDoubts(): Doubts {
	return { phones: 1_000, headers: 1_000, addresses: 1_000 };
}

const noAnchors: Anchor[] = [];

/** What a text is made of, from one pass over it. One is used for every text in turn: most have nothing to find, and are to cost nothing more. */
export class Profile {
	digits = 0;
	ats = 0;
	pluses = 0;
	dots = 0;
	colons = 0;
	dashes = 0;
	/** `=`, `:`, `>` and quotes: what may stand between a name and its value. */
	assigns = 0;
	/** Whether there is what begins an escape: `\`, `%`, `&`, `=` before a line break or a digit. */
	backslashes = 0;
	percents = 0;
	ampersands = 0;
	lines = 0;
	spaces = 0;
	outsideAscii = false;
	anchors: Anchor[] = noAnchors;
	/** Candidates for a prefix that were compared. */
	work = 0;

	read(text: string, index: PrefixIndex): void {
		this.clear(text.length);
		const { length } = text;
		if (length < bytesCharsMin) {
			this.readUnits(text, text, 0, index);
			return;
		}
		// The code units of a string are dear to ask for one by one. As bytes they cost a third; what is not ASCII is asked for one by one all the same.
		const { bytes } = index;
		for (let from = 0; from < length; from += pieceChars) {
			const piece = length <= pieceChars ? text : text.slice(from, from + pieceChars);
			if (bytes.write(piece, 0, piece.length * bytesPerUnit, "utf8") === piece.length) this.readBytes(text, piece.length, from, index);
			else this.readUnits(text, piece, from, index);
		}
	}

	/** What is between the spans: marks are going to stand in their places, and are nothing to look for. */
	readBetween(text: string, spans: readonly Span[], index: PrefixIndex): void {
		this.clear(text.length);
		let from = 0;
		for (const { start, end } of spans) {
			const piece = text.slice(from, start);
			this.readUnits(piece, piece, 0, index);
			from = end;
		}
		const rest = text.slice(from);
		this.readUnits(rest, rest, 0, index);
	}

	private clear(work: number): void {
		this.digits = 0;
		this.ats = 0;
		this.pluses = 0;
		this.dots = 0;
		this.colons = 0;
		this.dashes = 0;
		this.assigns = 0;
		this.backslashes = 0;
		this.percents = 0;
		this.ampersands = 0;
		this.lines = 0;
		this.spaces = 0;
		this.outsideAscii = false;
		this.anchors = noAnchors;
		this.work = work;
	}

	/** As `readUnits`, of a piece that is ASCII and stands in `bytes`: twice the same loop, for one over both kinds would be as slow as the slower. */
	private readBytes(text: string, length: number, offset: number, index: PrefixIndex): void {
		const { starts, bytes } = index;
		let [digits, dots, spaces, key] = [0, 0, 0, keyBefore(text, offset)];
		for (let at = 0; at < length; at++) {
			const code = bytes[at] as number;
			key = ((key << 5) | (code & 31)) & keyBits;
			if (starts[key] !== 0) this.anchor(text, offset + at - 2, key, index);
			if (code >= 0x61) continue;
			if (code === 0x20) spaces++;
			else if (code >= 0x30 && code <= 0x39) digits++;
			else if (code === 0x2e) dots++;
			else if (code < 0x41 || code === 0x5c) this.countSign(code);
		}
		this.digits += digits;
		this.dots += dots;
		this.spaces += spaces;
	}

	private readUnits(text: string, piece: string, offset: number, index: PrefixIndex): void {
		const { starts } = index;
		let [digits, dots, spaces, key] = [0, 0, 0, keyBefore(text, offset)];
		for (let at = 0; at < piece.length; at++) {
			const code = piece.charCodeAt(at);
			key = ((key << 5) | (code & 31)) & keyBits;
			if (code >= 128) {
				// A mark's ellipsis and what it shows of the original are nothing to look for: after a find the text is mostly quiet.
				if (code === ellipsis && isEndOfMark(text, offset + at + 1)) at += shownChars;
				else this.outsideAscii = true;
				continue;
			}
			if (starts[key] !== 0) this.anchor(text, offset + at - 2, key, index);
			if (code >= 0x61) continue;
			if (code === 0x20) spaces++;
			else if (code >= 0x30 && code <= 0x39) digits++;
			else if (code === 0x2e) dots++;
			else if (code < 0x41 || code === 0x5c) this.countSign(code);
		}
		this.digits += digits;
		this.dots += dots;
		this.spaces += spaces;
	}

	private countSign(code: number): void {
		switch (code) {
			case 0x2d:
				this.dashes++;
				break;
			case 0x3a:
				this.colons++;
				this.assigns++;
				break;
			case 0x22:
			case 0x27:
			case 0x3d:
			case 0x3e:
				this.assigns++;
				break;
			case 0x40:
				this.ats++;
				break;
			case 0x2b:
				this.pluses++;
				break;
			case 0x25:
				this.percents++;
				break;
			case 0x26:
				this.ampersands++;
				break;
			case 0x0a:
				this.lines++;
				break;
			case 0x5c:
				this.backslashes++;
				break;
		}
	}

	private anchor(text: string, at: number, key: number, { slots, buckets }: PrefixIndex): void {
		let known = -1;
		const bucket = buckets[slots[key] as number] as readonly Indexed[];
		for (let place = 0; place < bucket.length; place++) {
			const { prefix, owner, offset, first } = bucket[place] as Indexed;
			this.work++;
			// Several detectors may begin at one place, each with its longest prefix.
			if (owner === known || at < offset || text.charCodeAt(at - offset) !== first || !text.startsWith(prefix, at - offset)) continue;
			if (this.anchors === noAnchors) this.anchors = [];
			this.anchors.push({ start: at - offset, prefix, owner });
			known = owner;
		}
	}
}

/** What the two characters before a piece add to its first keys. */
function keyBefore(text: string, offset: number): number {
	return offset === 0 ? 0 : keyOf(text.slice(offset - 2, offset));
}

/** What names say, each read once: of one value, or of a text. */
export interface NameHints {
	hints(name: string): number;
}

const findsMax = 64;

/** Whether an odd number of backslashes stands before `at`. */
function isOddBefore(text: string, at: number): boolean {
	let first = at;
	while (first > 0 && first > at - 64 && text[first - 1] === "\\") first--;
	return (at - first) % 2 === 1;
}

const noSpans: Span[] = [];
const noBare = { from: 0, end: 0 };
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
	readonly anchors: readonly Anchor[];
	readonly digits: number;
	readonly ats: number;
	readonly pluses: number;
	readonly dots: number;
	readonly colons: number;
	readonly dashes: number;
	readonly outsideAscii: boolean;
	readonly assigns: number;
	readonly lines: number;
	/** Characters looked at so far. */
	work: number;
	/** Scratch of detect/private-key.ts: where the last key ended. */
	keyEnd = 0;
	/** Scratch of detect/document.ts: where the last machine readable zone ended. */
	zoneEnd = 0;
	/** Scratch of detect/name-and-value.ts: up to where lines are in the block of a telling name. */
	secretBlockEnd = 0;
	/** Scratch of detect/name-and-value.ts: the value without quotes that was read last. */
	bare = noBare;
	/** Scratch of detect/cloud-token.ts: where the last one ended, and how many more are tried within it. */
	token = { end: 0, tries: 0 };
	/** Scratch of detect/jwt.ts: the run that was looked at last, and how often. */
	run = noRun;
	/** The last run of each class, so that a run with many anchors in it is walked once. */
	private runs: Map<number, { from: number; end: number }> | undefined;
	private groups: DigitGroups | undefined;
	/** Digit groups that are known to be part of something whose check digits are right: nothing else is looked for in them. */
	private claimed: Uint8Array | undefined;
	/** Where something was found that was looked for, so that a text with many beginnings and no end is not searched through for each. */
	private found: Map<string, { from: number; at: number }> | undefined;

	/** Shared by all texts of one value. */
	readonly doubts: Doubts;
	readonly names: NameHints;

	constructor(text: string, profile: Profile, hints: number, doubts: Doubts, names: NameHints) {
		this.text = text;
		this.hints = hints;
		this.doubts = doubts;
		this.names = names;
		this.anchors = profile.anchors;
		this.digits = profile.digits;
		this.ats = profile.ats;
		this.pluses = profile.pluses;
		this.dots = profile.dots;
		this.colons = profile.colons;
		this.dashes = profile.dashes;
		this.outsideAscii = profile.outsideAscii;
		this.assigns = profile.assigns;
		this.lines = profile.lines;
		this.work = profile.work;
	}

	add(start: number, end: number, detector: DetectorId, mark: string, quote?: number): void {
		// A mark of an earlier pass is what should be there already.
		if (end - start === mark.length && this.text.startsWith(mark, start)) return;
		if (this.spans === noSpans) this.spans = [];
		this.spans.push({ start, end, detector, mark, quote });
	}

	/** Where `what` stands next from `from` on, or -1. */
	next(what: string, from: number): number {
		const known = this.found?.get(what);
		if (known && from >= known.from && (known.at < 0 || from <= known.at)) return known.at;
		const at = this.text.indexOf(what, from);
		this.work += (at < 0 ? this.text.length : at) - from + 1;
		this.found ??= new Map();
		if (this.found.size > findsMax) this.found.clear();
		this.found.set(what, { from, at });
		return at;
	}

	/** The same for a quote that no backslash stands before. */
	nextUnescaped(quote: string, from: number): number {
		let at = this.next(quote, from);
		while (at > from && this.text[at - 1] === "\\" && isOddBefore(this.text, at)) at = this.next(quote, at + 1);
		return at;
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

	/** Says that the digit groups from `first` to `last` are one thing, whole. */
	claim(first: number, last: number): void {
		this.claimed ??= new Uint8Array(this.digitGroups().starts.length);
		this.claimed.fill(1, first, last + 1);
	}

	isClaimed(group: number): boolean {
		return this.claimed !== undefined && this.claimed[group] === 1;
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
