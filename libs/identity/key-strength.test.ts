// Keys with which anyone could sign vouch for nobody: some of the tokens here are forged without any private key.
import { createHash, generateKeyPairSync, generatePrimeSync } from "node:crypto";
import type { JWK } from "jose";
import { describe, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { IssuerAlgorithm } from "#libs/configuration/kinds/issuer.ts";
import type { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { createAuthenticator } from "./authenticate.ts";
import { claims, issuerOf, newKey, now, sign } from "./issuer.test-support.ts";

const url = "https://idp.example";
const algorithms: readonly IssuerAlgorithm[] = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"];

async function outcomeOf(jwk: JWK, token: string): Promise<string> {
	const issuer = issuerOf(url, { keys: { from: "file", keys: [{ ...jwk, kid: "k1" }] as never }, algorithms });
	try {
		return (await createAuthenticator([issuer], () => now).authenticate([`Bearer ${token}`])).subject;
	} catch (error) {
		expect(error).toMatchObject({ issuer: "test" });
		const { reason, message } = error as NotAuthenticated;
		return `${reason}: ${message}`;
	}
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
/** A token whose signature is made of its own bytes alone. */
function forged(alg: string, signatureOf: (input: string) => Uint8Array): string {
	const input = `${encode({ alg, kid: "k1", typ: "at+jwt" })}.${encode(claims(url))}`;
	return `${input}.${Buffer.from(signatureOf(input)).toString("base64url")}`;
}
/** EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): under the exponent 1, a message's encoding is its signature. */
function encodedMessage(input: string): Uint8Array {
	const info = Buffer.concat([Buffer.from("3031300d060960864801650304020105000420", "hex"), createHash("sha256").update(input).digest()]);
	return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - info.length, 0xff), Buffer.from([0]), info]);
}

const numberOf = (text = "") => BigInt(`0x${Buffer.from(text, "base64url").toString("hex")}`);
const textOf = (n: bigint) =>
	Buffer.from(n.toString(16).padStart(2 * Math.ceil(n.toString(16).length / 2), "0"), "hex").toString("base64url");
const rsa = (modulusLength = 2_048, publicExponent = 65_537) =>
	generateKeyPairSync("rsa", { modulusLength, publicExponent }).publicKey.export({ format: "jwk" });
const sound = rsa();
const modulus = (n: bigint): JWK => ({ kty: "RSA", n: textOf(n), e: "AQAB" });

const prime = generatePrimeSync(2_048, { bigint: true });
const half = generatePrimeSync(1_024, { bigint: true });
/** The neighbourhood of a prime has another one, or what takes as few rounds to find: only how close the factors are counts here. */
const close = half * (half + 2n ** 400n + 1n);
/** Has the residues of a modulus of the flawed generator, and as little as those a factor below 752. */
function roca(): bigint {
	const primes = [...Array(752).keys()].filter((n) => n > 1 && ![...Array(n).keys()].some((d) => d > 1 && n % d === 0)).map(BigInt);
	const product = primes.filter((one) => one > 2n && one <= 167n).reduce((all, one) => all * one, 1n);
	let n = (65_537n ** 12_345n % product) + product * (2n ** 2_047n / product + 1n);
	while (primes.some((one) => n % one === 0n)) n += product;
	return n;
}

describe("a token that needs no private key", () => {
	test("under the exponent 1 is refused", async () => {
		expect(await outcomeOf({ ...sound, e: "AQ" }, forged("RS256", encodedMessage))).toMatch(
			/^key_weak: .*"k1" is an RSA key whose exponent/,
		);
	});
	// All points whose order divides 8, as far as a signature of zeros fits them.
	test.each(["01", "ee", "ec", "00"])("under an Ed25519 key of small order (%s…) is refused", async (first) => {
		const x = Buffer.alloc(32);
		if (first === "ee" || first === "ec") x.fill(0xff);
		x[0] = Number.parseInt(first, 16);
		if (x[31] === 0xff) x[31] = 0x7f;
		const identity = Buffer.alloc(64);
		identity[0] = 1;
		const jwk = { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") };
		expect(
			await outcomeOf(
				jwk,
				forged("EdDSA", () => identity),
			),
		).toMatch(/^key_weak: .*"k1" is an Ed25519 key of small order/);
	});
});

const weak: readonly (readonly [what: string, jwk: JWK, is: RegExp])[] = [
	["has 1,024 bits", rsa(1_024), /an RSA key of 1024 bits, expected 2048/],
	["has 16,384 bits", modulus(2n ** 16_384n - 1n), /an RSA key of 16384 bits, expected 2048 to 8192/],
	["has the exponent 3", rsa(2_048, 3), /whose exponent/],
	["has an even exponent", { ...sound, e: textOf(65_538n) }, /whose exponent/],
	["has an exponent beyond what any issuer uses", { ...sound, e: textOf(2n ** 256n + 1n) }, /whose exponent/],
	["is even", modulus(numberOf(sound.n) + 1n), /small factor/],
	["has a small factor", modulus(751n * (prime / 512n + 1n - ((prime / 512n) % 2n))), /small factor/],
	["is a prime", modulus(prime), /is a prime/],
	["is a square", modulus(half * half), /close to each other/],
	["has factors close to each other", modulus(close), /close to each other|small factor/],
	["is of the ROCA class", modulus(roca()), /ROCA/],
];

describe("an RSA key that", () => {
	test.each(weak)("%s is refused by name where it is used", async (_what, jwk, is) => {
		const outcome = await outcomeOf(jwk, forged("RS256", encodedMessage));
		expect(outcome).toMatch(/^key_weak: the token is refused: its issuer's key "k1" is /);
		expect(outcome).toMatch(is);
	});
	test.each(weak)("%s is refused where a configuration brings it", (_what, jwk, is) => {
		const document = { kind: "Issuer", name: "a", issuer: url, audience: "callgate", algorithms: ["RS256"], jwks: "keys.json" };
		const files = { "a.yaml": JSON.stringify(document), "keys.json": JSON.stringify({ keys: [sound, { ...jwk, kid: "bad" }] }) };
		const compiled = compileConfiguration(files);
		expect(compiled.ok ? [] : compiled.errors.map(({ message }) => message)).toEqual([expect.stringMatching(is)]);
		expect(compiled.ok ? "" : compiled.errors[0]?.message).toContain('found a key (kid "bad") that is');
	});
});

test.each(algorithms)("a sound key for %s is taken", async (alg) => {
	const key = await newKey("k1", alg);
	expect(await outcomeOf(key.jwk, await sign(key, claims(url)))).toBe("robin");
});
