// A name and the value beside it, as configuration files, programs, forms and people write them: where each begins and ends, and whether it is a secret.
import { markEnd, markOf } from "../mark.ts";
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isExpression, isPlaceholder, isPlainWord, looksRandom } from "../values.ts";

export const passwordMark = markOf("password");
const cardCodeMark = markOf("card-code");

/** Longest name that is read, in front of what separates it from its value. */
const nameCharsMax = 64;
/** `mot de passe`, `two factor recovery code`. */
const nameWordsMax = 4;
const spacesMax = 8;
/** A quoted value that is longer is taken to the end of its line. */
export const quotedCharsMax = 4096;
/** `type Secret = { … }` declares what a value is. */
const declaring = new Set(["type", "interface", "class", "struct", "enum"]);
const typeWords = new Set(["string", "str", "String", "text", "const", "char", "SecretStr", "number", "any", "let", "var", "NSString"]);

export interface Value {
	readonly start: number;
	readonly end: number;
	/** The quote that closes the name where the value has none: a mark put there must be quoted to be JSON. */
	readonly quote?: number | undefined;
	readonly isQuoted: boolean;
}

export interface Name {
	readonly hints: number;
	readonly last: string;
	readonly start: number;
	/** Where its closing quote stands. */
	readonly quote: number | undefined;
}

/** The name that ends before `end`, and what it says. */
export function readName(scan: Scan, end: number): Name | undefined {
	const { text } = scan;
	let at = skipSpacesBack(text, end);
	let quote: number | undefined;
	for (let closers = 0; closers < 3 && at > 0 && "\"'`])\\*".includes(text.charAt(at - 1)); closers++) {
		at--;
		if ("\"'`".includes(text.charAt(at))) quote = at;
	}
	if (quote === undefined) at = beforeType(text, at);
	const words: string[] = [];
	let start = at;
	const stop = Math.max(0, at - nameCharsMax);
	while (words.length < nameWordsMax) {
		const end = start;
		while (start > stop && isNameChar(text, start - 1)) start--;
		if (start === end) break;
		words.unshift(text.slice(start, end));
		if (text[start - 1] !== " " || !isNameChar(text, start - 2)) break;
		start--;
	}
	if (text[start] === " ") start++;
	scan.work += at - start + 1;
	const last = words.at(-1);
	if (last === undefined || (words.length > 1 && declaring.has(words[0] ?? ""))) return undefined;
	let hints = scan.names.hints(last);
	let joined = last;
	for (let place = words.length - 2; place >= 0 && hints !== hint.none; place--) {
		joined = `${words[place]}${joined}`;
		hints |= scan.names.hints(joined.toLowerCase());
	}
	return { hints, last, start, quote };
}

/** `var password: string = …`, `password string = …`: where the name ends before its type. */
function beforeType(text: string, end: number): number {
	let start = end;
	while (start > 0 && end - start < 16 && is(text, start - 1, chars.letter)) start--;
	if (!typeWords.has(text.slice(start, end))) return end;
	let at = skipSpacesBack(text, start);
	if (text[at - 1] === ":") at = skipSpacesBack(text, at - 1);
	return at < start && isNameChar(text, at - 1) ? at : end;
}

export function isNameChar(text: string, at: number): boolean {
	if (at < 0) return false;
	const code = text.charCodeAt(at);
	return is(text, at, chars.alnum) || code === 0x5f || code === 0x2d || code === 0x2e || code === 0x24 || code >= 0xaa;
}

export function skipSpacesBack(text: string, from: number): number {
	let at = from;
	while (at > 0 && at > from - spacesMax && (text[at - 1] === " " || text[at - 1] === "\t")) at--;
	return at;
}

export function skipSpaces(text: string, from: number): number {
	let at = from;
	while (at < from + spacesMax && (text[at] === " " || text[at] === "\t")) at++;
	return at;
}

