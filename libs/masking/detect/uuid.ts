// UUIDs (RFC 9562): the most frequent text in which part of an identifier passes another one's check digits.
import { chars, is, type Scan } from "../scan.ts";

const lengthMax = 36;
const dashes = [8, 13, 18, 23];

/** Whether `start` to `end` lies within a UUID. One without any letter does not count: that is rather digits in a UUID's clothes. */
export function isInUuid(scan: Scan, start: number, end: number): boolean {
	for (let begin = Math.max(0, end - lengthMax); begin <= start; begin++) {
		scan.work++;
		if (isUuid(scan.text, begin)) return true;
	}
	return false;
}

/** Whether a UUID stands at `begin`, as one and not as part of something longer. Nearly every place is dismissed by the first dash it lacks. */
function isUuid(text: string, begin: number): boolean {
	for (const dash of dashes) if (text.charCodeAt(begin + dash) !== 0x2d) return false;
	if (is(text, begin - 1, chars.alnum) || is(text, begin + lengthMax, chars.alnum)) return false;
	let hasLetter = false;
	for (let at = 0; at < lengthMax; at++) {
		if (dashes.includes(at)) continue;
		if (!is(text, begin + at, chars.hex)) return false;
		hasLetter ||= is(text, begin + at, chars.letter);
	}
	return hasLetter;
}
