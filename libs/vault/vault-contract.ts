// What every vault must do, whatever it is made of: the suite that each adapter runs.
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECRET_BYTES_MAX, type Vault } from "./vault.ts";

/** Runs the contract against vaults from `open`, which gives an empty one each time. */
export const vaultContract = (adapter: string, open: () => Promise<Vault>): void => {
	describe(`${adapter} keeps the vault's promises`, () => {
		test("nothing is in a new one", async () => {
			const vault = await open();
			expect([await vault.names(), await vault.get("bank-key"), await vault.remove("bank-key")]).toEqual([[], undefined, false]);
		});

		test("what is set is got, replaced and removed", async () => {
			const vault = await open();
			await vault.set("bank-key", "one");
			await vault.set("a", "two\nlines ✓");
			expect(await vault.names()).toEqual(["a", "bank-key"]);
			expect((await vault.get("bank-key"))?.reveal()).toBe("one");
			expect((await vault.get("a"))?.reveal()).toBe("two\nlines ✓");
			await vault.set("bank-key", "three");
			expect((await vault.get("bank-key"))?.reveal()).toBe("three");
			expect(await vault.remove("bank-key")).toBe(true);
			expect(await vault.remove("bank-key")).toBe(false);
			expect([await vault.get("bank-key"), await vault.names()]).toEqual([undefined, ["a"]]);
		});

		test("a secret is the same object until its value changes", async () => {
			const vault = await open();
			await vault.set("bank-key", "one");
			await vault.set("other", "x");
			const first = await vault.get("bank-key");
			await vault.set("other", "y");
			await vault.set("bank-key", "one");
			expect(await vault.get("bank-key")).toBe(first);
			await vault.set("bank-key", "two");
			expect((await vault.get("bank-key"))?.reveal()).toBe("two");
			expect(first?.reveal()).toBe("one");
		});

		test("changes made at the same time all take place", async () => {
			const vault = await open();
			const names = Array.from({ length: 20 }, (_, n) => `key-${n}`);
			await Promise.all(names.map((name) => vault.set(name, `value of ${name}`)));
			await Promise.all(names.slice(10).map((name) => vault.remove(name)));
			expect(await vault.names()).toEqual(names.slice(0, 10).sort());
			expect((await vault.get("key-7"))?.reveal()).toBe("value of key-7");
		});

		test.each(["", "-a", "A", "a_b", "a.b", "../a", "a/b", "a b", "ä", "a\n", "a".repeat(64), "__proto__", "a\0"])(
			"%j is no name",
			async (name) => {
				const vault = await open();
				const refused = { code: "name_invalid" };
				await expect(vault.set(name, "hidden-value")).rejects.toMatchObject(refused);
				await expect(vault.get(name)).rejects.toMatchObject(refused);
				await expect(vault.remove(name)).rejects.toMatchObject(refused);
			},
		);

		test.each(["constructor", "tostring", "0", "a".repeat(63), "a-", "9-z"])("%j is a name like any other", async (name) => {
			const vault = await open();
			expect(await vault.get(name)).toBeUndefined();
			await vault.set(name, "value");
			expect((await vault.get(name))?.reveal()).toBe("value");
			expect(await vault.names()).toEqual([name]);
		});

		test.each([
			["nothing", ""],
			["more than the bound", "x".repeat(SECRET_BYTES_MAX + 1)],
			["more than the bound in UTF-8", "✓".repeat(SECRET_BYTES_MAX / 2)],
			["half a character", "hidden-value\ud800"],
		])("%s is no value, and the old one stays", async (_what, value) => {
			const vault = await open();
			await vault.set("bank-key", "old");
			const error = await vault.set("bank-key", value).catch((thrown: unknown) => thrown);
			expect(error).toMatchObject({ code: "value_invalid" });
			expect(inspect(error)).not.toContain("hidden-value");
			expect((await vault.get("bank-key"))?.reveal()).toBe("old");
		});

		test("any text up to the bound comes back as it was", async () => {
			const vault = await open();
			await vault.set("largest", "x".repeat(SECRET_BYTES_MAX));
			expect((await vault.get("largest"))?.reveal()).toHaveLength(SECRET_BYTES_MAX);
			await fc.assert(
				fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1 }), async (value) => {
					await vault.set("any", value);
					expect((await vault.get("any"))?.reveal()).toBe(value);
				}),
				{ numRuns: 20 },
			);
		});

		test("a secret shows itself to no one", async () => {
			const vault = await open();
			await vault.set("bank-key", "hidden-value");
			const secret = await vault.get("bank-key");
			const shown = [
				`${secret}`,
				String(secret),
				JSON.stringify({ secret }),
				inspect(secret),
				inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
			];
			for (const text of shown) {
				expect(text).toContain("[secret]");
				expect(text).not.toContain("hidden-value");
			}
			expect(JSON.stringify([Object.keys(secret ?? {}), inspect(vault, { showHidden: true, depth: 9 })])).not.toContain("hidden-value");
		});
	});
};
