// The identity provider over real HTTP, its tokens verified the way a resource server does: with jose and the published keys.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Idp, startIdp } from "./idp.ts";

const password = "correct horse";
const clientSecrets = { ci: "ci-secret", "ai-agent": "agent-secret" };
let dataDir = "";
const running: Idp[] = [];

beforeAll(async () => {
	dataDir = await mkdtemp(join(tmpdir(), "callgate-idp-"));
});
afterEach(async () => {
	for (const idp of running.splice(0)) await idp.stop();
});
afterAll(() => rm(dataDir, { recursive: true }));

async function start(port = 0): Promise<Idp> {
	const idp = await startIdp({ port, dataDir, password, clientSecrets });
	running.push(idp);
	return idp;
}

async function discover(idp: Idp) {
	const answer = await fetch(`${idp.issuer}/.well-known/openid-configuration`);
	return (await answer.json()) as Record<string, string>;
}

async function verify(idp: Idp, token: string) {
	const { jwks_uri, issuer } = await discover(idp);
	const keys = createRemoteJWKSet(new URL(String(jwks_uri)));
	const options = {
		issuer: String(issuer),
		audience: "callgate",
		typ: "at+jwt",
		algorithms: ["RS256", "ES256"],
		requiredClaims: ["exp", "sub"],
	};
	return jwtVerify(token, keys, options);
}

function post(url: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
	return fetch(url, { method: "POST", body: new URLSearchParams(form), headers, redirect: "manual" });
}

test.each([
	["dana", "RS256", { sub: "dana", groups: ["finance"], email: "dana@example.com", email_verified: true }],
	["mallory", "RS256", { sub: "mallory", groups: [], email: "mallory@contractor.example.net" }],
	["ci", "RS256", { sub: "ci", groups: ["ci"], client_id: "ci" }],
	["ai-agent", "ES256", { sub: "ai-agent", groups: ["agents"] }],
])("%s gets a JWT access token for callgate, signed with %s", async (name, algorithm, claims) => {
	const idp = await start();
	const token = await idp.tokenFor(name);
	const { payload, protectedHeader } = await verify(idp, token);
	expect(protectedHeader).toMatchObject({ alg: algorithm, typ: "at+jwt" });
	expect(payload).toMatchObject({ ...claims, aud: "callgate", scope: "callgate" });
	expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
});

test("a workload has no e-mail address", async () => {
	const idp = await start();
	const { payload } = await verify(idp, await idp.tokenFor("ci"));
	expect(payload.email).toBeUndefined();
});

test.each([
	["another password", { grant_type: "password", client_id: "callgate-demo", username: "dana", password: "wrong" }],
	["an unknown person", { grant_type: "password", client_id: "callgate-demo", username: "nobody", password }],
	["a client that may not", { grant_type: "password", client_id: "callgate-cli", username: "dana", password }],
	["a resource that is not ours", { grant_type: "client_credentials", client_id: "ci", client_secret: "ci-secret", resource: "urn:other" }],
	["another client secret", { grant_type: "client_credentials", client_id: "ci", client_secret: "wrong" }],
])("%s gets no token", async (_name, form) => {
	const idp = await start();
	const answer = await post(`${idp.issuer}/token`, form);
	expect(answer.status).toBeGreaterThanOrEqual(400);
	expect(answer.status).toBeLessThan(500);
	expect(await answer.json()).not.toHaveProperty("access_token");
});

test("the documented curl needs neither resource nor scope", async () => {
	const idp = await start();
	const basic = { authorization: `Basic ${Buffer.from("ci:ci-secret").toString("base64")}` };
	const answer = await post(`${idp.issuer}/token`, { grant_type: "client_credentials" }, basic);
	const { access_token } = (await answer.json()) as { access_token: string };
	expect((await verify(idp, access_token)).payload).toMatchObject({ sub: "ci", groups: ["ci"] });
	expect(idp.tokenCommand("ci")).toBe(
		`curl -s -u ci:ci-secret --data-urlencode grant_type=client_credentials --data-urlencode resource=urn:callgate:api --data-urlencode scope=callgate ${idp.issuer}/token`,
	);
	expect(idp.tokenCommand("dana")).toContain("--data-urlencode 'password=correct horse'");
});

test("tokens stay valid over a restart, and the keys are readable by their owner only", async () => {
	const first = await start();
	const token = await first.tokenFor("dana");
	await first.stop();
	running.length = 0;
	const second = await start(Number(new URL(first.issuer).port));
	expect((await verify(second, token)).payload.sub).toBe("dana");
	expect((await stat(join(dataDir, "idp-keys.json"))).mode & 0o077).toBe(0);
});

