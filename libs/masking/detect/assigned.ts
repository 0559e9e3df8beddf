// Values beside a telling name, in any text: `name = value`, `"name": "value"`, `<name>value</name>`, in YAML, in forms, in programs.
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isPlainWord } from "../values.ts";
import { callAt } from "./called.ts";
import { addValue, isNameChar, type Name, quotedCharsMax, readName, readValue, skipSpaces, skipSpacesBack } from "./name-and-value.ts";

const operatorCharsMax = 4;
/** Nothing else is looked at: letters are most of every text. */
const lastSign = 0x3e;
const brace = 0x7b;
/** `"name": "DB_PASSWORD", "value": "…"`: the name stands in a value. */
const namingNames = new Set([
	"name",
	"key",
	"field",
	"header",
	"variable",
	"property",
	"param",
	"parameter",
	"id",
	"setting",
	"option",
	"type",
]);

export function findAssigned(scan: Scan): void {
	const { text } = scan;
	let open = -1;
	let from = 0;
	scan.work += text.length;
	for (let at = 0; at < text.length; at++) {
		const code = text.charCodeAt(at);
		if (code > lastSign && code !== brace) continue;
		if (code === 0x3c) {
			open = at;
			// `password <- "hunter2"` of R.
			if (at >= from && text.startsWith("<- ", at)) from = Math.max(from, assignmentAt(scan, at + 1));
		} else if (code === 0x2c) {
			if (at >= from) from = Math.max(from, argumentAt(scan, at));
		} else if (code === 0x28 || code === brace) {
			if (at >= from) from = Math.max(from, callAt(scan, at));
		} else if (code === 0x22 && text.startsWith(" {", at + 1)) {
			from = Math.max(from, labelledAt(scan, at));
		} else if ((code === 0x22 || code === 0x27) && text[at - 1] === " " && at >= from && isNameChar(text, at - 2)) {
			from = Math.max(from, spokenAt(scan, at));
		} else if (code === 0x3d || code === 0x3a || code === 0x3e) {
			if (at < from) continue;
			const isTag = code === 0x3e && open >= 0 && text[at - 1] !== "=" && text[at - 1] !== "-";
			const end = !isTag ? assignmentAt(scan, at) : text[open + 1] === "/" ? besideElement(scan, open, at) : elementAt(scan, open, at);
			if (code === 0x3e) open = -1;
			// A block that was masked whole is not looked into again.
			if (end > from) from = end;
		}
	}
}

/** `setProperty("password", "hunter2")`: the name is an argument and the value the next one. */
function argumentAt(scan: Scan, at: number): number {
	const { text } = scan;
	const quote = text.charAt(at - 1);
	if (quote !== '"' && quote !== "'") return 0;
	const value = skipSpaces(text, at + 1);
	if (text[value] !== quote) return 0;
	const name = readName(scan, at);
	if (!name || (name.hints & hint.password) === 0 || !"([{,".includes(text.charAt(skipSpacesBack(text, name.start - 1) - 1))) return 0;
	// In a list of names every one is telling: `["password", "name"]`.
	if ("[,".includes(text.charAt(skipSpacesBack(text, name.start - 1) - 1))) return 0;
	return addValue(scan, name, readValue(scan, at + 1, name), ",");
}

/** `variable "db_password" { default = "hunter2" }`: the name is a block's label. */
function labelledAt(scan: Scan, quote: number): number {
	const name = readName(scan, quote + 1);
	if (!name || (name.hints & (hint.password | hint.keyLike)) === 0) return 0;
	const setting = scan.match(labelledSetting, quote);
	return setting ? addValue(scan, name, readValue(scan, quote + setting[0].length, name), "=") : 0;
}

const labelledSetting = /" \{[^{}]{0,300}?\b(?:default|value)\s{0,8}=\s{0,8}(?=")/y;

