// Dates of birth: a date, as people write dates, beside a word that says whose birth it is.
import type { PrefixDetector, ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { hint } from "../names.ts";
import type { Scan } from "../scan.ts";

const mark = markOf("birth-date");
const months =
	"jan|feb|mar|mär|mrt|apr|may|mai|mei|maj|jun|jul|aug|sep|oct|okt|out|set|nov|dec|dez|dic|déc|fév|avr|juin|juil|aoû|ene|abr|ago|gen|mag|giu|lug|ott|янв|фев|мар|апр|мая|май|июн|июл|авг|сен|окт|ноя|дек";
const date = `(?:\\d{4}[-/.]\\d{1,2}[-/.]\\d{1,2}(?:T[\\d:.]{5,12}Z?)?|\\d{1,2}[-/. ]\\d{1,2}[-/. ]\\d{2,4}|\\d{8}|\\d{4}年\\d{1,2}月\\d{1,2}日|\\d{4}년 ?\\d{1,2}월 ?\\d{1,2}일|\\d{1,2}(?:\\.|st|nd|rd|th)? ?(?:de |of )?(?:${months})\\p{L}{0,8}\\.?,? ?(?:de )?\\d{2,4}|(?:${months})\\p{L}{0,8}\\.? \\d{1,2}(?:st|nd|rd|th)?,? \\d{2,4})(?!\\d)`;
const between = `[\\p{L}._]{0,16}(?:[\\s_]{1,2}(?:date|day|on|am|le|el|il|em|op|is|was|of|in|the|di|de|du|den|geboren|datum|nascita)(?!\\p{L}))*["'\\]]{0,2}[\\s:=>(#/-]{0,5}["']?`;
const afterWord = new RegExp(`(${between})${date}`, "iuy");
const whole = new RegExp(`^\\s*${date}\\s*$`, "iu");
/** Words by the letters that are ASCII and small whatever begins the sentence. */
const words = [
	"irth",
	"IRTH",
	"born",
	"Born",
	"dob",
	"DOB",
	"DoB",
	".o.b",
	".O.B",
	"eburts",
	"eboren",
	"Geb.",
	"geb.",
	"aissance",
	" le ",
	"acimiento",
	"nacid",
	"ascita",
	"nato",
	"nata",
	"asciment",
	"eboorte",
	"rodzen",
	"yntym",
	"ursdag",
	"doğum",
];
const elsewhere = ["рожд", "народж", "生年月日", "出生", "생년월일", "ημερομηνία γέννησης", "תאריך לידה", "الميلاد"];

export const birthDateDetector: PrefixDetector & ShapeDetector = {
	id: "birth-date",
	description:
		"Dates of birth: a date after a word such as born, date of birth, DOB, geboren, né le, nacimiento, and in members with such a name.",
	prefixes: words.filter((word) => /^[ -~]+$/.test(word)),
	findAt(scan, start, prefix) {
		if (scan.digits < 3) return;
		if (prefix === " le " && !/n[ée]e?$/i.test(scan.text.slice(Math.max(0, start - 3), start))) return;
		addAfter(scan, start + (prefix === " le " ? prefix.length : prefix.length));
	},
	worthwhile: (scan) => scan.digits >= 3 && (scan.outsideAscii || (scan.hints & hint.birthDate) !== 0),
	find(scan) {
		const { text } = scan;
		if ((scan.hints & hint.birthDate) !== 0 && text.length < 64 && whole.test(text)) scan.add(0, text.length, "birth-date", mark);
		if (!scan.outsideAscii) return;
		for (const word of elsewhere)
			for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) addAfter(scan, at + word.length);
	},
};

function addAfter(scan: Scan, from: number): void {
	const match = scan.match(afterWord, from);
	scan.work += 24;
	if (match) scan.add(from + (match[1] ?? "").length, from + match[0].length, "birth-date", mark);
}
