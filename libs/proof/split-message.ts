// A message of the stream → the stored bytes of each of its events, exactly as they lie in it.

/** A message that holds more is one item as a whole: no writer of ours puts so many into one, and nobody may make the tree grow without work. */
export const itemsMax = 1_000;

const [quote, backslash, comma, open, close, openObject, closeObject] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d];
/** Beyond so many bytes of a text the runtime's own search is faster than a loop. */
const nearBytes = 48;

/**
 * The items of a message in its own order: of a JSON list with 1 to {@link itemsMax} items the bytes of each, without the white space and the
 * comma around it; of anything else the whole message as the only one. So every byte of a message that can say something is in an item, whether
 * it is an event or not; what is in an item is not looked at beyond its brackets and texts.
 *
 * @returns views of `message`, not copies
 */
export function splitMessage(message: Uint8Array): Uint8Array[] {
	const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
	const first = firstAfterSpace(bytes, 0);
	if (bytes[first] !== open) return [message];
	const items: Uint8Array[] = [];
	let depth = 0;
	let from = first + 1;
	for (let at = first; at < bytes.length; at++) {
		const byte = bytes[at];
		if (byte === quote) {
			at = endOfText(bytes, at);
		} else if (byte === open || byte === openObject) {
			depth++;
		} else if (byte === comma && depth === 1) {
			items.push(withoutSpace(bytes, from, at));
			from = at + 1;
			if (items.length >= itemsMax) return [message];
		} else if ((byte === close || byte === closeObject) && --depth === 0) {
			items.push(withoutSpace(bytes, from, at));
			const isWhole = byte === close && firstAfterSpace(bytes, at + 1) === bytes.length;
			return isWhole && items.every((item) => item.length > 0) ? items : [message];
		}
	}
	return [message];
}

/** Where the quote is that ends the text which begins at `from`; beyond the end if there is none. */
function endOfText(bytes: Buffer, from: number): number {
	let at = from + 1;
	for (const near = Math.min(bytes.length, at + nearBytes); at < near; at++) {
		if (bytes[at] === quote) return at;
		if (bytes[at] === backslash) at++;
	}
	for (;;) {
		const end = bytes.indexOf(quote, at);
		if (end < 0) return bytes.length;
		let escapes = end;
		while (escapes > at && bytes[escapes - 1] === backslash) escapes--;
		if ((end - escapes) % 2 === 0) return end;
		at = end + 1;
	}
}

function isSpace(byte: number | undefined): boolean {
	return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function firstAfterSpace(bytes: Uint8Array, from: number): number {
	let at = from;
	while (at < bytes.length && isSpace(bytes[at])) at++;
	return at;
}

function withoutSpace(bytes: Uint8Array, from: number, to: number): Uint8Array {
	const begin = firstAfterSpace(bytes, from);
	let end = to;
	while (end > begin && isSpace(bytes[end - 1])) end--;
	return bytes.subarray(begin, end);
}
