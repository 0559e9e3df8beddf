// One string masked: detectors run over it as its readers would read it, overlapping finds become one mark, until nothing is found.
import { type Encoded, encodedAt, encodedCharsMin, encodedIn } from "./base64.ts";
import { columnSpans } from "./columns.ts";
import type { Detector, PrefixDetector, ShapeDetector } from "./detector.ts";
import { fold } from "./fold.ts";
import type { FindsActor } from "./keyed/act-on-finds.ts";
import { placesOfTokens } from "./keyed/token.ts";
import { markOf, redactedMark } from "./mark.ts";
import { isProse } from "./prose.ts";
import {
	chars,
	type DetectorId,
	type Doubts,
	freshDoubts,
	indexPrefixes,
	is,
	type MaskedString,
	type NameHints,
	type PrefixIndex,
	Profile,
	Scan,
	type Span,
} from "./scan.ts";
import { stringsOfJson } from "./strings-of-json.ts";
import { isPlaceholder } from "./values.ts";
import { type Escapes, withoutEscapes } from "./without-escapes.ts";

/** Detectors ready to run together. */
export interface DetectorSet {
	readonly shapes: readonly ShapeDetector[];
	/** In the order that `prefixes` numbers them. */
	readonly prefixed: readonly PrefixDetector[];
	readonly prefixes: PrefixIndex;
	has(id: DetectorId): boolean;
}

export function detectorSet(detectors: readonly Detector[]): DetectorSet {
	const ids = new Set(detectors.map(({ id }) => id));
	const prefixed = detectors.filter((detector) => "prefixes" in detector);
	return {
		prefixed,
		shapes: detectors.filter((detector) => "find" in detector),
		prefixes: indexPrefixes(prefixed),
		has: (id) => ids.has(id),
	};
}

/** What the texts of one value share. */
export interface Shared {
	readonly detectors: DetectorSet;
	readonly names: NameHints;
	readonly doubts: Doubts;
	readonly profile: Profile;
	/** What is made of finds with the keys of the caller's session; undefined where each becomes a mark. */
	readonly actor?: FindsActor | undefined;
	/** What became of texts that were encoded: each is met at every level and in every pass. */
	inside?: Map<string, MaskedString | undefined>;
}

export function shared(detectors: DetectorSet, names: NameHints, actor?: FindsActor): Shared {
	return { detectors, names, doubts: freshDoubts(), profile: new Profile(), actor };
}

/** Nothing that a detector finds is shorter: `a@b.io` is six characters, a password after `pwd=` makes five. */
const charsMin = 5;
/** A mark may separate what was glued together, so that something shows that did not before. Once is usual, twice is rare. */
const passesMax = 4;
/** JSON in a string of JSON in a field of a form is three deep. */
const levelsMax = 4;
/** Base64 in base64. */
const nestingMax = 2;
/** Fewer digits than this are no number of anything, without a name or a sign beside them. */
const digitsMin = 4;

/**
 * Masks everything the detectors find, behind escapes too. The result is a fixed point: masking it again finds nothing. A text that after
 * four passes is still not quiet is redacted whole.
 *
 * @param hints bits of names.ts: what the member's name says.
 * @returns undefined if nothing was found.
 */
export function maskString(with_: Shared, text: string, hints: number, nesting = 0): MaskedString | undefined {
	if (text.length < charsMin || (hints === 0 && (isTimeOrUuid(text) || isProse(text)))) return undefined;
	let found: Map<DetectorId, number> | undefined;
	let current = text;
	if (nesting === 0) with_.actor?.begin(text);
	for (let pass = 0; pass < passesMax; pass++) {
		const spans = spansIn(with_, current, hints, nesting);
		if (spans.length === 0) return found && { text: current, found };
		found ??= new Map();
		const merged = mergeOverlapping(spans);
		for (const { detector } of merged) found.set(detector, (found.get(detector) ?? 0) + 1);
		const isQuiet = isQuietBetween(with_, current, merged, hints);
		current = replace(current, merged);
		if (isQuiet && encodedIn(current, true).length === 0) return { text: current, found };
	}
	return { text: redactedMark, found: found ?? new Map() };
}

