// Base64 that holds text: what is found in the text is masked, and the whole written as base64 again.

const charsMin = 12;
/** A longer one is not looked into; what it is called must then say what it is. */
const charsMax = 4 * 1024 * 1024;
const alphabet = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** The text that `encoded` holds, or undefined where it is not base64 of readable text. */
export function textInBase64(encoded: string): string | undefined {
	if (encoded.length < charsMin || encoded.length > charsMax || !beginsReadable(encoded)) return undefined;
	// The first characters tell nearly always: chance is not readable.
	const beginning = Buffer.from(encoded.slice(0, charsMin), "base64")
		.toString("utf8")
		.replace(/\ufffd$/, "");
	if (!isReadable(beginning) || !alphabet.test(encoded)) return undefined;
	const text = Buffer.from(encoded, "base64").toString("utf8");
	return isReadable(text.slice(0, 4096)) ? text : undefined;
}

/** Whether the first two characters make a letter or a sign of ASCII, or begin one of UTF-8: most names do not. */
function beginsReadable(encoded: string): boolean {
	const first = sextet(encoded.charCodeAt(0));
	const second = sextet(encoded.charCodeAt(1));
	const third = sextet(encoded.charCodeAt(2));
	const byte = (first << 2) | (second >> 4);
	const next = ((second & 15) << 4) | (third >> 2);
	return first >= 0 && second >= 0 && third >= 0 && isBeginning(byte) && (isBeginning(next) || (byte >= 0xc2 && next >= 0x80));
}

function isBeginning(byte: number): boolean {
	return (byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10 || byte === 13 || byte >= 0xc2;
}

function sextet(code: number): number {
	if (code >= 0x61 && code <= 0x7a) return code - 71;
	if (code >= 0x41 && code <= 0x5a) return code - 65;
	if (code >= 0x30 && code <= 0x39) return code + 4;
	return code === 0x2b || code === 0x2d ? 62 : code === 0x2f || code === 0x5f ? 63 : -1;
}

/** Written as `like` was: with its alphabet and padding. */
export function toBase64(text: string, like: string): string {
	const url = /[-_]/.test(like);
	const encoded = Buffer.from(text).toString(url ? "base64url" : "base64");
	return like.length % 4 !== 0 ? encoded.replace(/=+$/, "") : url ? encoded.padEnd(Math.ceil(encoded.length / 4) * 4, "=") : encoded;
}

function isReadable(text: string): boolean {
	for (let at = 0; at < text.length; at++) {
		const code = text.charCodeAt(at);
		if (code === 0x7f || code === 0xfffd || (code < 0x20 && code !== 9 && code !== 10 && code !== 13)) return false;
	}
	return true;
}
