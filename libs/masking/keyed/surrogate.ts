// Surrogates: values of the same kind that nobody has, for programs that check what they read. Keyed, and the same for an equal value within one session.
import { createHmac, type KeyObject } from "node:crypto";
import { isLuhn } from "../detect/check-digits.ts";
import { toBase32 } from "./base32.ts";
import type { SessionKeys } from "./session-keys.ts";

/** Longer texts are no identifiers: their surrogate would only cost time. */
export const surrogateCharsMax = 1_024;

/**
 * A surrogate for a value of that kind; undefined where there is none (secrets, identity numbers with check digits of their own): then the value
 * is redacted. It is never the value itself. A text of no kind that is known keeps its shape: digits become digits, letters letters.
 */
export function surrogateOf({ surrogate }: Pick<SessionKeys, "surrogate">, kind: string, text: string): string | undefined {
	if (text.length > surrogateCharsMax) return undefined;
	const make = makers[kind];
	if (!make) return undefined;
	// A card of few digits in its range, or one letter, may come out as what it went in.
	for (let attempt = 0; attempt < attemptsMax; attempt++) {
		const made = make(text, new Draw(surrogate, `${kind}\0${attempt}\0${text}`));
		if (made !== undefined && made !== text) return made;
	}
	return undefined;
}

const attemptsMax = 8;

/** Numbers that follow from a key and a text. */
class Draw {
	private readonly key: KeyObject;
	private readonly context: string;
	private block: Uint8Array = new Uint8Array();
	private blocks = 0;
	private at = 0;

	constructor(key: KeyObject, context: string) {
		this.key = key;
		this.context = context;
	}

	/** From 0 to below `count`, which is at most 2^16; what a 32-bit number prefers of them is less than 2^-16. */
	below(count: number): number {
		return new DataView(this.bytes(4).slice().buffer).getUint32(0) % count;
	}

	digits(count: number): string {
		return Array.from({ length: count }, () => this.below(10)).join("");
	}

	bytes(count: number): Uint8Array {
		if (this.at + count > this.block.length) {
			this.block = createHmac("sha256", this.key)
				.update(`${this.blocks++}\0${this.context}`)
				.digest();
			this.at = 0;
		}
		this.at += count;
		return this.block.subarray(this.at - count, this.at);
	}

	pick<One>(list: readonly One[]): One {
		return list[this.below(list.length)] as One;
	}
}

type Maker = (text: string, draw: Draw) => string | undefined;

const makers: Readonly<Record<string, Maker | undefined>> = {
	card: fakeCard,
	// RFC 2606 section 3: nobody has a mailbox there.
	email: (_text, draw) => `${toBase32(draw.bytes(10))}@example.com`,
	iban: fakeIban,
	phone: fakePhone,
	uuid: fakeUuid,
	"ip-address": fakeAddress,
	// RFC 9542 section 2.1.2: for documentation.
	"mac-address": (text, draw) => {
		const pairs = ["00", "00", "5E", "00", "53", draw.below(256).toString(16).padStart(2, "0")];
		return pairs.join(text.includes("-") ? "-" : ":");
	},
	"birth-date": (text, draw) => {
		const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
		if (!date) return undefined;
		// Some days nearer or farther, so that ages stay about right.
		return new Date(Date.parse(`${text}T00:00:00Z`) + (draw.below(365) - 182) * 86_400_000).toISOString().slice(0, 10);
	},
	text: fakeText,
};

/** Issuers' ranges of which payment processors' test cards are (Stripe and Adyen document these), by what a card of the issuer begins with. */
const testRanges: readonly (readonly [beginning: RegExp, range: string])[] = [
	[/^3[47]/, "378282"],
	[/^3[068]/, "305693"],
	[/^35/, "356600"],
	[/^(?:5[1-5]|2[2-7])/, "555555"],
	[/^6/, "601111"],
];

function fakeCard(text: string, draw: Draw): string | undefined {
	const digits = text.replace(/\D/g, "");
	if (digits.length < 13 || digits.length > 19) return undefined;
	const range = testRanges.find(([beginning]) => beginning.test(digits))?.[1] ?? "424242";
	const body = range + draw.digits(digits.length - range.length - 1);
	const check = [..."0123456789"].find((digit) => isLuhn(body + digit)) ?? "0";
	return inShapeOf(text, body + check);
}

/** The letters and digits of `made`, with what stands between those of `text`. */
function inShapeOf(text: string, made: string): string {
	let at = 0;
	return text.replace(/[0-9A-Za-z]/g, () => made.charAt(at++));
}

/** ISO 13616: the same country, an account that follows from nothing, and its check digits. */
function fakeIban(text: string, draw: Draw): string | undefined {
	const compact = text.replace(/[^0-9A-Za-z]/g, "").toUpperCase();
	if (!/^[A-Z]{2}\d\d[0-9A-Z]{11,30}$/.test(compact)) return undefined;
	const account = likeCharacters(compact.slice(4), draw);
	const number = [...`${account}${compact.slice(0, 2)}00`].map((one) => Number.parseInt(one, 36)).join("");
	const check = 98n - (BigInt(number) % 97n);
	return inShapeOf(text, `${compact.slice(0, 2)}${String(check).padStart(2, "0")}${account}`);
}

/** Area codes of large cities. 555-0100 to 555-0199 are kept for fiction in each (ATIS-0300115). */
const areaCodes = ["202", "212", "303", "312", "404", "415", "512", "602", "617", "702", "713", "818"];

function fakePhone(text: string, draw: Draw): string {
	// Ofcom keeps 07700 900000 to 900999 for drama; elsewhere few states keep any.
	if (/^\s*(?:\+|00)\s*44/.test(text)) return `+447700900${draw.digits(3)}`;
	return `+1${draw.pick(areaCodes)}55501${draw.digits(2)}`;
}

/** RFC 9562 section 5.4, whatever version the original had. */
function fakeUuid(text: string, draw: Draw): string {
	const hex = Buffer.from(draw.bytes(16)).toString("hex");
	const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${"89ab"[draw.below(4)]}${hex.slice(17, 20)}-${hex.slice(20)}`;
	return text === text.toUpperCase() ? uuid.toUpperCase() : uuid;
}

/** RFC 5737 and RFC 3849: for documentation. */
function fakeAddress(text: string, draw: Draw): string {
	if (text.includes(":")) return `2001:db8:${[1, 2, 3, 4].map(() => draw.below(65_536).toString(16)).join(":")}::1`;
	return `${draw.pick(["192.0.2", "198.51.100", "203.0.113"])}.${1 + draw.below(254)}`;
}

function fakeText(text: string, draw: Draw): string | undefined {
	return /[\p{L}\p{Nd}]/u.test(text) ? likeCharacters(text, draw) : undefined;
}

function likeCharacters(text: string, draw: Draw): string {
	return text.replace(/[\p{L}\p{Nd}]/gu, (one) => {
		if (/\p{Nd}/u.test(one)) return draw.digits(1);
		const letter = String.fromCharCode(0x61 + draw.below(26));
		return /\p{Lu}/u.test(one) ? letter.toUpperCase() : letter;
	});
}