/** Whether another pass would find nothing: nothing begins in what is left between the marks. */
function isQuietBetween({ profile, detectors }: Shared, text: string, spans: readonly Span[], hints: number): boolean {
	// A mark that is none is base64, written anew.
	if (spans.length > quietSpansMax || spans.some(({ mark }) => !mark.startsWith("["))) return false;
	profile.readBetween(text, spans, detectors.prefixes);
	return isPlain(profile, hints);
}

/** With more, one pass over the whole is cheaper. */
const quietSpansMax = 8;

/** What stands within a token is none of what it looks like: the record shows which token it was. */
function outsideTokens(text: string, spans: readonly Span[]): readonly Span[] {
	const tokens = spans.length === 0 ? [] : placesOfTokens(text);
	if (tokens.length === 0) return spans;
	return spans.filter((span) => {
		const before = lastFrom(tokens, span.start);
		// What begins in one takes the token's kind for a name.
		return before === undefined || span.start >= before.end || (span.start === before.start && span.end > before.end);
	});
}

/** Of places in order, the last that begins at `at` or before. */
function lastFrom<Place extends { readonly start: number }>(places: readonly Place[], at: number): Place | undefined {
	let [low, high] = [-1, places.length - 1];
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if ((places[middle] as Place).start <= at) low = middle;
		else high = middle - 1;
	}
	return places[low];
}

const dash = 0x2d;

