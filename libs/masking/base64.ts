// Base64 that holds text: what is found in the text is masked, and the whole written as base64 again.

const charsMin = 12;
/** A longer one is not looked into; what it is called must then say what it is. */
const charsMax = 4 * 1024 * 1024;
const alphabet = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** The text that `encoded` holds, or undefined where it is not base64 of readable text. */
export function textInBase64(encoded: string): string | undefined {
	if (encoded.length < charsMin || encoded.length > charsMax) return undefined;
	// The first characters tell nearly always: chance is not readable.
	const beginning = Buffer.from(encoded.slice(0, charsMin), "base64")
		.toString("utf8")
		.replace(/\ufffd$/, "");
	if (!isReadable(beginning) || !alphabet.test(encoded)) return undefined;
	const text = Buffer.from(encoded, "base64").toString("utf8");
	return isReadable(text.slice(0, 4096)) ? text : undefined;
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
