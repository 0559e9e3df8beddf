// The identity provider's signing keys, kept in its data folder so that tokens stay valid over a restart.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";

/** Private signing keys (RFC 7517) and the key that signs the login cookies. */
export type IdpKeys = { readonly jwks: readonly JWK[]; readonly cookieKey: string };

/** Reads the keys, or makes an RS256 and an ES256 pair the first time. The file can be read by its owner only. */
export async function loadIdpKeys(dataDir: string): Promise<IdpKeys> {
	const file = join(dataDir, "idp-keys.json");
	const stored = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
	if (stored !== undefined) return JSON.parse(stored) as IdpKeys;
	const keys = { jwks: [await newKey("RS256"), await newKey("ES256")], cookieKey: randomBytes(32).toString("base64url") };
	await mkdir(dataDir, { recursive: true, mode: 0o700 });
	// Renamed into place, so that a start cut short leaves no half a file behind.
	await writeFile(`${file}.new`, JSON.stringify(keys), { mode: 0o600 });
	await rename(`${file}.new`, file);
	return keys;
}

async function newKey(alg: "RS256" | "ES256"): Promise<JWK> {
	const { privateKey } = await generateKeyPair(alg, { extractable: true });
	const jwk = await exportJWK(privateKey);
	return { ...jwk, alg, use: "sig", kid: await calculateJwkThumbprint(jwk) };
}
