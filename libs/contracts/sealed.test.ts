// A seal opens for its own call, direction and pool, and for nobody else; what it hides is in no error.
import { hkdfSync } from "node:crypto";
import { CompactEncrypt, type CompactJWEHeaderParameters, decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { open, SealBroken, type SealedArguments, type SealingKeys, seal } from "./sealed.ts";

const key = (id: string, fill: number) => ({ id, secret: new Uint8Array(32).fill(fill) });
const first = key("k1", 1);
const keys: SealingKeys = new Map([
	["default", [first]],
	["dmz", [key("k2", 2)]],
]);
const call = "01890000-0000-7000-8000-000000000001";
const other = "01890000-0000-7000-8000-000000000002";
const value: SealedArguments = { arguments: { card: "4111111111111111" }, salt: "s", headers: [["x-a", "b"]], idempotencyKey: "k" };

test("what was sealed is opened, and nothing of it can be seen before", async () => {
	const sealed = await seal(keys, "default", call, "arguments", value);
	expect(await open(keys, "default", call, "arguments", sealed)).toEqual(value);
	expect(Buffer.from(sealed.replaceAll(".", ""), "base64url").includes("4111")).toBe(false);
	expect(await seal(keys, "default", call, "arguments", value)).not.toBe(sealed);
});

describe("a seal stays shut", () => {
	const shut = async (sealed: string, { held = keys, pool = "default", of = call, kind = "arguments" as "arguments" | "result" } = {}) => {
		const error: unknown = await open(held, pool, of, kind, sealed).then(
			() => undefined,
			(thrown: unknown) => thrown,
		);
		expect(error).toBeInstanceOf(SealBroken);
		expect(String(error)).not.toContain("4111");
	};
	test("for another call", async () => await shut(await seal(keys, "default", call, "arguments", value), { of: other }));
	test("in the other direction", async () => await shut(await seal(keys, "default", call, "arguments", value), { kind: "result" }));
	test("for another pool", async () => await shut(await seal(keys, "default", call, "arguments", value), { pool: "dmz" }));
	test("for a pool without keys", async () => await shut(await seal(keys, "default", call, "arguments", value), { pool: "none" }));
	test("with another key of the same name", async () =>
		await shut(await seal(keys, "default", call, "arguments", value), { held: new Map([["default", [key("k1", 9)]]]) }));
	test("after any change", async () => {
		const sealed = await seal(keys, "default", call, "arguments", value);
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
		const derived = (from: Uint8Array = salt) => new Uint8Array(hkdfSync("sha256", first.secret, from, "callgate/sealed", 32));
		const make = (header: CompactJWEHeaderParameters, secret = derived(), text = plain) =>
			new CompactEncrypt(text).setProtectedHeader(header).encrypt(secret);
		const without = (name: keyof typeof right) => {
			const { [name]: _, ...rest } = right;
			return rest as CompactJWEHeaderParameters;
		};

		test("which opens when nothing about it is", async () => {
			expect(await open(keys, "default", call, "arguments", await make(right))).toEqual(value);
		});
		test("by the pool's key itself", async () => await shut(await make(right, first.secret)));
		test("by a key that is wrapped", async () => await shut(await make({ ...right, alg: "A256KW" }, first.secret)));
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

test("every value has a salt of its own", async () => {
	const sealed = await Promise.all(Array.from({ length: 50 }, () => seal(keys, "default", call, "arguments", value)));
	const salts = sealed.map((one) => decodeProtectedHeader(one).salt);
	expect(new Set(salts).size).toBe(50);
	for (const salt of salts) expect(Buffer.from(String(salt), "base64url")).toHaveLength(32);
});

test("a key is replaced without a pause: the first of a pool seals, all of them open", async () => {
	const fresh = key("k3", 3);
	const before = await seal(keys, "default", call, "arguments", value);
	const both: SealingKeys = new Map([["default", [fresh, first]]]);
	expect(await open(both, "default", call, "arguments", before)).toEqual(value);
	const after = await seal(both, "default", call, "arguments", value);
	expect(await open(new Map([["default", [fresh]]]), "default", call, "arguments", after)).toEqual(value);
	await expect(open(keys, "default", call, "arguments", after)).rejects.toThrow(SealBroken);
});

test("without a key of the pool nothing is sealed", async () => {
	await expect(seal(keys, "none", call, "arguments", value)).rejects.toThrow(SealBroken);
});
