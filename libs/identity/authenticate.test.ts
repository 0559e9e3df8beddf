// A caller is who a configured issuer's good token says, and every other token is nobody's.
import { createHmac } from "node:crypto";
import { exportSPKI, importJWK, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { createAuthenticator } from "./authenticate.ts";
import { authorizationOf } from "./authorization-header.ts";
import { claims, issuerOf, newKey, now, seconds, sign, type TestKey } from "./issuer.test-support.ts";

const url = "https://idp.example";
let key: TestKey;
let other: TestKey;
let rsa: TestKey;
beforeAll(async () => {
	[key, other, rsa] = await Promise.all([newKey("k1"), newKey("k2"), newKey("r1", "RS256")]);
});

const trusted = (over: Partial<Issuer> = {}) => issuerOf(url, { keys: { from: "file", keys: [key.jwk, rsa.jwk] as never }, ...over });

async function outcomeOf(authorization: readonly string[], issuers: readonly Issuer[] = [trusted()]): Promise<unknown> {
	const outcome = await whyOf(authorization, issuers);
	return outcome instanceof NotAuthenticated ? outcome.code : outcome;
}

/** The caller, or the refusal, in which nothing of the token may stand. */
async function whyOf(authorization: readonly string[], issuers: readonly Issuer[] = [trusted()]): Promise<unknown> {
	try {
		return await createAuthenticator(issuers, () => now).authenticate(authorization);
	} catch (error) {
		expect(error).toBeInstanceOf(NotAuthenticated);
		const { message, details } = error as NotAuthenticated;
		for (const part of authorization.flatMap((one) => one.split(/[. ]/))) {
			if (part.length > 8) expect(`${message} ${JSON.stringify(details)}`).not.toContain(part);
		}
		return error;
	}
}
const bearer = async (payload: JWTPayload, header?: object, by = key) => [`Bearer ${await sign(by, payload, header)}`];

describe("a good token", () => {
	test("is its subject", async () => {
		expect(await outcomeOf(await bearer(claims(url)))).toEqual({ issuer: url, subject: "robin", groups: [] });
	});
	test("brings groups and a verified address, in lower case", async () => {
		const caller = await outcomeOf(
			await bearer(claims(url, { groups: ["ci", "staff"], email: "Robin@Example.com", email_verified: true })),
		);
		expect(caller).toEqual({ issuer: url, subject: "robin", groups: ["ci", "staff"], email: "robin@example.com" });
	});
	test("brings its address with nothing but A to Z folded", async () => {
		const caller = await outcomeOf(await bearer(claims(url, { email: "FRAN\u212a@\u0130XAMPLE.com" })));
		expect(caller).toMatchObject({ email: "fran\u212a@\u0130xample.com" });
	});
	test("may name several audiences, one of them ours", async () => {
		expect(await outcomeOf(await bearer(claims(url, { aud: ["other", "callgate"] })))).toMatchObject({ subject: "robin" });
	});
	test.each(["JWT", "jwt", "AT+JWT", "application/at+jwt"])("may have the type %s", async (typ) => {
		expect(await outcomeOf(await bearer(claims(url), { typ }))).toMatchObject({ subject: "robin" });
	});
	test("may be a few seconds off, as far as its issuer's clock may", async () => {
		expect(await outcomeOf(await bearer(claims(url, { exp: seconds - 4 })))).toMatchObject({ subject: "robin" });
		expect(await outcomeOf(await bearer(claims(url, { nbf: seconds + 4 })))).toMatchObject({ subject: "robin" });
	});
	test("needs no type where its Issuer says so, and then none but those it names", async () => {
		const issuer = trusted({ allowUntyped: true });
		for (const typ of [undefined, "at+jwt"])
			expect(await outcomeOf(await bearer(claims(url), { typ }), [issuer])).toMatchObject({ subject: "robin" });
		for (const typ of ["", "id+jwt", null, ["at+jwt"]])
			expect(await whyOf(await bearer(claims(url), { typ }), [issuer])).toMatchObject({ reason: "type_not_allowed" });
	});
	test("takes its subject from the claim that is configured", async () => {
		const issuer = trusted({ claims: { subject: "client_id" } });
		expect(await outcomeOf(await bearer(claims(url, { client_id: "deployer", groups: "x", email: 3 })), [issuer])).toEqual({
			issuer: url,
			subject: "deployer",
			groups: [],
		});
		expect(await outcomeOf(await bearer(claims(url)), [issuer])).toBe("unauthenticated");
	});
});

describe("refused is", () => {
	test.each<[string, Record<string, unknown>]>([
		["an end that is over", { exp: seconds - 6 }],
		["no end", { exp: undefined }],
		["an end that never comes", { exp: 1e300 }],
		["an end that is a text", { exp: `${seconds + 300}` }],
		["an end that is null", { exp: null }],
		["a beginning that is not yet", { nbf: seconds + 60 }],
		["a beginning that is a text", { nbf: "0" }],
		["another issuer", { iss: "https://other.example" }],
		["an issuer with a slash more", { iss: `${url}/` }],
		["an issuer in capitals", { iss: url.toUpperCase() }],
		["several issuers", { iss: [url] }],
		["no issuer", { iss: undefined }],
		["another audience", { aud: "other" }],
		["no audience", { aud: undefined }],
		["an audience that only begins alike", { aud: "callgate2" }],
		["an audience in capitals", { aud: "CALLGATE" }],
		["an empty list of audiences", { aud: [] }],
		["no subject", { sub: undefined }],
		["an empty subject", { sub: "" }],
		["a blank subject", { sub: "  " }],
		["a subject that is a number", { sub: 7 }],
		["a subject that is a list", { sub: ["robin"] }],
		["a subject that is null", { sub: null }],
		["a subject that is half a character", { sub: "a\ud800" }],
		["a subject with a line break", { sub: "robin\n" }],
		["a subject with a control character", { sub: "ro\u0000bin" }],
		["a subject with a control character outside ASCII", { sub: "ro\u0085bin" }],
		["groups with a control character", { groups: ["ci\u0007"] }],
		["an address with a control character", { email: "robin@example.com\u0007" }],
		["two addresses", { email: "robin@example.com,dana@example.com@x" }],
	])("%s", async (_what, over) => {
		expect(await outcomeOf(await bearer(claims(url, over as JWTPayload)))).toBe("unauthenticated");
	});

	test("an end that is not a finite number in JSON", async () => {
		const encode = (text: string) => Buffer.from(text).toString("base64url");
		const payload = JSON.stringify(claims(url)).replace(/"exp":\d+/, '"exp":1e999');
		const input = `${encode(JSON.stringify({ alg: "ES256", kid: "k1", typ: "at+jwt" }))}.${encode(payload)}`;
		const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.key, Buffer.from(input));
		expect(await outcomeOf([`Bearer ${input}.${Buffer.from(signature).toString("base64url")}`])).toBe("unauthenticated");
	});
	test("a token that is older than its issuer's tokens may be, or does not say", async () => {
		const issuer = trusted({ maxTokenAgeSeconds: 60 });
		expect(await outcomeOf(await bearer(claims(url, { iat: seconds - 59 })), [issuer])).toMatchObject({ subject: "robin" });
		expect(await outcomeOf(await bearer(claims(url, { iat: seconds - 120 })), [issuer])).toBe("unauthenticated");
		expect(await outcomeOf(await bearer(claims(url, { iat: undefined } as never)), [issuer])).toBe("unauthenticated");
	});
	test.each([undefined, "id+jwt", "logout+jwt", "dpop+jwt", "callgate-grant+jwt", ""])("the type %s", async (typ) => {
		expect(await outcomeOf(await bearer(claims(url), { typ }))).toBe("unauthenticated");
	});
	test.each([{ kid: "unknown" }, { crit: ["exp"], exp: 1 }, { crit: [] }])("a header with %j", async (header) => {
		const token = new SignJWT(claims(url)).setProtectedHeader({ alg: "ES256", kid: "k1", typ: "at+jwt", ...header } as never);
		const made = await token.sign(key.key, { crit: { exp: true } } as never).catch(() => undefined);
		if (made !== undefined) expect(await outcomeOf([`Bearer ${made}`])).toBe("unauthenticated");
	});
});

