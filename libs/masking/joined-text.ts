// A text that comes in parts, masked as if it had come whole: a part is let go only when nothing that may follow can change what it shows.
import type { Finding } from "./findings.ts";
import { MaskingError } from "./masking-error.ts";

/** What masks a whole text. */
export type MaskText = (text: string) => Promise<{ readonly text: string; readonly findings: readonly Finding[] }>;

/**
 * What must stand behind a place before text is parted there. Longer than any find whose beginning is not a find by itself: the machine readable zone
 * of a passport has 89 characters, an IBAN in groups 42.
 */
export const heldCharsMin = 128;
/** A text that cannot be parted within this is not let go. */
export const heldCharsMax = 32 * 1024;
/** Places that are tried one after the other, each so much before the last. */
const triesMax = 3;
const triedEvery = 32;

interface Part {
	/** What of it was masked. */
	masked: string;
	/** How much of it was not. */
	charsLeft: number;
}

/**
 * Where the text may be parted is decided by masking: what stands before a place and what stands behind it, masked each for itself, must come to what
 * both together do. So nothing that is found stands across it, and no word before it is what makes the text behind it a find.
 */
export class JoinedText {
	private readonly mask: MaskText;
	private readonly heldMin: number;
	private readonly parts: Part[] = [];
	/** Of all parts, what was not masked. */
	private text = "";
	/** While nothing could be let go, it is tried again when there is so much more. */
	private notBefore = 0;
	readonly findings: Finding[] = [];

	/** @param heldMin what must stand behind a place; as much as the longest value that is looked for as it is */
	constructor(mask: MaskText, heldMin = heldCharsMin) {
		this.mask = mask;
		this.heldMin = heldMin;
	}

	add(part: string): void {
		this.parts.push({ masked: "", charsLeft: part.length });
		this.text += part;
	}

	/** Parts that were added and not let go. */
	get waiting(): number {
		return this.parts.length;
	}

	/**
	 * The parts that can be let go, masked, in their order. A find that stands across several parts has its mark in the one in which it begins.
	 *
	 * @param isOver nothing follows, or it does not belong to this text: all of it is let go.
	 * @throws {MaskingError}
	 */
	async settle(isOver = false): Promise<string[]> {
		const end = isOver ? this.text.length : await this.endOfSettled();
		if (end > 0) {
			const raw = this.text.slice(0, end);
			const { text, findings } = await this.mask(raw);
			this.text = this.text.slice(end);
			this.notBefore = 0;
			this.findings.push(...findings);
			this.spread(raw, text);
		} else if (this.text.length > heldCharsMax) {
			throw new MaskingError(
				"too_long",
				`more than ${heldCharsMax} characters in parts of which none can be masked without those that follow`,
			);
		}
		const done = this.parts.findIndex(({ charsLeft }) => charsLeft > 0);
		return this.parts.splice(0, done < 0 ? this.parts.length : done).map(({ masked }) => masked);
	}

	private async endOfSettled(): Promise<number> {
		const { text } = this;
		if (text.length < this.notBefore) return 0;
		let at = text.length - this.heldMin;
		for (let tries = 0; tries < triesMax; tries++, at -= triedEvery) {
			at = placeBefore(text, at);
			if (at <= 0) break;
			const [before, behind, both] = [await this.mask(text.slice(0, at)), await this.mask(text.slice(at)), await this.mask(text)];
			if (before.text + behind.text === both.text) return at;
			// Else a text that cannot be parted would be masked whole with each character that is added to it.
			this.notBefore = text.length + (text.length >> 3);
		}
		return 0;
	}

	/** Gives what was masked to the parts that it is of. */
	private spread(raw: string, masked: string): void {
		const { head, tail } = sameAround(raw, masked);
		const middle = masked.slice(head, masked.length - tail);
		let at = 0;
		let isGiven = head + tail === raw.length && middle === "";
		for (const part of this.parts) {
			if (at >= raw.length) break;
			const end = Math.min(at + part.charsLeft, raw.length);
			part.masked += raw.slice(at, Math.max(at, Math.min(end, head)));
			if (!isGiven && (end > head || end === raw.length)) {
				part.masked += middle;
				isGiven = true;
			}
			part.masked += raw.slice(Math.max(at, raw.length - tail), Math.max(end, raw.length - tail));
			part.charsLeft -= end - at;
			at = end;
		}
	}
}

/** How many characters at the beginning and at the end two texts share; together no more than the shorter has, and no pair of surrogates is parted. */
function sameAround(one: string, other: string): { head: number; tail: number } {
	if (one === other) return { head: one.length, tail: 0 };
	const most = Math.min(one.length, other.length);
	let head = 0;
	while (head < most && one[head] === other[head]) head++;
	if (isLow(one, head) || isLow(other, head)) head--;
	let tail = 0;
	while (tail < most - head && one.at(-1 - tail) === other.at(-1 - tail)) tail++;
	if (isLow(one, one.length - tail) || isLow(other, other.length - tail)) tail--;
	return { head, tail };
}

function isLow(text: string, at: number): boolean {
	const code = text.charCodeAt(at);
	return code >= 0xdc00 && code <= 0xdfff;
}

/** The last place at or before `at` that is not within a word, a number, an address or an encoded run; 0 where there is none. */
function placeBefore(text: string, at: number): number {
	let place = Math.min(at, text.length);
	while (place > 0 && ((within(text.charCodeAt(place - 1)) && within(text.charCodeAt(place))) || isLow(text, place))) place--;
	return Math.max(place, 0);
}

/** Everything visible of ASCII; an encoded run has no other. */
function within(code: number): boolean {
	return code > 0x20 && code < 0x7f;
}
