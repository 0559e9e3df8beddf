// What detectors found in a text, replaced by what only the keys of the caller's session can make: hashes, surrogates, tokens.
import { type FindAction, kindNamedBy } from "../action.ts";
import { isHashMark, isMark, redactedMark } from "../mark.ts";
import type { DetectorId, Scan, Span } from "../scan.ts";
import { hashMark } from "./hash.ts";
import { type MaskingContext, madeMax } from "./session-keys.ts";
import { surrogateOf } from "./surrogate.ts";
import { tokenOf } from "./token.ts";

/** Replacements of equal values are made once. */
const knownMax = 1_024;
/** A token takes some 10 µs: of so many characters one may be new, else a short text of nothing but finds would hold up everybody. Beyond it marks stay. */
const charsPerNew = 12;
const newAlways = 500;
/** What replaces finds may make a text longer by its own length and so much: it is read again, and a token is ten times as long as a short find. */
const growthAlways = 8 * 1024;

/** Made for one value or text. */
export class FindsActor {
	private readonly known = new Map<string, string>();
	private newLeft = newAlways;
	private charsMax = 0;
	private readonly actions: ReadonlyMap<DetectorId, FindAction>;
	private readonly keys: MaskingContext;
	private readonly made: Set<string>;

	constructor(actions: ReadonlyMap<DetectorId, FindAction>, keys: MaskingContext) {
		this.actions = actions;
		this.keys = keys;
		this.made = keys.made ?? new Set();
	}

	/** A text comes next, which may be read several times. */
	begin(text: string): void {
		this.newLeft += text.length / charsPerNew;
		this.charsMax = 2 * text.length + growthAlways;
	}

	/** Changes the scan's spans: to other marks, and without surrogates that were made for this call. */
	act(scan: Scan): void {
		const { spans, text } = scan;
		if (spans.length === 0) return;
		let charsLeft = this.charsMax - text.length;
		const isMarkup = /<\/[A-Za-z]|\/>/.test(text);
		scan.spans = spans.flatMap((span): Span[] => {
			const value = text.slice(span.start, span.end);
			if (this.made.has(value)) return [];
			const mark = this.replacement(value, span.detector, span.mark);
			charsLeft -= Math.max(0, mark.length - value.length);
			if (mark === span.mark || charsLeft < 0) return [span];
			return [{ ...span, plain: span.mark, mark: isMarkup ? mark.replace("<", "&lt;").replace(">", "&gt;") : mark }];
		});
	}

	/** What stands for the value instead of the mark. */
	replacement(value: string, detector: DetectorId, mark: string): string {
		const action = this.actions.get(detector);
		if (action === undefined || action === "redact" || !isMark(mark) || isHashMark(mark) || mark === redactedMark) return mark;
		const key = `${detector} ${value}`;
		const known = this.known.get(key);
		if (known !== undefined) return known;
		if (this.newLeft < 1) return mark;
		this.newLeft--;
		const made = this.make(action, value, detector, mark);
		if (this.known.size < knownMax) this.known.set(key, made);
		return made;
	}

	private make(action: FindAction, value: string, detector: DetectorId, mark: string): string {
		if (action === "hash") return hashMark(this.keys, value);
		if (action !== "surrogate") return tokenOf(this.keys, kindNamedBy(action) ?? detector, value) ?? mark;
		return this.surrogate(value, detector) ?? mark;
	}

	private surrogate(value: string, detector: DetectorId): string | undefined {
		// A day is some other person's too: one that was made could not be told from it.
		if (detector === "birth-date" || this.made.size >= madeMax) return undefined;
		const made = surrogateOf(this.keys, detector, value);
		if (made === undefined) return undefined;
		// A phone number's digits look like other numbers too.
		this.made.add(made).add(made.replace(/^\+/, ""));
		return made;
	}
}
