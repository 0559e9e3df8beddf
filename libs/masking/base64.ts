// Text that is written in base64 or in hexadecimal digits within a text: where it may stand, what it says, and how the same is written again.

/** Beside a sign (`base64,`), or a whole value. */
export const encodedCharsMin = 12;
/** Within a text, where nothing says that it is one: eleven bytes, as long as a social security number. */
const runCharsMin = 15;
/** A longer one is not looked into; what it is called must then say what it is. */
const charsMax = 4 * 1024 * 1024;
const alphabet = /^[A-Za-z0-9+/_-]+={0,2}$/;
const hexDigits = /^(?:[\da-f]{2})+$/i;

/** An encoded text. Places are code units of the text it stands in. */
export interface Encoded {
	readonly start: number;
	readonly end: number;
	/** What it says. */
	readonly text: string;
	/** The same way of writing for another text; undefined where the bytes are no text throughout, so that what is between could not be kept. */
	readonly write: ((text: string) => string) | undefined;
	/** In hexadecimal digits, of which some look like a number of something. */
	readonly isHex?: boolean;
}

/** What `text` holds from `start` to `end`, or undefined where that is not base64 of readable text. */
export function encodedAt(text: string, start: number, end: number): Encoded | undefined {
	const length = end - start;
	if (length < encodedCharsMin || length > charsMax || !beginsReadable(text, start, end)) return undefined;
	const written = text.slice(start, end);
	if (!alphabet.test(written)) return undefined;
	return decoded(start, end, Buffer.from(written, "base64"), (bytes) => toBase64(bytes, written, text[start - 1] === "/"));
}

/**
 * Whatever may be encoded text within the text, in order: runs of base64 or base64url, wrapped at a column too, and of hexadecimal digits. Ordinary text
 * costs a look at every third character: it is looked at backwards from as far as the shortest run would reach.
 *
 * @param mayWrap whether what is written anew may have line breaks: not where they stand escaped in another text
 */
export function encodedIn(text: string, mayWrap: boolean): Encoded[] {
	let found: Encoded[] = none;
	/** Up to here lines were looked at together, and said nothing. */
	let apartUntil = 0;
	for (let from = 0; from + runCharsMin <= text.length; ) {
		let at = from + runCharsMin - 1;
		while (at >= from && isSextet(text.charCodeAt(at))) at--;
		if (at >= from) {
			from = at + 1;
			continue;
		}
		let end = from + runCharsMin;
		while (end < text.length && isSextet(text.charCodeAt(end))) end++;
		if (found === none) found = [];
		const lines = from >= apartUntil ? linesAt(text, from, end) : undefined;
		const together = lines && togetherAt(text, from, lines, mayWrap);
		if (together) found.push(together);
		else addRun(text, from, end, found);
		if (lines && !together) apartUntil = lines.end;
		from = (together?.end ?? end) + 1;
	}
	return found;
}

const none: Encoded[] = [];

const encodedSign = /^%2[BF]$/i;

/** The run, or, where that is no text throughout, what stands in it between what joins names and paths. */
function addRun(text: string, start: number, end: number, found: Encoded[]): void {
	// Cut by a sign that is percent-encoded: it is read whole where that is taken away. (`%2Babc`: the sign's digits are in the run.)
	if (encodedSign.test(text.slice(end, end + 3)) || encodedSign.test(text.slice(start - 1, start + 2))) return;
	const whole = encodedRun(text, start, end);
	if (whole?.write) return void found.push(whole);
	const { length } = found;
	parted(text, start, end, isSlash, found, (from, to) => parted(text, from, to, isJoint, found, () => undefined));
	if (whole && found.length === length) found.push(whole);
}

function parted(
	text: string,
	start: number,
	end: number,
	isBetween: (code: number) => boolean,
	found: Encoded[],
	otherwise: (from: number, to: number) => void,
): void {
	for (let from = start; from < end; ) {
		let to = from;
		while (to < end && !isBetween(text.charCodeAt(to))) to++;
		if (to - from >= runCharsMin) {
			const piece = from === start && to === end ? undefined : encodedRun(text, from, to);
			if (piece) found.push(piece);
			else otherwise(from, to);
		}
		from = to + 1;
	}
}

