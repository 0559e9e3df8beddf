// Numbers that states give to people. Only those whose structure tells them from other numbers, or whose member's name does.
import type { ShapeDetector } from "./detector.ts";
import { hint } from "./hints.ts";
import { markOf } from "./mark.ts";
import { chars, is, type Scan } from "./scan.ts";

// No last four: of a US number they are what call centres ask for.
const mark = markOf("national-id");

interface NationalId {
	readonly country: string;
	/** Characters between the start and the first digit group that leads to it; where a separator may stand before it, both. */
	readonly before: readonly number[];
	/** Possible lengths of that digit group. */
	readonly lead: readonly number[];
	/** Sticky and of bounded length. */
	readonly shape: RegExp;
	/** `compact` is what matched, upper case, without separators. */
	readonly valid: (compact: string) => boolean;
	/** Too weak alone: counted only where a member's name or the words before it say what it is. */
	readonly hinted?: boolean;
}

const table: readonly NationalId[] = [
	{ country: "US social security number and ITIN", before: [0], lead: [3], shape: /\d{3}([- ])\d{2}\1\d{4}/y, valid: isSsn },
	{ country: "US social security number without dashes", before: [0], lead: [9], shape: /\d{9}/y, valid: isSsn, hinted: true },
	{
		country: "GB national insurance number",
		before: [2, 3],
		lead: [2, 6],
		shape: /[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]/y,
		valid: isNino,
	},
	{ country: "NL burgerservicenummer", before: [0], lead: [4, 6, 9], shape: /\d{4}[. ]?\d{2}[. ]?\d{3}/y, valid: isBsn, hinted: true },
	{ country: "DE Steuer-ID", before: [0], lead: [2, 5, 8, 11], shape: /\d{2} ?\d{3} ?\d{3} ?\d{3}/y, valid: isSteuerId, hinted: true },
	{
		country: "FR numéro de sécurité sociale",
		before: [0],
		lead: [1, 3, 5, 6, 7, 10, 13, 15],
		shape: /[1-478] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d/y,
		valid: isNir,
	},
	{ country: "ES DNI", before: [0], lead: [8], shape: /\d{8}[- ]?[A-Z]/y, valid: isDni },
	{ country: "ES NIE", before: [1, 2], lead: [7], shape: /[XYZ]-?\d{7}-?[A-Z]/y, valid: isDni },
	{
		country: "IT codice fiscale",
		before: [6, 7],
		lead: [1, 2],
		shape: /[A-Z]{3} ?[A-Z]{3} ?[\dLMNPQRSTUV]{2}[A-EHLMPRST][\dLMNPQRSTUV]{2} ?[A-Z][\dLMNPQRSTUV]{3}[A-Z]/iy,
		valid: isCodiceFiscale,
	},
	{ country: "CH AHV", before: [0], lead: [3, 7, 11, 13], shape: /756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}/y, valid: isAhv },
	{ country: "BR CPF", before: [0], lead: [3], shape: /\d{3}\.\d{3}\.\d{3}-\d{2}/y, valid: isCpf },
	{ country: "BR CPF without punctuation", before: [0], lead: [11], shape: /\d{11}/y, valid: isCpf, hinted: true },
];

/** The table by the length of the digit group, so that most groups are dismissed by one look-up. */
const byLead = Array.from({ length: 16 }, (_, length) => table.filter(({ lead }) => lead.includes(length)));

export const nationalIdDetector: ShapeDetector = {
	id: "national-id",
	description:
		"Numbers of persons with a strong structure: US SSN, GB NINO, FR NIR, ES DNI and NIE, IT codice fiscale, CH AHV, BR CPF; and where a member's name or the words before it say so, NL BSN, DE Steuer-ID, and SSN and CPF without punctuation.",
	numbers: "always",
	worthwhile: (scan) => scan.digits >= 6 && scan.text.length >= 9,
	find,
};

function find(scan: Scan): void {
	const { starts, ends } = scan.digitGroups();
	let coveredTo = 0;
	for (let group = 0; group < starts.length; group++) {
		const digitsAt = starts[group] ?? 0;
		if (digitsAt < coveredTo) continue;
		for (const id of byLead[(ends[group] ?? 0) - digitsAt] ?? []) {
			const found = boundsOfId(scan, id, digitsAt);
			if (found === undefined) continue;
			coveredTo = found.end;
			scan.add(found.start, found.end, "national-id", mark);
			break;
		}
	}
}

