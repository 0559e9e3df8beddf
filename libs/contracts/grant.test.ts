// A grant permits one exact call, once, in time, by whoever may permit it: every other token is refused, with a fault from a closed list.
import { createHash, createHmac, generateKeyPairSync } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, exportJWK, type JWTPayload, jwtVerify, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { type GrantedCall, GrantRefused, GrantSigner, GrantVerifier, signGrant, signHold, type VerifyingKeys } from "./grant.ts";
import type { SigningKey } from "./jws.ts";

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

const pair = (id: string) => {
	const { publicKey, privateKey } = generateKeyPairSync("ed25519");
	return { signing: { id, key: privateKey }, publicKey };
};
const [forPolicy, forApproval, forNobody] = [pair("p1"), pair("a1"), pair("x1")];
const [policy, approval, stranger]: [SigningKey, SigningKey, SigningKey] = [forPolicy.signing, forApproval.signing, forNobody.signing];
const keys: VerifyingKeys = { policy: new Map([["p1", forPolicy.publicKey]]), approval: new Map([["a1", forApproval.publicKey]]) };

function faultOf(token: string, expected = call, at = now, held = keys): GrantRefused["fault"] | "none" {
	try {
		new GrantVerifier(held).verify(token, expected, at);
		return "none";
	} catch (error) {
		expect(error).toBeInstanceOf(GrantRefused);
		return (error as GrantRefused).fault;
	}
}
/** As the documentation of a grant says it: what a token of policy's lists. */
const bindingOf = ({ call: id, pool, connection, function: name, digest: of, revision }: GrantedCall) =>
	createHash("sha256")
		.update(JSON.stringify([id, pool, connection, name, of, revision]))
		.digest("base64url");
const hold = (of = call, requirements = twoOfFinance, expiresAt = later, key = policy) => signHold(key, of, requirements, expiresAt);
const approved = (held: string, approvedBy: readonly string[] = ["dana@example.com", "frank@example.com"], of = call, key = approval) =>
	signGrant("approval", key, of, { ...terms, hold: held, approvedBy });

test("policy's grant permits its call; approval's does with policy's hold inside", async () => {
	expect(new GrantVerifier(keys).verify(signGrant("policy", policy, call, terms), call, now)).toEqual({
		grantId: "g1.0",
		signer: "policy",
		expiresAt: later,
	});
	expect(new GrantVerifier(keys).verify(approved(hold()), call, now)).toMatchObject({ signer: "approval" });
});

test("a hold that ended just before its grant is used still counts: the grant's own end decides", async () => {
	expect(faultOf(approved(hold(call, twoOfFinance, before)))).toBe("none");
});

describe("where a call is claimed is part of its grant:", () => {
	const inLedger: GrantedCall = { ...call, since: 7 };
	test("in the ledger since then, or on subjects of its own, and nowhere else", () => {
		expect(faultOf(signGrant("policy", policy, inLedger, terms), inLedger)).toBe("none");
		expect(faultOf(signGrant("policy", policy, inLedger, terms), { ...call, since: 8 })).toBe("other_call");
		expect(faultOf(signGrant("policy", policy, inLedger, terms), call)).toBe("other_call");
		expect(faultOf(signGrant("policy", policy, call, terms), inLedger)).toBe("other_call");
	});
	test("what people granted has subjects of its own, wherever it came from", () => {
		expect(faultOf(approved(hold(inLedger)))).toBe("none");
		expect(faultOf(approved(hold(inLedger)), inLedger)).toBe("other_call");
		expect(faultOf(approved(hold(inLedger), undefined, inLedger), inLedger)).toBe("other_call");
	});
});

describe("a grant for another call is refused:", () => {
	test.each(others)("%s", async (_what, other) => {
		expect(faultOf(signGrant("policy", policy, other, terms))).toBe("other_call");
		expect(faultOf(approved(hold(other), undefined, other))).toBe("other_call");
		// The grant is for this call, the hold is not.
		expect(faultOf(approved(hold(other)))).toBe("other_call");
	});
	test("pool", async () => {
		const other = { ...call, pool: "dmz" };
		expect(faultOf(signGrant("policy", policy, other, terms))).toBe("signature");
		expect(faultOf(approved(hold(other)))).toBe("other_call");
	});
	test("a pool that is named in the audience only", async () => {
		const token = await new SignJWT({ grants: [bindingOf({ ...call, pool: "dmz" })] })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setJti("g")
			.setExpirationTime(later)
			.sign(policy.key);
		expect(faultOf(token)).toBe("other_call");
	});
});