function encodedRun(text: string, start: number, end: number): Encoded | undefined {
	const hex = hexAt(text, start, end);
	if (hex) return hex;
	let padded = end;
	while (padded < end + 2 && text.charCodeAt(padded) === equals) padded++;
	return encodedAt(text, start, (padded - start) % 4 === 0 ? padded : end);
}

const equals = 0x3d;
const isSlash = (code: number): boolean => code === 0x2f;
/** `user-…`, `id_…`, `a+…`. */
const isJoint = (code: number): boolean => code === 0x2d || code === 0x5f || code === 0x2b;
const wrapColumnsMin = 32;
const indentMax = 64;

interface Lines {
	readonly end: number;
	readonly columns: number;
	/** The line break, and what each line begins with. */
	readonly between: string;
}

/** Lines of one length and a last one that is not longer (RFC 2045 section 6.8, RFC 7468). */
function linesAt(text: string, start: number, firstEnd: number): Lines | undefined {
	const columns = firstEnd - start;
	if (columns < wrapColumnsMin || columns % 4 !== 0 || !beginsReadable(text, start, firstEnd)) return undefined;
	let next = firstEnd + (text[firstEnd] === "\r" ? 1 : 0);
	if (text[next] !== "\n") return undefined;
	next++;
	while (next < firstEnd + indentMax && (text[next] === " " || text[next] === "\t")) next++;
	const between = text.slice(firstEnd, next);
	let stop = firstEnd;
	for (let line = next; ; ) {
		let to = line;
		while (to < line + columns && isSextet(text.charCodeAt(to))) to++;
		while (to > line && to < line + columns && text.charCodeAt(to) === equals) to++;
		// A longer line, or one that goes on with something else, is another text.
		if (to === line || isSextet(text.charCodeAt(to)) || !isLineEnd(text, to)) break;
		stop = to;
		if (to < line + columns || !text.startsWith(between, to)) break;
		line = to + between.length;
	}
	return stop === firstEnd ? undefined : { end: stop, columns, between };
}

/** At a quote a text ends that is within another. */
function isLineEnd(text: string, at: number): boolean {
	return at >= text.length || "\r\n\"'`<".includes(text.charAt(at));
}

/** The lines as one encoded text. */
function togetherAt(text: string, start: number, { end, columns, between }: Lines, mayWrap: boolean): Encoded | undefined {
	if (end - start > charsMax) return undefined;
	const written = text.slice(start, end).replace(/\s/g, "");
	if (!alphabet.test(written)) return undefined;
	return decoded(start, end, Buffer.from(written, "base64"), (bytes) => {
		const line = toBase64(bytes, written);
		return mayWrap ? (line.match(new RegExp(`.{1,${columns}}`, "g")) ?? []).join(between) : line;
	});
}

/** `xxd -p`, `0x…` and `\x…` of databases. A digest's bytes are no text. */
function hexAt(text: string, start: number, end: number): Encoded | undefined {
	const from = start + (text[start] === "x" ? 1 : text[start + 1] === "x" && text[start] === "0" ? 2 : 0);
	if (end - from < 2 * (encodedCharsMin - 1) || end - from > charsMax || (end - from) % 2 !== 0 || !isPrintableHex(text, from))
		return undefined;
	const written = text.slice(from, end);
	if (!hexDigits.test(written)) return undefined;
	const isUpper = written === written.toUpperCase();
	const found = decoded(from, end, Buffer.from(written, "hex"), (bytes) => {
		const hex = bytes.toString("hex");
		return isUpper ? hex.toUpperCase() : hex;
	});
	return found && { ...found, isHex: true };
}

/** Whether the first digits of the first bytes are those of something printable (2 to 7, 0) and of well-formed UTF-8: one of a hundred by chance. */
function isPrintableHex(text: string, from: number): boolean {
	let following = 0;
	for (let at = from; at < from + 12; at += 2) {
		const digit = hexValue(text.charCodeAt(at));
		if (following > 0) {
			if (digit < 0x8 || digit > 0xb) return false;
			following--;
		} else if (digit >= 0xc) following = digit === 0xf ? 3 : digit === 0xe ? 2 : 1;
		else if (digit === 0) {
			// A tab, a line break, or the other half of UTF-16.
			const low = hexValue(text.charCodeAt(at + 1));
			if (low !== 0 && low !== 0x9 && low !== 0xa && low !== 0xd) return false;
		} else if (digit < 0x2 || digit > 0x7) return false;
	}
	return true;
}

