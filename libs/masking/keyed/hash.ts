// A value's keyed hash: who holds the key recognises an equal value, and who does not cannot try out what it may have been.
import { createHmac } from "node:crypto";
import { toBase32 } from "./base32.ts";
import type { SessionKeys } from "./session-keys.ts";

/** 80 bits: among a million values two are taken for equal with a chance of 2^-41. */
const hashBytes = 10;

/** `[hash k5x2…]`: HMAC-SHA-256 (RFC 2104), cut to 80 bits. */
export function hashMark({ hash }: Pick<SessionKeys, "hash">, text: string): string {
	return `[hash ${toBase32(createHmac("sha256", hash).update(text).digest().subarray(0, hashBytes))}]`;
}
