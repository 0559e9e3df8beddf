// Passwords and keys that have no shape of their own: found by what stands before them.
import type { PrefixDetector, ShapeDetector } from "../detector.ts";
import { markEnd } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isExpression, isPlaceholder, isPlainWord, looksRandom } from "../values.ts";
import { findAssigned } from "./assigned.ts";
import { type Bounds, boundsInCommand, commandPrefixes, valueCharsMax, wordBounds } from "./commands.ts";
import { passwordMark } from "./name-and-value.ts";
import { boundsInSql, findInsert, sqlPrefixes, valuesPrefix } from "./sql.ts";

const schemes = ["Bearer ", "Basic ", "Token ", "ApiKey ", "Digest "].flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()]);
/** Words after which people write the secret itself: `the password is …`, `login x password y`. */
const spoken = [
	"assword",
	"asswort",
	"assphrase",
	"ASSWORD",
	"asscode",
	"ennwort",
	"ontraseña",
	"ot de passe",
	"achtwoord",
	" senha",
	" code",
	" Code",
	"PIN",
	"OTP",
	"otp",
	" pin",
];
/** `the pw is …`, `the API key is …`, `with access key …`: where it looks like one. */
const spokenKeys = [
	"key is ",
	"Key is ",
	"token is ",
	"Token is ",
	"ecret is ",
	"API key ",
	"API Key ",
	"api key ",
	"ccess key ",
	"ecret key ",
	"key's ",
];
const short = [" pw is ", " PW is ", " pwd is ", " psw is "];

export const passwordDetector: PrefixDetector & ShapeDetector = {
	id: "password",
	description:
		"Passwords, keys and tokens by what they are called: in URLs (scheme://user:password@host), Authorization headers, after password=, client_secret:, --api-key, <secret> and alike, in any spelling, to the closing quote or end tag; whole members with such names, and all that is in them. Placeholders and templates stay.",
	prefixes: ["://", ...schemes, ...spoken, ...spokenKeys, ...short, "thin:", ":5432:", ...commandPrefixes, ...sqlPrefixes, valuesPrefix],
	worthwhile: (scan) => scan.assigns > 0 && scan.text.length >= 5,
	find: findAssigned,
	findAt(scan, start, prefix) {
		if (prefix === valuesPrefix) {
			findInsert(scan, start);
			return;
		}
		const bounds = boundsAfter(scan, start, prefix);
		if (!bounds || bounds.end <= bounds.start || markEnd(scan.text, bounds.start) > 0) return;
		if (bounds.end - bounds.start < valueCharsMax && isPlaceholder(scan.text.slice(bounds.start, bounds.end))) return;
		scan.add(bounds.start, bounds.end, "password", passwordMark);
	},
};

function boundsAfter(scan: Scan, start: number, prefix: string): Bounds | undefined {
	if (prefix === "://") return boundsInUrl(scan, start + 3);
	if (spokenKeys.includes(prefix)) {
		const bounds = wordBounds(scan, start + prefix.length);
		return bounds && looksRandom(scan.text.slice(bounds.start, Math.min(bounds.end, bounds.start + valueCharsMax))) ? bounds : undefined;
	}
	if (short.includes(prefix)) return unlikeWords(scan, wordBounds(scan, start + prefix.length));
	if (prefix === "thin:") return oracleBounds(scan, start + prefix.length);
	if (prefix === ":5432:") return passFileBounds(scan, start + prefix.length);
	if (commandPrefixes.includes(prefix)) return boundsInCommand(scan, start, prefix);
	if (sqlPrefixes.includes(prefix)) return boundsInSql(scan, start + prefix.length);
	return schemes.includes(prefix) ? boundsAfterScheme(scan, start, prefix) : boundsAfterWord(scan, start, prefix);
}

/** The password of the user information (RFC 3986 section 3.2.1): between the first colon and the last `@` of the authority. */
function boundsInUrl(scan: Scan, from: number): Bounds | undefined {
	const { text } = scan;
	let colon = -1;
	let at = -1;
	let end = from;
	for (; end < text.length; end++) {
		const character = text.charAt(end);
		if (character === ":" && colon < 0) colon = end;
		else if (character === "@") at = end;
		else if (`/?#"'<> \t\r\n\\`.includes(character)) break;
	}
	scan.work += end - from + 1;
	return colon < 0 || at <= colon + 1 ? undefined : { start: colon + 1, end: at };
}

