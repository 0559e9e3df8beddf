// The keys a process holds, as they lie in its key files: what seals, what signs, what verifies.
import { importJWK, type JWK } from "jose";
import { Type } from "typebox";
import type { Signer, SigningKey, VerifyingKeys } from "#libs/contracts/grant.ts";
import type { SealingKey, SealingKeys } from "#libs/contracts/sealed.ts";
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
	return new Map(pools.map(([pool, keys]) => [pool, keys.map((key) => sealingKey(pool, key))]));
}

function sealingKey(pool: string, { kid, kty, k }: JWK): SealingKey {
	const secret = kty === "oct" && typeof k === "string" ? Buffer.from(k, "base64url") : undefined;
	if (!kid || secret?.length !== 32) {
		throw new ConfigurationInvalid([`CALLGATE_SEALING_KEYS: pool ${pool} needs keys of 256 bits with kty "oct" and a kid`]);
	}
	return { id: kid, secret: new Uint8Array(secret) };
}

export async function readSigningKey(text: string): Promise<SigningKey> {
	const jwk = parseKeys<JWK>("CALLGATE_SIGNING_KEY", text);
	if (jwk.kty !== "OKP" || jwk.crv !== "Ed25519" || !jwk.d || !jwk.kid) {
		throw new ConfigurationInvalid(["CALLGATE_SIGNING_KEY must be a private JWK with kty OKP, crv Ed25519 and a kid"]);
	}
	const key = await importJWK(jwk, "EdDSA");
	if (key instanceof Uint8Array) throw new ConfigurationInvalid(["CALLGATE_SIGNING_KEY is not a private key"]);
	return { id: jwk.kid, key };
}

/** `{"policy": [JWK, …], "approval": [JWK, …]}`: the public keys whose grants count. */
export async function readVerifyingKeys(text: string): Promise<VerifyingKeys> {
	const files = parseKeys<Record<Signer, JWK[]>>("CALLGATE_GRANT_KEYS", text);
	const read = async (signer: Signer) => {
		const keys = await Promise.all(
			(files[signer] ?? []).map(async ({ kid, kty, crv, x }) => {
				if (!kid || !x || kty !== "OKP" || crv !== "Ed25519") {
					throw new ConfigurationInvalid([`CALLGATE_GRANT_KEYS: a key of ${signer} is no public Ed25519 JWK with a kid`]);
				}
				const key = await importJWK({ kty, crv, x }, "EdDSA");
				if (key instanceof Uint8Array) throw new ConfigurationInvalid([`CALLGATE_GRANT_KEYS: a key of ${signer} is not public`]);
				return [kid, key] as const;
			}),
		);
		return new Map(keys);
	};
	return { policy: await read("policy"), approval: await read("approval") };
}
