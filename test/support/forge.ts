// Tokens with anything wrong about them, under a signature that is right, or almost.
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { JWK } from "jose";
import { forgerIssuer } from "./configuration.ts";
import { stack } from "./stack.ts";

const privateKey = createPrivateKey({ key: stack.forger as Parameters<typeof createPrivateKey>[0] & JWK, format: "jwk" } as never);
export const forgerPublicPem = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();

const encode = (text: string) => Buffer.from(text).toString("base64url");

export const goodHeader = { alg: "RS256", typ: "at+jwt", kid: "forger-1" };
/** What a token of this issuer may say. */
export function goodClaims(): Record<string, unknown> {
	const now = Math.floor(Date.now() / 1_000);
	return { iss: forgerIssuer, aud: "callgate", sub: "forged", groups: ["ci"], email: "forged@forger.example", iat: now, exp: now + 600 };
}

/** Signs a payload as it is written. */
export function signText(header: object, payload: string, key: KeyObject = privateKey): string {
	const input = `${encode(JSON.stringify(header))}.${encode(payload)}`;
	return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/** A token that is right but for these claims; undefined leaves one out. */
export function forge(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
	return signText({ ...goodHeader, ...header }, JSON.stringify({ ...goodClaims(), ...claims }));
}

/** Signed with a shared secret. */
export function forgeHmac(secret: string): string {
	const input = `${encode(JSON.stringify({ ...goodHeader, alg: "HS256" }))}.${encode(JSON.stringify(goodClaims()))}`;
	return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

export function unsigned(signature: string): string {
	return `${encode(JSON.stringify({ ...goodHeader, alg: "none" }))}.${encode(JSON.stringify(goodClaims()))}.${signature}`;
}