/** `jdbc:oracle:thin:scott/tiger@…` */
function oracleBounds(scan: Scan, from: number): Bounds | undefined {
	const match = scan.match(/[\w$#]{1,30}\/([^\s@/]{1,64})@/y, from);
	return match ? { start: from + match[0].length - 1 - (match[1] ?? "").length, end: from + match[0].length - 1 } : undefined;
}

/** `db:5432:shop:app:hunter2` of a password file (pgpass). */
function passFileBounds(scan: Scan, from: number): Bounds | undefined {
	const match = scan.match(/[\w*.-]{1,64}:[\w*.-]{1,64}:(\S{1,128})/y, from);
	return match ? { start: from + match[0].length - (match[1] ?? "").length, end: from + match[0].length } : undefined;
}

/** RFC 6750 and RFC 7617. `basic knowledge` and `bearer of news` are no credentials. */
function boundsAfterScheme(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	if (is(text, start - 1, chars.alnum)) return undefined;
	const from = start + prefix.length;
	const end = scan.runEnd(from, chars.base64);
	const value = text.slice(from, Math.min(end, from + valueCharsMax));
	scan.work += value.length;
	if (prefix.toLowerCase() === "basic ") {
		const decoded = value.length >= 8 ? Buffer.from(value, "base64").toString("latin1") : "";
		return /^[\x20-\x7e]*:/.test(decoded) ? { start: from, end } : undefined;
	}
	if (prefix.toLowerCase() === "bearer ")
		return value.length >= 32 || (value.length >= 16 && /[0-9]/.test(value)) ? { start: from, end } : undefined;
	return value.length >= 16 && looksRandom(value) ? { start: from, end } : undefined;
}

const saying =
	/(?:[ \t]+for(?:[ \t]+[\p{L}\p{N}_.@-]{1,24}){1,4}(?=[ \t]+(?:is|was|:|=)[ \t]))?(?:[ \t]+(?:(?:is|was|has|been|ist|lautet|est|es|é|è|are|to|of|for|set|reset|changed|updated|now|still|currently)(?![\p{L}])|[:=]))*(?:[ \t]+["'“«]?)?/uy;
/** `| password | hunter2 |`: the name in one cell, the value in the next, one word; the row above may be the table's head. */
const cell = /([*`]{0,2}[ \t]{0,8}\|[ \t]{0,8}[*`"']{0,2})([^\s|`"'*]{5,200})[*`"']{0,2}[ \t]{0,40}(?=$|[|\r\n])/my;
const codeSaying = /(?:[ \t]+(?:is|was|ist|lautet|est|es|number|no)(?![a-z]))?[ \t]*[:=]?[ \t]*/y;
const digits = /\d{4,8}(?![\w.-]|,\d)/y;

/** `the password is hunter2`, `passphrase "correct horse"`, `your code is 482913`. */
function boundsAfterWord(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	const from = start + prefix.length;
	if (is(text, from, chars.alnum)) return undefined;
	if (/code|pin|otp/i.test(prefix) && !prefix.startsWith("assc")) {
		const said = scan.match(codeSaying, from);
		if (!said || said[0] === "" || !isOneTime(text, start, prefix)) return undefined;
		const at = from + said[0].length;
		const match = scan.match(digits, at);
		return match ? { start: at, end: at + match[0].length } : undefined;
	}
	const celled = scan.match(cell, from);
	if (celled)
		return unlikeWords(scan, { start: from + (celled[1] ?? "").length, end: from + (celled[1] ?? "").length + (celled[2] ?? "").length });
	const said = scan.match(saying, from);
	if (!said || said[0] === "") return undefined;
	const isQuoted = /["'“«]$/.test(said[0]);
	const at = from + said[0].length - (isQuoted ? 1 : 0);
	const bounds = wordBounds(scan, at);
	if (!bounds) return undefined;
	if (isQuoted && bounds.start > at) return { start: bounds.start, end: bounds.end };
	return unlikeWords(scan, bounds);
}

/** Words are a sentence; only what has a digit or a sign in it is a password. */
function unlikeWords(scan: Scan, bounds: Bounds | undefined): Bounds | undefined {
	if (!bounds) return undefined;
	const value = scan.text.slice(bounds.start, Math.min(bounds.end, bounds.start + valueCharsMax));
	if (
		isPlainWord(value) ||
		isExpression(value) ||
		!/[\p{N}!@#$%^&*+=?~]/u.test(value) ||
		value.length < 5 ||
		/^[([{<"'\d]*\d{0,3}[)\]}>"'.,:;]*$/.test(value)
	)
		return undefined;
	return bounds;
}

/** A code that is entered: the words before it say which. */
function isOneTime(text: string, start: number, prefix: string): boolean {
	if (!/code/i.test(prefix)) return !is(text, start - 1, chars.alnum);
	return /(?:one[- ]time|verification|security|confirmation|login|access|auth\w*|sms|otp|2fa|mfa|bestätigungs|pin|your|sign[- ]in|reset)\W*$/i.test(
		text.slice(Math.max(0, start - 24), start),
	);
}