function hexValue(code: number): number {
	return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** One byte of so many may be none of a text: what mails, terminals and protocols put between. */
const textBytesPerOther = 8;

function decoded(start: number, end: number, bytes: Buffer, write: (bytes: Buffer) => string): Encoded | undefined {
	if (isUtf16(bytes)) return { start, end, text: bytes.toString("utf16le"), write: (text) => write(Buffer.from(text, "utf16le")) };
	const text = bytes.toString("utf8");
	const length = Math.min(text.length, 4096);
	let [others, lost] = [0, text.indexOf("\ufffd")];
	for (let at = 0; at < length; at++) {
		const code = text.charCodeAt(at);
		if (code === 0x7f || code === 0xfffd || (code < 0x20 && code !== 9 && code !== 10 && code !== 13)) others++;
	}
	if (others * textBytesPerOther > length) return undefined;
	// A part of a character at the end is what a cut left.
	if (lost === text.length - 1) lost = -1;
	return { start, end, text, write: lost < 0 ? (masked) => write(Buffer.from(masked)) : undefined };
}

/** Latin letters in UTF-16, as PowerShell encodes its commands: every other byte is none. */
function isUtf16(bytes: Uint8Array): boolean {
	if (bytes.length < 8 || bytes.length % 2 !== 0) return false;
	for (let at = 0; at < Math.min(bytes.length, 64); at += 2) if (bytes[at] === 0 || bytes[at + 1] !== 0) return false;
	return true;
}

/** So many of the first bytes tell. */
const tellingBytes = 12;
const othersMax = 2;

/** Whether the beginning is text of ASCII and well-formed UTF-8, but for a byte or two, or of UTF-16: chance is neither. */
function beginsReadable(text: string, start: number, end: number): boolean {
	let [others, zeros, following, bits] = [0, 0, 0, 0];
	const stop = Math.min(end, start + (tellingBytes * 4) / 3);
	for (let at = start; at < stop; at++) {
		const sextet = sextetOf(text.charCodeAt(at));
		if (sextet < 0) break;
		bits = ((bits << 6) | sextet) & 0xfff;
		const place = (at - start) & 3;
		if (place === 0) continue;
		const byte = (bits >> (6 - place * 2)) & 0xff;
		if (byte === 0) zeros++;
		if (byte >= 0x80 && byte < 0xc0 && following > 0) following--;
		else if (byte >= 0xc2 && byte < 0xf5 && following === 0) following = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
		else if (following > 0 || byte >= 0x7f || (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)) {
			following = 0;
			if (++others > othersMax && zeros < others) return false;
		}
	}
	return true;
}

function isSextet(code: number): boolean {
	return code < 128 && sextets[code] !== 0xff;
}

const sextets = new Uint8Array(128).fill(0xff);
for (const [value, character] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries())
	sextets[character.charCodeAt(0)] = value;
sextets[0x2d] = 62;
sextets[0x5f] = 63;

function sextetOf(code: number): number {
	const sextet = code < 128 ? (sextets[code] as number) : 0xff;
	return sextet === 0xff ? -1 : sextet;
}

/** Written as `like` was: with its alphabet and padding. What has neither sign, behind a slash, is a part of a path. */
function toBase64(bytes: Buffer, like: string, isInPath = false): string {
	const isForUrls = /[-_]/.test(like) || (isInPath && !/[+/=]/.test(like));
	const encoded = bytes.toString(isForUrls ? "base64url" : "base64");
	if (isForUrls) return like.endsWith("=") ? encoded.padEnd(Math.ceil(encoded.length / 4) * 4, "=") : encoded;
	return like.length % 4 !== 0 ? encoded.replace(/=+$/, "") : encoded;
}
