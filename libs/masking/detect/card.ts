// Payment card numbers: 12 to 19 digits of a known issuer with a right check digit.
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
		lengths: [12, 13, 14, 15, 16, 17, 18, 19],
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

const digitsMin = 12;
const digitsMax = 19;
/** Lengths of hexadecimal ids and digests: BSON object id, MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512. */
const digestLengths = new Set([24, 32, 40, 56, 64, 96, 128]);

export const cardDetector: ShapeDetector = {
	id: "card",
	description:
		"Payment card numbers: 12 to 19 digits of a known issuer with a right check digit (Luhn), grouped or not, also as JSON numbers and within text.",
	numbers: "always",
	worthwhile: (scan) => scan.digits >= digitsMin,
	find,
};

/**
 * Tries every sequence of whole digit groups. A card glued to other digits is not looked for: in a long number some window always passes
 * Luhn, so every long id would be masked. Numbers split over several JSON members are not found either.
 */
function find(scan: Scan): void {
	const { text } = scan;
	const { starts, ends } = scan.digitGroups();
	for (let group = 0; group < starts.length; group++) {
		const start = starts[group] as number;
		const first = (ends[group] as number) - start;
		// Nearly every number stands alone, and is too short.
		if (first < digitsMin && !isJointSign(text.charCodeAt(start + first))) continue;
		const lengths = lengthsAt(text, start);
		if (lengths === 0) continue;
		let digits = 0;
		let dots = false;
		/** Whether a group before the last has less than four digits. */
		let shorts = false;
		// Luhn's sums where digits in even places count twice, and where those in odd places do.
		let [even, odd] = [0, 0];
		for (let last = group; last < starts.length; last++) {
			const from = starts[last] as number;
			const end = ends[last] as number;
			if (digits + end - from > digitsMax) break;
			if (last > group) {
				const joint = jointOf(text, ends[last - 1] as number, from);
				if (joint === "none") break;
				dots ||= joint === "dot";
				shorts ||= (ends[last - 1] as number) - (starts[last - 1] as number) < 4;
			}
			for (let at = from; at < end; at++) {
				const digit = text.charCodeAt(at) - 0x30;
				const twice = digit > 4 ? digit * 2 - 9 : digit * 2;
				even += (digits & 1) === 0 ? twice : digit;
				odd += (digits & 1) === 0 ? digit : twice;
				digits++;
			}
			scan.work += end - from + 1;
			if ((lengths & (1 << digits)) === 0) continue;
			// Luhn counts from the end: the last digit as it is, the one before it twice.
			if (((digits & 1) === 0 ? even : odd) % 10 !== 0) continue;
			// 4111.1111.1111.1111 is a card, 1.3.6.1.4.1 is not: dots only join groups of four and more.
			if ((dots && shorts) || (shorts && !isEvenlyGrouped(starts, ends, group, last)) || isOther(scan, start, end)) continue;
			scan.add(start, end, "card", markOf("card", lastDigits(text, end)));
			scan.claim(group, last);
		}
	}
}

/** Four digits and three separators of three. */
const lastFourCharsMax = 13;

function lastDigits(text: string, end: number): string {
	return is(text, end - 4, chars.digit) && is(text, end - 3, chars.digit) && is(text, end - 2, chars.digit)
		? text.slice(end - 4, end)
		: text
				.slice(end - lastFourCharsMax, end)
				.replace(/\D/g, "")
				.slice(-4);
}

/** Whether all groups but the last are as long as the first, or none is shorter than three: `1 2 3 … 12 13` is a list. */
function isEvenlyGrouped(starts: readonly number[], ends: readonly number[], group: number, last: number): boolean {
	const lengthOf = (at: number): number => (ends[at] as number) - (starts[at] as number);
	const size = lengthOf(group);
	let even = true;
	let long = true;
	for (let at = group; at <= last; at++) {
		const length = lengthOf(at);
		even &&= at === last ? length <= size : length === size;
		long &&= length > 2;
	}
	return even || long;
}

/** The lengths, as bits, that a card may have whose first four digits stand from `at` on, with separators between them or not. */
function lengthsAt(text: string, at: number): number {
	let start = 0;
	let digits = 0;
	for (let place = at; digits < 4 && place < at + lastFourCharsMax; place++) {
		const digit = text.charCodeAt(place) - 0x30;
		if (!(digit >= 0 && digit <= 9)) continue;
		start = start * 10 + digit;
		digits++;
	}
	return digits < 4 ? 0 : (lengthsByStart[start] ?? 0);
}

/** Whether a character may stand between two digit groups of a card. */
function isJointSign(code: number): boolean {
	return code === 0x20 || (code >= 0x2d && code <= 0x2f) || code === 0x5f;
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