const closers: Readonly<Record<string, string>> = { '"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "«": "»", "‘": "’" };
/** `b"…"`, `r'…'`, `$'…'`, `@"…"`, `String::from("…")`, `[]byte("…")`, `new Secret("…")`. */
const beforeQuote = /(?:new )?(?:(?:\[\]\w{1,10}|[A-Za-z@][\w.:]{0,30})[({]\\?|[A-Za-z]{1,2}|u8|[@$]{1,2})(?=["'`])/y;
/** What stands between a name and its value and is neither: `**Password:** …`, `<b>Password:</b> …`, `!!str …`, an anchor of YAML. */
const ornament =
	/(?:[ \t]*(?:\*{1,2}(?![*\w])|<\/(?:b|strong|i|em|label|span|th|td|dt)>(?:\s{0,8}<[a-z]{1,8}(?: [^<>]{0,60})?>){0,3}|!!\w{1,20}(?=[ \t])|&\w{1,40}(?=[ \t])))+/y;
/** Of an Authorization header: what the credential is (RFC 9110 section 11.4). */
const schemeWord = /(?:bearer|basic|token|api-?key|digest|ssws|bot|oauth|negotiate)[ \t]{1,4}(?=\S)/iy;
const yamlBlock = /[ \t]*[|>][+-]?\d?[ \t]*\r?\n/y;
const nothingOnLine = /[ \t]*\r?\n/y;

export function readValue(scan: Scan, operatorEnd: number, name: Name): Value | undefined {
	const { text } = scan;
	const isPassword = (name.hints & hint.password) !== 0;
	const from = operatorEnd + (isPassword ? (scan.match(ornament, operatorEnd)?.[0].length ?? 0) : 0);
	if (isPassword && scan.match(yamlBlock, from)) {
		const start = text.indexOf("\n", from) + 1;
		return { start: skipIndent(text, start), end: endOfBlock(scan, start, indentAt(text, name.start)), isQuoted: true };
	}
	if (scan.match(nothingOnLine, from)) {
		if (isPassword && from > scan.secretBlockEnd) {
			const start = text.indexOf("\n", from) + 1;
			scan.secretBlockEnd = endOfBlock(scan, start, indentAt(text, name.start));
			addItems(scan, start);
		}
		return lineBelow(scan, from);
	}
	let at = skipSpaces(text, from);
	const call = scan.match(beforeQuote, at);
	if (call && /env|get|conf|read|load|prompt|input|fetch|lookup|require|file|param|arg|var/i.test(call[0])) return undefined;
	if (call) at += call[0].length;
	// An escaped quote is read where it is not escaped any more.
	if (text[at] === "\\" && `"'\\`.includes(text.charAt(at + 1))) return undefined;
	const closer = closers[text.charAt(at)];
	if (closer !== undefined) return quotedValue(scan, at, closer);
	if ((text[at] === "{" || text[at] === "[") && markEnd(text, at) < 0) return isPassword ? blockValue(scan, at, name) : undefined;
	const filled = scan.match(expression, at);
	if (filled) return { start: at, end: at + filled[0].length, isQuoted: false, quote: name.quote };
	if (isPassword) at += scan.match(schemeWord, at)?.[0].length ?? 0;
	let end = endOfBare(scan, at);
	// `user/password: jamie / hunter2`
	if (isPassword && text[name.start - 1] === "/") end += scan.match(secondOfTwo, end)?.[0].length ?? 0;
	return { start: at, end, isQuoted: false, quote: name.quote };
}

/** `${{ secrets.X }}`, `$(cat file)`, `<%= x %>`: what fills a template has spaces. */
const expression = /(?:\$\{\{[^}\r\n]{0,200}\}\}|\$\([^)\r\n]{0,200}\)|<%[^>\r\n]{0,200}%>)/y;
const secondOfTwo = /[ \t]\/[ \t]\S{1,200}/y;

/** A value on the line below its name, alone there. */
function lineBelow(scan: Scan, from: number): Value | undefined {
	const { text } = scan;
	const start = skipIndent(text, text.indexOf("\n", from) + 1);
	const end = endOfBare(scan, start);
	const isAlone = end === text.length || text[end] === "\n" || text[end] === "\r";
	return isAlone && end - start < quotedCharsMax && looksRandom(text.slice(start, end)) ? { start, end, isQuoted: false } : undefined;
}

function quotedValue(scan: Scan, open: number, closer: string): Value {
	const { text } = scan;
	const tripled = closer.repeat(3);
	if (text.startsWith(tripled, open)) {
		const close = scan.next(tripled, open + 3);
		if (close >= 0) return { start: open + 3, end: close, isQuoted: true };
	}
	// In a cell of a table a quote is written twice (RFC 4180).
	if (text[open + 1] === closer && (is(text, open + 2, chars.alnum) || text.charCodeAt(open + 2) > 127)) {
		const end = scan.next(closer + closer, open + 2);
		if (end >= 0) return { start: open + 2, end, isQuoted: true };
	}
	const close = scan.nextUnescaped(closer, open + 1);
	if (close < 0 || close - open > quotedCharsMax) return { start: open + 1, end: endOfOpen(scan, open + 1), isQuoted: true };
	return { start: open + 1, end: close, isQuoted: true };
}

/** Where a value ends whose closing quote is missing, or may still come: with its line, or where another quote or an element begins. */
function endOfOpen(scan: Scan, from: number): number {
	const { text } = scan;
	let at = from;
	for (; at < text.length && at < from + quotedCharsMax; at++) {
		const code = text.charCodeAt(at);
		if (
			(code < 0x20 && code !== 0x09) ||
			code === 0x22 ||
			code === 0x27 ||
			code === 0x60 ||
			code === 0x3c ||
			code === 0x3e ||
			code === 0x5c
		)
			break;
	}
	scan.work += at - from + 1;
	return at;
}

const looksLikeMembers = /[{[]\s*(?:["'{[\d}\]]|[A-Za-z_$][\w$-]{0,63}["']?\s*[:=,\]])/y;
const schemaMembers =
	/\{\s*["']?(?:type|required|minLength|maxLength|format|description|\$ref|min|max|validate|select|unique|trim|match|default|in)["']?\s*:/y;

/** An object or a list: masked throughout. `{S3c;ret}` of a connection string is a value in braces. */
function blockValue(scan: Scan, open: number, name: Name): Value | undefined {
	const { text } = scan;
	if (scan.match(schemaMembers, open)) return undefined;
	if (!scan.match(looksLikeMembers, open)) {
		const close = scan.next(text[open] === "{" ? "}" : "]", open);
		return { start: open, end: close < 0 ? text.length : close + 1, isQuoted: false, quote: name.quote };
	}
	let depth = 0;
	let at = open;
	for (; at < text.length; at++) {
		const character = text.charAt(at);
		if (character === "{" || character === "[") depth++;
		else if (character === "}" || character === "]") depth--;
		else if (character === '"') at = Math.max(at, scan.nextUnescaped('"', at + 1));
		if (depth === 0) break;
	}
	scan.work += at - open;
	return { start: open, end: Math.min(text.length, at + 1), isQuoted: false, quote: name.quote ?? nextQuote(scan, open, at) };
}

/** A quote inside shows how quotes are written there. */
function nextQuote(scan: Scan, from: number, to: number): number | undefined {
	const quote = scan.nextUnescaped('"', from);
	return quote >= 0 && quote < to ? quote : undefined;
}

const nextField = /&[\w.[\]%-]{1,64}=/y;
const nextSetting = /[;,]\s*[\w ."'\\-]{1,64}[=:]/y;
const escaped = /\\(?:[nrtbf"'/\\]|u[0-9A-Fa-f]{4})/y;

/** End of a value without quotes: where a field, a setting, a sentence goes on with something else. */
function endOfBare(scan: Scan, from: number): number {
	const { text, bare } = scan;
	if (from >= bare.from && from < bare.end) return bare.end;
	let at = from;
	for (; at < text.length; at++) {
		const code = text.charCodeAt(at);
		if (code <= 0x20 || code === 0x22 || code === 0x27 || code === 0x60 || code === 0x3c || code === 0x3e) break;
		if (code === 0x26 && (scan.match(nextField, at) || at + 1 === text.length)) break;
		if ((code === 0x3b || code === 0x2c) && (at + 1 >= text.length || is(text, at + 1, chars.space) || scan.match(nextSetting, at))) break;
		if (code === 0x5c && scan.match(escaped, at)) break;
		// What closes a call, an object or a list that the value stands in.
		if ((code === 0x29 || code === 0x7d || code === 0x5d) && !is(text, at + 1, chars.alnum) && !hasOpener(text, from, at, code)) break;
	}
	scan.work += at - from + 1;
	scan.bare = { from, end: at };
	return at;
}

const openerOf: Readonly<Record<number, string>> = { 41: "(", 125: "{", 93: "[" };

function hasOpener(text: string, from: number, at: number, code: number): boolean {
	return text.slice(Math.max(from, at - 64), at).includes(openerOf[code] ?? "");
}

function indentAt(text: string, at: number): number {
	const line = text.lastIndexOf("\n", at - 1) + 1;
	return at - line > nameCharsMax ? nameCharsMax : skipIndent(text, line) - line;
}

function skipIndent(text: string, line: number): number {
	let at = line;
	while (at < line + nameCharsMax && (text[at] === " " || text[at] === "\t")) at++;
	return at;
}

/** End of the lines from `line` on that are indented deeper. */
function endOfBlock(scan: Scan, line: number, indent: number): number {
	const { text } = scan;
	let at = line;
	while (at < text.length) {
		const first = skipIndent(text, at);
		const isEmpty = text[first] === "\n" || text[first] === "\r";
		if (!isEmpty && first - at <= indent && !(text[first] === "-" && first - at === indent)) break;
		const next = text.indexOf("\n", first);
		scan.work += (next < 0 ? text.length : next) - at;
		if (next < 0) return text.length;
		at = next + 1;
	}
	return Math.max(line, at - 1);
}

/** Items of a list under a telling name: `- hunter2`. */
function addItems(scan: Scan, start: number): void {
	const { text } = scan;
	for (let line = start; line > 0 && line < scan.secretBlockEnd; line = text.indexOf("\n", line) + 1) {
		const at = skipIndent(text, line);
		if (text[at] !== "-" || text[at + 1] !== " ") continue;
		const value = skipSpaces(text, at + 1);
		const closer = closers[text.charAt(value)];
		const { start: from, end } = closer ? quotedValue(scan, value, closer) : { start: value, end: endOfBare(scan, value) };
		if (text[end] === ":" || text[end - 1] === ":" || end <= from || isPlaceholder(text.slice(from, end))) continue;
		if (markEnd(text, from) < 0) scan.add(from, end, "password", passwordMark);
	}
}

/** Adds the value's span if it is a secret. @returns where to go on, or 0 */
export function addValue(scan: Scan, name: Name, value: Value | undefined, operator: string): number {
	if (!value || value.end <= value.start) return 0;
	const { text } = scan;
	const { start, end } = value;
	// What an earlier pass put there stays.
	if (markEnd(text, start) > 0) return 0;
	const written = end - start > quotedCharsMax ? "" : text.slice(start, end);
	if (!isSecret(scan, name, value, written, operator)) return 0;
	const isCardCode = (name.hints & hint.cardCode) !== 0 && (name.hints & hint.password) === 0;
	scan.add(start, end, "password", isCardCode ? cardCodeMark : passwordMark, value.isQuoted ? undefined : value.quote);
	return end;
}

function isSecret(scan: Scan, name: Name, value: Value, written: string, operator: string): boolean {
	const { hints } = name;
	if (written === "") return (hints & hint.password) !== 0;
	if ((hints & (hint.code | hint.cardCode)) !== 0 && (hints & hint.password) === 0) {
		const digits = (hints & hint.code) !== 0 ? /^\d(?:[ -]?\d){2,9}$/ : /^\d{3,4}$/;
		return digits.test(written);
	}
	// `password: password` passes one on.
	if (isPlaceholder(written) || written === name.last || (/^pass$/i.test(name.last) && count.test(written))) return false;
	const isBlock = written.startsWith("{") || written.startsWith("[");
	if (!value.isQuoted && !isBlock && isExpression(written)) return false;
	if ((hints & hint.password) === 0) return looksRandom(written);
	if (value.isQuoted || name.quote !== undefined) return true;
	// `token => {` begins a function.
	if (operator === "=>") return !isBlock && !isPlainWord(written);
	return !isPlainWord(written) || !goesOn(scan.text, value.end, operator);
}

/** `Pass: 37` of a test's report. */
const count = /^\d{1,3}%?$/;

/** `Password: must have…` is a sentence, `password: hunter` at the end of a line is one. */
function goesOn(text: string, end: number, operator: string): boolean {
	if (operator === "=" && text[end] !== " ") return false;
	return text[end] === " " && /^ \p{L}/u.test(text.slice(end, end + 3));
}