describe("time", () => {
	test("an expired grant is refused", async () => {
		expect(faultOf(signGrant("policy", policy, call, { ...terms, expiresAt: before }))).toBe("expired");
		expect(faultOf(signGrant("policy", policy, call, { ...terms, expiresAt: now }))).toBe("expired");
	});
	test("a grant without an end is refused", async () => {
		const endless = new SignJWT({ grants: [bindingOf(call)] })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setJti("g");
		expect(faultOf(await endless.sign(policy.key))).toBe("signature");
	});
});

describe("approval alone can permit nothing:", () => {
	test("with a hold that ended long before: it could not be answered any more", async () => {
		const longAgo = new Date(terms.expiresAt.getTime() - 3_601_000);
		expect(faultOf(approved(hold(call, twoOfFinance, longAgo)))).toBe("expired");
	});
	test("without a hold", async () => {
		expect(faultOf(signGrant("approval", approval, call, terms))).toBe("no_hold");
	});
	test("with a hold it signed itself, in its own or in policy's name", async () => {
		expect(faultOf(approved(hold(call, twoOfFinance, later, approval)))).toBe("signature");
		expect(faultOf(approved(hold(call, twoOfFinance, later, { ...approval, id: "p1" })))).toBe("signature");
	});
	test("with policy's grant in the place of a hold", async () => {
		expect(faultOf(approved(signGrant("policy", policy, call, terms)))).toBe("signature");
	});
	test("in policy's name", async () => {
		expect(faultOf(signGrant("policy", approval, call, terms))).toBe("signature");
		expect(faultOf(signGrant("policy", { ...approval, id: "p1" }, call, terms))).toBe("signature");
	});
	test("with a hold as the grant", async () => {
		expect(faultOf(hold())).toBe("signature");
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
		expect(faultOf(approved(hold(), people))).toBe("unmet");
	});
	test.each<[string, unknown]>([
		["that demands nobody", []],
		["that is no demand", null],
		["whose quorum is no number", [{ ...twoOfFinance[0], quorum: "many" }]],
		["whose quorum is nothing", [{ ...twoOfFinance[0], quorum: 0 }]],
	])("with a hold %s", async (_what, requirements) => {
		expect(faultOf(approved(hold(call, requirements as typeof twoOfFinance)))).not.toBe("none");
	});
	test("the highest of several quorums counts", async () => {
		const [two] = twoOfFinance;
		if (!two) throw new Error("no requirement");
		expect(
			faultOf(
				approved(
					hold(call, [
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
		expect(faultOf(signGrant("approval", policy, call, { ...terms, hold: hold(), approvedBy: ["a", "b"] }))).toBe("signature");
	});
	test("keys of one name do not stand for each other", async () => {
		const shared: VerifyingKeys = {
			policy: new Map([["k", forPolicy.publicKey]]),
			approval: new Map([["k", forApproval.publicKey]]),
		};
		const asK = (key: SigningKey) => ({ ...key, id: "k" });
		const held = hold(call, twoOfFinance, later, asK(policy));
		expect(faultOf(approved(held, undefined, call, asK(approval)), call, now, shared)).toBe("none");
		expect(faultOf(approved(held, undefined, call, asK(policy)), call, now, shared)).toBe("signature");
		expect(faultOf(signGrant("policy", asK(approval), call, terms), call, now, shared)).toBe("signature");
	});
});

describe("a token of another making is refused:", () => {
	const claims = { grants: [bindingOf(call)] };
	const built = (header: object = {}, payload: object = {}) =>
		new SignJWT({ ...claims, ...payload })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt", ...header })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setJti("g")
			.setExpirationTime(later);
	test("the builder itself makes good ones", async () => expect(faultOf(await built().sign(policy.key))).toBe("none"));
	test.each([{ typ: "JWT" }, { typ: undefined }, { typ: "callgate-hold+jwt" }, { kid: undefined }, { kid: "other" }, { kid: "__proto__" }])(
		"header %j",
		async (header) => {
			expect(faultOf(await built(header).sign(policy.key))).toBe("signature");
		},
	);
	test("a stranger's key under a known name", async () => {
		expect(faultOf(signGrant("policy", { ...stranger, id: "p1" }, call, terms))).toBe("signature");
	});
	test("not signed at all", async () => {
		const token = new UnsecuredJWT(claims)
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setSubject(call.call)
			.setExpirationTime(later)
			.encode();
		expect(faultOf(token)).toBe("signature");
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
		expect(
			faultOf(
				`${input}.${createHmac("sha256", forPolicy.publicKey.export({ type: "spki", format: "pem" }))
					.update(input)
					.digest("base64url")}`,
			),
		).toBe("signature");
	});
	test("signed with a key that it brings along", async () => {
		const jwk = await exportJWK(stranger.key);
		const { d: _, ...open } = jwk;
		expect(faultOf(await built({ jwk: open }).sign(stranger.key))).toBe("signature");
	});
	test("with another issuer or audience, or without an id", async () => {
		expect(faultOf(await built().setIssuer("callgate/ingress").sign(policy.key))).toBe("signature");
		expect(faultOf(await built().setAudience("callgate/approval").sign(policy.key))).toBe("signature");
		const { iss, aud, sub, exp } = decodeJwt(await built().sign(policy.key));
		const nameless = new SignJWT({ ...claims, iss, aud, sub, exp } as JWTPayload);
		nameless.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" });
		expect(faultOf(await nameless.sign(policy.key))).toBe("signature");
	});
	test("with any byte changed", async () => {
		const token = await built().sign(policy.key);
		const parts = token.split(".");
		for (const [index, part] of parts.entries()) {
			const flipped = `${part.slice(0, 5)}${part[5] === "A" ? "B" : "A"}${part.slice(6)}`;
			expect(faultOf(parts.with(index, flipped).join("."))).toBe("signature");
		}
	});
	test.each(["", "a.b.c", "..", "{}", "null"])("%j", async (token) => expect(faultOf(token)).toBe("signature"));
});

test("no refusal repeats the token or a claim", async () => {
	const token = signGrant("policy", stranger, call, terms);
	expect(() => new GrantVerifier(keys).verify(token, call, now)).toThrow(
		expect.not.objectContaining({ message: expect.stringContaining(token.slice(0, 20)) }),
	);
});

describe("one signature for the grants of a turn", () => {
	const calls = Array.from({ length: 17 }, (_, nth) => ({ ...call, call: `01890000-0000-7000-8000-0000000001${nth + 10}` }));

	test("covers each of them, at most sixteen, and no other call; each has an id of its own", async () => {
		const signer = new GrantSigner(policy);
		const tokens = await Promise.all(calls.map((one) => signer.sign(one, later)));
		expect(new Set(tokens).size).toBe(2);
		const verifier = new GrantVerifier(keys);
		const verified = calls.map((one, nth) => verifier.verify(tokens[nth] ?? "", one, now));
		expect(new Set(verified.map(({ grantId }) => grantId)).size).toBe(17);
		expect(() => verifier.verify(tokens[0] ?? "", calls[16] ?? call, now)).toThrow("another call");
		expect(() => verifier.verify(tokens[0] ?? "", { ...call, call: calls[0]?.call ?? "", digest: digest("c") }, now)).toThrow(
			"another call",
		);
	});
	test("not for another pool, nor for one that ends at another time", async () => {
		const signer = new GrantSigner(policy);
		const asked: [GrantedCall, Date][] = [
			[call, later],
			[{ ...call, pool: "dmz" }, later],
			[call, new Date(later.getTime() + 1_000)],
		];
		expect(new Set(await Promise.all(asked.map(([one, until]) => signer.sign(one, until)))).size).toBe(3);
	});
	test("a token that was verified before still ends, and still counts for its own calls only", () => {
		const verifier = new GrantVerifier(keys);
		const token = signGrant("policy", policy, call, terms);
		verifier.verify(token, call, now);
		expect(() => verifier.verify(token, call, later)).toThrow("expired");
		expect(() => verifier.verify(token, { ...call, function: "other" }, now)).toThrow("another call");
	});
	test("approval's grant is never a list", () => {
		expect(faultOf(signGrant("policy", { ...approval, id: "a1" }, call, terms))).toBe("signature");
		const listed = new SignJWT({ grants: [bindingOf(call)] })
			.setProtectedHeader({ alg: "EdDSA", kid: "a1", typ: "callgate-grant+jwt" })
			.setIssuer("callgate/approval")
			.setAudience("callgate/executor/default")
			.setJti("g")
			.setExpirationTime(later);
		return expect(listed.sign(approval.key).then((token) => faultOf(token))).resolves.toBe("other_call");
	});
});

describe("any JOSE library", () => {
	test("verifies a grant of ours", async () => {
		const token = signGrant("policy", policy, call, terms);
		const { payload } = await jwtVerify(token, forPolicy.publicKey, { algorithms: ["EdDSA"], currentDate: now });
		expect(payload).toMatchObject({ iss: "callgate/policy", aud: "callgate/executor/default", jti: "g1", grants: [bindingOf(call)] });
		expect(decodeProtectedHeader(token)).toEqual({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" });
		await expect(jwtVerify(hold(), forPolicy.publicKey, { algorithms: ["EdDSA"], currentDate: now })).resolves.toBeDefined();
	});
	test("makes one that we verify", async () => {
		const made = new SignJWT({ grants: [bindingOf(call)] })
			.setProtectedHeader({ alg: "EdDSA", kid: "p1", typ: "callgate-grant+jwt" })
			.setIssuer("callgate/policy")
			.setAudience("callgate/executor/default")
			.setJti("g")
			.setExpirationTime(later);
		expect(faultOf(await made.sign(policy.key))).toBe("none");
	});
});
