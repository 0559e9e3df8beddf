// An issuer's public keys: from a file, a URL, or found by OIDC discovery; fetched when needed, refreshed once for an unknown key id, then left in peace.
import { createLocalJWKSet, createRemoteJWKSet, type JWTVerifyGetKey } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";

/** An unknown key id asks the issuer again at most this often: made-up key ids must not become a flood. */
const cooldownMs = 30_000;
const cacheMs = 600_000;
const timeoutMs = 4_000;
const discoveryBytesMax = 262_144;
/** After a failed discovery, callers in the meantime are told at once. */
const retryMs = 1_000;

/** The issuer cannot be asked: the token may be good, so this is not the caller's fault. */
export class IssuerUnavailable extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "IssuerUnavailable";
	}
}

/** Discovery follows OpenID Connect Discovery 1.0 section 4. */
export function issuerKeys({ issuer, keys }: Pick<Issuer, "issuer" | "keys">): JWTVerifyGetKey {
	if (keys.from === "file") return createLocalJWKSet({ keys: [...keys.keys] });
	if (keys.from === "url") return remoteKeys(keys.url);
	let found: Promise<JWTVerifyGetKey> | undefined;
	let failedAt = Number.NEGATIVE_INFINITY;
	return async (header, token) => {
		if (found === undefined) {
			if (performance.now() - failedAt < retryMs) throw new IssuerUnavailable(`${issuer} could not be asked a moment ago`);
			found = discover(issuer);
			found.catch(() => {
				failedAt = performance.now();
				found = undefined;
			});
		}
		return await (await found)(header, token);
	};
}

function remoteKeys(url: string): JWTVerifyGetKey {
	return createRemoteJWKSet(new URL(url), { cooldownDuration: cooldownMs, cacheMaxAge: cacheMs, timeoutDuration: timeoutMs });
}

async function discover(issuer: string): Promise<JWTVerifyGetKey> {
	const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
	const fault = (why: string, cause?: unknown) => new IssuerUnavailable(`${address}: ${why}`, { cause });
	const response = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
		throw fault("cannot be reached", error);
	});
	if (!response.ok) throw fault(`answered ${response.status}, expected 200`);
	const text = await response.text();
	if (text.length > discoveryBytesMax) throw fault("is too large");
	let document: { issuer?: unknown; jwks_uri?: unknown };
	try {
		document = JSON.parse(text) as typeof document;
	} catch (error) {
		throw fault("is not JSON", error);
	}
	// Section 4.3: the issuer in the document must be exactly the one that was asked.
	if (document.issuer !== issuer) throw fault("names another issuer than the one it was asked for");
	if (typeof document.jwks_uri !== "string") throw fault("has no jwks_uri");
	return remoteKeys(document.jwks_uri);
}
