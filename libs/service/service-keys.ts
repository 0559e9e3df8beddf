// The keys a process holds, as they lie in its key files: what seals, what signs, what verifies.
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import type { JWK } from "jose";
import { Type } from "typebox";
import type { Signer, VerifyingKeys } from "#libs/contracts/grant.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import { type SealingKey, SealingKeys } from "#libs/contracts/sealed.ts";
import { MaskingKeys, tokenWindowMs } from "#libs/masking/keyed/session-keys.ts";
import { type NoteSigner, noteSigner } from "#libs/merkle/signed-note.ts";
import { ConfigurationInvalid, secretSetting, setting } from "./config.ts";

export const sealingSettings = {
	sealingKeys: secretSetting(
		"CALLGATE_SEALING_KEYS",
		'sealing keys by pool: {"default": [{"kid": …, "kty": "oct", "k": …}]}; the first of a pool seals',
		Type.String({ minLength: 2 }),
	),
};

/** Executors' alone: whoever else held one could open tokens and try out what hashes were made of. */
export const maskingSettings = {
	maskingKeys: Type.Optional(
		secretSetting(
			"CALLGATE_MASKING_KEYS",
			'keys of hashes, surrogates and tokens, which only executors may have, all of them the same: [{"kid": …, "kty": "oct", "k": …}]; the first makes, all open',
			Type.String({ minLength: 2 }),
		),
	),
	tokenWindowMs: setting(
		"CALLGATE_TOKEN_WINDOW_MS",
		"how long surrogates stay the same and a token can be used, and at most twice as long; the same for all executors",
		Type.Integer({ minimum: tokenWindowMs.min, maximum: tokenWindowMs.max, default: tokenWindowMs.byDefault }),
	),
};

/** @throws {ConfigurationInvalid} which never repeats the text. */
function parseKeys<T>(name: string, text: string): T {
	try {
		return JSON.parse(text) as T;
	} catch {
		throw new ConfigurationInvalid([`${name} is not JSON`]);
	}
}

export function readSealingKeys(text: string): SealingKeys {
	const pools = Object.entries(parseKeys<Record<string, JWK[]>>("CALLGATE_SEALING_KEYS", text));
	return new SealingKeys(new Map(pools.map(([pool, keys]) => [pool, keys.map((key) => sealingKey(pool, key))])));
}

function sealingKey(pool: string, jwk: JWK): SealingKey {
	return secretKey(jwk, `CALLGATE_SEALING_KEYS: pool ${pool} needs keys of 256 bits with kty "oct" and a kid`);
}

/** @param text undefined: none are held, and what needs one does not run. */
export function readMaskingKeys(text: string | undefined, windowMs: number): MaskingKeys {
	const keys = text === undefined ? [] : parseKeys<JWK[]>("CALLGATE_MASKING_KEYS", text);
	const expected = 'CALLGATE_MASKING_KEYS must be a list of one to four keys of 256 bits with kty "oct" and a kid';
	if (!Array.isArray(keys) || (text !== undefined && keys.length === 0) || keys.length > maskingKeysMax)
		throw new ConfigurationInvalid([expected]);
	return new MaskingKeys(
		keys.map((key) => secretKey(key, expected)),
		windowMs,
	);
}

/** Each is tried on every token. */
const maskingKeysMax = 4;

function secretKey({ kid, kty, k }: JWK, expected: string): { readonly id: string; readonly secret: KeyObject } {
	const secret = kty === "oct" && typeof k === "string" ? Buffer.from(k, "base64url") : undefined;
	if (!kid || secret?.length !== 32) throw new ConfigurationInvalid([expected]);
	return { id: kid, secret: createSecretKey(secret) };
}

export function readSigningKey(text: string): SigningKey {
	const jwk = parseKeys<JWK>("CALLGATE_SIGNING_KEY", text);
	const { kid } = jwk;
	const key = privateKeyOf(jwk);
	if (!kid || !key) throw new ConfigurationInvalid(["CALLGATE_SIGNING_KEY must be a private JWK with kty OKP, crv Ed25519 and a kid"]);
	return { id: kid, key };
}

/** `[JWK, …]`: the private keys that sign the checkpoints of the tree with this name. Verifiers know them by name and key; a `kid` is not needed. */
export function readCheckpointKeys(text: string, origin: string): NoteSigner[] {
	const keys = parseKeys<JWK[]>("CALLGATE_CHECKPOINT_KEYS", text);
	const signers = (Array.isArray(keys) ? keys : []).flatMap((jwk) => {
		const key = privateKeyOf(jwk);
		return key ? [noteSigner(origin, key)] : [];
	});
	if (signers.length === 0 || signers.length !== keys.length)
		throw new ConfigurationInvalid(["CALLGATE_CHECKPOINT_KEYS must be a list of private JWKs with kty OKP and crv Ed25519, one at least"]);
	return signers;
}

/** `{"policy": [JWK, …], "approval": [JWK, …]}`: the public keys whose grants count. */
export function readVerifyingKeys(text: string): VerifyingKeys {
	const files = parseKeys<Record<Signer, JWK[]>>("CALLGATE_GRANT_KEYS", text);
	const read = (signer: Signer) =>
		new Map(
			(files[signer] ?? []).map(({ kid, kty, crv, x }) => {
				const key =
					kty === "OKP" && crv === "Ed25519" && x ? keyOf(() => createPublicKey({ key: { kty, crv, x }, format: "jwk" })) : undefined;
				if (!kid || !key) throw new ConfigurationInvalid([`CALLGATE_GRANT_KEYS: a key of ${signer} is no public Ed25519 JWK with a kid`]);
				return [kid, key] as const;
			}),
		);
	return { policy: read("policy"), approval: read("approval") };
}

function privateKeyOf({ kty, crv, d, x }: JWK): KeyObject | undefined {
	return kty === "OKP" && crv === "Ed25519" && d && x
		? keyOf(() => createPrivateKey({ key: { kty, crv, d, x }, format: "jwk" }))
		: undefined;
}

/** Undefined where the library cannot make one: its own error may repeat the key. */
function keyOf(make: () => KeyObject): KeyObject | undefined {
	try {
		return make();
	} catch {
		return undefined;
	}
}
