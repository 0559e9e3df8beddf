// Payment card numbers: 13 to 19 digits of a known issuer with a right check digit.
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isInUuid } from "./uuid.ts";

interface Issuer {
	readonly name: string;
	/** First digits, from and to, of equal length (issuer identification numbers, ISO/IEC 7812-1). */
	readonly prefixes: readonly (readonly [from: number, to: number])[];
	readonly lengths: readonly number[];
}

const sixteenOn = [16, 17, 18, 19];
/** Of those that begin with 1 only airlines' cards of fifteen digits: every Unix time in milli-, micro- and nanoseconds starts with it, and none has fifteen. */
const issuers: readonly Issuer[] = [
	{ name: "Visa", prefixes: [[4, 4]], lengths: [13, 16, 19] },
	{
		name: "Mastercard",
		prefixes: [
			[51, 55],
			[2221, 2720],
		],
		lengths: [16],
	},
	{
		name: "American Express",
		prefixes: [
			[34, 34],
			[37, 37],
		],
		lengths: [15],
	},
	{
		name: "Diners Club",
		prefixes: [
			[300, 305],
			[3095, 3095],
			[36, 36],
			[38, 39],
		],
		lengths: [14, 16, 19],
	},
	{
		name: "Discover",
		prefixes: [
			[6011, 6011],
			[644, 649],
			[65, 65],
		],
		lengths: sixteenOn,
	},
	{ name: "JCB", prefixes: [[3528, 3589]], lengths: sixteenOn },
	{
		name: "JCB, older",
		prefixes: [
			[2131, 2131],
			[1800, 1800],
		],
		lengths: [15],
	},
	{ name: "UATP", prefixes: [[11, 17]], lengths: [15] },
	{
		name: "UnionPay",
		prefixes: [
			[62, 62],
			[81, 81],
		],
		lengths: sixteenOn,
	},
	{
		name: "Maestro",
		prefixes: [
			[5018, 5018],
			[5020, 5020],
			[5038, 5038],
			[5893, 5893],
			[6304, 6304],
			[6759, 6763],
		],
		lengths: [13, 14, 15, 16, 17, 18, 19],
	},
	{
		name: "Maestro, Elo, RuPay, Verve",
		prefixes: [
			[50, 50],
			[56, 58],
			[60, 61],
			[63, 64],
			[66, 69],
		],
		lengths: sixteenOn,
	},
	{ name: "Mir", prefixes: [[2200, 2204]], lengths: sixteenOn },
	{ name: "RuPay", prefixes: [[82, 82]], lengths: [16] },
	{ name: "Troy", prefixes: [[9792, 9792]], lengths: [16] },
];

/** For each possible start of four digits, the lengths a card may have, as bits; `issuers` spelled out so that a look-up is one index. */
const lengthsByStart = new Uint32Array(10_000);
for (const issuer of issuers) {
	const bits = issuer.lengths.reduce((all, length) => all | (1 << length), 0);
	for (const [from, to] of issuer.prefixes) {
		const scale = 10 ** (4 - String(from).length);
		for (let start = from * scale; start < (to + 1) * scale; start++) lengthsByStart[start] = (lengthsByStart[start] ?? 0) | bits;
	}
}

const digitsMin = 13;
const digitsMax = 19;
/** Lengths of hexadecimal ids and digests: BSON object id, MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512. */
const digestLengths = new Set([24, 32, 40, 56, 64, 96, 128]);

export const cardDetector: ShapeDetector = {
	id: "card",
	description:
		"Payment card numbers: 13 to 19 digits of a known issuer with a right check digit (Luhn), grouped or not, also as JSON numbers and within text.",
	numbers: "always",
	worthwhile: (scan) => scan.digits >= digitsMin,
	find,
};

/**
 * Tries every sequence of whole digit groups. A card glued to other digits is not looked for: in a long number some window always passes
 * Luhn, so every long id would be masked. Numbers split over several JSON members are not found either.
 */