/** What machines write most: a date, a time (ISO 8601), a UUID with a letter in it. No number that is looked for is written so. */
function isTimeOrUuid(text: string): boolean {
	if (text.length === 36)
		return (
			text.charCodeAt(8) === dash &&
			text.charCodeAt(13) === dash &&
			/^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i.test(text) &&
			/[a-f]/i.test(text)
		);
	if (text.length < 10 || text.length > 35 || text.charCodeAt(4) !== dash || text.charCodeAt(7) !== dash) return false;
	return /^[12]\d{3}-[01]\d-[0-3]\d(?:[T ][0-2]\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/.test(text);
}

const nothing: readonly Span[] = [];

/** Everything that is found in the text, at every level at which it can be read; places are those of the text as it stands. */
function spansIn(with_: Shared, text: string, hints: number, nesting: number): readonly Span[] {
	const { profile, detectors } = with_;
	profile.read(text, detectors.prefixes);
	if (isPlain(profile, hints)) return encodedSpans(with_, text, profile, nesting, true);
	const escapes = escapesIn(text, profile);
	const first = viewOf(with_, text, hints, nesting);
	if (!escapes) return placed(first);
	return throughEscapes(with_, text, first, escapes, hints, nesting);
}

/** Whether there is nothing in it that any detector begins at: most texts. */
function isPlain(
	{ digits, ats, assigns, percents, backslashes, ampersands, outsideAscii, anchors, colons }: Profile,
	hints: number,
): boolean {
	return (
		digits < digitsMin &&
		ats + assigns + percents + backslashes + ampersands + colons === 0 &&
		!outsideAscii &&
		anchors.length === 0 &&
		hints === 0
	);
}

interface View {
	readonly scan: Scan;
	/** Where each character of the scanned text began in the text itself; undefined where they are the same. */
	readonly offsets: Uint32Array | undefined;
}

/** Runs every detector once over the text, folded. */
function viewOf(with_: Shared, text: string, hints: number, nesting: number, offsets?: Uint32Array): View {
	const { profile, detectors, doubts, names } = with_;
	const folded = profile.outsideAscii ? fold(text) : undefined;
	if (folded) profile.read(folded.text, detectors.prefixes);
	const scan = new Scan(folded?.text ?? text, profile, hints, doubts, names);
	const { lines } = profile;
	const hex: Encoded[] = [];
	const encoded = encodedSpans(with_, scan.text, profile, nesting, offsets === undefined, hex);
	runDetectors(detectors, scan);
	if (hex.length > 0) scan.spans = scan.spans.filter((span) => span.end > (lastFrom(hex, span.start)?.end ?? 0));
	with_.actor?.act(scan);
	const view = { scan, offsets: composed(folded?.offsets, offsets) };
	for (const span of encoded) push(scan, span);
	if (lines > 0)
		for (const span of columnSpans(scan, (cell, cellHints) => maskString(fresh(with_), cell, cellHints, nestingMax))) push(scan, span);
	if (scan.spans.length > 0) scan.spans = [...outsideTokens(scan.text, scan.spans)];
	return view;
}

/** A text within the text is profiled too, while the outer profile may still be asked. */
function fresh(with_: Shared): Shared {
	return { ...with_, profile: new Profile() };
}

function push(scan: Scan, span: Span): void {
	scan.add(span.start, span.end, span.detector, span.mark, span.quote);
}

function runDetectors(detectors: DetectorSet, scan: Scan): void {
	for (const { owner, start, prefix } of scan.anchors) detectors.prefixed[owner]?.findAt(scan, start, prefix);
	for (const detector of detectors.shapes) if (detector.worthwhile(scan)) detector.find(scan);
}

/** Runs every detector once over a text without escapes. Exported for the test that bounds `scan.work`. */
export function scanText(detectors: DetectorSet, text: string, hints: number, names: NameHints): Scan {
	const with_ = shared(detectors, names);
	with_.profile.read(text, detectors.prefixes);
	return viewOf(with_, text, hints, nestingMax).scan;
}

function composed(inner: Uint32Array | undefined, outer: Uint32Array | undefined): Uint32Array | undefined {
	if (!inner || !outer) return inner ?? outer;
	return inner.map((at) => outer[at] ?? 0);
}

/** Spans with their places in the text that the offsets lead to; quotes are written as they are there. */
function placed({ scan, offsets }: View): Span[] {
	if (!offsets) return scan.spans;
	const at = (place: number): number => offsets[place] ?? 0;
	return scan.spans.map((span) => ({
		...span,
		start: at(span.start),
		end: at(span.end),
		quote: span.quote === undefined ? undefined : at(span.quote),
	}));
}

function escapesIn(text: string, { backslashes, percents, ampersands, assigns, pluses, spaces }: Profile): Escapes | undefined {
	const quotedPrintable = assigns > 0 && isQuotedPrintable(text);
	const isForm = pluses > 0 && (spaces === 0 || hasFormPluses(text)) && !hasEncodedPluses(text);
	if (backslashes + percents + ampersands === 0 && !quotedPrintable && !isForm) return undefined;
	return { backslashes: backslashes > 0, percents: percents > 0, entities: ampersands > 0, quotedPrintable, pluses: isForm };
}

/** A plus between two words, where something is assigned: a form writes a space so. */
function hasFormPluses(text: string): boolean {
	return text.includes("=") && /[^\s+]\+[^\s+]/.test(text);
}

/** One of base64's: with a space in its place its text would be cut. */
function hasEncodedPluses(text: string): boolean {
	return encodedIn(text, false).some(({ start, end }) => text.slice(start, end).includes("+"));
}

function isQuotedPrintable(text: string): boolean {
	return hasSoftBreak(text) || (/=(?:3D|40|0D|0A|2[0-9A-F]|C[23]|E2)/.test(text) && !/[?&]\w+=/.test(text));
}

/** Soft line breaks keep lines within 76 characters (RFC 2045 section 6.7): in a shorter line it is something else. */
const softLineMin = 56;
const softLineMax = 75;

/** An equals sign at the end of a long line, that does not pad base64. */
function hasSoftBreak(text: string): boolean {
	for (let at = text.indexOf("=\n"), crlf = text.indexOf("=\r\n"); at >= 0 || crlf >= 0; ) {
		const place = at < 0 || (crlf >= 0 && crlf < at) ? crlf : at;
		const line = text.slice(Math.max(text.lastIndexOf("\n", place - 1) + 1, place - softLineMax), place);
		if (line.length >= softLineMin && !line.endsWith("=")) {
			const run = /[A-Za-z0-9+/]*$/.exec(line)?.[0].length ?? 0;
			if (line.length === softLineMax || run < 11 || run % 4 !== 3) return true;
		}
		if (place === at) at = text.indexOf("=\n", place + 1);
		else crlf = text.indexOf("=\r\n", place + 1);
	}
	return false;
}

/**
 * The same for the text with its escapes taken away, level by level. A find of one level that begins or ends within an escape of the last
 * one is moved to where the escape begins or ends, so that what was valid JSON in a string is valid afterwards.
 */
function throughEscapes(with_: Shared, text: string, first: View, escapes: Escapes, hints: number, nesting: number): readonly Span[] {
	const shallow = placed(first);
	const deep: Span[] = [];
	let boundaries: Uint32Array | undefined;
	let current = text;
	for (let level = 0; level < levelsMax; level++) {
		const decoded = withoutEscapes(current, {
			...{
				backslashes: true,
				percents: true,
				entities: true,
				pluses: level === 0 ? escapes.pluses : hasFormPluses(current) && !hasEncodedPluses(current),
			},
			quotedPrintable: level === 0 ? escapes.quotedPrintable : isQuotedPrintable(current),
		});
		if (!decoded) break;
		boundaries = composed(decoded.offsets, boundaries) ?? decoded.offsets;
		current = decoded.text;
		with_.profile.read(current, with_.detectors.prefixes);
		const found = placed(viewOf(with_, current, hints, nesting, boundaries)).map((span) =>
			inItsWriting(withRawQuote(span, text, boundaries), text, escapes),
		);
		// `%DB_PASSWORD%` begins like an encoded byte.
		deep.push(
			...found.filter(({ detector, start, end }) => detector !== "password" || end - start > 64 || !isPlaceholder(text.slice(start, end))),
		);
	}
	if (!boundaries) return shallow;
	const edges = boundaries;
	const covered = deep.length === 0 ? [] : mergeOverlapping([...deep]);
	const moved = shallow.map((span) => withinEscapes(span, edges, covered));
	return withinStrings(text, deep, shallow, moved).filter(({ start, end }) => end > start);
}

/**
 * Escapes stand in the strings of a JSON text: a value that is found behind them ends where its string does, whatever a quote or a bracket there
 * seems to open.
 */
function withinStrings(text: string, deep: readonly Span[], shallow: readonly Span[], moved: readonly Span[]): readonly Span[] {
	const all = [...deep, ...moved];
	const hasQuote = ({ start, end }: Span) => {
		const quote = text.indexOf('"', start);
		return quote >= 0 && quote < end;
	};
	const strings = all.some(hasQuote) ? stringsOfJson(text) : undefined;
	if (!strings) return all;
	const known = new Set(shallow.map(({ start }) => start));
	const clipped = deep.flatMap((span) => {
		const around = lastFrom(strings, span.start);
		if (span.detector !== "password") return [span];
		if (around && span.start < around.end) return [{ ...span, end: Math.min(span.end, around.end) }];
		// What no string has around it is as it stands.
		return known.has(span.start) ? [] : [span];
	});
	const kept = moved.map((span, nth) => {
		const before = (shallow[nth] as Span).end;
		const around = lastFrom(strings, before);
		return around && before <= around.end && span.end > around.end ? { ...span, end: around.end } : span;
	});
	return [...clipped, ...kept];
}

/** The mark of a value that had no quotes, with those of its level around it. */
function withRawQuote(span: Span, text: string, boundaries: Uint32Array | undefined): Span {
	if (span.quote === undefined || !boundaries) return span;
	const end = boundaries[indexAt(boundaries, span.quote) + 1] ?? span.quote + 1;
	const raw = text[end - 1] === '"' ? quoteWrittenAt(text, end - 1) : text.slice(span.quote, end);
	return { ...span, mark: `${raw}${span.mark}${raw}`, quote: undefined };
}

/** With the backslashes that escape it: a text in a text in a text has more of them than one. */
function quoteWrittenAt(text: string, at: number): string {
	let first = at;
	while (first > 0 && text[first - 1] === "\\") first--;
	return (at - first) % 2 === 1 ? text.slice(first, at + 1) : text.charAt(at);
}

/** Base64, tokens, surrogates; not what may be cells of a table. */
const madeMark = /^(?:[\w+/-]+={0,2}|(?:<|&lt;)[a-z\d-]+:[a-z2-7]+(?:>|&gt;)|[\w.+:-]+(?:@[\w.-]+)?)$/;

/** What was written anew or made, with its signs escaped as the text around escapes them. */
function inItsWriting(span: Span, text: string, { quotedPrintable, pluses }: Escapes): Span {
	let { mark } = span;
	if (!madeMark.test(mark)) return span;
	const raw = text.slice(span.start, span.end);
	if (raw.includes("%") || pluses || (/[<&+=]/.test(mark) && isAmongPercents(text, span))) mark = encodeURIComponent(mark);
	if (raw.includes("%25")) mark = encodeURIComponent(mark);
	return { ...span, mark: quotedPrintable ? mark.replaceAll("=", "=3D") : mark };
}

const amongChars = 48;

function isAmongPercents(text: string, { start, end }: Span): boolean {
	return /%[2-7][\da-f]/i.test(text.slice(Math.max(0, start - amongChars), start) + text.slice(end, end + amongChars));
}

/** The last place of `boundaries` that is not behind `at`. */
function indexAt(boundaries: Uint32Array, at: number): number {
	let [low, high] = [0, boundaries.length - 1];
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if ((boundaries[middle] ?? 0) <= at) low = middle;
		else high = middle - 1;
	}
	return low;
}

