// A seal opens for its own call, direction and pool, and for nobody else; what it hides is in no error.
import { createSecretKey, hkdfSync } from "node:crypto";
import { CompactEncrypt, type CompactJWEHeaderParameters, compactDecrypt, decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { SealBroken, type SealedArguments, type SealingKey, SealingKeys } from "./sealed.ts";

const key = (id: string, fill: number): SealingKey => ({ id, secret: createSecretKey(new Uint8Array(32).fill(fill)) });
const first = key("k1", 1);
const keys = new SealingKeys(
	new Map([
		["default", [first]],
		["dmz", [key("k2", 2)]],
	]),
);
const defaultKeys = (...held: SealingKey[]) => new SealingKeys(new Map([["default", held]]));
const call = "01890000-0000-7000-8000-000000000001";
const other = "01890000-0000-7000-8000-000000000002";
const value: SealedArguments = { arguments: { card: "4111111111111111" }, salt: "s", headers: [["x-a", "b"]], idempotencyKey: "k" };

test("what was sealed is opened, and nothing of it can be seen before", async () => {
	const sealed = keys.seal("default", call, "arguments", value);
	expect(keys.open("default", call, "arguments", sealed)).toEqual(value);
	expect(Buffer.from(sealed.replaceAll(".", ""), "base64url").includes("4111")).toBe(false);
	expect(keys.seal("default", call, "arguments", value)).not.toBe(sealed);
});

describe("a seal stays shut", () => {
	const shut = async (sealed: string, { held = keys, pool = "default", of = call, kind = "arguments" as "arguments" | "result" } = {}) => {
		const open = () => held.open(pool, of, kind, sealed);
		expect(open).toThrow(SealBroken);
		const error: unknown = await Promise.resolve()
			.then(open)
			.catch((thrown: unknown) => thrown);
		expect(String(error)).not.toContain("4111");
	};
	test("for another call", async () => await shut(keys.seal("default", call, "arguments", value), { of: other }));
	test("in the other direction", async () => await shut(keys.seal("default", call, "arguments", value), { kind: "result" }));
	test("for another pool", async () => await shut(keys.seal("default", call, "arguments", value), { pool: "dmz" }));
	test("for a pool without keys", async () => await shut(keys.seal("default", call, "arguments", value), { pool: "none" }));
	test("with another key of the same name", async () =>
		await shut(keys.seal("default", call, "arguments", value), { held: defaultKeys(key("k1", 9)) }));
	test("after any change", async () => {
		const sealed = keys.seal("default", call, "arguments", value);
		const parts = sealed.split(".");
		for (const [index, part] of parts.entries()) {
			const flipped = part.startsWith("A") ? `B${part.slice(1)}` : `A${part.slice(1)}`;
			await shut(parts.with(index, flipped).join("."));
		}
	});
	test.each(["", "a.b.c", "a.b.c.d.e", "not a seal", "....", "{}"])("when it is %j", async (text) => await shut(text));
	describe("when it was made in another way with the right key", () => {
		const plain = new TextEncoder().encode(JSON.stringify(value));
		const salt = Buffer.alloc(32, 7);
		const right = { alg: "dir", enc: "A256GCM", kid: "k1", salt: salt.toString("base64url"), typ: "callgate-arguments", call };
		const bare = new Uint8Array(first.secret.export());
		const derived = (from: Uint8Array = salt) => new Uint8Array(hkdfSync("sha256", first.secret, from, "callgate/sealed", 32));
		const make = (header: CompactJWEHeaderParameters, secret = derived(), text = plain) =>
			new CompactEncrypt(text).setProtectedHeader(header).encrypt(secret);
		const without = (name: keyof typeof right) => {
			const { [name]: _, ...rest } = right;
			return rest as CompactJWEHeaderParameters;
		};

		test("which opens when nothing about it is", async () => {
			expect(keys.open("default", call, "arguments", await make(right))).toEqual(value);
		});
		test("by the pool's key itself", async () => await shut(await make(right, bare)));
		test("by a key that is wrapped", async () => await shut(await make({ ...right, alg: "A256KW" }, bare)));
		test("by a derived key that wraps", async () => await shut(await make({ ...right, alg: "A256KW" })));
		test("by another cipher", async () => await shut(await make({ ...right, enc: "A128CBC-HS256" }, derived())));
		test.each(["kid", "salt", "typ", "call"] as const)("without its %s", async (name) => await shut(await make(without(name))));
		test.each(["", "AAAA", "!".repeat(43), right.salt.repeat(1_000)])("with a salt that is none, %#", async (other) => {
			await shut(await make({ ...right, salt: other }, derived(Buffer.from(other, "base64url"))));
		});
		test("and holds no JSON, and the error does not show what it holds", async () => {
			await shut(await make(right, derived(), new TextEncoder().encode("4111111111111111 is no JSON")));
		});
	});
});

describe("the key that seals", () => {
	const saltOf = (sealed: string) => String(decodeProtectedHeader(sealed).salt);
	const nonceOf = (sealed: string) => sealed.split(".")[2];
	let elapsedMs = 0;
	const process = () => new SealingKeys(new Map([["default", [first]]]), () => elapsedMs);
	const hourMs = 3_600_000;

	test("is one of this process's own, with another nonce for each value", () => {
		const mine = process();
		const sealed = Array.from({ length: 50 }, () => mine.seal("default", call, "arguments", value));
		expect(new Set(sealed.map(saltOf)).size).toBe(1);
		expect(new Set(sealed.map(nonceOf)).size).toBe(50);
		expect(Buffer.from(saltOf(sealed[0] ?? ""), "base64url")).toHaveLength(32);
		expect(saltOf(process().seal("default", call, "arguments", value))).not.toBe(saltOf(sealed[0] ?? ""));
	});
	test("is another one after an hour, and what was sealed before is still opened", () => {
		const mine = process();
		const before = mine.seal("default", call, "arguments", value);
		elapsedMs += hourMs - 1;
		expect(saltOf(mine.seal("default", call, "arguments", value))).toBe(saltOf(before));
		elapsedMs += 1;
		expect(saltOf(mine.seal("default", call, "arguments", value))).not.toBe(saltOf(before));
		expect(mine.open("default", call, "arguments", before)).toEqual(value);
	});
	test("does not open for a pool what it opened for another", () => {
		const both = new SealingKeys(
			new Map([
				["default", [first]],
				["dmz", [key("k1", 2)]],
			]),
		);
		const sealed = both.seal("default", call, "arguments", value);
		expect(both.open("default", call, "arguments", sealed)).toEqual(value);
		expect(() => both.open("dmz", call, "arguments", sealed)).toThrow(SealBroken);
	});
});

describe("any JOSE library", () => {
	const contentKey = (salt: string) =>
		new Uint8Array(hkdfSync("sha256", first.secret, Buffer.from(salt, "base64url"), "callgate/sealed", 32));

	test("opens a seal of ours with the content key", async () => {
		const sealed = keys.seal("default", call, "arguments", value);
		const { plaintext, protectedHeader } = await compactDecrypt(sealed, contentKey(String(decodeProtectedHeader(sealed).salt)));
		expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual(value);
		expect(protectedHeader).toMatchObject({ alg: "dir", enc: "A256GCM", kid: "k1", typ: "callgate-arguments", call });
	});
	test("makes one that we open", async () => {
		const salt = Buffer.alloc(32, 5).toString("base64url");
		const header = { alg: "dir", enc: "A256GCM", kid: "k1", salt, typ: "callgate-result", call };
		const answer = { status: 200, headers: [], body: { text: "ä€𝄞" } };
		const made = await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(answer)))
			.setProtectedHeader(header)
			.encrypt(contentKey(salt));
		expect(keys.open("default", call, "result", made)).toEqual(answer);
	});
});

test("a key is replaced without a pause: the first of a pool seals, all of them open", async () => {
	const fresh = key("k3", 3);
	const before = keys.seal("default", call, "arguments", value);
	const both = defaultKeys(fresh, first);
	expect(both.open("default", call, "arguments", before)).toEqual(value);
	const after = both.seal("default", call, "arguments", value);
	expect(defaultKeys(fresh).open("default", call, "arguments", after)).toEqual(value);
	expect(() => keys.open("default", call, "arguments", after)).toThrow(SealBroken);
});

test("without a key of the pool nothing is sealed", async () => {
	expect(() => keys.seal("none", call, "arguments", value)).toThrow(SealBroken);
});
