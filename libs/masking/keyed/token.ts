// Reversible tokens: a value under the key of its caller's session, in a form that can be pasted anywhere and opened by executors alone.
import { createCipheriv, createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { fromBase32, toBase32 } from "./base32.ts";
import type { SessionKeys } from "./session-keys.ts";

export const kindPattern = "^[a-z][a-z0-9-]{0,31}$";

/** RFC 5297's: a synthetic nonce of 128 bits, which is also what proves that a token was made here. */
const nonceBytes = 16;
/** Of a value in UTF-8. A text that is longer is no identifier. */
const valueBytesMax = 1_024;
/** A token's length says how long its value is to within this. */
const padBytes = 8;
const bodyChars = { min: charsOf(padBytes), max: charsOf(valueBytesMax) } as const;

function charsOf(bytes: number): number {
	return Math.ceil(((nonceBytes + bytes) * 8) / 5);
}

/** RFC 6761 section 6.4: mail for it goes nowhere. */
const domain = "callgate.invalid";
/** RFC 5321 section 4.5.3.1.1 allows 64 before the @, RFC 1035 section 2.3.4 63 in a label and 253 in a name. */
const labelChars = 56;
const labelsMax = 3;
const emailBodyMax = labelChars * (1 + labelsMax);

/**
 * The token of a value: the same for an equal one, as long as `keys` stay. An e-mail address becomes one, so that it passes where one is asked
 * for; everything else becomes `<kind:…>`. Undefined for a value that is empty, too long, or that UTF-8 cannot hold.
 */
export function tokenOf({ tokens: [key] }: Pick<SessionKeys, "tokens">, kind: string, text: string): string | undefined {
	const value = Buffer.from(text, "utf8");
	if (value.length === 0 || value.length > valueBytesMax || !text.isWellFormed() || text.includes("\0")) return undefined;
	const padded = Buffer.alloc(Math.ceil(value.length / padBytes) * padBytes);
	padded.set(value);
	const nonce = nonceOf(key.nonce, kind, padded);
	const body = toBase32(Buffer.concat([nonce, crypt(key.value, nonce, padded)]));
	if (kind !== "email" || !looksLikeEmail.test(text) || body.length > emailBodyMax) return `<${kind}:${body}>`;
	const labels = body.slice(labelChars).match(new RegExp(`.{1,${labelChars}}`, "g")) ?? [];
	return `tok-${body.slice(0, labelChars)}@${[...labels, domain].join(".")}`;
}

const looksLikeEmail = /^[^\s@]+@[^\s@]+$/;

/** The value of a token's body, if one of the session's keys made it as one of this kind. */
export function openToken({ tokens }: Pick<SessionKeys, "tokens">, kind: string, body: string): string | undefined {
	const bytes = body.length <= bodyChars.max ? fromBase32(body) : undefined;
	if (!bytes || bytes.length <= nonceBytes) return undefined;
	const nonce = bytes.subarray(0, nonceBytes);
	for (const key of tokens) {
		const padded = crypt(key.value, nonce, bytes.subarray(nonceBytes));
		if (timingSafeEqual(nonceOf(key.nonce, kind, padded), nonce)) return padded.toString("utf8").replace(/\0+$/, "");
	}
	return undefined;
}

/**
 * The SIV construction (Rogaway and Shrimpton, 2006; RFC 5297 has it with another function): what encrypts is made of the value, so equal values
 * make equal tokens and nothing else is told. Docs: decisions/tokens-without-a-store.md.
 */
function nonceOf(key: KeyObject, kind: string, padded: Uint8Array): Buffer {
	return createHmac("sha256", key).update(`${kind}\0`).update(padded).digest().subarray(0, nonceBytes);
}

/** AES-256-CTR: what encrypts decrypts. */
function crypt(key: KeyObject, nonce: Uint8Array, bytes: Uint8Array): Buffer {
	const cipher = createCipheriv("aes-256-ctr", key, nonce);
	return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

export interface FoundToken {
	readonly start: number;
	readonly end: number;
	readonly kind: string;
	readonly body: string;
}

// An address that only begins or ends like a token's is another one: opened, it would lead the value to somebody else's mail server.
const anywhere = new RegExp(
	`<([a-z][a-z0-9-]{0,31}):([a-z2-7]{${bodyChars.min},${bodyChars.max}})>|(?<![\\w.%+-])tok-([a-z2-7]{${bodyChars.min},${labelChars}})@((?:[a-z2-7]{1,${labelChars}}\\.){0,${labelsMax}})${domain.replace(".", "\\.")}(?![\\w-]|\\.[\\w-])`,
	"gi",
);

const ownDomain = /callgate\.invalid/i;
const lessThan = 0x3c;

/** Whatever looks like a token, in order. Most texts cost two searches. */
export function tokensIn(text: string): FoundToken[] {
	if (!text.includes("<") && !ownDomain.test(text)) return [];
	return Array.from(text.matchAll(anywhere), ({ 0: whole, 1: kind, 2: body, 3: local = "", 4: labels = "", index }) => ({
		start: index,
		end: index + whole.length,
		kind: (kind ?? "email").toLowerCase(),
		body: (body ?? local + labels.replaceAll(".", "")).toLowerCase(),
	}));
}

const inMarkup = new RegExp(`&lt;${kindPattern.slice(1, -1)}:[a-z2-7]{${bodyChars.min},${bodyChars.max}}&gt;`, "gi");

/** Where tokens stand, in order, those too whose angle brackets are written as entities. */
export function placesOfTokens(text: string): readonly { readonly start: number; readonly end: number }[] {
	const plain = tokensIn(text);
	if (!text.includes("&lt;")) return plain;
	const escaped = Array.from(text.matchAll(inMarkup), ({ 0: whole, index }) => ({ start: index, end: index + whole.length }));
	return [...plain, ...escaped].sort((one, other) => one.start - other.start);
}

/** The text as one token, if it is one and nothing beside it. */
export function wholeToken(text: string): FoundToken | undefined {
	if (text.length < bodyChars.min || (text.charCodeAt(0) !== lessThan && !/^tok-/i.test(text))) return undefined;
	const [token] = tokensIn(text);
	return token?.start === 0 && token.end === text.length ? token : undefined;
}
