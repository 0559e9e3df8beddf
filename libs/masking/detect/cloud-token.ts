// Tokens of clouds and vendors, by the shapes that their makers gave them (vendors.ts).
import type { PrefixDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";
import { type VendorToken, vendorTokens } from "./vendor-shapes.ts";

const mark = markOf("cloud-token");

const byAnchor = new Map<string, VendorToken[]>();
for (const token of vendorTokens) for (const anchor of token.anchors) byAnchor.set(anchor, [...(byAnchor.get(anchor) ?? []), token]);
const vendors = [...new Set(vendorTokens.map(({ vendor }) => vendor.split(" ")[0]))];

export const cloudTokenDetector: PrefixDetector = {
	id: "cloud-token",
	description: `Tokens in the format of their vendor, ${vendorTokens.length} formats (${vendors.join(", ")}); and an AWS secret access key near its id.`,
	prefixes: [...byAnchor.keys()],
	findAt(scan, start, prefix) {
		// What begins within a token is a part of it; within a run that was none a few are tried, for each try costs as much as the run is long.
		if (start < scan.token.end && scan.token.tries-- <= 0) return;
		for (const token of byAnchor.get(prefix) ?? []) if (findToken(scan, token, start)) break;
	},
};

const triesMax = 8;
/** Filler and words are no token: less than this many different characters, or no digit and no change of case. */
const differentMin = 5;

function findToken(scan: Scan, token: VendorToken, anchor: number): boolean {
	const { text } = scan;
	const start = startOf(scan, token, anchor);
	if (start < 0) return false;
	const from = token.near ? anchor + (token.anchors[0]?.length ?? 0) : anchor;
	const match = scan.match(token.pattern, from);
	if (!match) return false;
	scan.work += match[0].length;
	const begin = token.near ? from + (match[1] ?? "").length : start;
	const last = token.steps.at(-1);
	let end = from + match[0].length;
	if (last && "letters" in last) {
		if (last.max === undefined) end = endOfRun(scan, end, last.letters);
		else if (is(text, end, chars.alnum)) return false;
	}
	const found = isRandom(text.slice(begin + token.keptChars, end), token);
	if (found || end > scan.token.end) scan.token = { end, tries: found ? 0 : triesMax };
	if (!found) return false;
	scan.add(begin + token.keptChars, end, "cloud-token", mark);
	if (/^A[A-Z3]{3}/.test(token.shape) && end - begin === 20) findAwsSecret(scan, begin, end);
	return true;
}

/** Where the token begins, or -1 where it is part of something longer. */
function startOf(scan: Scan, { lead, keptChars, near }: VendorToken, anchor: number): number {
	const { text } = scan;
	if (near) return is(text, anchor - 1, chars.letter) && is(text, anchor, chars.lower) && is(text, anchor - 1, chars.lower) ? -1 : anchor;
	if (!lead) return keptChars > 0 || !isWord(text, anchor - 1) ? anchor : -1;
	const bits =
		lead.letters === "0-9"
			? chars.digit
			: lead.letters === "0-9a-fA-F"
				? chars.hex
				: lead.letters.includes("-") && lead.letters.length > 10
					? chars.base64
					: lead.letters.includes("_")
						? chars.token
						: chars.alnum;
	const start = scan.runStart(anchor, bits, lead.max + 1);
	const length = anchor - start;
	return length < lead.min || length > lead.max || isWord(text, start - 1) ? -1 : start;
}

/** After `key_` a token may begin, after `\n` in a text that was escaped too; not in the middle of a word. */
function isWord(text: string, at: number): boolean {
	return is(text, at, chars.alnum) && !(text[at - 1] === "\\" && "nrt".includes(text.charAt(at)));
}

function endOfRun(scan: Scan, from: number, letters: string): number {
	return scan.runEnd(
		from,
		letters.includes("/") ? chars.base64 : letters.includes(".") ? chars.dotted : letters.includes("-") ? chars.base64url : chars.token,
	);
}

/** Names joined with dashes and filler (`sk-button-primary-large`, `xxxxxxxx`) have a token's shape and are none. */
function isRandom(written: string, { steps, near }: VendorToken): boolean {
	const [first] = steps;
	const body = written.slice(first && "text" in first ? Math.min(first.text.length, written.length - 8) : 0, 256);
	if (new Set(body).size < differentMin || /(.)\1{9}/.test(body)) return false;
	const weakPrefix = near || (first && "text" in first && first.text.length <= 3);
	if (near && body.length >= 14 && (body.match(/[a-z][A-Z]/g)?.length ?? 0) > 3) return true;
	if (body.length >= lettersMin && isEvenlyMixed(body)) return true;
	if (/[0-9]/.test(body)) return !weakPrefix || near || /[A-Z]|[0-9].*[0-9].*[0-9]/.test(body);
	return !weakPrefix && /[a-z][A-Z]|[A-Z][a-z]/.test(body) ? true : !weakPrefix && !/[-_.]/.test(body);
}

/** Letters alone are a token where there are so many. */
const lettersMin = 28;

/** Nearly as many large letters as small ones: in names joined like `getUserName` one of five is large. */
function isEvenlyMixed(body: string): boolean {
	const large = body.match(/[A-Z]/g)?.length ?? 0;
	const small = body.match(/[a-z]/g)?.length ?? 0;
	return large + small === body.length && 2 * large > small && 2 * small > large;
}

const nearbyChars = 200;
const awsSecretChars = 40;

/** The secret of an AWS key has no prefix: 40 characters of base64 with both cases and digits, within sight of the id. */
function findAwsSecret(scan: Scan, start: number, end: number): void {
	const from = Math.max(0, start - nearbyChars);
	const near = scan.text.slice(from, end + nearbyChars);
	scan.work += near.length;
	for (const match of near.matchAll(/[A-Za-z0-9/+]+/g)) {
		const run = match[0];
		if (run.length !== awsSecretChars || !/[a-z]/.test(run) || !/[A-Z]/.test(run) || !/[0-9]/.test(run)) continue;
		scan.add(from + match.index, from + match.index + run.length, "cloud-token", mark);
	}
}