function withinEscapes(span: Span, boundaries: Uint32Array, covered: readonly Span[]): Span {
	const first = indexAt(boundaries, span.start);
	let start = boundaries[first] ?? span.start;
	if (start < span.start) {
		// Behind `\n` begins what the deeper level found without the n.
		const behind = boundaries[first + 1] ?? span.end;
		if (covered.some((other) => other.start < span.end && other.end > span.start)) start = behind;
	}
	const last = indexAt(boundaries, span.end);
	const end = (boundaries[last] ?? span.end) < span.end ? (boundaries[last + 1] ?? span.end) : span.end;
	return { ...span, start, end };
}

/** Texts that are encoded within the text, masked as what they say. @param hex those in hexadecimal digits are added */
function encodedSpans(with_: Shared, text: string, profile: Profile, nesting: number, mayWrap: boolean, hex?: Encoded[]): readonly Span[] {
	if (nesting >= nestingMax || text.length < encodedCharsMin) return nothing;
	const found = encodedIn(text, mayWrap);
	hex?.push(...found.filter(({ isHex, write }) => isHex && write));
	// What is a whole value, or stands behind a sign, may be shorter.
	const whole = profile.spaces === 0 ? wholeValue(text) : undefined;
	const signed = profile.digits >= 2 ? behindSign(text, "base64") : noneEncoded;
	const inMail = profile.assigns > 0 ? behindSign(text, "?B?") : noneEncoded;
	if (!whole && found.length + signed.length + inMail.length === 0) return nothing;
	return [...found, ...(whole ? [whole] : noneEncoded), ...signed, ...inMail].flatMap(
		(encoded) => encodedSpan(with_, encoded, nesting) ?? [],
	);
}

