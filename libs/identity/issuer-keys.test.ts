// An issuer's keys are fetched when needed and seldom; an issuer that is away is nobody's fault but its own.
import { afterEach, describe, expect, test } from "vitest";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { createAuthenticator } from "./authenticate.ts";
import { claims, issuerOf, newKey, now, sign, startIssuer, type TestKey } from "./issuer.test-support.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const stop of stops.splice(0)) await stop();
});

async function started(...keys: TestKey[]) {
	const issuer = await startIssuer(...keys);
	stops.push(issuer.stop);
	return issuer;
}

/** An authenticator whose monotonic clock stands until it is moved. */
function authenticatorOf(...issuers: Issuer[]) {
	const clock = { ms: 1_000_000 };
	const authenticator = createAuthenticator(
		issuers,
		() => now,
		() => clock.ms,
	);
	const ask = async (token: string): Promise<string> => {
		try {
			return (await authenticator.authenticate([`Bearer ${token}`])).subject;
		} catch (error) {
			expect(error).toBeInstanceOf(NotAuthenticated);
			return (error as NotAuthenticated).code;
		}
	};
	return { ask, clock };
}

describe.each([
	["by discovery", (url: string): Partial<Issuer> => ({ issuer: url, keys: { from: "discovery" } }), 1],
	["from a URL", (url: string): Partial<Issuer> => ({ issuer: url, keys: { from: "url", url: `${url}/jwks` } }), 0],
])("keys found %s", (_how, documentOf, discoveries) => {
	test("are fetched once for many tokens, also for many at once", async () => {
		const key = await newKey("k1");
		const { url, asked } = await started(key);
		const { ask } = authenticatorOf(issuerOf(url, documentOf(url)));
		const token = await sign(key, claims(url));
		expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(token))))).toEqual(new Set(["robin"]));
		expect(asked).toEqual({ discovery: discoveries, keys: 1 });
	});

	test("are asked for again once when a key is new, and then not for half a minute", async () => {
		const [one, two, three] = await Promise.all([newKey("k1"), newKey("k2"), newKey("k3")]);
		const { url, asked, state } = await started(one);
		const { ask, clock } = authenticatorOf(issuerOf(url, documentOf(url)));
		expect(await ask(await sign(one, claims(url)))).toBe("robin");
		state.keys = [one, two];
		expect(await ask(await sign(two, claims(url)))).toBe("robin");
		expect(asked.keys).toBe(2);
		for (let made = 0; made < 50; made++)
			expect(await ask(await sign(one, claims(url), { kid: `made-up-${made}` }))).toBe("unauthenticated");
		state.keys = [one, two, three];
		expect(await ask(await sign(three, claims(url)))).toBe("unauthenticated");
		expect(asked.keys).toBe(2);
		clock.ms += 30_000;
		expect(await ask(await sign(three, claims(url)))).toBe("robin");
		expect(asked).toEqual({ discovery: discoveries, keys: 3 });
	});

	test("are asked for again once where many come with a new key at the same time, and all are known", async () => {
		const [one, two] = await Promise.all([newKey("k1"), newKey("k2")]);
		const { url, asked, state } = await started(one);
		const { ask } = authenticatorOf(issuerOf(url, documentOf(url)));
		expect(await ask(await sign(one, claims(url)))).toBe("robin");
		state.keys = [one, two];
		const token = await sign(two, claims(url));
		expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(token))))).toEqual(new Set(["robin"]));
		expect(asked.keys).toBe(2);
	});

	test("are fetched only from where the Issuer may be", async () => {
		const key = await newKey("k1");
		const { url, asked } = await started(key);
		const { ask } = authenticatorOf(issuerOf(url, { ...documentOf(url), addresses: { allowPrivate: true } }));
		expect(await ask(await sign(key, claims(url)))).toBe("not_ready");
		expect(asked).toEqual({ discovery: 0, keys: 0 });
	});

	test.each<[string, number, string]>([
		["500", 500, "{}"],
		["404", 404, "{}"],
		["no JSON", 200, "<html>"],
		["no key set", 200, '{"keys":7}'],
		["nothing", 200, ""],
		["more than it may", 200, `{"keys":[],"x":"${"x".repeat(300_000)}"}`],
	])("that are answered with %s make nobody a stranger, and nobody waits for the next try", async (_what, status, body) => {
		const key = await newKey("k1");
		const { url, asked, state } = await started(key);
		state.jwks = (response) => void response.writeHead(status).end(body);
		const { ask, clock } = authenticatorOf(issuerOf(url, documentOf(url)));
		const token = await sign(key, claims(url));
		for (let times = 0; times < 10; times++) expect(await ask(token)).toBe("not_ready");
		expect(asked.keys).toBe(1);
		delete state.jwks;
		clock.ms += 1_000;
		expect(await ask(token)).toBe("robin");
	});

	test("are not followed elsewhere", async () => {
		const key = await newKey("k1");
		const elsewhere = await started(key);
		const { url, state } = await started(key);
		state.jwks = (response) => void response.writeHead(302, { location: `${elsewhere.url}/jwks` }).end();
		const { ask } = authenticatorOf(issuerOf(url, documentOf(url)));
		expect(await ask(await sign(key, claims(url)))).toBe("not_ready");
		expect(elsewhere.asked.keys).toBe(0);
	});

	test("of an issuer that is away are nobody's fault but its own", async () => {
		const key = await newKey("k1");
		const issuer = await startIssuer(key);
		await issuer.stop();
		const { ask } = authenticatorOf(issuerOf(issuer.url, documentOf(issuer.url)));
		expect(await ask(await sign(key, claims(issuer.url)))).toBe("not_ready");
	});
});