function find(scan: Scan): void {
	const { starts, ends } = scan.digitGroups();
	for (let first = 0; first < starts.length; ) {
		let digits = 0;
		let next = first;
		for (; next < starts.length; next++) {
			const length = (ends[next] ?? 0) - (starts[next] ?? 0);
			// No card reaches over a group that is longer than any card.
			if (length > digitsMax) break;
			if (next > first && jointOf(scan.text, ends[next - 1] ?? 0, starts[next] ?? 0) === "none") break;
			digits += length;
		}
		scan.work += digits + 1;
		if (digits >= digitsMin) findInChain(scan, chainOf(scan, first, next));
		first = Math.max(next, first + 1);
	}
}

/** Digit groups with nothing but joints between them, as running totals: what a window of them adds up to is a subtraction, however long it is. */
interface Chain {
	/** The number of its first group in the scan. */
	readonly first: number;
	readonly digits: readonly number[];
	/** Of each group: how many digits come before it, how many dots up to it, how many groups of less than four digits before it. */
	readonly offsets: readonly number[];
	readonly dots: readonly number[];
	readonly shorts: readonly number[];
	/** By a number of digits: the group that ends after so many, or undefined within one. */
	readonly endings: readonly (number | undefined)[];
	/** Luhn's sums up to each digit: first where digits in even places count as they are and those in odd ones twice, then the other way round. */
	readonly sums: readonly [readonly number[], readonly number[]];
}

function chainOf(scan: Scan, first: number, next: number): Chain {
	const { text } = scan;
	const { starts, ends } = scan.digitGroups();
	const chain = {
		...{ first, digits: [] as number[], offsets: [] as number[], dots: [] as number[], shorts: [] as number[] },
		...{ endings: [] as (number | undefined)[], sums: [[0], [0]] as [number[], number[]] },
	};
	const { digits, offsets, dots, shorts, endings, sums } = chain;
	const [plainEven, plainOdd] = sums;
	for (let group = first; group < next; group++) {
		const start = starts[group] ?? 0;
		const end = ends[group] ?? 0;
		const before = group === first ? undefined : { end: ends[group - 1] ?? 0, start: starts[group - 1] ?? 0 };
		const at = group - first;
		offsets.push(digits.length);
		dots.push((dots[at - 1] ?? 0) + (before && jointOf(text, before.end, start) === "dot" ? 1 : 0));
		shorts.push((shorts[at - 1] ?? 0) + (before && before.end - before.start < 4 ? 1 : 0));
		for (let place = start; place < end; place++) {
			const digit = text.charCodeAt(place) - 0x30;
			const twice = digit > 4 ? digit * 2 - 9 : digit * 2;
			const count = digits.length;
			const isEven = (count & 1) === 0;
			plainEven.push((plainEven[count] ?? 0) + (isEven ? digit : twice));
			plainOdd.push((plainOdd[count] ?? 0) + (isEven ? twice : digit));
			digits.push(digit);
			endings.push(undefined);
		}
		endings[digits.length] = at;
	}
	return chain;
}

function findInChain(scan: Scan, { first, digits, offsets, dots, shorts, endings, sums }: Chain): void {
	const { starts, ends } = scan.digitGroups();
	scan.work += digits.length;
	for (let group = 0; group < offsets.length; group++) {
		const from = offsets[group] ?? 0;
		const lengths = lengthsAt(digits, from);
		if (lengths === 0) continue;
		for (let length = digitsMin; length <= digitsMax; length++) {
			const to = from + length;
			const last = (lengths & (1 << length)) === 0 ? undefined : endings[to];
			if (last === undefined) continue;
			scan.work++;
			// 4111.1111.1111.1111 is a card, 1.3.6.1.4.1 is not: dots only join groups of four and more.
			if ((dots[last] ?? 0) > (dots[group] ?? 0) && (shorts[last] ?? 0) > (shorts[group] ?? 0)) continue;
			// Luhn counts from the end: the last digit as it is, the one before it twice.
			const sum = sums[((to - 1) & 1) as 0 | 1];
			if (((sum[to] ?? 0) - (sum[from] ?? 0)) % 10 !== 0) continue;
			if ((shorts[last] ?? 0) > (shorts[group] ?? 0) && !isEvenlyGrouped(offsets, group, last, to)) continue;
			const start = starts[first + group] ?? 0;
			const end = ends[first + last] ?? 0;
			if (!isOther(scan, start, end)) scan.add(start, end, "card", markOf("card", digits.slice(to - 4, to).join("")));
		}
	}
}

