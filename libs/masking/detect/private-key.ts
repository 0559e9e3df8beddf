// Private keys as text: PEM (RFC 7468), OpenSSH, PGP, PuTTY; and as JWK (RFC 7517).
import type { JsonObject } from "#libs/contracts/json.ts";
import type { PrefixDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, type Scan } from "../scan.ts";

export const privateKeyMark = markOf("private-key");
const labelCharsMax = 64;
// Five dashes, or four and a space as RFC 4716 has them.
const label = /---- ?-?BEGIN [A-Z0-9 ]{0,64}PRIVATE KEY(?: BLOCK)?(?:-----| ----)/y;

export const privateKeyDetector: PrefixDetector = {
	id: "private-key",
	description:
		"Private keys: PEM, OpenSSH, PGP and PuTTY blocks, also with escaped line breaks or cut off before their end; and the private members of a JWK.",
	// The third is `openssh-key-v1` in base64, for keys that lost their frame.
	prefixes: ["-----BEGIN ", "---- BEGIN ", "Private-Lines:", "b3BlbnNzaC1rZXktdjE"],
	findAt,
};

function findAt(scan: Scan, start: number, prefix: string): void {
	// A key that never ends reaches to the end of the text: keys that begin inside it are not looked at again.
	if (start < scan.keyEnd) return;
	scan.keyEnd = endOfKey(scan, start, prefix);
	if (scan.keyEnd > start) scan.add(start, scan.keyEnd, "private-key", privateKeyMark);
}

/** A key without its end is masked to the end of the text: a cut key is still most of a key. */
function endOfKey(scan: Scan, start: number, prefix: string): number {
	const { text } = scan;
	if (prefix === "Private-Lines:") return orEnd(text, text.indexOf("Private-MAC:", start));
	if (!prefix.endsWith("BEGIN ")) return scan.runEnd(start, chars.base64);
	const begin = scan.match(label, start);
	if (!begin) return start;
	const dashes = prefix.slice(0, 5);
	const footer = text.indexOf(`${dashes}END `, start + begin[0].length);
	scan.work += orEnd(text, footer) - start;
	if (footer < 0) return text.length;
	const close = text.slice(footer + 9, footer + 9 + labelCharsMax + 32).indexOf("----");
	return close < 0 ? Math.min(text.length, footer + 9) : footer + 9 + close + (text[footer + 9 + close + 4] === "-" ? 5 : 4);
}

function orEnd(text: string, at: number): number {
	return at < 0 ? text.length : at;
}

const privateMembers = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]);
/** `RSA`, `EC`, `OKP`, `oct`, `AKP` and what may be registered yet; never a mark. */
const keyType = /^[A-Za-z0-9]{1,16}$/;

/** Whether an object is a key as a JWK has it. */
export function isPrivateJwk(object: JsonObject): boolean {
	return typeof object.kty === "string" && keyType.test(object.kty);
}

/** Whether a member of a JWK is of its private part (RFC 7518 section 6). */
export function isPrivateJwkMember(name: string): boolean {
	return privateMembers.has(name);
}
