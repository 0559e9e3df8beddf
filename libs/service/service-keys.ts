// The keys a process holds, as they lie in its key files: what seals, what signs, what verifies.
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import type { JWK } from "jose";
import { Type } from "typebox";
import type { Signer, VerifyingKeys } from "#libs/contracts/grant.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import { type SealingKey, SealingKeys } from "#libs/contracts/sealed.ts";
import { type NoteSigner, noteSigner } from "#libs/merkle/signed-note.ts";
import { ConfigurationInvalid, secretSetting } from "./config.ts";

export const sealingSettings = {
	sealingKeys: secretSetting(
		"CALLGATE_SEALING_KEYS",
		'sealing keys by pool: {"default": [{"kid": …, "kty": "oct", "k": …}]}; the first of a pool seals',
		Type.String({ minLength: 2 }),
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

function sealingKey(pool: string, { kid, kty, k }: JWK): SealingKey {
	const secret = kty === "oct" && typeof k === "string" ? Buffer.from(k, "base64url") : undefined;
	if (!kid || secret?.length !== 32) {
		throw new ConfigurationInvalid([`CALLGATE_SEALING_KEYS: pool ${pool} needs keys of 256 bits with kty "oct" and a kid`]);
	}
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
