// The digest that everything binds to: SHA-256 over the RFC 8785 canonical form of exactly who calls what with which arguments.
import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { Caller } from "./call.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** What a digest covers. */
export interface DigestedCall {
	readonly caller: Pick<Caller, "issuer" | "subject" | "session">;
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
export function digestOf(call: DigestedCall): string {
	return digestOfCanonical({ ...call, arguments: canonicalJson(call.arguments) });
}

/** As {@link digestOf}, of arguments whose canonical form is known. */
export function digestOfCanonical(call: Omit<DigestedCall, "arguments"> & { readonly arguments: string }): string {
	const { caller, connection, function: name, salt } = call;
	const { issuer, subject, session } = caller;
	// Whose session it is decides which tokens are opened.
	const who = { issuer, subject, ...(session !== undefined && { session }) };
	const rest = canonicalJson({ caller: who, connection, function: name, salt });
	// RFC 8785 section 3.2.3: members stand in the order of their names, and `arguments` is before all others.
	return sha256(`{"arguments":${call.arguments},${rest.slice(1)}`);
}
