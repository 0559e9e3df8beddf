// Phone numbers: in international format anywhere, in any format where the member's name says that it is one.
import { parsePhoneNumberFromString } from "libphonenumber-js";
import type { ShapeDetector } from "./detector.ts";
import { hint } from "./hints.ts";
import { markOf } from "./mark.ts";
import { chars, is, type Scan } from "./scan.ts";

const mark = markOf("phone");
/** E.164: at most fifteen digits. Seven is the shortest that a whole subscriber number has in practice. */
const digitsMax = 15;
const digitsMin = 7;
/** Characters of one candidate: fifteen digits and what may stand between them. */
const charsMax = 40;

export const phoneDetector: ShapeDetector = {
	id: "phone",
	description:
		"Phone numbers in international format (+ and a possible number of that country); in national format only in members named phone, mobile, tel, fax and alike.",
	numbers: hint.phone,
	worthwhile: (scan) => scan.digits >= digitsMin && (scan.pluses > 0 || (scan.hints & hint.phone) !== 0),
	find(scan) {
		if (scan.pluses > 0) findInternational(scan);
		if ((scan.hints & hint.phone) !== 0) findNational(scan);
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
			scan.add(plus, end, "phone", mark);
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
			if (digits >= digitsMin && !is(text, at + 1, chars.letter)) ends.unshift(at + 1);
		} else if (!isSeparator(text, at)) break;
	}
	scan.work += at - from + 1;
	return ends;
}

function isSeparator(text: string, at: number): boolean {
	return " -./()".includes(text.charAt(at));
}

const isoDate = /\d{4}-\d{2}-\d{2}(?!\d)/y;

/** Every run of digits and phone punctuation with enough digits, in a member that is named like a phone number. */
function findNational(scan: Scan): void {
	const { text } = scan;
	const { starts, ends } = scan.digitGroups();
	for (let first = 0; first < starts.length; ) {
		const start = starts[first] ?? 0;
		let digits = 0;
		let next = first;
		for (; next < starts.length; next++) {
			if (next > first && !isJoint(text, ends[next - 1] ?? 0, starts[next] ?? 0)) break;
			digits += (ends[next] ?? 0) - (starts[next] ?? 0);
		}
		const end = ends[next - 1] ?? 0;
		scan.work += end - start;
		first = next;
		if (digits < digitsMin || scan.match(isoDate, start)) continue;
		let open = start;
		while (open > 0 && open > start - 2 && "+(".includes(text.charAt(open - 1))) open--;
		scan.add(open, end, "phone", mark);
	}
}

function isJoint(text: string, end: number, start: number): boolean {
	if (start - end > 3) return false;
	for (let at = end; at < start; at++) if (!isSeparator(text, at)) return false;
	return true;
}
