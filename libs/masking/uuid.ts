// UUIDs (RFC 9562): the most frequent text in which part of an identifier passes another one's check digits.
import type { Scan } from "./scan.ts";

const uuids = /(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])/gi;
const lengthMax = 36;

/** Whether `start` to `end` lies within a UUID. One without any letter does not count: that is rather digits in a UUID's clothes. */
export function isInUuid(scan: Scan, start: number, end: number): boolean {
	if (end - start > lengthMax) return false;
	// One more character at each side, to see whether the UUID is one or part of something longer.
	const from = Math.max(0, end - lengthMax - 1);
	const around = scan.text.slice(from, start + lengthMax + 1);
	scan.work += around.length;
	for (const match of around.matchAll(uuids)) {
		const begin = from + match.index;
		if (begin <= start && end <= begin + lengthMax && /[a-f]/i.test(match[0])) return true;
	}
	return false;
}
