// Phone numbers: in international format anywhere, in national formats that nothing else is written like, and in any beside a word for it.
import { parsePhoneNumberFromString } from "libphonenumber-js";
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";

const mark = markOf("phone");
/** E.164: at most fifteen digits. Seven is the shortest that a whole subscriber number has in practice. */
const digitsMax = 15;
const digitsMin = 7;
/** Characters of one candidate: fifteen digits and what may stand between them. */
const charsMax = 40;

export const phoneDetector: ShapeDetector = {
	id: "phone",
	description:
		"Phone numbers in international format (+ or 00 and a possible number of that country); in national formats with an area code in parentheses, a leading zero or the North American grouping; and in any format beside a word such as phone, tel, call, mobile in the main languages or in members with such a name. With their extension.",
	numbers: hint.phone,
	worthwhile: (scan) => scan.digits >= digitsMin,
	find(scan) {
		// In a member that is named like one any number is a phone's, and nobody need be asked.
		if (scan.pluses > 0 && (scan.hints & hint.phone) === 0) findInternational(scan);
		findNational(scan);
	},
};

/**
 * `findNumbers` of the library would search the text itself, but it backtracks, is some hundred times slower than looking for the `+`, and drops
 * numbers that are possible but not in use; so only the question "is this a possible number?" is the library's.
 */
function findInternational(scan: Scan): void {
	const { text } = scan;
	for (let plus = text.indexOf("+"); plus >= 0; plus = text.indexOf("+", plus + 1)) {
		// `1+4155552671` is a sum, `a+3161234@b.example` an address, and base64 is full of pluses.
		if (is(text, plus - 1, chars.alnum)) continue;
		for (const end of endsOfNumber(scan, plus + 1)) {
			if (scan.doubts.phones-- > 0 && !parsePhoneNumberFromString(text.slice(plus, end), { extract: false })?.isPossible()) continue;
			scan.add(plus, withExtension(scan, end), "phone", mark);
			break;
		}
	}
}

/** Where a number that starts at `from` may end, longest first: after each group of digits that makes seven to fifteen. */
function endsOfNumber(scan: Scan, from: number): number[] {
	const { text } = scan;
	const ends: number[] = [];
	let digits = 0;
	let at = from;
	for (; at < text.length && at < from + charsMax; at++) {
		if (is(text, at, chars.digit)) {
			digits++;
			if (is(text, at + 1, chars.digit)) continue;
			if (digits > digitsMax) break;
			if (digits >= digitsMin && !isLetterBehind(text, at + 1)) ends.unshift(at + 1);
		} else if (!isSeparator(text, at)) break;
	}
	scan.work += at - from + 1;
	return ends;
}

/** A letter that does not begin an extension. */
function isLetterBehind(text: string, at: number): boolean {
	return is(text, at, chars.letter) && !((text[at] === "x" || text[at] === "e") && /^(?:x|ext)\.? ?\d/.test(text.slice(at, at + 6)));
}

function isSeparator(text: string, at: number): boolean {
	return " -./()".includes(text.charAt(at));
}

