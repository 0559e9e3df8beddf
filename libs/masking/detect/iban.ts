// International bank account numbers, ISO 13616.
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isInUuid } from "./uuid.ts";

/** Length by country, from the IBAN registry (SWIFT, release 99). */
const registry =
	"AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";
const lengthByCountry = new Map(registry.split(" ").map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]));

export const ibanDetector: ShapeDetector = {
	id: "iban",
	description: "Bank account numbers: an IBAN of a registered country, with that country's length and right check digits (mod 97).",
	// In Romania, Pakistan, Qatar and others all but the two check digits may be letters; fewer than four in all are rare.
	worthwhile: (scan) => scan.digits >= 4 && scan.text.length >= 15,
	find,
};

const space = 0x20;
const dash = 0x2d;

function find(scan: Scan): void {
	const { text } = scan;
	// The check digits are the first digit group after the country: start from digits, which are rarer than letters.
	const { starts } = scan.digitGroups();
	for (let group = 0; group < starts.length; group++) {
		const digitsAt = starts[group] as number;
		if (digitsAt < 2) continue;
		const before = text.charCodeAt(digitsAt - 1);
		const start = digitsAt - (before === space || before === dash ? 3 : 2);
		if (!is(text, start, chars.letter) || !is(text, start + 1, chars.letter) || !is(text, digitsAt + 1, chars.digit)) continue;
		if (is(text, start - 1, chars.alnum) && text.slice(start - 4, start).toUpperCase() !== "IBAN") continue;
		const length = lengthByCountry.get(text.slice(start, start + 2).toUpperCase());
		if (length === undefined) continue;
		const end = endOfIban(scan, start, length);
		if (end === undefined || isInUuid(scan, start, end)) continue;
		scan.add(start, end, "iban", markOf("iban", tailOf(text, end)));
		let last = group;
		while (last + 1 < starts.length && (starts[last + 1] as number) < end) last++;
		scan.claim(group, last);
	}
}

/** The last four letters and digits, without separators, as on a bank statement. */
function tailOf(text: string, end: number): string {
	return text
		.slice(end - 8, end)
		.replace(/[^0-9A-Za-z]/g, "")
		.slice(-4)
		.toUpperCase();
}

/** Collects `length` letters and digits, skipping single spaces and dashes, and checks them; undefined if this is no IBAN. */
function endOfIban(scan: Scan, start: number, length: number): number | undefined {
	const { text } = scan;
	let remainder = 0;
	let head = "";
	let at = start;
	for (let taken = 0; taken < length; taken++) {
		const code = text.charCodeAt(at);
		if (taken > 0 && (code === space || code === dash)) at++;
		if (!is(text, at, chars.alnum)) return undefined;
		scan.work++;
		// ISO 7064 mod 97-10 reads the country and check digits last.
		if (taken < 4) head += text.charAt(at);
		else remainder = append(remainder, text.charCodeAt(at));
		at++;
	}
	if (is(text, at, chars.alnum)) return undefined;
	for (const character of head) remainder = append(remainder, character.charCodeAt(0));
	return remainder === 1 ? at : undefined;
}

function append(remainder: number, code: number): number {
	return code <= 0x39 ? (remainder * 10 + code - 0x30) % 97 : (remainder * 100 + (code | 0x20) - 0x61 + 10) % 97;
}