/** What is longer is found without a sign. */
const shortCharsMax = 24;

const noneEncoded: readonly Encoded[] = [];

/** A whole text, or the value of `name=…`. */
function wholeValue(text: string): Encoded | undefined {
	const equals = text.indexOf("=");
	const begin = equals > 0 && equals < 64 && equals < text.length - 2 ? equals + 1 : 0;
	return text.length - begin < shortCharsMax ? encodedAt(text, begin, text.length) : undefined;
}

/** `base64,` of a data URL, `?B?` of a mail's header (RFC 2047). */
function behindSign(text: string, sign: string): readonly Encoded[] {
	let at = text.indexOf(sign);
	if (at < 0) return noneEncoded;
	const found: Encoded[] = [];
	for (; at >= 0; at = text.indexOf(sign, at + sign.length)) {
		let from = at + sign.length;
		while (from < at + 40 && !is(text, from, chars.alnum)) from++;
		let end = from;
		while (end < from + shortCharsMax && is(text, end, chars.base64)) end++;
		const encoded = end < from + shortCharsMax ? encodedAt(text, from, end) : undefined;
		if (encoded) found.push(encoded);
	}
	return found;
}

const insideMax = 256;
const insideCharsMax = 4096;
/** SASL PLAIN (RFC 4616): who, as whom, and the password. */
const saslPlain = /^[^\0]*\0[^\0]+\0[^\0]+$/;

