// Passwords and keys that have no shape of their own: found by what stands before them.
import type { PrefixDetector } from "./detector.ts";
import { markEnd, markOf } from "./mark.ts";
import { chars, is, type Scan } from "./scan.ts";

export const passwordMark = markOf("password");

/** Names whose value, in text, is a password: `password=…`, `"client_secret": "…"`, `<password>…`. */
const names = [
	"password",
	"passwd",
	"passphrase",
	"pwd",
	"client_secret",
	"secret_access_key",
	"api_key",
	"apikey",
	"access_token",
	"refresh_token",
];
const camelCase = ["apiKey", "accessToken", "refreshToken", "clientSecret", "secretAccessKey", "SecretAccessKey"];
const namePrefixes = [...names.flatMap((name) => [name, name.charAt(0).toUpperCase() + name.slice(1), name.toUpperCase()]), ...camelCase];
const schemes = ["Bearer ", "bearer ", "BEARER ", "Basic ", "basic ", "BASIC "];
/** Bounds what may stand between a name and its value: quotes, spaces, one `=`, `:` or `>`. */
const between = /["']?[ \t]{0,4}[=:>][ \t]{0,4}\\?["']?/y;
const notAValue = /(?:null|true|false|none|undefined)(?![A-Za-z0-9_-])/iy;

export const passwordDetector: PrefixDetector = {
	id: "password",
	description:
		"Passwords and keys by what they are called: in URLs (scheme://user:password@host), in Bearer and Basic credentials, after password=, client_secret: and alike; and whole members with such names.",
	prefixes: ["://", ...schemes, ...new Set(namePrefixes)],
	findAt(scan, start, prefix) {
		const bounds =
			prefix === "://"
				? boundsInUrl(scan, start + 3)
				: prefix.endsWith(" ")
					? boundsAfterScheme(scan, start, prefix)
					: boundsAfterName(scan, start, prefix);
		if (bounds) scan.add(bounds.start, bounds.end, "password", passwordMark);
	},
};

interface Bounds {
	readonly start: number;
	readonly end: number;
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

const basicCharsMax = 1024;

/** RFC 6750 and RFC 7617. `basic knowledge` and `bearer of news` are no credentials. */
function boundsAfterScheme(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	if (is(text, start - 1, chars.alnum)) return undefined;
	const from = start + prefix.length;
	const end = scan.runEnd(from, chars.base64);
	const value = text.slice(from, Math.min(end, from + basicCharsMax));
	scan.work += value.length;
	if (prefix.toLowerCase() === "basic ") {
		const decoded = value.length >= 8 ? Buffer.from(value, "base64").toString("latin1") : "";
		return /^[\x20-\x7e]*:/.test(decoded) ? { start: from, end } : undefined;
	}
	return value.length >= 32 || (value.length >= 16 && /[0-9]/.test(value)) ? { start: from, end } : undefined;
}

function boundsAfterName(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	const separator = scan.match(between, start + prefix.length);
	if (!separator) return undefined;
	const from = start + prefix.length + separator[0].length;
	// What an earlier pass put there stays.
	if (markEnd(text, from) > 0 || scan.match(notAValue, from)) return undefined;
	let end = scan.runEnd(from, chars.value);
	// Outside ASCII a password goes on until something that ends a value.
	while (end < text.length && text.charCodeAt(end) >= 0xa1) end = scan.runEnd(end + 1, chars.value);
	return end > from ? { start: from, end } : undefined;
}
