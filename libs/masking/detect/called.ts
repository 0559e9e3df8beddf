// Passwords that are given to a call: `setPassword("hunter2")`, `Credentials("jamie", "hunter2")`.
import { hint } from "../names.ts";
import type { Scan } from "../scan.ts";
import { isPlainWord, looksRandom } from "../values.ts";
import { addValue, readName, readValue } from "./name-and-value.ts";

/** What is given a secret is called like one, or sets one: `getPassword("db")` asks for it. */
const gives =
	/^(?:set|with|using|use|update|change)?_?(?:db|user|client|app|my|new)?_?(?:pass|pwd|passwd|api_?key|secret|access_?(?:key|token)|auth_?(?:key|token)|private_?key|encryption_?key|signing_?key|credential|contraseña|kennwort)/i;
const vague = /^(?:secrets?|credentials?|creds|token|key)$/i;
const constant = /^[A-Z][A-Z0-9_]*$/;

/** @param at where a bracket opens. @returns where to go on, or 0 */
export function callAt(scan: Scan, at: number): number {
	const { text } = scan;
	const quote = text.charAt(at + 1);
	if (quote !== '"' && quote !== "'") return 0;
	const pair = scan.match(twoTexts, at);
	if (pair) return pairAt(scan, at, pair[0].length - 1);
	const name = readName(scan, at);
	if (!name || name.quote !== undefined) return 0;
	const called = name.last.slice(name.last.lastIndexOf(".") + 1);
	if ((scan.names.hints(called) & hint.password) === 0 || !gives.test(called)) return 0;
	const value = readValue(scan, at + 1, name);
	if (!value) return 0;
	const written = text.slice(value.start, Math.min(value.end, value.start + writtenCharsMax));
	if (isPlainWord(written) || constant.test(written) || (vague.test(called) && !looksRandom(written))) return 0;
	return addValue(scan, { ...name, hints: hint.password }, value, "(");
}

const writtenCharsMax = 256;
/** Up to the quote of the second. */
const twoTexts = /[({]\s{0,8}(["'])[^"'\r\n]{0,64}\1\s{0,8},\s{0,8}["']/y;
const takesBoth = /(?:auth|credentials?|login|sign_?in)\s?[=:]?\s?$/i;
const takesBothChars = 24;

/** A name and its password: the second is one where it is no word. */
function pairAt(scan: Scan, at: number, second: number): number {
	const { text } = scan;
	scan.work += takesBothChars;
	if (!takesBoth.test(text.slice(Math.max(0, at - takesBothChars), at))) return 0;
	const name = { hints: hint.password, last: "", start: at, quote: undefined };
	const value = readValue(scan, at + second, name);
	const written = value ? text.slice(value.start, Math.min(value.end, value.start + writtenCharsMax)) : "";
	return value && !isPlainWord(written) && !/\s/.test(written) && !constant.test(written) ? addValue(scan, name, value, "(") : 0;
}