describe("discovery", () => {
	test.each<[string, (url: string) => object | string]>([
		["names another issuer", () => ({ issuer: "https://other.example", jwks_uri: "https://other.example/jwks" })],
		["names its issuer with a slash more", (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/jwks` })],
		["names no keys", (url) => ({ issuer: url })],
		["names keys that are no address", (url) => ({ issuer: url, jwks_uri: "keys" })],
		["names keys over plain http on another machine", (url) => ({ issuer: url, jwks_uri: "http://keys.example/jwks" })],
		["names keys in a file", (url) => ({ issuer: url, jwks_uri: "file:///etc/passwd" })],
		["is null", () => "null"],
		["is no JSON", () => "<html>"],
		["is larger than it may be", (url) => ({ issuer: url, jwks_uri: `${url}/jwks`, x: "x".repeat(300_000) })],
	])("that %s is not believed", async (_what, documentOf) => {
		const key = await newKey("k1");
		const { url, asked, state } = await started(key);
		state.discovery = (response) => {
			const document = documentOf(url);
			response.end(typeof document === "string" ? document : JSON.stringify(document));
		};
		const { ask } = authenticatorOf(issuerOf(url));
		expect(await ask(await sign(key, claims(url)))).toBe("not_ready");
		expect(asked).toEqual({ discovery: 1, keys: 0 });
	});

	test.each(["https://169.254.169.254/jwks", "https://[fd00:ec2::254]/jwks", "https://10.0.0.1/jwks"])(
		"that names keys at %s, where this Issuer may not be, is told so in the log alone",
		async (jwks_uri) => {
			const key = await newKey("k1");
			const { url, state } = await started(key);
			state.discovery = (response) => void response.end(JSON.stringify({ issuer: url, jwks_uri }));
			const asking = createAuthenticator([issuerOf(url)], () => now).authenticate([`Bearer ${await sign(key, claims(url))}`]);
			const refusal = await asking.catch((error: unknown) => error as NotAuthenticated);
			expect(refusal).toMatchObject({
				reason: "issuer_unavailable",
				issuer: "test",
				inLog: `${jwks_uri}: cannot be read (address_forbidden)`,
			});
			expect(JSON.stringify([(refusal as NotAuthenticated).message, (refusal as NotAuthenticated).details])).not.toContain("jwks");
		},
	);

	test("of an issuer with a path asks below it", async () => {
		const { url, asked } = await started(await newKey("k1"));
		const { ask } = authenticatorOf(issuerOf(`${url}/tenant/`));
		expect(await ask(await sign(await newKey("k1"), claims(`${url}/tenant/`)))).toBe("not_ready");
		expect(asked.discovery).toBe(0);
	});
});

test("where one of several documents of an issuer cannot be asked, a token that the others refuse is not called bad", async () => {
	const key = await newKey("k1");
	const { url, state } = await started(key);
	const away = issuerOf(url, { name: "away" });
	const file = issuerOf(url, { name: "file", audience: ["apps"], keys: { from: "file", keys: [key.jwk] as never } });
	state.discovery = (response) => void response.writeHead(503).end();
	for (const issuers of [
		[away, file],
		[file, away],
	]) {
		expect(await authenticatorOf(...issuers).ask(await sign(key, claims(url)))).toBe("not_ready");
		expect(await authenticatorOf(...issuers).ask(await sign(key, claims(url, { aud: "apps" })))).toBe("robin");
	}
});

test("a made-up key id does not keep others from being known while the issuer is away", async () => {
	const key = await newKey("k1");
	const { url, state } = await started(key);
	const { ask } = authenticatorOf(issuerOf(url));
	expect(await ask(await sign(key, claims(url)))).toBe("robin");
	state.jwks = (response) => void response.writeHead(503).end();
	expect(await ask(await sign(key, claims(url), { kid: "made-up" }))).toBe("not_ready");
	expect(await ask(await sign(key, claims(url)))).toBe("robin");
});

test("a single key that is of no use does not make the issuer unavailable for the others", async () => {
	const key = await newKey("k1");
	const broken: TestKey = { ...key, kid: "broken", jwk: { ...key.jwk, kid: "broken", x: "AAAA" } };
	const { url } = await started(key, broken);
	const { ask } = authenticatorOf(issuerOf(url));
	expect(await ask(await sign(broken, claims(url)))).toBe("unauthenticated");
	expect(await ask(await sign(key, claims(url)))).toBe("robin");
});
