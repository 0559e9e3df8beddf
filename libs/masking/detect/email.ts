// E-mail addresses, RFC 5321 and RFC 6531 (other scripts), as people write them.
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";

// The domain is not kept: with a company of one it names the person as well as the whole address does.
const mark = markOf("email");
/** Allowed in a local part (RFC 5322 atext) without what separates things in URLs, forms and templates: `& = / ? | { } \``. */
const localExtras = "._%+-'!#$*^~";
const quotedMax = 66;

export const emailDetector: ShapeDetector = {
	id: "email",
	description: "E-mail addresses with a domain name, in any script, also with a quoted local part.",
	worthwhile: (scan) => scan.ats > 0 && scan.text.length >= 6,
	find,
};

function find(scan: Scan): void {
	const { text } = scan;
	// Neither the local part nor the domain contains an `@`, so no character is looked at more than twice.
	for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
		const start = startOfLocal(scan, at);
		if (start === at || isUserInfo(scan, start)) continue;
		const end = endOfDomain(scan, at + 1);
		if (end !== undefined && !isRepository(text, start, at, end)) scan.add(start, end, "email", mark);
	}
}

const userInfoMax = 128;
const beforePassword = /:\/\/[^\s/?#"'<>]*:$/;

/** `scheme://user:password@host`: what stands before the `@` is a password, and password.ts's; the host is no secret. */
function isUserInfo(scan: Scan, start: number): boolean {
	if (scan.text[start - 1] !== ":") return false;
	scan.work += userInfoMax;
	return beforePassword.test(scan.text.slice(Math.max(0, start - userInfoMax), start));
}

/** `git@host:path` is where a repository is, and `git` is nobody. */
function isRepository(text: string, start: number, at: number, end: number): boolean {
	return text[end] === ":" && /^(?:git|hg|svn|gitea)$/.test(text.slice(start, at)) && /^:[\w~/.-]/.test(text.slice(end, end + 2));
}

function startOfLocal(scan: Scan, at: number): number {
	const { text } = scan;
	if (text[at - 1] === '"') {
		const open = text.slice(Math.max(0, at - quotedMax), at - 1).lastIndexOf('"');
		scan.work += quotedMax;
		return open < 0 ? at : Math.max(0, at - quotedMax) + open;
	}
	let start = at;
	while (start > 0 && isLocal(text, start - 1)) start--;
	scan.work += at - start;
	// `'a@b.example'`: the quote is around the address, not in it.
	while (start < at && (text[start] === "'" || text[start] === ".")) start++;
	return start;
}

function isLocal(text: string, at: number): boolean {
	return is(text, at, chars.alnum) || localExtras.includes(text.charAt(at)) || isLetterElsewhere(text.charCodeAt(at));
}

/** Outside ASCII everything but general punctuation, CJK punctuation and full-width forms: among the first is the ellipsis of our own marks. */
function isLetterElsewhere(code: number): boolean {
	return code >= 0xa1 && !(code >= 0x2000 && code <= 0x206f) && !(code >= 0x3000 && code <= 0x303f) && code < 0xff00;
}

/** End of the domain that starts at `from`: labels with at least one dot, and a last label of two letters or more. */
function endOfDomain(scan: Scan, from: number): number | undefined {
	const { text } = scan;
	let at = from;
	while (at < text.length && (is(text, at, chars.alnum) || text[at] === "-" || text[at] === "." || isLetterElsewhere(text.charCodeAt(at))))
		at++;
	scan.work += at - from;
	// A sentence's full stop and dash are not part of the name.
	while (at > from && (text[at - 1] === "." || text[at - 1] === "-")) at--;
	const until = Math.min(at, from + nameCharsMax);
	scan.work += until - from;
	const first = text.indexOf(".", from);
	if (first <= from || first >= until || (first === from + 2 && /^[123]x$/.test(text.slice(from, first)))) return undefined;
	// The last label that may be a top level, and not the first.
	let end = until;
	for (let dot = text.lastIndexOf(".", end - 1); dot >= first; dot = text.lastIndexOf(".", end - 1)) {
		// `a@b.example.123`: what follows the last possible top level is not the domain's, but a digit right behind it would be read as its end.
		if (isTopLevel(text, dot + 1, end)) return at > from + nameCharsMax || end === until ? at : end;
		end = dot;
	}
	return undefined;
}

/** RFC 1035 section 2.3.4. */
const nameCharsMax = 255;

function isTopLevel(text: string, start: number, end: number): boolean {
	if (end - start < 2) return false;
	return (isLetter(text.charCodeAt(start)) && isLetter(text.charCodeAt(start + 1))) || /^xn--/i.test(text.slice(start, start + 4));
}

function isLetter(code: number): boolean {
	return (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a ? true : isLetterElsewhere(code);
}
