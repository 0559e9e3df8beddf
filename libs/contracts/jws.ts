// Compact JWS (RFC 7515) under Ed25519 (`EdDSA`, RFC 8037), made and verified in the main thread by node:crypto: docs/decisions/seals-in-the-main-thread.md.
import { type KeyObject, sign, verify } from "node:crypto";

export interface SigningKey {
	readonly id: string;
	/** Private, Ed25519. */
	readonly key: KeyObject;
}

/** What a token says: a JSON object. Nothing of it counts before the signature was verified. */
export type Claims = Readonly<Record<string, unknown>>;

/** @param typ names the kind of token (RFC 8725 section 3.11): one kind never counts as another. */
export function signCompact({ id, key }: SigningKey, typ: string, claims: Claims): string {
	const input = `${encoded({ alg: "EdDSA", kid: id, typ })}.${encoded(claims)}`;
	return `${input}.${sign(null, Buffer.from(input, "ascii"), key).toString("base64url")}`;
}

/** `header.payload.signature`; of Ed25519 the signature has 64 bytes. */
const compactPattern = /^[\w-]+\.[\w-]+\.[\w-]{86}$/;

/**
 * The claims of a token of this kind, or undefined where its form or its signature is not good.
 *
 * @param findKey the public key that a token which claims these things must be signed with: key and issuer belong together.
 */
export function verifyCompact(
	token: string,
	typ: string,
	findKey: (kid: string, claims: Claims) => KeyObject | undefined,
): Claims | undefined {
	if (!compactPattern.test(token)) return undefined;
	const [head = "", body = "", signature = ""] = token.split(".");
	const [header, claims] = [decoded(head), decoded(body)];
	if (!header || !claims || header.alg !== "EdDSA" || header.typ !== typ || typeof header.kid !== "string") return undefined;
	// An extension that must be understood is not (RFC 7515 section 4.1.11).
	if (header.crit !== undefined) return undefined;
	const key = findKey(header.kid, claims);
	const isGood = key && verify(null, Buffer.from(`${head}.${body}`, "ascii"), key, Buffer.from(signature, "base64url"));
	return isGood ? claims : undefined;
}

function encoded(value: Claims): string {
	return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decoded(part: string): Claims | undefined {
	try {
		const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
		return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
	} catch {
		return undefined;
	}
}
