// A grant permits one exact call, once, in time, by whoever may permit it: every other token is refused, with a fault from a closed list.
import { createHmac } from "node:crypto";
import { type CryptoKey, decodeJwt, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { type GrantedCall, GrantRefused, type SigningKey, signGrant, signHold, type VerifyingKeys, verifyGrant } from "./grant.ts";

const now = new Date("2026-01-01T12:00:00Z");
const later = new Date("2026-01-01T12:05:00Z");
const before = new Date("2026-01-01T11:59:59Z");
const digest = (fill: string) => `sha256:${fill.repeat(64)}`;
const call: GrantedCall = {
	...{ call: "01890000-0000-7000-8000-000000000001", pool: "default", connection: "bank", function: "pay" },
	...{ digest: digest("a"), revision: digest("b") },
};
const others: [keyof GrantedCall, GrantedCall][] = [
	["call", { ...call, call: "01890000-0000-7000-8000-000000000002" }],
	["connection", { ...call, connection: "other" }],
	["function", { ...call, function: "other" }],
	["digest", { ...call, digest: digest("c") }],
	["revision", { ...call, revision: digest("c") }],
];
const twoOfFinance = [{ rule: "large", anyOf: ["finance"], quorum: 2, reasonRequired: false }];
const terms = { grantId: "g1", expiresAt: later };

let policy: SigningKey;
let approval: SigningKey;
let stranger: SigningKey;
let keys: VerifyingKeys;
let approvalPem: string;
beforeAll(async () => {
	const pair = async (id: string) => {
		const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
		return { signing: { id, key: privateKey }, publicKey };
	};
	const [forPolicy, forApproval, forNobody] = [await pair("p1"), await pair("a1"), await pair("x1")];
	[policy, approval, stranger] = [forPolicy.signing, forApproval.signing, forNobody.signing];
	keys = { policy: new Map([["p1", forPolicy.publicKey]]), approval: new Map([["a1", forApproval.publicKey]]) };
	approvalPem = await exportSPKI(forPolicy.publicKey);
});

async function faultOf(token: string, expected = call, at = now, held = keys): Promise<GrantRefused["fault"] | "none"> {
	try {
		await verifyGrant(token, held, expected, at);
		return "none";
	} catch (error) {
		expect(error).toBeInstanceOf(GrantRefused);
		return (error as GrantRefused).fault;
	}
}
const hold = (of = call, requirements = twoOfFinance, expiresAt = later, key = policy) => signHold(key, of, requirements, expiresAt);
const approved = (held: string, approvedBy: readonly string[] = ["dana@example.com", "frank@example.com"], of = call, key = approval) =>
	signGrant("approval", key, of, { ...terms, hold: held, approvedBy });

test("policy's grant permits its call; approval's does with policy's hold inside", async () => {
	expect(await verifyGrant(await signGrant("policy", policy, call, terms), keys, call, now)).toEqual({
		grantId: "g1",
		signer: "policy",
		expiresAt: later,
	});
	expect(await verifyGrant(await approved(await hold()), keys, call, now)).toMatchObject({ signer: "approval" });
});

test("a hold that ended just before its grant is used still counts: the grant's own end decides", async () => {
	expect(await faultOf(await approved(await hold(call, twoOfFinance, before)))).toBe("none");
});

describe("a grant for another call is refused:", () => {
	test.each(others)("%s", async (_what, other) => {
		expect(await faultOf(await signGrant("policy", policy, other, terms))).toBe("other_call");
		expect(await faultOf(await approved(await hold(other), undefined, other))).toBe("other_call");
		// The grant is for this call, the hold is not.
		expect(await faultOf(await approved(await hold(other)))).toBe("other_call");
	});
	test("pool", async () => {
		const other = { ...call, pool: "dmz" };
		expect(await faultOf(await signGrant("policy", policy, other, terms))).toBe("signature");
		expect(await faultOf(await approved(await hold(other)))).toBe("other_call");
	});
	test("a pool that is named in the audience only", async () => {
		const token = await new SignJWT({ ...call, pool: "dmz" })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setJti("g")
			.setExpirationTime(later)
			.sign(policy.key);
		expect(await faultOf(token)).toBe("other_call");
	});
});

describe("time", () => {
	test("an expired grant is refused", async () => {
		expect(await faultOf(await signGrant("policy", policy, call, { ...terms, expiresAt: before }))).toBe("expired");
		expect(await faultOf(await signGrant("policy", policy, call, { ...terms, expiresAt: now }))).toBe("expired");
	});
	test("a grant without an end is refused", async () => {
		const endless = new SignJWT({ ...call })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setJti("g");
		expect(await faultOf(await endless.sign(policy.key))).toBe("signature");
	});
});

describe("approval alone can permit nothing:", () => {
	test("with a hold that ended long before: it could not be answered any more", async () => {
		const longAgo = new Date(terms.expiresAt.getTime() - 3_601_000);
		expect(await faultOf(await approved(await hold(call, twoOfFinance, longAgo)))).toBe("expired");
	});
	test("without a hold", async () => {
		expect(await faultOf(await signGrant("approval", approval, call, terms))).toBe("no_hold");
	});
	test("with a hold it signed itself, in its own or in policy's name", async () => {
		expect(await faultOf(await approved(await hold(call, twoOfFinance, later, approval)))).toBe("signature");
		expect(await faultOf(await approved(await hold(call, twoOfFinance, later, { ...approval, id: "p1" })))).toBe("signature");
	});
	test("with policy's grant in the place of a hold", async () => {
		expect(await faultOf(await approved(await signGrant("policy", policy, call, terms)))).toBe("signature");
	});
	test("in policy's name", async () => {
		expect(await faultOf(await signGrant("policy", approval, call, terms))).toBe("signature");
		expect(await faultOf(await signGrant("policy", { ...approval, id: "p1" }, call, terms))).toBe("signature");
	});
	test("with a hold as the grant", async () => {
		expect(await faultOf(await hold())).toBe("signature");
	});
	test.each<[string, readonly string[]]>([
		["too few approvers", ["dana@example.com"]],
		["nobody", []],
		["one approver twice", ["dana@example.com", "dana@example.com"]],
		["one approver in two ways of writing", ["dana@example.com", "Dana@Example.com"]],
		["one approver with a space", ["dana@example.com", " dana@example.com "]],
		["names that are empty", ["dana@example.com", "", " "]],
		["names that are none", ["dana@example.com", 7 as unknown as string, null as unknown as string]],
	])("with %s", async (_what, people) => {
		expect(await faultOf(await approved(await hold(), people))).toBe("unmet");
	});
	test.each<[string, unknown]>([
		["that demands nobody", []],
		["that is no demand", null],
		["whose quorum is no number", [{ ...twoOfFinance[0], quorum: "many" }]],
		["whose quorum is nothing", [{ ...twoOfFinance[0], quorum: 0 }]],
	])("with a hold %s", async (_what, requirements) => {
		expect(await faultOf(await approved(await hold(call, requirements as typeof twoOfFinance)))).not.toBe("none");
	});
	test("the highest of several quorums counts", async () => {
		const [two] = twoOfFinance;
		if (!two) throw new Error("no requirement");
		expect(
			await faultOf(
				await approved(
					await hold(call, [
						{ ...two, quorum: 1 },
						{ ...two, quorum: 3 },
					]),
				),
			),
		).toBe("unmet");
	});
});

describe("policy's key is policy's alone:", () => {
	test("in approval's name", async () => {
		expect(await faultOf(await signGrant("approval", policy, call, { ...terms, hold: await hold(), approvedBy: ["a", "b"] }))).toBe(
			"signature",
		);
	});
	test("keys of one name do not stand for each other", async () => {
		const shared: VerifyingKeys = {
			policy: new Map([["k", [...keys.policy.values()][0] as CryptoKey]]),
			approval: new Map([["k", [...keys.approval.values()][0] as CryptoKey]]),
		};
		const asK = (key: SigningKey) => ({ ...key, id: "k" });
		const held = await hold(call, twoOfFinance, later, asK(policy));
		expect(await faultOf(await approved(held, undefined, call, asK(approval)), call, now, shared)).toBe("none");
		expect(await faultOf(await approved(held, undefined, call, asK(policy)), call, now, shared)).toBe("signature");
		expect(await faultOf(await signGrant("policy", asK(approval), call, terms), call, now, shared)).toBe("signature");
	});
});

describe("a token of another making is refused:", () => {
	const claims = { ...call };
	const built = (header: object = {}, payload: object = {}) =>
		new SignJWT({ ...claims, ...payload })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt", ...header })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setJti("g")
			.setExpirationTime(later);
	test("the builder itself makes good ones", async () => expect(await faultOf(await built().sign(policy.key))).toBe("none"));
	test.each([{ typ: "JWT" }, { typ: undefined }, { typ: "callgate-hold+jwt" }, { kid: undefined }, { kid: "other" }, { kid: "__proto__" }])(
		"header %j",
		async (header) => {
			expect(await faultOf(await built(header).sign(policy.key))).toBe("signature");
		},
	);
	test("a stranger's key under a known name", async () => {
		expect(await faultOf(await signGrant("policy", { ...stranger, id: "p1" }, call, terms))).toBe("signature");
	});
	test("not signed at all", async () => {
		const token = new UnsecuredJWT(claims)
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setExpirationTime(later)
			.encode();
		expect(await faultOf(token)).toBe("signature");
	});
	test("signed with the public key as if it were a shared secret", async () => {
		const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
		const body = {
			...claims,
			iss: "callgate/policy",
			aud: "callgate/executor/default",
			sub: call.call,
			jti: "g",
			exp: later.getTime() / 1000,
		};
		const input = `${encode({ alg: "HS256", kid: "p1", typ: "callgate-grant+jwt" })}.${encode(body)}`;
		expect(await faultOf(`${input}.${createHmac("sha256", approvalPem).update(input).digest("base64url")}`)).toBe("signature");
	});
	test("signed with a key that it brings along", async () => {
		const jwk = await exportJWK(stranger.key);
		const { d: _, ...open } = jwk;
		expect(await faultOf(await built({ jwk: open }).sign(stranger.key))).toBe("signature");
	});
	test("with another issuer or audience, without a subject or an id", async () => {
		expect(await faultOf(await built().setIssuer("callgate/ingress").sign(policy.key))).toBe("signature");
		expect(await faultOf(await built().setAudience("callgate/approval").sign(policy.key))).toBe("signature");
		expect(await faultOf(await built({}, { sub: undefined }).setSubject("").sign(policy.key))).not.toBe("none");
		const { iss, aud, sub, exp } = decodeJwt(await built().sign(policy.key));
		const nameless = new SignJWT({ ...claims, iss, aud, sub, exp } as JWTPayload);
		nameless.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" });
		expect(await faultOf(await nameless.sign(policy.key))).toBe("signature");
	});
	test("with any byte changed", async () => {
		const token = await built().sign(policy.key);
		const parts = token.split(".");
		for (const [index, part] of parts.entries()) {
			const flipped = `${part.slice(0, 5)}${part[5] === "A" ? "B" : "A"}${part.slice(6)}`;
			expect(await faultOf(parts.with(index, flipped).join("."))).toBe("signature");
		}
	});
	test.each(["", "a.b.c", "..", "{}", "null"])("%j", async (token) => expect(await faultOf(token)).toBe("signature"));
});

test("no refusal repeats the token or a claim", async () => {
	const token = await signGrant("policy", stranger, call, terms);
	await expect(verifyGrant(token, keys, call, now)).rejects.toThrow(
		expect.not.objectContaining({ message: expect.stringContaining(token.slice(0, 20)) }),
	);
});