test("the published keys are public ones", async () => {
	const idp = await start();
	const { keys } = (await (await fetch(String((await discover(idp)).jwks_uri))).json()) as { keys: Record<string, unknown>[] };
	expect(keys.map((key) => key.alg).toSorted()).toEqual(["ES256", "RS256"]);
	for (const key of keys) expect(key).not.toHaveProperty("d");
});

/** A browser as far as it is needed: follows redirects with cookies, and takes forms apart. */
function browser() {
	const cookies = new Map<string, string>();
	const go = async (url: string, form?: Record<string, string>): Promise<{ url: string; status: number; text: string }> => {
		const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
		const answer = form ? await post(url, form, headers) : await fetch(url, { headers, redirect: "manual" });
		for (const cookie of answer.headers.getSetCookie()) {
			const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
			cookies.set(name, value);
		}
		const next = answer.headers.get("location");
		const target = next === null ? undefined : new URL(next, url).href;
		if (target?.startsWith("http://127.0.0.1:1/")) return { url: target, status: answer.status, text: "" };
		return target ? go(target) : { url, status: answer.status, text: await answer.text() };
	};
	return go;
}

function hidden(text: string): Record<string, string> {
	return Object.fromEntries(
		[...text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
	);
}

test("a person at the command line gets a token through the device flow", async () => {
	const idp = await start();
	const client = { client_id: "callgate-cli" };
	const asked = (await (await post(`${idp.issuer}/device/auth`, { ...client, scope: "openid callgate" })).json()) as Record<string, string>;
	const poll = () =>
		post(`${idp.issuer}/token`, {
			...client,
			grant_type: "urn:ietf:params:oauth:grant-type:device_code",
			device_code: String(asked.device_code),
		});
	expect(await (await poll()).json()).toMatchObject({ error: "authorization_pending" });
	const go = browser();
	const confirm = await go(String(asked.verification_uri), {
		...hidden((await go(String(asked.verification_uri))).text),
		user_code: String(asked.user_code),
	});
	expect(confirm.text).toContain(String(asked.user_code));
	expect(confirm.text).not.toContain("googleapis");
	const login = await go(String(asked.verification_uri), { ...hidden(confirm.text), user_code: String(asked.user_code), confirm: "yes" });
	expect((await go(login.url, { name: "erin", password: "wrong" })).status).toBe(401);
	expect((await go(login.url, { name: "erin", password })).text).toContain("Signed in");
	const { access_token } = (await (await poll()).json()) as { access_token: string };
	expect((await verify(idp, access_token)).payload).toMatchObject({ sub: "erin", groups: ["engineering"], email: "erin@example.com" });
});

test("a native client gets a token with a code and PKCE on a loopback port", async () => {
	const idp = await start();
	const verifier = "a".repeat(43);
	const challenge = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))).toString("base64url");
	const redirect_uri = "http://127.0.0.1:1/callback";
	const query = { client_id: "callgate-cli", response_type: "code", redirect_uri, scope: "openid callgate", state: "s" };
	const go = browser();
	const refused = await go(`${idp.issuer}/auth?${new URLSearchParams(query)}`);
	expect(new URL(refused.url).searchParams.get("error")).toBe("invalid_request");
	const asked = new URLSearchParams({ ...query, code_challenge: challenge, code_challenge_method: "S256" });
	const login = await go(`${idp.issuer}/auth?${asked}`);
	const back = new URL((await go(login.url, { name: "carol", password })).url);
	const code = String(back.searchParams.get("code"));
	const form = { grant_type: "authorization_code", client_id: "callgate-cli", redirect_uri, code, code_verifier: verifier };
	const tokens = (await (await post(`${idp.issuer}/token`, form)).json()) as Record<string, string>;
	expect(decodeProtectedHeader(String(tokens.access_token)).typ).toBe("at+jwt");
	expect((await verify(idp, String(tokens.access_token))).payload).toMatchObject({ sub: "carol", groups: ["cfo"] });
	const again = { grant_type: "refresh_token", client_id: "callgate-cli", refresh_token: String(tokens.refresh_token) };
	const renewed = (await (await post(`${idp.issuer}/token`, again)).json()) as { access_token: string; refresh_token: string };
	expect((await verify(idp, renewed.access_token)).payload.sub).toBe("carol");
	// Used twice, a code is taken for stolen, and what came of it ends with it (RFC 6749, 10.5).
	expect(await (await post(`${idp.issuer}/token`, form)).json()).toMatchObject({ error: "invalid_grant" });
	const last = { ...again, refresh_token: renewed.refresh_token };
	expect(await (await post(`${idp.issuer}/token`, last)).json()).toMatchObject({ error: "invalid_grant" });
});
