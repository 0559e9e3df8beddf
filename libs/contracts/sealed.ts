// Arguments and results that only their readers can open: JWE (RFC 7516) under keys of the pool's, each bound to one call and one direction.
import { hkdfSync, randomBytes } from "node:crypto";
import { CompactEncrypt, compactDecrypt } from "jose";
import type { JsonObject, JsonValue } from "./json.ts";

/** One pool's sealing key: 256 random bits. Ingress and policy hold every pool's, an executor its own pool's. */
export interface SealingKey {
	readonly id: string;
	readonly secret: Uint8Array;
}

/** Keys by pool; the first of a pool seals, all of them open, so that a key can be replaced without a pause. */
export type SealingKeys = ReadonlyMap<string, readonly SealingKey[]>;

/** What is sealed on the way to the function. */
export interface SealedArguments {
	readonly arguments: JsonObject;
	readonly salt: string;
	/** Headers the connection lets pass; lower-case names. */
	readonly headers: readonly (readonly [string, string])[];
	/** Passed on to functions that are declared idempotent. */
	readonly idempotencyKey?: string;
}

/** What is sealed on the way back: the function's answer, already masked. */
export interface SealedResult {
	readonly status: number;
	readonly headers: readonly (readonly [string, string])[];
	/** The answer as JSON where it is JSON, as text or base64 where it is not. */
	readonly body: { readonly json: JsonValue } | { readonly text: string } | { readonly base64: string } | undefined;
}

interface Kinds {
	arguments: SealedArguments;
	result: SealedResult;
}

/** The seal is broken, of another call, or of a key that is not held. Never says more: the content is secret. */
export class SealBroken extends Error {
	constructor(why: string) {
		super(`a sealed value cannot be opened: ${why}`);
		this.name = "SealBroken";
	}
}

/** As much as the key that is derived from it: two values never share one. */
const saltBytes = 32;
const saltPattern = /^[\w-]{43}$/;

/**
 * Every value has a key of its own, derived from the pool's and a fresh salt (HKDF-SHA-256, RFC 5869), so no number of values wears out a key
 * as random nonces under a single one would (NIST SP 800-38D section 8.3). The salt is in the header, which is authenticated.
 */
function contentKey({ secret }: SealingKey, salt: Uint8Array): Uint8Array {
	return new Uint8Array(hkdfSync("sha256", secret, salt, "callgate/sealed", 32));
}

export async function seal<Kind extends keyof Kinds>(
	keys: SealingKeys,
	pool: string,
	call: string,
	kind: Kind,
	value: Kinds[Kind],
): Promise<string> {
	const key = keys.get(pool)?.[0];
	if (!key) throw new SealBroken(`no sealing key of pool ${pool} is held`);
	const salt = randomBytes(saltBytes);
	return await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
		.setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: key.id, salt: salt.toString("base64url"), typ: `callgate-${kind}`, call })
		.encrypt(contentKey(key, salt));
}

/** @throws {SealBroken} */
export async function open<Kind extends keyof Kinds>(
	keys: SealingKeys,
	pool: string,
	call: string,
	kind: Kind,
	token: string,
): Promise<Kinds[Kind]> {
	const find = ({ kid, salt }: { kid?: string; salt?: unknown }) => {
		const key = keys.get(pool)?.find((one) => one.id === kid);
		if (!key) throw new SealBroken(`no such sealing key of pool ${pool} is held`);
		if (typeof salt !== "string" || !saltPattern.test(salt)) throw new SealBroken("it has no salt");
		return contentKey(key, Buffer.from(salt, "base64url"));
	};
	const opened = await compactDecrypt(token, find, {
		keyManagementAlgorithms: ["dir"],
		contentEncryptionAlgorithms: ["A256GCM"],
	}).catch((error: unknown) => {
		throw error instanceof SealBroken ? error : new SealBroken("it was changed or is no seal");
	});
	const { typ, call: sealedFor } = opened.protectedHeader as { typ?: string; call?: string };
	if (typ !== `callgate-${kind}` || sealedFor !== call) throw new SealBroken("it belongs to another call or direction");
	try {
		return JSON.parse(new TextDecoder().decode(opened.plaintext)) as Kinds[Kind];
	} catch {
		// The parser's own error quotes what it read.
		throw new SealBroken("what it holds is not JSON");
	}
}
