// One string masked: detectors run over its folded text, overlapping finds become one mark, until nothing is found.
import type { Detector, PrefixDetector, ShapeDetector } from "./detector.ts";
import { type Folded, fold } from "./fold.ts";
import { redactedMark } from "./mark.ts";
import { type DetectorId, type Doubts, freshDoubts, indexPrefixes, type PrefixIndex, Scan, type Span } from "./scan.ts";

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

export interface MaskedString {
	readonly text: string;
	/** How many marks each detector put there. */
	readonly found: ReadonlyMap<DetectorId, number>;
}

/** Nothing that a detector finds is shorter: `a@b.io` is six characters, a password after `pwd=` makes five. */
const charsMin = 5;
/** A mark may separate what was glued together, so that something shows that did not before. Once is usual, twice is rare. */
const passesMax = 4;

/**
 * Masks everything the detectors find. The result is a fixed point: masking it again finds nothing. A text that after four passes is still
 * not quiet is redacted whole.
 *
 * @param hints bits of hints.ts: what the member's name says.
 * @param doubts shared by all texts of one value, and used up.
 * @returns undefined if nothing was found.
 */
export function maskString(detectors: DetectorSet, text: string, hints: number, doubts: Doubts): MaskedString | undefined {
	if (text.length < charsMin) return undefined;
	const found = new Map<DetectorId, number>();
	let current = text;
	for (let pass = 0; pass < passesMax; pass++) {
		const { scan, folded } = scanText(detectors, current, hints, doubts);
		if (scan.spans.length === 0) return pass === 0 ? undefined : { text: current, found };
		const spans = mergeOverlapping(scan.spans);
		current = replace(current, spans, folded);
		for (const { detector } of spans) found.set(detector, (found.get(detector) ?? 0) + 1);
	}
	return { text: redactedMark, found };
}

/** Runs every detector once. Exported for the test that bounds `scan.work`. */
export function scanText(
	detectors: DetectorSet,
	text: string,
	hints: number,
	doubts: Doubts = freshDoubts(),
): { scan: Scan; folded: Folded | undefined } {
	let scan = new Scan(text, hints, doubts);
	scan.profile(detectors.prefixes);
	const folded = scan.outsideAscii ? fold(text) : undefined;
	if (folded) {
		scan = new Scan(folded.text, hints, doubts);
		scan.profile(detectors.prefixes);
	}
	for (const { owner, start, prefix } of scan.anchors) detectors.prefixed[owner]?.findAt(scan, start, prefix);
	for (const detector of detectors.shapes) if (detector.worthwhile(scan)) detector.find(scan);
	return { scan, folded };
}

/** Spans in order; where some overlap, all of what they cover, under the mark of the longest. */
function mergeOverlapping(spans: Span[]): Span[] {
	spans.sort((a, b) => a.start - b.start);
	const merged: Span[] = [];
	let longest = 0;
	for (const span of spans) {
		const last = merged.at(-1);
		const length = span.end - span.start;
		if (!last || span.start >= last.end) {
			merged.push(span);
			longest = length;
			continue;
		}
		const { detector, mark } = length > longest ? span : last;
		longest = Math.max(longest, length);
		merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end), detector, mark };
	}
	return merged;
}

function replace(text: string, spans: readonly Span[], folded: Folded | undefined): string {
	const original = (at: number): number => folded?.offsets[at] ?? at;
	let out = "";
	let from = 0;
	for (const { start, end, mark } of spans) {
		out += text.slice(from, original(start)) + mark;
		from = original(end);
	}
	return out + text.slice(from);
}
