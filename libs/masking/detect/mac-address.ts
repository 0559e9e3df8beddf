// Addresses of network cards (EUI-48): in pairs with colons or dashes, or in fours with dots.
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";

const mark = markOf("mac-address");
const pairs = /[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}/y;
const fours = /[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}/y;

export const macAddressDetector: ShapeDetector = {
	id: "mac-address",
	description: "Addresses of network cards: 00:1A:2B:3C:4D:5E, with dashes, or 001a.2b3c.4d5e.",
	worthwhile: (scan) => scan.text.length >= 14 && (scan.colons >= 5 || scan.dashes >= 5 || scan.dots >= 2),
	find(scan) {
		if (scan.colons >= 5) findWritten(scan, ":", 2);
		if (scan.dashes >= 5) findWritten(scan, "-", 2);
		if (scan.dots >= 2) findWritten(scan, ".", 4);
	},
};

/** Addresses in groups of so many digits. */
function findWritten(scan: Scan, sign: string, digits: number): void {
	const { text } = scan;
	let from = 0;
	for (let at = text.indexOf(sign, digits); at >= 0; at = text.indexOf(sign, at + 1)) {
		if (at - digits < from || text[at + digits + 1] !== sign) continue;
		const start = at - digits;
		const match = scan.match(digits === 2 ? pairs : fours, start);
		if (!match) continue;
		const end = start + match[0].length;
		if (is(text, start - 1, chars.alnum) || is(text, end, chars.alnum)) continue;
		if ((text[end] === sign && is(text, end + 1, chars.hex)) || (text[start - 1] === sign && is(text, start - 2, chars.hex))) continue;
		if (!isOther(match[0], sign)) scan.add(start, end, "mac-address", mark);
		from = end;
	}
	scan.work += text.length;
}

/** No address at all; or digits alone with dashes or dots, which are dates and versions. */
function isOther(address: string, sign: string): boolean {
	return /^[0:.-]+$/.test(address) || (sign !== ":" && !/[A-Fa-f]/.test(address));
}
