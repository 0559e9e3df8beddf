// Looks for the text on which a part is slowest for each character: begins with every piece, then changes the worst so far, by a seeded chance.

import { hereCharsMax } from "#libs/service/work-aside.ts";
import { seededChance } from "../support/seeded-chance.ts";
import { type Part, textOf } from "./part.ts";

export interface Found {
	readonly part: string;
	/** What is repeated. */
	readonly unit: string;
	readonly chars: number;
	readonly milliseconds: number;
	/** Times the control: how long the loop of `lookMs` takes for as many characters. */
	readonly looks: number;
	/** As many or more are too slow: {@link looksMax}, or more where only shorter texts are read here. */
	readonly looksMax: number;
}

export interface SearchOptions {
	/** Length of the texts; less where a part reads only shorter ones here. */
	readonly chars: number;
	/** How many changed texts are tried for each part. */
	readonly rounds: number;
	readonly seed: number;
}

/** The longest text that is read in the thread that everybody waits for; longer ones are read in another. */
export const sizes = { here: hereCharsMax } as const;
/**
 * How much dearer than one look at each character a text may be. A look takes 3 to 6 ns, so that at this bound the longest text that is read
 * here takes 20 to 40 ms: a slow machine is slow at both.
 */
const looksMax = 200;

/** Pieces that mean something to most readers. */
const common = ["a", "0", " ", "-", ".", ",", "\n", "\\", '"', "%", "&", "=", "é", "\u200b", "٤", "𝟜", "{", "["];
const piecesMax = 6;

export function searchSlowest(part: Part, { chars: asked, rounds, seed }: SearchOptions): Found {
	const { hereMax = sizes.here } = part;
	const chars = Math.min(asked, part.hereMax ?? asked);
	const max = (looksMax * sizes.here) / hereMax;
	const chance = seededChance(seed);
	const alphabet = [...part.pieces, ...common];
	const costOf = (pieces: readonly string[]) => roughMs(part, textOf(part, pieces, chars));
	let worst = { pieces: [part.pieces[0] ?? "a"] as readonly string[], cost: 0 };
	const consider = (pieces: readonly string[]) => {
		const cost = costOf(pieces);
		if (cost > worst.cost) worst = { pieces, cost };
	};
	costOf(worst.pieces);
	for (const piece of part.pieces) consider([piece]);
	for (let round = 0; round < rounds; round++) consider(changed(worst.pieces, alphabet, chance));
	const text = textOf(part, worst.pieces, chars);
	let least = { milliseconds: Number.POSITIVE_INFINITY, looks: Number.POSITIVE_INFINITY };
	for (let time = 0; time < measuredTimes && least.looks > max / 2; time++) {
		const milliseconds = ownMs(() => attempt(part, text));
		const looks = milliseconds / (lookMs() * text.length);
		if (looks < least.looks) least = { milliseconds, looks };
	}
	return { part: part.name, unit: worst.pieces.join(""), chars: text.length, ...least, looksMax: max };
}

/**
 * A text that seems slow is measured so often, each time beside the control, and its least counts: a neighbour on the machine or code that is
 * just being compiled makes one measurement dear, what is slow by its nature is slow in each.
 */
const measuredTimes = 6;

function changed(pieces: readonly string[], alphabet: readonly string[], chance: () => number): string[] {
	const next = [...pieces];
	const pick = () => alphabet[Math.floor(chance() * alphabet.length)] ?? "a";
	const at = Math.floor(chance() * next.length);
	const kind = Math.floor(chance() * 4);
	if (kind === 0 && next.length < piecesMax) next.splice(at, 0, pick());
	else if (kind === 1 && next.length > 1) next.splice(at, 1);
	else if (kind === 2) next[at] = pick();
	else next[at] = (next[at] ?? "").slice(Math.floor(chance() * 3)) || pick();
	return next;
}

function attempt(part: Part, text: string): void {
	try {
		part.read(text);
	} catch {
		// Refused: what was read until then has been paid for.
	}
}

/** Good enough to tell which of two texts to go on with. */
function roughMs(part: Part, text: string): number {
	const start = performance.now();
	attempt(part, text);
	return performance.now() - start;
}

/** The clock of a thread's own work may tick only every ten milliseconds. */
const measuredMsMin = 60;

/** Milliseconds of this thread's own work for one run, whatever else the machine does meanwhile: of as many runs as the clock needs. */
export function ownMs(run: () => void): number {
	const start = process.threadCpuUsage();
	for (let runs = 1; ; runs++) {
		run();
		const { user, system } = process.threadCpuUsage(start);
		const took = (user + system) / 1_000;
		if (took >= measuredMsMin) return took / runs;
	}
}

const controlText = "lorem ipsum, 42 ".repeat(65_536);

/** The control: what one look at one character takes in a loop over plain text, here and now. */
function lookMs(): number {
	let sum = 0;
	const took = ownMs(() => {
		for (let at = 0; at < controlText.length; at++) sum = (sum * 31 + controlText.charCodeAt(at)) | 0;
	});
	// Never so: it keeps the loop from being left out.
	return sum === 0.5 ? 0 : took / controlText.length;
}
