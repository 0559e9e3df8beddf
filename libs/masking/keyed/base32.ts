// Base32 (RFC 4648 section 6) in small letters and without padding: whatever is made of it survives a change of case, a URL and a mail server.
const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

export function toBase32(bytes: Uint8Array): string {
	let text = "";
	let bits = 0;
	let held = 0;
	for (const byte of bytes) {
		held = (held << 8) | byte;
		bits += 8;
		for (; bits >= 5; bits -= 5) text += alphabet.charAt((held >> (bits - 5)) & 31);
		held &= (1 << bits) - 1;
	}
	return bits === 0 ? text : text + alphabet.charAt((held << (5 - bits)) & 31);
}

/** Undefined where it is none, or not written in the one way that {@link toBase32} writes it. */
export function fromBase32(text: string): Uint8Array | undefined {
	const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
	let at = 0;
	let bits = 0;
	let held = 0;
	for (const character of text) {
		const value = alphabet.indexOf(character);
		if (value === -1) return undefined;
		held = (held << 5) | value;
		bits += 5;
		if (bits < 8) continue;
		bits -= 8;
		bytes[at++] = held >> bits;
		held &= (1 << bits) - 1;
	}
	return held === 0 && bits < 5 ? bytes : undefined;
}