describe("a signature", () => {
	test("by an algorithm that the issuer does not use is refused, although the key is the issuer's", async () => {
		expect(await outcomeOf(await bearer(claims(url), {}, rsa))).toBe("unauthenticated");
		expect(await outcomeOf(await bearer(claims(url), {}, rsa), [trusted({ algorithms: ["RS256"] })])).toMatchObject({ subject: "robin" });
	});
	test("by a stranger under a known name is refused", async () => {
		expect(await outcomeOf(await bearer(claims(url), { kid: "k1" }, other))).toBe("unauthenticated");
	});
	test("by a key that the token brings along is refused", async () => {
		expect(await outcomeOf(await bearer(claims(url), { kid: "k1", jwk: other.jwk }, other))).toBe("unauthenticated");
		expect(await outcomeOf(await bearer(claims(url), { kid: undefined, jwk: other.jwk, jku: "https://evil.example/jwks" }, other))).toBe(
			"unauthenticated",
		);
	});
	test("that is none is refused", async () => {
		expect(await outcomeOf([`Bearer ${new UnsecuredJWT(claims(url)).encode()}`])).toBe("unauthenticated");
		const [, payload] = (await sign(key, claims(url))).split(".");
		for (const alg of ["none", "None", "NONE", ""]) {
			const head = Buffer.from(JSON.stringify({ alg, kid: "k1", typ: "at+jwt" })).toString("base64url");
			expect(await outcomeOf([`Bearer ${head}.${payload}.AAAA`])).toBe("unauthenticated");
		}
	});
	test("with the public key as a shared secret is refused", async () => {
		const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
		const input = `${encode({ alg: "HS256", kid: "r1", typ: "at+jwt" })}.${encode(claims(url))}`;
		const pem = await exportSPKI((await importJWK(rsa.jwk, "RS256")) as never);
		for (const secret of [pem, JSON.stringify(rsa.jwk), Buffer.from(rsa.jwk.n ?? "", "base64url")]) {
			expect(await outcomeOf([`Bearer ${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`])).toBe(
				"unauthenticated",
			);
		}
	});
	test("of other bytes is refused", async () => {
		const parts = (await sign(key, claims(url))).split(".");
		for (const [index, part] of parts.entries()) {
			const at = Math.floor(part.length / 2);
			const flipped = `${part.slice(0, at)}${part[at] === "A" ? "B" : "A"}${part.slice(at + 1)}`;
			expect(await outcomeOf([`Bearer ${parts.with(index, flipped).join(".")}`])).toBe("unauthenticated");
		}
	});
});

