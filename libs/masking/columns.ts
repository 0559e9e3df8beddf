// Text in columns (RFC 4180, also with semicolons and tabs): what the name of a column says holds for every cell under it.
import { markEnd, markOf } from "./mark.ts";
import { hint } from "./names.ts";
import type { MaskedString, Scan, Span } from "./scan.ts";
import { isPlaceholder, looksRandom } from "./values.ts";

const headCharsMax = 4096;
const columnsMax = 200;
const separators = [",", ";", "\t", "|"];
const telling = hint.password | hint.keyLike | hint.code | hint.cardCode | hint.phone | hint.nationalId | hint.birthDate | hint.document;

/** @param maskCell masks one cell with what its column's name says */
export function columnSpans(scan: Scan, maskCell: (cell: string, hints: number) => MaskedString | undefined): Span[] {
	const { text } = scan;
	const headEnd = text.indexOf("\n");
	if (headEnd <= 0 || headEnd > headCharsMax) return [];
	const head = text.slice(0, headEnd).trimEnd();
	const separator = separators.find((one) => head.includes(one));
	if (separator === undefined || /[{}<>=]/.test(head)) return [];
	const names = head.split(separator).map((name) => name.trim().replace(/^"(.*)"$/, "$1"));
	if (names.length > columnsMax || names.some((name) => name.length > 64 || /^\d+$/.test(name))) return [];
	const hints = names.map((name) => scan.names.hints(name) & telling);
	if (hints.every((bits) => bits === 0)) return [];
	const spans: Span[] = [];
	let column = 0;
	for (let at = headEnd + 1; at < text.length; ) {
		const end = endOfCell(scan, at, separator);
		const isQuoted = text[at] === '"' && text[end - 1] === '"' && end - at >= 2;
		const [from, to] = isQuoted ? [at + 1, end - 1] : [at, text[end - 1] === "\r" ? end - 1 : end];
		const bits = hints[column] ?? 0;
		if (bits !== 0 && to > from) spans.push(...cellSpans(text, from, to, bits, maskCell));
		column = text[end] === separator ? column + 1 : 0;
		at = end + 1;
	}
	scan.work += text.length;
	return spans;
}

function endOfCell(scan: Scan, start: number, separator: string): number {
	const { text } = scan;
	let at = start;
	if (text[at] === '"') {
		let close = scan.next('"', at + 1);
		while (close >= 0 && text[close + 1] === '"') close = scan.next('"', close + 2);
		if (close >= 0) at = close + 1;
	}
	while (at < text.length && text[at] !== separator && text[at] !== "\n") at++;
	return at;
}

function cellSpans(
	text: string,
	start: number,
	end: number,
	bits: number,
	maskCell: (cell: string, hints: number) => MaskedString | undefined,
): Span[] {
	const cell = text.slice(start, end);
	if (markEnd(cell, 0) === cell.length || cell.trim() === "") return [];
	const isSecret =
		(bits & hint.password) !== 0
			? !isPlaceholder(cell)
			: (bits & hint.keyLike) !== 0
				? looksRandom(cell)
				: (bits & hint.code) !== 0
					? /^\s*\d{3,8}\s*$/.test(cell)
					: (bits & hint.cardCode) !== 0 && /^\s*\d{3,4}\s*$/.test(cell);
	if (isSecret) return [{ start, end, detector: "password", mark: markOf((bits & hint.cardCode) !== 0 ? "card-code" : "password") }];
	const masked = maskCell(cell, bits);
	const [detector = "password"] = masked?.found.keys() ?? [];
	return masked ? [{ start, end, detector, mark: masked.text }] : [];
}
