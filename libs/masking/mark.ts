// What stands where something sensitive was: `[email]`, `[card …1111]`, `[redacted]`.

/** Everything a mark may say. A closed list: text that only looks like a mark is not exempt from anything. */
const markNames = [
	"card",
	"card-code",
	"iban",
	"crypto-address",
	"email",
	"phone",
	"ip-address",
	"mac-address",
	"birth-date",
	"document",
	"national-id",
	"jwt",
	"private-key",
	"cloud-token",
	"password",
	"redacted",
] as const;
export type MarkName = (typeof markNames)[number];

// A mark has to be invisible to every detector, or masking twice would differ from masking once. Brackets and the ellipsis are in no
// detector's alphabet, and at most four letters or digits of the original are in it. Of a hash's sixteen nobody knows what they were made of.
const shape = `\\[(?:(?:${markNames.join("|")})(?: …[0-9A-Za-z]{4})?|…[0-9A-Za-z]{4}|hash [a-z2-7]{16})\\]`;
const markHere = new RegExp(shape, "uy");
const marksAnywhere = new RegExp(shape, "gu");
const hashed = /^\[hash [a-z2-7]{16}\]$/;
const lastFour = /^\[…[0-9A-Za-z]{4}\]$/u;

/** No mark is longer. */
export const markCharsMax = 32;
export const redactedMark = "[redacted]";

/** `[name]`, or `[name …tail]` where the last four characters may be shown. */
export function markOf(name: MarkName, tail?: string): string {
	return tail === undefined ? `[${name}]` : `[${name} …${tail}]`;
}

/** Where a mark that starts at `at` ends, or -1 if none starts there. */
export function markEnd(text: string, at: number): number {
	if (text.charCodeAt(at) !== 0x5b) return -1;
	markHere.lastIndex = at;
	return markHere.test(text) ? markHere.lastIndex : -1;
}

/** Whether the whole text is one mark: masked already. */
export function isMark(text: string): boolean {
	return markEnd(text, 0) === text.length;
}

/** Whether the whole text is a value's keyed hash. */
export function isHashMark(text: string): boolean {
	return hashed.test(text);
}

/** The text without its marks: what a member's name says after what was sensitive in it is gone. */
export function withoutMarks(text: string): string {
	return text.includes("[") ? text.replace(marksAnywhere, "") : text;
}

/**
 * Keeps the last four of a number-like text (`[…1111]`), as on a receipt. Fewer than eight letters and digits, or fewer than six digits
 * (a name, a short code), would give too much of it away: those are redacted whole.
 */
export function lastFourOf(text: string): string {
	if (lastFour.test(text)) return text;
	const kept = text.replace(/[^0-9A-Za-z]/g, "");
	const digits = kept.replace(/[^0-9]/g, "").length;
	return kept.length < 8 || digits < 6 ? redactedMark : `[…${kept.slice(-4)}]`;
}
