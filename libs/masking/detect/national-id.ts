// Numbers that states give to people: found by how they are written, proven by their check digits, or told by the words beside them.
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";
import { anyIdWords, isCodiceFiscale, type NationalId, nationalIds } from "./national-ids.ts";

// No last four: of a US number they are what call centres ask for.
const mark = markOf("national-id");

interface Form {
	readonly id: NationalId;
	readonly isWeak: boolean;
}

/** Ways of writing, as a tree of runs and separators: nearly every number of a text leaves it after one or two steps. */
interface Node {
	/** By the length of a run, or by a separator. */
	readonly next: (Node | undefined)[];
	readonly forms: Form[];
}

const letters = 64;
const separator = 128;
const stepsMax = 256;
const newNode = (): Node => ({ next: new Array(stepsMax).fill(undefined), forms: [] });
const root = newNode();

for (const id of nationalIds) {
	for (const [written, isWeak] of [
		[id.strong, false],
		[id.weak, true],
	] as const) {
		for (const form of written?.split("|") ?? []) plant(form, { id, isWeak });
	}
}

function plant(written: string, form: Form): void {
	let node = root;
	for (const [, kind, length, sign] of written.matchAll(/([dA])(\d+)|([ .()+/-])/g)) {
		const step = sign === undefined ? Number(length) + (kind === "A" ? letters : 0) : separator + sign.charCodeAt(0);
		const next = node.next[step] ?? newNode();
		node.next[step] = next;
		node = next;
	}
	node.forms.push(form);
}

export const nationalIdDetector: ShapeDetector = {
	id: "national-id",
	description: `Numbers of persons and firms by structure and check digits, in either case of letters; those that other numbers look like only beside a word or in a member that says so: ${nationalIds.map(({ name }) => name).join(", ")}.`,
	numbers: "always",
	worthwhile: (scan) => scan.digits >= 4 && scan.text.length >= 8,
	find,
};

const lettersBeforeMax = 6;

function find(scan: Scan): void {
	const { text } = scan;
	let coveredTo = 0;
	let lastWord = -1;
	const { starts } = scan.digitGroups();
	for (let group = 0; group < starts.length; group++) {
		const digitsAt = starts[group] as number;
		if (digitsAt < coveredTo || scan.isClaimed(group)) continue;
		let word = digitsAt;
		while (word > 0 && digitsAt - word <= lettersBeforeMax && is(text, word - 1, chars.letter)) word--;
		scan.work += digitsAt - word + 1;
		// Digits before these in one word: the word was looked at from its beginning.
		if (word === lastWord || is(text, word - 1, chars.alnum)) continue;
		lastWord = word;
		const end = Math.max(endOfId(scan, word), endOfId(scan, wordBefore(text, word)));
		if (end > 0) coveredTo = end;
	}
}

/** `AB 12 34 56 C`: where a short word of letters before the number begins, or -1. */
function wordBefore(text: string, word: number): number {
	const gap = text.charAt(word - 1);
	if (gap !== " " && gap !== "-") return -1;
	let start = word - 1;
	while (start > 0 && word - 1 - start <= 3 && is(text, start - 1, chars.letter)) start--;
	return start < word - 1 && word - 1 - start <= 3 ? start : -1;
}

/** Follows the tree from `start` as far as it goes; the longest number that is valid is added. @returns its end, or 0 */
function endOfId(scan: Scan, start: number): number {
	const { text } = scan;
	if (start < 0 || continues(text, start - 1, -1)) return 0;
	let node: Node | undefined = root;
	let at = start;
	let found = 0;
	while (node && at < text.length) {
		const kind = is(text, at, chars.digit) ? chars.digit : chars.letter;
		const from = at;
		while (at - from < 32 && is(text, at, kind)) at++;
		if (at === from) break;
		scan.work += at - from + 1;
		node = node.next[at - from + (kind === chars.letter ? letters : 0)];
		if (!node) break;
		if (is(text, at, chars.alnum)) continue;
		const end = text[at] === ")" && text.slice(from - 1, from) === "(" ? at + 1 : at;
		if (node.forms.length > 0 && !continues(text, end, 1) && isOne(scan, node.forms, start, end)) found = end;
		node = node.next[separator + text.charCodeAt(at)];
		at++;
	}
	if (found === 0) found = endOfCollided(scan, start);
	if (found > 0) scan.add(start, found, "national-id", mark);
	return found;
}

/** An Italian number in which letters stand for digits, because two persons would have had the same. */
function endOfCollided(scan: Scan, start: number): number {
	const { text } = scan;
	if (
		!is(text, start, chars.letter) ||
		!is(text, start + 5, chars.letter) ||
		!is(text, start + 15, chars.letter) ||
		is(text, start + 16, chars.alnum)
	)
		return 0;
	scan.work += 16;
	return isCodiceFiscale(text.slice(start, start + 16).toUpperCase()) ? start + 16 : 0;
}

function isOne(scan: Scan, forms: readonly Form[], start: number, end: number): boolean {
	const compact = scan.text
		.slice(start, end)
		.replace(/[^0-9A-Za-z]/g, "")
		.toUpperCase();
	return forms.some(({ id, isWeak }) => id.valid(compact) && (!isWeak || isTold(scan, id, start, end)));
}

/** Whether the number goes on at `at`: a letter or digit, or a separator with a digit behind it (`2024-123-45-6789`). */
function continues(text: string, at: number, step: 1 | -1): boolean {
	const code = text.charCodeAt(at);
	if (is(text, at, chars.alnum) || code === 0x5f) return true;
	// A dash, a full stop, a slash.
	return code >= 0x2d && code <= 0x2f && is(text, at + step, chars.digit);
}

const wordsBeforeMax = 48;
const wordsAfterMax = 24;

function isTold(scan: Scan, id: NationalId, start: number, end: number): boolean {
	if ((scan.hints & hint.nationalId) !== 0) return true;
	scan.work += wordsBeforeMax;
	const beside = `${scan.text.slice(Math.max(0, start - wordsBeforeMax), start)} ${scan.text.slice(end, end + wordsAfterMax)}`.replace(
		/_/g,
		" ",
	);
	return id.words?.test(beside) === true || anyIdWords.test(beside);
}
