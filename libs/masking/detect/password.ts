// Passwords and keys that have no shape of their own: found by what stands before them.
import type { PrefixDetector, ShapeDetector } from "../detector.ts";
import { markEnd } from "../mark.ts";
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isExpression, isPlaceholder, isPlainWord, looksRandom } from "../values.ts";
import { findAssigned, passwordMark } from "./assigned.ts";

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
	" code",
	" Code",
	"PIN",
	"OTP",
	"otp",
	" pin",
];
/** `the API key is …`: where it looks like one. */
const spokenKeys = ["key is ", "Key is ", "token is ", "Token is ", "ecret is "];
const commands = [" -u ", " --user ", " -p"];

export const passwordDetector: PrefixDetector & ShapeDetector = {
	id: "password",
	description:
		"Passwords, keys and tokens by what they are called: in URLs (scheme://user:password@host), Authorization headers, after password=, client_secret:, --api-key, <secret> and alike, in any spelling, to the closing quote or end tag; whole members with such names, and all that is in them. Placeholders and templates stay.",
	prefixes: ["://", ...schemes, "--", ...spoken, ...spokenKeys, ...commands, "thin:"],
	worthwhile: (scan) => scan.assigns > 0 && scan.text.length >= 5,
	find: findAssigned,
	findAt(scan, start, prefix) {
		const bounds = boundsAfter(scan, start, prefix);
		if (!bounds || bounds.end <= bounds.start || markEnd(scan.text, bounds.start) > 0) return;
		if (bounds.end - bounds.start < valueCharsMax && isPlaceholder(scan.text.slice(bounds.start, bounds.end))) return;
		scan.add(bounds.start, bounds.end, "password", passwordMark);
	},
};

const valueCharsMax = 1024;

interface Bounds {
	readonly start: number;
	readonly end: number;
}

function boundsAfter(scan: Scan, start: number, prefix: string): Bounds | undefined {
	if (prefix === "://") return boundsInUrl(scan, start + 3);
	if (prefix === "--") return boundsAfterOption(scan, start);
	if (spokenKeys.includes(prefix)) {
		const bounds = wordBounds(scan, start + prefix.length);
		return bounds && looksRandom(scan.text.slice(bounds.start, Math.min(bounds.end, bounds.start + valueCharsMax))) ? bounds : undefined;
	}
	if (prefix === "thin:") return oracleBounds(scan, start + prefix.length);
	if (commands.includes(prefix)) return boundsAfterCommand(scan, start, prefix);
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

const option = /--?[A-Za-z][\w.-]{1,62}[ \t]{1,4}/y;

/** `--api-key hunter2`. With `=` it is read as an assignment. */
function boundsAfterOption(scan: Scan, start: number): Bounds | undefined {
	const { text } = scan;
	if (start > 0 && !is(text, start - 1, chars.space) && !`"'[,(`.includes(text.charAt(start - 1))) return undefined;
	const match = scan.match(option, start);
	if (!match) return undefined;
	const hints = scan.names.hints(match[0].replace(/^-+|\s+$/g, ""));
	if ((hints & (hint.password | hint.keyLike)) === 0) return undefined;
	const bounds = wordBounds(scan, start + match[0].length);
	if (!bounds || text[bounds.start] === "-") return undefined;
	const value = text.slice(bounds.start, Math.min(bounds.end, bounds.start + valueCharsMax));
	if (isExpression(value)) return undefined;
	return (hints & hint.password) !== 0 || looksRandom(value) ? bounds : undefined;
}

/** A word, or what stands in quotes. */
function wordBounds(scan: Scan, from: number): Bounds | undefined {
	const { text } = scan;
	const quote = text.charAt(from);
	if (quote === '"' || quote === "'" || quote === "`") {
		const close = scan.nextUnescaped(quote, from + 1);
		if (close > from + 1 && close - from < valueCharsMax) return { start: from + 1, end: close };
	}
	let end = from;
	while (end < text.length && !is(text, end, chars.space) && !`"'\`<>`.includes(text.charAt(end))) end++;
	scan.work += end - from;
	// A sentence's end is not the word's.
	while (end > from && ".,;)".includes(text.charAt(end - 1))) end--;
	return end > from ? { start: from, end } : undefined;
}

const commandCharsMax = 200;

/** `curl -u name:password`, `mysql -ppassword`, `sshpass -p password`, `docker login -p password`. */
function boundsAfterCommand(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	scan.work += commandCharsMax;
	const before = text.slice(Math.max(0, start - commandCharsMax), start);
	if (prefix !== " -p") {
		if (!/\b(?:curl|wget|http|https|xh)\b/.test(before)) return undefined;
		const bounds = wordBounds(scan, start + prefix.length);
		const colon = bounds ? text.slice(bounds.start, bounds.end).indexOf(":") : -1;
		return bounds && colon >= 0 ? { start: bounds.start + colon + 1, end: bounds.end } : undefined;
	}
	const spaced = text[start + 3] === " ";
	const known = spaced ? /\b(?:sshpass|login|mosquitto_(?:pub|sub)|htpasswd)\b/ : /\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass|7z)\b/;
	return known.test(before) ? wordBounds(scan, start + (spaced ? 4 : 3)) : undefined;
}

const saying = /(?:[ \t]+(?:(?:is|was|ist|lautet|est|es|è|are|to|of|for|set)(?![\p{L}])|[:=]))*(?:[ \t]+["'“«]?)?/uy;
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
	const said = scan.match(saying, from);
	if (!said || said[0] === "") return undefined;
	const isQuoted = /["'“«]$/.test(said[0]);
	const at = from + said[0].length - (isQuoted ? 1 : 0);
	const bounds = wordBounds(scan, at);
	if (!bounds) return undefined;
	const value = text.slice(bounds.start, Math.min(bounds.end, bounds.start + valueCharsMax));
	if (isQuoted && bounds.start > at) return { start: bounds.start, end: bounds.end };
	// Words are a sentence; only what has a digit or a sign in it is a password.
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