/** Whether something else than letters is in it, as in no word. */
function hasSign(value: string): boolean {
	return /[\p{N}!@#$%^&*+=?~]/u.test(value);
}

const writtenCharsMax = 64;

/** `set password "hunter2"`: nothing but a space between them. */
function spokenAt(scan: Scan, at: number): number {
	const name = readName(scan, at);
	if (!name || (scan.names.hints(name.last) & hint.password) === 0) return 0;
	const value = readValue(scan, at, name);
	if (!value || isPlainWord(scan.text.slice(value.start, Math.min(value.end, value.start + writtenCharsMax)))) return 0;
	return addValue(scan, name, value, "=");
}

const tagCharsMax = 200;

/** `<string name="api_key">`. */
const namingAttribute = /\s+(?:name|key|id)=["']([\w.-]{1,64})["']/y;

const elementBegin = /\s{0,80}(<!\[CDATA\[)?/y;

/** `<password>hunter2</password>`, whatever is inside. @returns where to go on, or 0 */
function elementAt(scan: Scan, open: number, close: number): number {
	const { text } = scan;
	if (close - open > tagCharsMax || text[close - 1] === "/" || !is(text, open + 1, chars.letter)) return 0;
	let end = open + 1;
	while (end < close && (is(text, end, chars.alnum) || "_-.:".includes(text.charAt(end)))) end++;
	const tag = text.slice(open + 1, end);
	const named = scan.match(namingAttribute, end)?.[1];
	const hints = scan.names.hints(tag.slice(tag.indexOf(":") + 1)) | (named === undefined ? 0 : scan.names.hints(named));
	if ((hints & (hint.password | hint.keyLike | hint.code)) === 0) return 0;
	const until = scan.next(`</${tag}`, close + 1);
	if (until < 0) return 0;
	const opening = scan.match(elementBegin, close + 1);
	const start = Math.min(close + 1 + (opening?.[0].length ?? 0), until);
	let stop = opening?.[1] === undefined ? until : Math.max(start, text.lastIndexOf("]]>", until));
	while (stop > start && is(text, stop - 1, chars.space)) stop--;
	scan.work += until - close;
	return addValue(scan, { hints, last: tag, start: open, quote: undefined }, { start, end: stop, isQuoted: true }, ">");
}

/** `<td>Password</td><td>hunter2</td>`, `<key>password</key><string>hunter2</string>`. @returns where to go on, or 0 */
function besideElement(scan: Scan, open: number, close: number): number {
	const { text } = scan;
	if (close - open > tagCharsMax || !isNameChar(text, open - 1 - (text[open - 1] === ":" ? 1 : 0))) return 0;
	const name = readName(scan, text[open - 1] === ":" ? open - 1 : open);
	if (!name || (name.hints & hint.password) === 0 || text[name.start - 1] !== ">") return 0;
	const tags = scan.match(tagsBetween, close + 1);
	if (!tags) return 0;
	const start = close + 1 + tags[0].length;
	const end = scan.next("<", start);
	if (end < 0 || end - start > quotedCharsMax) return 0;
	const written = text.slice(start, end).trimEnd();
	// A label may stand beside a sentence; what is called a value is one.
	const isValue = /<(?:string|value|code)\b[^<>]*>\s*$/.test(tags[0]) || (!/\s/.test(written) && hasSign(written));
	return isValue ? addValue(scan, name, { start, end: start + written.length, isQuoted: true }, ">") : 0;
}

const tagsBetween = /(?:\s{0,40}<[A-Za-z][^<>]{0,80}>){1,4}\s{0,40}/y;

/** @returns where to go on, or 0 */
function assignmentAt(scan: Scan, at: number): number {
	const { text } = scan;
	const after = text.charAt(at + 1);
	// The operator's last character decides: `:=`, `=>`, `==`, `::=`.
	if (after === "=" || after === ">" || (after === ":" && text[at] === ":") || after === "~") return 0;
	let operator = at;
	while (operator > 0 && operator > at - operatorCharsMax && ":=?.!|+-<^".includes(text.charAt(operator - 1))) operator--;
	if (text[at] === ">" && operator === at) return 0;
	// A URL's colon.
	if (text[at] === ":" && after === "/" && text[at + 2] === "/") return 0;
	const name = readName(scan, operator);
	if (!name) return 0;
	const kind = text[at] === ">" ? "=>" : text.charAt(at);
	const inherited = at < scan.secretBlockEnd ? hint.password : 0;
	const hints = name.hints | inherited;
	const elsewhere = namedElsewhere(scan, name, at + 1);
	if (elsewhere > 0 || (hints & (hint.password | hint.keyLike | hint.code | hint.cardCode)) === 0) return elsewhere;
	return addValue(scan, { ...name, hints }, readValue(scan, at + 1, name), kind);
}

const valueMember =
	/["'\\]{0,3}[\s,;&]{0,40}(?:["']?[A-Za-z_-]{1,20}["']?\s{0,4}[:=]\s{0,4}["'][^"'<>\r\n]{0,60}["'][\s,]{1,8}){0,3}["'\\]{0,2}(?:value|Value|VALUE|val|content|data)["'\\]{0,3}[ \t]{0,8}[:=]>?/y;
const multipartBody = /"?(?:;[^\r\n]{0,200})?(?:\r?\n[^\r\n]{1,200}){0,4}\r?\n\r?\n/y;
const namingCharsMax = 64;

/** `name: DB_PASSWORD` and, behind it, `value: …`; a part of a multipart body whose name is telling. */
function namedElsewhere(scan: Scan, naming: Name, from: number): number {
	if (!namingNames.has(naming.last.toLowerCase())) return 0;
	const { text } = scan;
	const value = readValue(scan, from, naming);
	if (!value || value.end <= value.start || value.end - value.start > namingCharsMax) return 0;
	const last = text.slice(value.start, value.end);
	const hints = scan.names.hints(last);
	if ((hints & (hint.password | hint.keyLike | hint.code)) === 0) return 0;
	const name = { hints, last, start: value.start, quote: undefined };
	const member = scan.match(valueMember, value.end);
	if (member) return addValue(scan, name, readValue(scan, value.end + member[0].length, name), "=");
	const part = scan.match(multipartBody, value.end);
	if (!part) return 0;
	const start = value.end + part[0].length;
	const boundary = scan.next("\n--", start);
	const end = boundary < 0 ? text.length : text[boundary - 1] === "\r" ? boundary - 1 : boundary;
	return addValue(scan, name, { start, end, isQuoted: true }, "=");
}
