// The digest that everything binds to: SHA-256 over the RFC 8785 canonical form of exactly who calls what with which arguments.
import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { Caller } from "./call.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** What a digest covers. */
export interface DigestedCall {
	readonly caller: Pick<Caller, "issuer" | "subject">;
	readonly connection: string;
	readonly function: string;
	readonly arguments: JsonObject;
	/**
	 * 128 random bits of this call, sealed with its arguments. Without it the digest, which auditors and approvers see, would let them try
	 * out the few values a masked card number can have (docs/decisions/salted-digest.md).
	 */
	readonly salt: string;
}

/** RFC 8785 (JSON Canonicalization Scheme). */
export function canonicalJson(value: JsonValue): string {
	const text = canonicalize(value);
	if (text === undefined) throw new TypeError("only JSON values have a canonical form");
	return text;
}

export function sha256(text: string | Uint8Array): string {
	return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** `sha256:` and 64 hexadecimal digits. */
export function digestOf({ caller, connection, function: name, arguments: args, salt }: DigestedCall): string {
	const { issuer, subject } = caller;
	return sha256(canonicalJson({ caller: { issuer, subject }, connection, function: name, arguments: args, salt }));
}
