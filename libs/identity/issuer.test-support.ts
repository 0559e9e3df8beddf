// An issuer for tests: a real HTTP server with discovery and keys, that counts who asks and can be made to misbehave.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";

export interface TestKey {
	readonly kid: string;
	readonly alg: string;
	readonly key: CryptoKey;
	readonly jwk: JWK;
}

export async function newKey(kid: string, alg = "ES256"): Promise<TestKey> {
	const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
	return { kid, alg, key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

export const now = new Date("2026-01-01T12:00:00Z");
export const seconds = now.getTime() / 1_000;

/** A good token's claims; each test changes what it is about. */
export function claims(issuer: string, over: JWTPayload = {}): JWTPayload {
	return { iss: issuer, aud: "callgate", sub: "robin", exp: seconds + 300, iat: seconds - 10, ...over };
}

export async function sign(key: TestKey, payload: JWTPayload, header: object = {}): Promise<string> {
	return await new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...header }).sign(key.key);
}

type Answer = (response: ServerResponse) => void;

export async function startIssuer(...keys: TestKey[]) {
	const asked = { discovery: 0, keys: 0 };
	const state: { keys: readonly TestKey[]; discovery?: Answer; jwks?: Answer } = { keys };
	const server = createServer((request, response) => {
		response.setHeader("content-type", "application/json");
		if (request.url === "/.well-known/openid-configuration") {
			asked.discovery++;
			if (state.discovery) return state.discovery(response);
			return response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/jwks` }));
		}
		asked.keys++;
		if (state.jwks) return state.jwks(response);
		return response.end(JSON.stringify({ keys: state.keys.map(({ jwk }) => jwk) }));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const url = `http://127.0.0.1:${port}`;
	return {
		...{ url, asked, state },
		stop: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

/** An Issuer document, compiled. */
export function issuerOf(url: string, over: Partial<Issuer> = {}): Issuer {
	return {
		...{
			name: "test",
			issuer: url,
			keys: { from: "discovery" },
			addresses: { allowLoopback: true },
			audience: ["callgate"],
			algorithms: ["ES256"],
		},
		...{
			claims: { subject: "sub", groups: "groups", email: "email" },
			tokenTypes: ["at+jwt", "jwt"],
			allowUntyped: false,
			scopes: [],
			clockToleranceSeconds: 5,
		},
		...over,
	};
}