describe("a refusal tells its reason and the Issuer's name, for the operator", () => {
	const asked = (over: object, header?: object, by = key) => bearer(claims(url, over as JWTPayload), header, by);
	test.each<[string, () => Promise<string[]> | string[], string | undefined, Partial<Issuer>?]>([
		["no_token", () => [], undefined],
		["several_tokens", () => ["Bearer a.b.c", "Bearer a.b.c"], undefined],
		["token_too_large", () => [`Bearer ${"a".repeat(200_000)}.b.c`], undefined],
		["not_a_token", () => ["Bearer a.b.c"], undefined],
		["issuer_unknown", () => asked({ iss: "https://other.example" }), undefined],
		["key_unknown", () => asked({}, { kid: "unknown" }), "test"],
		["algorithm_not_allowed", () => asked({}, {}, rsa), "test"],
		["signature_invalid", () => asked({}, { kid: "k1" }, other), "test"],
		["type_not_allowed", () => asked({}, { typ: "id+jwt" }), "test"],
		["type_not_allowed", () => asked({}, { typ: undefined }), "test"],
		["type_not_allowed", () => asked({}, { typ: 7 }), "test"],
		["audience_not_allowed", () => asked({ aud: "other" }), "test"],
		["audience_not_allowed", () => asked({ aud: undefined }), "test"],
		["expired", () => asked({ exp: seconds - 60 }), "test"],
		["not_yet_valid", () => asked({ nbf: seconds + 60 }), "test"],
		["not_yet_valid", () => asked({ iat: seconds + 60 }), "test", { maxTokenAgeSeconds: 60 }],
		["too_old", () => asked({ iat: seconds - 120 }), "test", { maxTokenAgeSeconds: 60 }],
		["claim_malformed", () => asked({ nbf: "0" }), "test"],
		["claim_malformed", () => asked({ exp: undefined }), "test"],
		["claim_malformed", () => asked({ groups: "ci" }), "test"],
	])("%s", async (reason, authorization, issuer, over) => {
		expect(await whyOf(await authorization(), [trusted(over)])).toMatchObject({ code: "unauthenticated", reason, issuer });
	});
	test("key_unknown, where several keys fit a token that names none", async () => {
		const issuer = trusted({ keys: { from: "file", keys: [key.jwk, other.jwk] as never } });
		expect(await whyOf(await asked({}, { kid: undefined }), [issuer])).toMatchObject({ reason: "key_unknown" });
	});
});