const extension = /(?:,? ?(?:x|ext\.?|extension|#|int\.?|poste|doorkies|доб\.?|durchwahl) ?\.?:? ?\d{1,6}|-\d{1,4})(?![\w-])/iy;

function withExtension(scan: Scan, end: number): number {
	return end + (scan.match(extension, end)?.[0].length ?? 0);
}

/** Digit groups with nothing but a phone number's punctuation between them. */
interface Chain {
	readonly starts: readonly number[];
	readonly ends: readonly number[];
	readonly first: number;
	readonly next: number;
	readonly digits: number;
}

function findNational(scan: Scan): void {
	const { text } = scan;
	const { starts, ends } = scan.digitGroups();
	for (let first = 0; first < starts.length; ) {
		let digits = 0;
		let next = first;
		for (; next < starts.length; next++) {
			if (next > first && !isJoint(text, ends[next - 1] ?? 0, starts[next] ?? 0)) break;
			digits += (ends[next] ?? 0) - (starts[next] ?? 0);
		}
		scan.work += digits + next - first;
		if (digits >= digitsMin && !(scan.isClaimed(first) && scan.isClaimed(next - 1)))
			findInChain(scan, { starts, ends, first, next, digits });
		first = next;
	}
}

function findInChain(scan: Scan, chain: Chain): void {
	const { starts, ends, first, next } = chain;
	if ((scan.hints & hint.phone) !== 0) {
		addAll(scan, chain);
		return;
	}
	for (let group = first; group < next; ) {
		const last = shapedTo(scan, chain, group);
		if (last < 0) {
			group++;
			continue;
		}
		addGroups(scan, starts[group] ?? 0, ends[last] ?? 0);
		group = last + 1;
	}
	const said = wordsBefore(scan, starts[first] ?? 0);
	if (said) addTold(scan, chain);
}

const isoDate = /\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)/y;
const otherDate = /\d{1,2}([-/.])\d{1,2}\1(?:19|20)?\d\d(?!\d|\1\d)/y;

/** A member that is named like a phone number: all of it. */
function addAll(scan: Scan, { starts, ends, first, next }: Chain): void {
	const start = starts[first] ?? 0;
	if (!scan.match(isoDate, start)) addGroups(scan, start, ends[next - 1] ?? 0);
}

/** Beside a word: as many groups as a number may have digits. */
function addTold(scan: Scan, { starts, ends, first, next }: Chain): void {
	const { text } = scan;
	const start = starts[first] ?? 0;
	if (is(text, start - 1, chars.letter) || text[start - 1] === "_" || scan.match(isoDate, start) || scan.match(otherDate, start)) return;
	let digits = 0;
	let last = first;
	for (let group = first; group < next; group++) {
		digits += (ends[group] ?? 0) - (starts[group] ?? 0);
		if (digits > digitsMax) break;
		last = group;
	}
	const end = ends[last] ?? 0;
	// An amount, or digits that go on.
	if (isLetterBehind(text, end) || (text[end] === "," && is(text, end + 1, chars.digit))) return;
	if (digits >= digitsMin && end > start) addGroups(scan, start, end);
}

function addGroups(scan: Scan, start: number, end: number): void {
	let open = start;
	while (open > 0 && open > start - 2 && "+(".includes(scan.text.charAt(open - 1))) open--;
	scan.add(open, withExtension(scan, end), "phone", mark);
}

/** The last group of a number that begins with `group` and is written as only phone numbers are, or -1. */
function shapedTo(scan: Scan, chain: Chain, group: number): number {
	const { text } = scan;
	const { starts, ends, next } = chain;
	const start = starts[group] ?? 0;
	if (isGlued(text, start)) return -1;
	const lengthOf = (at: number): number => (at < next ? (ends[at] ?? 0) - (starts[at] ?? 0) : 0);
	const first = text.slice(start, ends[group]);
	scan.work += 4;
	// One country: 1-415-555-0132, 001-415-555-0132.
	const area = (first === "1" || first === "001") && lengthOf(group + 1) === 3 ? group + 1 : group;
	if (lengthOf(area) === 3 && lengthOf(area + 1) === 3 && lengthOf(area + 2) === 4 && isFree(text, ends[area + 2] ?? 0)) {
		const isNorthAmerican =
			/[2-9]/.test(text.charAt(starts[area] ?? 0)) && (area > group || /[2-9]/.test(text.charAt(starts[area + 1] ?? 0)));
		if (isNorthAmerican) return area + 2;
	}
	if (text[start - 1] === "(" && text[ends[group] ?? 0] === ")") return endWithin(text, chain, group, { min: 9, max: 11, groupMin: 2 });
	if (first.startsWith("00") && first.length >= 3 && first[2] !== "0")
		return endWithin(text, chain, group, { min: 10, max: 16, groupMin: 2 });
	if (first.startsWith("0") && first[1] !== "0" && first.length >= 2 && first.length <= 5) {
		if (scan.match(otherDate, start) || text[start - 1] === "+") return -1;
		const last = endWithin(text, chain, group, { min: 9, max: 11, groupMin: 2 });
		// One dot is a decimal number's, and 0123.45 none of a phone.
		return last === group + 1 && text[ends[group] ?? 0] === "." ? -1 : last;
	}
	return -1;
}

/** What the number may not be glued to: letters, other digits, a currency. */
function isGlued(text: string, start: number): boolean {
	return (
		is(text, start - 1, chars.alnum) ||
		"_#$€£.,:".includes(text.charAt(start - 1) || " ") ||
		(text[start - 1] === "-" && is(text, start - 2, chars.alnum)) ||
		// `2014/01/01/12/00`: folders by date.
		(text[start - 1] === "/" && is(text, start - 2, chars.digit))
	);
}

function isFree(text: string, end: number): boolean {
	return (
		!isLetterBehind(text, end) &&
		text[end] !== "_" &&
		!(
			(text[end] === "-" || text[end] === "." || text[end] === ",") &&
			is(text, end + 1, chars.digit) &&
			!/^-\d{1,3}(?!\d)/.test(text.slice(end, end + 5))
		)
	);
}

/** The last group with which a number of two to five groups is complete, or -1. */
function endWithin(
	text: string,
	{ starts, ends, next }: Chain,
	group: number,
	{ min, max, groupMin }: { min: number; max: number; groupMin: number },
): number {
	let digits = 0;
	let found = -1;
	for (let at = group; at < next && at < group + 6; at++) {
		const length = (ends[at] ?? 0) - (starts[at] ?? 0);
		digits += length;
		if (digits > max || (at > group && length < groupMin)) break;
		if (at > group && digits >= min && isFree(text, ends[at] ?? 0)) found = at;
	}
	return found;
}

const wordsCharsMax = 40;
const words =
	/(?:(?<![\p{L}\p{N}])(?:(?:tele|cell|smart|mobile|work|home|office)?phones?|tel|tele|telno|mobiles?|mob|cel|cell|cellular|call|calls|called|calling|dial|ring|fax|telefax|whatsapp|signal|viber|sms|text|texts|reach|hotline|helpline|contact|number is|msisdn|telefon|telefonnummer|telefono|teléfono|telemóvel|telemovel|mobiel|hp|telefone|téléphone|telephone|telefoon|telefoonnummer|handy|handynummer|rufnummer|mobil|mobilnummer|mobiltelefon|móvil|movil|celular|celulare|cellulare|portable|numéro|appel|appelez|appeler|joindre|anrufen|ruf|rufen|bel|bellen|bereikbaar|llama|llame|llámame|llámanos|llamar|ligar|ligue|chiama|chiamare|chiamami|gsm|tlf|puhelin|puh|numer tel|zadzwoń|komórka|kom|тел|телефон|телефону|моб|мобильный|звоните|позвоните|τηλ|κινητό|κιν|τηλέφωνο|cep|ara)(?![\p{L}])|電話|电话|手机|手機|携帯|联系|전화|휴대폰|핸드폰|هاتف|جوال|טלפון|נייד|फोन|मोबाइल|โทร)(?:(?:[\s_-]|\b)(?:at|on|me|us|him|her|to|is|es|é|è|est|ist|number|numbers|no|nr|num|the|my|our|under|or|by|auf|unter|le|au|al|il|op|für|it|now|please|via|:|line|home|work|office|number:)(?!\p{L}))*[^\p{L}\d\n]{0,8}$/iu;

/** Whether the words before a number say that it is a phone's. */
function wordsBefore(scan: Scan, start: number): boolean {
	// The word ends at most eight characters before; without a letter there the dear question is not asked.
	let at = start - 1;
	while (at >= 0 && at > start - 10 && !is(scan.text, at, chars.alnum) && scan.text.charCodeAt(at) < 128) at--;
	if (at < 0 || at <= start - 10 || is(scan.text, at, chars.digit)) return false;
	scan.work += wordsCharsMax;
	return words.test(scan.text.slice(Math.max(0, start - wordsCharsMax), start));
}

function isJoint(text: string, end: number, start: number): boolean {
	if (start - end > 3) return false;
	for (let at = end; at < start; at++) if (!isSeparator(text, at)) return false;
	return true;
}
