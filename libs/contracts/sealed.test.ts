// A seal opens for its own call, direction and pool, and for nobody else; what it hides is in no error.
import { CompactEncrypt } from "jose";
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
	test("when it was made in another way with the right key", async () => {
		const plain = new TextEncoder().encode(JSON.stringify(value));
		const header = { kid: "k1", typ: "callgate-arguments", call };
		await shut(await new CompactEncrypt(plain).setProtectedHeader({ ...header, alg: "dir", enc: "A256GCM" }).encrypt(first.secret));
		await shut(await new CompactEncrypt(plain).setProtectedHeader({ ...header, alg: "A256GCMKW", enc: "A256GCM" }).encrypt(first.secret));
		await shut(
			await new CompactEncrypt(plain).setProtectedHeader({ ...header, alg: "A256KW", enc: "A128CBC-HS256" }).encrypt(first.secret),
		);
		await shut(await new CompactEncrypt(plain).setProtectedHeader({ alg: "A256KW", enc: "A256GCM", kid: "k1" }).encrypt(first.secret));
		const { kid: _, ...nameless } = header;
		await shut(await new CompactEncrypt(plain).setProtectedHeader({ ...nameless, alg: "A256KW", enc: "A256GCM" }).encrypt(first.secret));
	});
	test("when the right key holds no JSON, and the error does not show what it holds", async () => {
		const header = { alg: "A256KW", enc: "A256GCM", kid: "k1", typ: "callgate-arguments", call };
		await shut(
			await new CompactEncrypt(new TextEncoder().encode("4111111111111111 is no JSON")).setProtectedHeader(header).encrypt(first.secret),
		);
	});
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