/** Whether all groups but the last are as long as the first, or none is shorter than three: `1 2 3 … 12 13` is a list. */
function isEvenlyGrouped(offsets: readonly number[], group: number, last: number, to: number): boolean {
	const size = (offsets[group + 1] ?? to) - (offsets[group] ?? 0);
	let even = true;
	let long = true;
	for (let at = group; at <= last; at++) {
		const length = (at === last ? to : (offsets[at + 1] ?? to)) - (offsets[at] ?? 0);
		even &&= at === last ? length <= size : length === size;
		long &&= length > 2;
	}
	return even || long;
}

/** The lengths, as bits, that a card may have whose first digits are those at `from`. */
function lengthsAt(digits: readonly number[], from: number): number {
	const start = (digits[from] ?? 0) * 1000 + (digits[from + 1] ?? 0) * 100 + (digits[from + 2] ?? 0) * 10 + (digits[from + 3] ?? 0);
	return lengthsByStart[start] ?? 0;
}

/** What stands between two digit groups: up to three spaces or dashes, one dot, underscore or slash, or something that separates numbers. */
function jointOf(text: string, end: number, start: number): "plain" | "dot" | "none" {
	if (start - end > 3) return "none";
	const only = text.charCodeAt(end);
	if (start - end === 1 && (only === 0x2e || only === 0x5f || only === 0x2f)) return "dot";
	for (let at = end; at < start; at++) {
		const code = text.charCodeAt(at);
		if (code !== 0x20 && code !== 0x2d) return "none";
	}
	return "plain";
}

/** Digits that are part of something else: a UUID, a hexadecimal digest or object id, the fraction of a decimal number. */
function isOther(scan: Scan, start: number, end: number): boolean {
	const { text } = scan;
	if (isFraction(scan, start, end) || isInUuid(scan, start, end)) return true;
	if (!is(text, start - 1, chars.hex) && !is(text, end, chars.hex)) return false;
	const tokenStart = scan.runStart(start, chars.hex, 129);
	const tokenEnd = scan.runEnd(end, chars.hex);
	return digestLengths.has(tokenEnd - tokenStart) && !is(text, tokenStart - 1, chars.alnum) && !is(text, tokenEnd, chars.alnum);
}

/** Digits that a double prints at most. */
const doubleDigitsMax = 17;

/**
 * Whether the digits are the fraction of a number as a double prints it. After one digit only zero counts: `1.4111111111111111` is as likely
 * the first card of a list.
 */
function isFraction(scan: Scan, start: number, end: number): boolean {
	const { text } = scan;
	if (text[start - 1] !== ".") return false;
	const whole = scan.runStart(start - 1, chars.digit, doubleDigitsMax);
	const wholeDigits = start - 1 - whole;
	if (wholeDigits === 0 || is(text, whole - 1, chars.alnum) || text[whole - 1] === ".") return false;
	return wholeDigits === 1 ? text[whole] === "0" : wholeDigits + end - start <= doubleDigitsMax;
}

/**
 * Whether an integer beyond 2^53, printed in decimal, may have been a card: a double has lost its last digits, so the check digit cannot be
 * tried and the issuer and length alone must do (fail closed).
 */
export function mayHaveBeenCard(decimal: string): boolean {
	return decimal.length <= digitsMax && ((lengthsByStart[Number(decimal.slice(0, 4))] ?? 0) & (1 << decimal.length)) !== 0;
}
