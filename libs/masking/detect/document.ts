// Numbers of passports and licences: no structure that others lack, so only beside their word; and the machine readable zone (ICAO Doc 9303).
import type { PrefixDetector, ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";

const mark = markOf("document");
const words = [
	...[
		"assport",
		"ASSPORT",
		"eisepass",
		"asseport",
		"asaporte",
		"assaporto",
		"aszport",
		"icense",
		"ICENSE",
		"icence",
		"hrerschein",
		"onduire",
		"patente",
		"Patente",
	],
	...["DL#", "DL:", "DL ", "usweis", "ijbewijs", "arnet", "dentity card", "dentity Card", "ID card", "conducir", "identidad", "d'identit"],
];
const between =
	/[\p{L}']{0,12}(?:[\s_]{1,2}(?:number|numbers|num|no|nr|nummer|numero|número|numéro|id|card|code|is|of|de|di|guida|conduire|identité|identidad|lautet|ist|es|est|holder|with)(?![\p{L}\p{N}]))*["'\]]{0,2}[\s:.#=°º>(-]{0,5}(?:n[°º]\s?)?["']?/uy;
const value = /(?=[A-Z0-9 -]*\d[A-Z0-9 -]*\d[A-Z0-9-]*\d)[A-Z0-9](?:[A-Z0-9]|-(?=[A-Z0-9])){5,19}(?![A-Za-z0-9.])/y;
const whole = /^(?=(?:[^\d]*\d){3})[A-Za-z0-9](?:[A-Za-z0-9]|[ -](?=[A-Za-z0-9])){4,23}$/;
const zoneCharsMin = 30;
const zoneCharsMax = 90;

export const documentDetector: PrefixDetector & ShapeDetector = {
	id: "document",
	description:
		"Numbers of passports, identity cards and driving licences beside their word or in members with such a name, and the machine readable zone of a passport.",
	prefixes: [...words, "<<"],
	findAt(scan, start, prefix) {
		if (prefix === "<<") return findZone(scan, start);
		if (scan.digits < 3) return;
		const from = start + prefix.length;
		const gap = scan.match(between, from);
		scan.work += 24;
		const at = from + (gap?.[0].length ?? 0);
		const match = gap && scan.match(value, at);
		if (match && at > from) scan.add(at, at + match[0].length, "document", mark);
	},
	worthwhile: (scan) => (scan.hints & hint.document) !== 0 && scan.digits >= 3,
	find(scan) {
		if (scan.text.length <= 32 && whole.test(scan.text)) scan.add(0, scan.text.length, "document", mark);
	},
};

function isZone(text: string, at: number): boolean {
	return text[at] === "<" || is(text, at, chars.digit | chars.upper);
}

function findZone(scan: Scan, at: number): void {
	const { text } = scan;
	if (at < scan.zoneEnd) return;
	let start = at;
	while (start > 0 && at - start < zoneCharsMax && isZone(text, start - 1)) start--;
	let end = at;
	while (end < text.length && end - start <= zoneCharsMax && isZone(text, end)) end++;
	scan.work += end - start;
	scan.zoneEnd = end;
	if (end - start < zoneCharsMin || end - start > zoneCharsMax || isZone(text, start - 1)) return;
	scan.add(start, end, "document", mark);
	// Its second line has no `<<` where the number is long.
	const next = scan.match(/\r?\n([A-Z0-9<]{30,44})(?![A-Z0-9<])/y, end);
	if (next) scan.add(end + next[0].length - (next[1] ?? "").length, end + next[0].length, "document", mark);
}
