// Addresses of network cards (EUI-48): in pairs with colons or dashes, or in fours with dots.
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is } from "../scan.ts";

const mark = markOf("mac-address");
const pairs = /[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}/y;
const fours = /[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}/y;

export const macAddressDetector: ShapeDetector = {
	id: "mac-address",
	description: "Addresses of network cards: 00:1A:2B:3C:4D:5E, with dashes, or 001a.2b3c.4d5e.",
	worthwhile: (scan) => scan.text.length >= 14 && (scan.colons >= 5 || scan.dashes >= 5 || scan.dots >= 2),
	find(scan) {
		const { text } = scan;
		let from = 0;
		for (let at = 2; at < text.length; at++) {
			const sign = text.charCodeAt(at);
			const back = sign === 0x3a || sign === 0x2d ? 2 : sign === 0x2e ? 4 : 0;
			if (back === 0 || at - back < from || text.charCodeAt(at + back + 1) !== sign) continue;
			const match = scan.match(back === 2 ? pairs : fours, at - back);
			if (!match) continue;
			const end = at - back + match[0].length;
			if (
				is(text, at - back - 1, chars.alnum) ||
				is(text, end, chars.alnum) ||
				(text.charCodeAt(end) === sign && is(text, end + 1, chars.hex))
			)
				continue;
			if (text.charCodeAt(at - back - 1) === sign && is(text, at - back - 2, chars.hex)) continue;
			if (!isOther(match[0], sign)) scan.add(at - back, end, "mac-address", mark);
			from = end;
		}
		scan.work += text.length;
	},
};

/** No address at all; or digits alone with dashes or dots, which are dates and versions. */
function isOther(address: string, sign: number): boolean {
	return /^[0:.-]+$/.test(address) || (sign !== 0x3a && !/[A-Fa-f]/.test(address));
}