describe("the header", () => {
	test("must be one, of one token", async () => {
		const [good = ""] = await bearer(claims(url));
		const token = good.slice("Bearer ".length);
		const bad = [
			[],
			[good, good],
			[""],
			[token],
			["Bearer"],
			["Bearer "],
			[`Basic ${token}`],
			[`${good}, ${good}`],
			[`${good} `],
			[`${good};`],
			[` ${good}`],
			[`Bearer\t${token}`],
			[`Bearer ${token}.${token}`],
			[`Bearer ${token.split(".").slice(0, 2).join(".")}`],
			[`Bearer ${"a".repeat(17_000)}.b.c`],
			["Bearer a.b.c"],
			["Bearer ..."],
			[`Bearer ${Buffer.from("{}").toString("base64url")}.e30.e30`],
			["Bearer bnVsbA.bnVsbA.bnVsbA"],
		];
		for (const authorization of bad)
			expect(await outcomeOf(authorization), JSON.stringify(authorization).slice(0, 60)).toBe("unauthenticated");
		expect(await outcomeOf([`bearer ${token}`])).toMatchObject({ subject: "robin" });
	});
	test("is read as often as it was sent", () => {
		expect(authorizationOf({ rawHeaders: ["Authorization", "a", "x", "authorization", "AUTHORIZATION", "b"] })).toEqual(["a", "b"]);
		expect(authorizationOf({ rawHeaders: ["x", "y"] })).toEqual([]);
	});
});

describe("several Issuer documents", () => {
	test("for one issuer: any may accept the token, each by its own rules", async () => {
		const forApps = trusted({ audience: ["apps"], claims: { subject: "client_id" } });
		const forPeople = trusted({ audience: ["callgate"] });
		for (const issuers of [
			[forApps, forPeople],
			[forPeople, forApps],
		]) {
			expect(await outcomeOf(await bearer(claims(url)), issuers)).toMatchObject({ subject: "robin" });
			expect(await outcomeOf(await bearer(claims(url, { aud: "apps", client_id: "deployer" })), issuers)).toMatchObject({
				subject: "deployer",
			});
			expect(await outcomeOf(await bearer(claims(url, { aud: "other" })), issuers)).toBe("unauthenticated");
		}
	});
	test("for one issuer: the refusal is that of the one that was meant, in any order", async () => {
		const apps = trusted({ name: "apps", audience: ["apps"], claims: { subject: "client_id" } });
		const people = trusted({ name: "people", audience: ["callgate"], maxTokenAgeSeconds: 60 });
		const untyped = trusted({ name: "untyped", audience: ["callgate"], tokenTypes: ["other"], allowUntyped: true });
		for (const issuers of [
			[apps, people, untyped],
			[untyped, people, apps],
		]) {
			expect(await whyOf(await bearer(claims(url, { aud: "apps" })), issuers)).toMatchObject({ issuer: "apps", reason: "claim_malformed" });
			expect(await whyOf(await bearer(claims(url, { iat: seconds - 120 })), issuers)).toMatchObject({
				issuer: "people",
				reason: "too_old",
			});
			expect(await whyOf(await bearer(claims(url, { exp: seconds - 60 }), { typ: undefined }), issuers)).toMatchObject({
				...{ issuer: "untyped", reason: "expired" },
			});
			expect(await whyOf(await bearer(claims(url, { aud: "other" })), issuers)).toMatchObject({ reason: "audience_not_allowed" });
			expect(await whyOf(await bearer(claims(url), { typ: "id+jwt" }), issuers)).toMatchObject({ reason: "type_not_allowed" });
		}
	});
	test("for one issuer: a token for two of them is refused, not read in the way of whichever comes first", async () => {
		const issuers = [trusted({ audience: ["apps"], claims: { subject: "client_id" } }), trusted({ audience: ["callgate"] })];
		const token = await bearer(claims(url, { aud: ["apps", "callgate"], client_id: "deployer" }));
		expect(await whyOf(token, issuers)).toMatchObject({ reason: "issuer_ambiguous" });
	});
	test("for several issuers: none vouches for another's callers", async () => {
		const elsewhere = issuerOf("https://other.example", { keys: { from: "file", keys: [other.jwk] as never } });
		const issuers = [trusted(), elsewhere];
		expect(await outcomeOf(await bearer(claims("https://other.example"), {}, other), issuers)).toMatchObject({
			issuer: "https://other.example",
		});
		expect(await outcomeOf(await bearer(claims(url), {}, other), issuers)).toBe("unauthenticated");
		expect(await outcomeOf(await bearer(claims("https://other.example"), {}, key), issuers)).toBe("unauthenticated");
	});
	test("without any nobody is known", async () => {
		expect(await outcomeOf(await bearer(claims(url)), [])).toBe("unauthenticated");
	});
});