function encodedSpan(with_: Shared, { start, end, text, write }: Encoded, nesting: number): Span | undefined {
	if (text.includes("\0") && with_.detectors.has("password") && saslPlain.test(text))
		return { start, end, detector: "password", mark: markOf("password") };
	with_.inside ??= new Map();
	const { inside } = with_;
	const key = `${nesting} ${text}`;
	let masked = inside.get(key);
	if (!masked && !inside.has(key)) {
		masked = maskString(fresh(with_), text, 0, nesting + 1);
		if (inside.size >= insideMax) inside.clear();
		if (text.length <= insideCharsMax) inside.set(key, masked);
	}
	if (!masked) return undefined;
	const [detector = "password"] = masked.found.keys();
	return { start, end, detector, mark: write?.(masked.text) ?? redactedMark };
}

/** Spans in order; where some overlap, all of what they cover, under the mark of the longest. */
function mergeOverlapping(spans: readonly Span[]): Span[] {
	if (spans.length === 1) return [...spans];
	const sorted = inOrder(spans);
	const merged: Span[] = [];
	let longest = 0;
	for (const span of sorted) {
		const last = merged.at(-1);
		const length = span.end - span.start;
		if (!last || span.start >= last.end) {
			merged.push(span);
			longest = length;
			continue;
		}
		const winner = length > longest ? span : last;
		const end = Math.max(last.end, span.end);
		// What is read in two ways would be a token of one of them: `note+jamie@…` in a form.
		const isOne = span.start === last.start && span.end === last.end;
		longest = Math.max(longest, length);
		merged[merged.length - 1] = { ...winner, start: last.start, end, mark: isOne ? winner.mark : (winner.plain ?? winner.mark) };
	}
	return merged;
}

/** Few are the rule, and asking to sort them is dearer than to put each in its place. */
const fewMax = 12;

function inOrder(spans: readonly Span[]): readonly Span[] {
	if (spans.length > fewMax) return [...spans].sort((a, b) => a.start - b.start);
	const sorted: Span[] = [];
	for (const span of spans) {
		let place = sorted.length;
		while (place > 0 && (sorted[place - 1] as Span).start > span.start) place--;
		sorted.splice(place, 0, span);
	}
	return sorted;
}

function replace(text: string, spans: readonly Span[]): string {
	let out = "";
	let from = 0;
	for (const { start, end, mark, quote } of spans) {
		const around = quote !== undefined ? quoteWrittenAt(text, quote) : needsQuotes.test(mark) ? quoteOfNumber(text, start, end) : "";
		out += `${text.slice(from, start)}${around}${mark}${around}`;
		from = end;
	}
	return out + text.slice(from);
}

/** What is no number, and has no quotes of its own. */
const needsQuotes = /^(?![1-9]\d{0,15}$)[[<+\w]/;
const nearbyChars = 256;

/** A number in JSON that is in a text: its mark needs quotes to stay JSON, written as they are around it. */
function quoteOfNumber(text: string, start: number, end: number): string {
	let before = start - 1;
	while (before >= 0 && before > start - 8 && is(text, before, chars.space)) before--;
	let after = end;
	while (after < end + 8 && is(text, after, chars.space)) after++;
	if (!":[,".includes(text[before] ?? "x") || !",]}".includes(text[after] ?? "x")) return "";
	for (let at = start; at < end; at++) if (!is(text, at, chars.digit) && text[at] !== "." && !(at === start && text[at] === "-")) return "";
	const near = text.slice(Math.max(0, start - nearbyChars), start);
	const quote = near.lastIndexOf('"');
	if (quote < 0) return /^\s*[[{]/.test(text) ? '"' : "";
	if (text[before] === ":" && !/["']\s*:\s*$/.test(near)) return "";
	let first = quote;
	while (first > 0 && near[first - 1] === "\\") first--;
	return near.slice(first, quote + 1);
}