function boundsOfId(scan: Scan, id: NationalId, digitsAt: number): { start: number; end: number } | undefined {
	const { text } = scan;
	for (const before of id.before) {
		const start = digitsAt - before;
		if (start < 0 || continues(text, start - 1, -1)) continue;
		const match = scan.match(id.shape, start);
		if (!match || continues(text, start + match[0].length, 1)) continue;
		if (!id.valid(match[0].replace(/[^0-9A-Za-z]/g, "").toUpperCase())) continue;
		if (id.hinted && !isHinted(scan, start)) continue;
		return { start, end: start + match[0].length };
	}
	return undefined;
}

/** Whether the number goes on at `at`: a letter or digit, or a separator with a digit behind it (`2024-123-45-6789`). */
function continues(text: string, at: number, step: 1 | -1): boolean {
	if (is(text, at, chars.alnum) || text[at] === "_") return true;
	return (text[at] === "-" || text[at] === ".") && is(text, at + step, chars.digit);
}

const wordsBeforeMax = 32;
const words = /\b(?:ssn|social security|tax id|tin|itin|bsn|burgerservice\w*|sofi\w*|steuer\w*|idnr|cpf)\b/i;

function isHinted(scan: Scan, start: number): boolean {
	if ((scan.hints & hint.nationalId) !== 0) return true;
	scan.work += wordsBeforeMax;
	return words.test(scan.text.slice(Math.max(0, start - wordsBeforeMax), start));
}

const digitAt = (compact: string, at: number): number => compact.charCodeAt(at) - 0x30;

/** SSA: no area 000, 666; no group 00; no serial 0000. Areas from 900 are the tax office's ITINs, whose groups start at 50. */
function isSsn(compact: string): boolean {
	const area = Number(compact.slice(0, 3));
	const group = Number(compact.slice(3, 5));
	if (area === 0 || area === 666 || group === 0 || compact.endsWith("0000")) return false;
	return area < 900 || (group >= 50 && group !== 89 && group !== 93);
}

/** HMRC NIM39110: prefixes that are not given out. */
function isNino(compact: string): boolean {
	return !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].includes(compact.slice(0, 2));
}

/** The eleven test: weights 9 to 2, and minus one. */
function isBsn(compact: string): boolean {
	let sum = 0;
	for (let at = 0; at < 8; at++) sum += digitAt(compact, at) * (9 - at);
	return compact !== "000000000" && (sum - digitAt(compact, 8)) % 11 === 0;
}

/** ISO 7064 mod 11,10, no leading zero, and among the first ten digits exactly one that occurs twice or three times. */
function isSteuerId(compact: string): boolean {
	const counts = new Map<string, number>();
	for (const digit of compact.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
	const repeated = [...counts.values()].filter((count) => count > 1);
	if (compact.startsWith("0") || repeated.length !== 1 || (repeated[0] ?? 0) > 3) return false;
	let product = 10;
	for (let at = 0; at < 10; at++) {
		const sum = (digitAt(compact, at) + product) % 10 || 10;
		product = (sum * 2) % 11;
	}
	return (11 - product) % 10 === digitAt(compact, 10);
}

/** INSEE: sex, year, month (20 to 42 and from 50 where the month is unknown), place, number, and a key of 97 minus the rest; Corsica's A and B count as 19 and 18. */
function isNir(compact: string): boolean {
	const month = Number(compact.slice(3, 5));
	if (!((month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50)) return false;
	const number = Number(compact.slice(0, 13).replace("2A", "19").replace("2B", "18"));
	return 97 - (number % 97) === Number(compact.slice(13));
}

function isDni(compact: string): boolean {
	const number = Number(compact.slice(0, -1).replace("X", "0").replace("Y", "1").replace("Z", "2"));
	return number > 0 && "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] === compact.at(-1);
}

/** Decree of 23 December 1976: values of the characters in odd places, digits first. Letters may stand for digits where two persons collide. */
const oddValues = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
function isCodiceFiscale(compact: string): boolean {
	let sum = 0;
	for (let at = 0; at < 15; at++) {
		const code = compact.charCodeAt(at);
		const value = code <= 0x39 ? code - 0x30 : code - 0x41;
		sum += at % 2 === 0 ? (oddValues[value] ?? 0) : value;
	}
	return String.fromCharCode(0x41 + (sum % 26)) === compact[15];
}

/** EAN-13. */
function isAhv(compact: string): boolean {
	let sum = 0;
	for (let at = 0; at < 13; at++) sum += digitAt(compact, at) * (at % 2 === 0 ? 1 : 3);
	return sum % 10 === 0;
}

function isCpf(compact: string): boolean {
	if (/^(\d)\1+$/.test(compact)) return false;
	const check = (length: number): number => {
		let sum = 0;
		for (let at = 0; at < length; at++) sum += digitAt(compact, at) * (length + 1 - at);
		return ((sum * 10) % 11) % 10;
	};
	return check(9) === digitAt(compact, 9) && check(10) === digitAt(compact, 10);
}
