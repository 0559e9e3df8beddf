// A text as its readers would read it: percent-encoding, escapes of JSON and programs, entities, quoted-printable taken away, with the way back.

/** A decoded text. `offsets[i]` is where its i-th code unit began in the text it was decoded from; one more entry holds that text's length. */
export interface Decoded {
	readonly text: string;
	readonly offsets: Uint32Array;
}

/** Which escapes are worth looking for. */
export interface Escapes {
	readonly backslashes: boolean;
	readonly percents: boolean;
	readonly entities: boolean;
	/** `=40`, `=\n` (RFC 2045 section 6.7). */
	readonly quotedPrintable: boolean;
	/** `+` for a space, as forms write it. */
	readonly pluses: boolean;
}

const simple: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", '"': '"', "'": "'", "/": "/", "\\": "\\" };
const entities: Readonly<Record<string, string>> = {
	...{
		amp: "&",
		lt: "<",
		gt: ">",
		quot: '"',
		apos: "'",
		nbsp: " ",
		commat: "@",
		period: ".",
		colon: ":",
		equals: "=",
		sol: "/",
		plus: "+",
	},
	...{ lowbar: "_", num: "#", dollar: "$", percnt: "%", hyphen: "-", dash: "-", lpar: "(", rpar: ")", comma: ",", semi: ";", excl: "!" },
	...{ Tab: "\t", NewLine: "\n", ndash: "-", mdash: "-", minus: "-", shy: "", zwnj: "", zwj: "", ensp: " ", emsp: " ", thinsp: " " },
};

/** Decodes one level. @returns undefined where there is nothing to decode */
export function withoutEscapes(text: string, escapes: Escapes): Decoded | undefined {
	// Most signs of an escape are none: `19 %`, `R&D`.
	let offsets: Uint32Array | undefined;
	const pieces: string[] = [];
	let length = 0;
	let kept = 0;
	const put = (at: number, end: number, decoded: string): void => {
		offsets ??= new Uint32Array(text.length + 1);
		if (at > kept) {
			for (let place = kept; place < at; place++) offsets[length++] = place;
			pieces.push(text.slice(kept, at));
		}
		for (let unit = 0; unit < decoded.length; unit++) offsets[length++] = at;
		pieces.push(decoded);
		kept = end;
	};
	for (let at = 0; at < text.length; ) {
		const code = text.charCodeAt(at);
		const end =
			code === 0x5c && escapes.backslashes
				? backslash(text, at, put)
				: code === 0x25 && escapes.percents
					? percents(text, at, put)
					: code === 0x26 && escapes.entities
						? entity(text, at, put)
						: code === 0x3d && escapes.quotedPrintable
							? quotedPrintable(text, at, put, escapes.backslashes)
							: code === 0x2b && escapes.pluses
								? plus(at, put)
								: 0;
		at = end > at ? end : at + 1;
	}
	if (!offsets) return undefined;
	put(text.length, text.length, "");
	offsets[length] = text.length;
	return { text: pieces.join(""), offsets: offsets.subarray(0, length + 1) };
}

type Put = (at: number, end: number, decoded: string) => void;

function plus(at: number, put: Put): number {
	put(at, at + 1, " ");
	return at + 1;
}

function backslash(text: string, at: number, put: Put): number {
	const kind = text.charAt(at + 1);
	const plain = simple[kind];
	if (plain !== undefined) {
		put(at, at + 2, plain);
		return at + 2;
	}
	const digits = kind === "u" ? 4 : kind === "x" ? 2 : 0;
	if (digits === 0) return 0;
	if (kind === "u" && text[at + 2] === "{") {
		const close = text.slice(at + 3, at + 10).indexOf("}");
		const point = close > 0 ? hexAt(text, at + 3, close) : -1;
		if (point < 0 || point > 0x10ffff) return 0;
		put(at, at + 4 + close, String.fromCodePoint(point));
		return at + 4 + close;
	}
	const unit = hexAt(text, at + 2, digits);
	if (unit < 0) return 0;
	put(at, at + 2 + digits, String.fromCharCode(unit));
	return at + 2 + digits;
}

/** The number that `count` hexadecimal digits at `at` are, or -1. */
function hexAt(text: string, at: number, count: number): number {
	let value = 0;
	for (let place = at; place < at + count; place++) {
		const code = text.charCodeAt(place) | 0x20;
		const digit = code >= 0x61 && code <= 0x66 ? code - 0x57 : code >= 0x30 && code <= 0x39 ? code - 0x30 : -1;
		if (digit < 0) return -1;
		value = value * 16 + digit;
	}
	return count === 0 ? -1 : value;
}

/** One character, of one to four bytes of UTF-8. */
function percents(text: string, at: number, put: Put): number {
	return bytes(text, at, 0x25, put);
}

function bytes(text: string, at: number, sign: number, put: Put): number {
	const first = hexAt(text, at + 1, 2);
	if (first < 0) return 0;
	// `%B4` of a card's track is no encoded byte: no character of UTF-8 begins with one from 0x80 to 0xbf.
	if (first >= 0x80 && first < 0xc2) return 0;
	const count = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	let point = count === 1 ? first : first & (0x7f >> count);
	for (let number = 1; number < count; number++) {
		const next = at + number * 3;
		const byte = text.charCodeAt(next) === sign ? hexAt(text, next + 1, 2) : -1;
		if (byte < 0 || (byte & 0xc0) !== 0x80) return 0;
		point = (point << 6) | (byte & 0x3f);
	}
	put(at, at + count * 3, point > 0x10ffff ? "\ufffd" : String.fromCodePoint(point));
	return at + count * 3;
}

const entityCharsMax = 12;

function entity(text: string, at: number, put: Put): number {
	const close = text.slice(at + 1, at + 1 + entityCharsMax).indexOf(";");
	if (close < 1) return 0;
	const name = text.slice(at + 1, at + 1 + close);
	const end = at + close + 2;
	const point =
		name[0] !== "#" ? -1 : /^#[xX]/.test(name) ? hexAt(name, 2, name.length - 2) : /^#\d+$/.test(name) ? Number(name.slice(1)) : -1;
	const decoded =
		point >= 0 && point <= 0x10ffff ? String.fromCodePoint(point) : Object.hasOwn(entities, name) ? entities[name] : undefined;
	if (decoded === undefined) return 0;
	put(at, end, decoded);
	return end;
}

/** @param isEscaped whether its line breaks may be written as escapes, as in a string of JSON */
function quotedPrintable(text: string, at: number, put: Put, isEscaped: boolean): number {
	const breaks = isEscaped ? ["\n", "\r\n", "\\n", "\\r\\n"] : ["\n", "\r\n"];
	const soft = 1 + (breaks.find((one) => text.startsWith(one, at + 1))?.length ?? -1);
	if (soft > 0) {
		put(at, at + soft, "");
		return at + soft;
	}
	return bytes(text, at, 0x3d, put);
}
