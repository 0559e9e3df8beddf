// What only a file can get wrong: who may read it, who changed it, who else writes it, and what a crash leaves behind.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openVault } from "./vault-file.ts";
import { createVaultKey } from "./vault-key.ts";

let folder = "";
let file = "";
let keyFile = "";
beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-vault-"));
	file = join(folder, "vault.json");
	keyFile = join(folder, "vault.key");
	await createVaultKey(keyFile);
});
afterEach(async () => {
	await rm(folder, { recursive: true });
});

const open = () => openVault({ file, keyFile });
type Content = { generation: number; key: string; seal: string; secrets: Record<string, string> };
const read = async (): Promise<Content> => JSON.parse(await readFile(file, "utf8")) as Content;
const write = (content: unknown): Promise<void> => writeFile(file, JSON.stringify(content));

describe("the key file", () => {
	test("is for its owner alone, and never overwritten", async () => {
		expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
		const before = await readFile(keyFile, "utf8");
		await expect(createVaultKey(keyFile)).rejects.toMatchObject({ code: "file_unusable" });
		expect(await readFile(keyFile, "utf8")).toBe(before);
	});

	test.each([0o640, 0o604, 0o660, 0o644, 0o610, 0o601])("mode %o is refused, with the way to put it right", async (mode) => {
		await chmod(keyFile, mode);
		const error = await open().catch((thrown: unknown) => thrown);
		expect(error).toMatchObject({ code: "key_exposed" });
		expect(String(error)).toContain(`chmod 600 ${keyFile}`);
	});

	test("missing, malformed, of the wrong length, or a folder", async () => {
		await expect(openVault({ file, keyFile: join(folder, "none") })).rejects.toMatchObject({ code: "key_missing" });
		await expect(openVault({ file, keyFile: folder })).rejects.toMatchObject({ code: "key_malformed" });
		for (const content of ["", "hidden-key", Buffer.alloc(31).toString("base64url"), "x".repeat(300), `${"A".repeat(43)}\n\n`]) {
			await writeFile(keyFile, content, { mode: 0o600 });
			const error = await open().catch((thrown: unknown) => thrown);
			expect(error).toMatchObject({ code: "key_malformed" });
			expect(inspect(error)).not.toContain("hidden-key");
		}
	});

	test("of another vault", async () => {
		await (await open()).set("bank-key", "hidden-value");
		const otherKey = join(folder, "other.key");
		await createVaultKey(otherKey);
		const other = await openVault({ file, keyFile: otherKey });
		await expect(other.get("bank-key")).rejects.toMatchObject({ code: "key_wrong" });
		await expect(other.set("bank-key", "x")).rejects.toMatchObject({ code: "key_wrong" });
		expect((await (await open()).get("bank-key"))?.reveal()).toBe("hidden-value");
	});
});

describe("the file", () => {
	test("is for its owner alone, holds no value in the clear, and leaves nothing beside it", async () => {
		const vault = await open();
		await vault.set("bank-key", "hidden-value");
		const text = await readFile(file, "utf8");
		expect(text).toContain("bank-key");
		for (const form of ["hidden-value", Buffer.from("hidden-value").toString("base64url"), Buffer.from("hidden-value").toString("hex")]) {
			expect(text).not.toContain(form);
		}
		expect((await stat(file)).mode & 0o777).toBe(0o600);
		expect((await readdir(folder)).sort()).toEqual(["vault.json", "vault.key"]);
	});

	test("the same value sealed twice does not look the same", async () => {
		const vault = await open();
		await vault.set("a", "hidden-value");
		await vault.set("b", "hidden-value");
		const { secrets } = await read();
		expect(secrets.a?.split(".")[3]).not.toBe(secrets.b?.split(".")[3]);
	});

	test("is made with its folder when there is none", async () => {
		const vault = await openVault({ file: join(folder, "new", "deep", "vault.json"), keyFile });
		expect(await vault.names()).toEqual([]);
		await vault.set("a", "x");
		expect(await vault.names()).toEqual(["a"]);
	});

	test.each(["", "{", "[]", "null", '{"format":"callgate-vault-2"}', '{"format":"callgate-vault-1"}'])(
		"that holds %j is no vault, and is not overwritten",
		async (content) => {
			await writeFile(file, content);
			const vault = await open();
			await expect(vault.get("a")).rejects.toMatchObject({ code: "file_unusable" });
			await expect(vault.set("a", "x")).rejects.toMatchObject({ code: "file_unusable" });
			expect(await readFile(file, "utf8")).toBe(content);
		},
	);
});

describe("changed by someone without the key", () => {
	const cases: [string, (content: Content, older: Content) => unknown][] = [
		["an entry's ciphertext", (now) => ({ ...now, secrets: { ...now.secrets, a: flip(now.secrets.a, 3) } })],
		["an entry's tag", (now) => ({ ...now, secrets: { ...now.secrets, a: flip(now.secrets.a, 4) } })],
		["an entry's header", (now) => ({ ...now, secrets: { ...now.secrets, a: flip(now.secrets.a, 0) } })],
		["two entries swapped", (now) => ({ ...now, secrets: { a: now.secrets.b, b: now.secrets.a } })],
		["an entry under another name", (now) => ({ ...now, secrets: { ...now.secrets, c: now.secrets.a } })],
		["an entry taken away", (now) => ({ ...now, secrets: { a: now.secrets.a } })],
		["an entry put back to an older value", (now, older) => ({ ...now, secrets: { ...now.secrets, a: older.secrets.a } })],
		["the generation", (now) => ({ ...now, generation: now.generation + 1 })],
		["the seal", (now) => ({ ...now, seal: flip(now.seal, 3) })],
		["the seal of an older state", (now, older) => ({ ...now, seal: older.seal })],
		["an entry in place of the seal", (now) => ({ ...now, seal: now.secrets.a })],
		["an entry that is none", (now) => ({ ...now, secrets: { ...now.secrets, a: "hidden-text" } })],
	];
	test.each(cases)("%s: refused", async (_what, change) => {
		const vault = await open();
		await vault.set("a", "first");
		await vault.set("b", "hidden-value");
		const older = await read();
		await vault.set("a", "second");
		await write(change(await read(), older));
		for (const reader of [vault, await open()]) {
			const error = await reader.get("a").catch((thrown: unknown) => thrown);
			expect(error).toMatchObject({ code: "tampered" });
			expect(inspect(error)).not.toContain("hidden");
			await expect(reader.names()).rejects.toMatchObject({ code: "tampered" });
			await expect(reader.set("b", "x")).rejects.toMatchObject({ code: "tampered" });
		}
	});

	test("the whole file put back, or taken away, is refused by who has seen the newer", async () => {
		const vault = await open();
		await vault.set("a", "first");
		const older = await readFile(file);
		await vault.set("a", "second");
		await vault.get("a");
		await writeFile(file, older);
		await expect(vault.get("a")).rejects.toMatchObject({ code: "tampered" });
		await unlink(file);
		await expect(vault.get("a")).rejects.toMatchObject({ code: "tampered" });
	});
});

/** The JWE with one bit of one of its five parts changed. */
const flip = (jwe: string | undefined, part: number): string => {
	const parts = (jwe ?? "").split(".");
	const bytes = Buffer.from(parts[part] ?? "", "base64url");
	bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
	parts[part] = bytes.toString("base64url");
	return parts.join(".");
};

describe("several who use it", () => {
	test("a reader notices each change of another's at once", async () => {
		const reader = await open();
		const writer = await open();
		for (let n = 0; n < 20; n += 1) {
			await writer.set("bank-key", `value ${n % 3}`);
			expect((await reader.get("bank-key"))?.reveal()).toBe(`value ${n % 3}`);
		}
		await writer.remove("bank-key");
		expect(await reader.get("bank-key")).toBeUndefined();
	});

	test("an old file whose times and size are put back is still noticed as another file", async () => {
		const reader = await open();
		await reader.set("a", "one");
		const old = new Date(Date.now() - 60_000);
		const { utimes } = await import("node:fs/promises");
		await utimes(file, old, old);
		expect((await reader.get("a"))?.reveal()).toBe("one");
		await (await open()).set("a", "two");
		await utimes(file, old, old);
		expect((await reader.get("a"))?.reveal()).toBe("two");
	});

	test("reads at the same time as writes see one state or the other, and never an error", async () => {
		const vault = await open();
		const reader = await open();
		await vault.set("a", "0");
		let writing = true;
		const reads = (async () => {
			let last = 0;
			while (writing) {
				const seen = await Promise.all([reader.get("a"), reader.get("a"), reader.names()]);
				const value = Number(seen[0]?.reveal());
				expect(value).toBeGreaterThanOrEqual(last);
				last = value;
				await new Promise(setImmediate); // what is remembered is answered without waiting: let the writer have its turn
			}
		})();
		for (let n = 1; n <= 50; n += 1) await vault.set("a", String(n));
		writing = false;
		await reads;
	});

	const startWriter = (prefix: string, count: number): ChildProcess =>
		spawn(process.execPath, [join(import.meta.dirname, "set-secrets.test-support.ts"), file, keyFile, prefix, String(count)], {
			stdio: ["ignore", "pipe", "inherit"],
		});

	test("processes that write at the same time lose nothing of each other's", async () => {
		const prefixes = ["one", "two", "three"];
		const ends = await Promise.all(prefixes.map((prefix) => once(startWriter(prefix, 10), "exit")));
		expect(ends.map(([code]) => code)).toEqual([0, 0, 0]);
		const expected = prefixes.flatMap((prefix) => Array.from({ length: 10 }, (_, n) => `${prefix}-${n}`));
		expect(await (await open()).names()).toEqual(expected.sort());
		expect((await read()).generation).toBe(30);
	}, 60_000);

	test("a writer that is killed leaves all that it had said, a vault that opens, and no lock that lasts", async () => {
		const writer = startWriter("killed", 10_000);
		const said: string[] = [];
		for await (const line of createInterface({ input: writer.stdout ?? process.stdin })) {
			said.push(line);
			if (said.length === 20) writer.kill("SIGKILL");
		}
		await writeFile(`${file}.${randomUUID()}.tmp`, "half of a fi"); // what a kill between write and rename leaves
		const vault = await open();
		expect(await vault.names()).toEqual(expect.arrayContaining(said));
		await vault.set("after", "x");
		expect((await readdir(folder)).filter((name) => /\.json\.[0-9a-f-]{36}\.tmp$/.test(name))).toEqual([]);
		expect(await vault.names()).toContain("after");
	}, 60_000);
});

describe("the lock", () => {
	const lockFile = () => `${file}.lock`;
	const owner = (change: object) =>
		JSON.stringify({ nonce: randomUUID(), host: hostname(), pid: process.pid, since: Date.now(), ...change });

	test("of a living owner is waited for, and then said to be held", async () => {
		await writeFile(lockFile(), owner({}));
		const vault = await openVault({ file, keyFile, lock: { waitMaxMs: 50, staleAfterMs: 60_000 } });
		const error = await vault.set("a", "hidden-value").catch((thrown: unknown) => thrown);
		expect(error).toMatchObject({ code: "locked" });
		expect(String(error)).toContain(lockFile());
		expect(await vault.names()).toEqual([]); // reading needs no lock
		await unlink(lockFile());
		await vault.set("a", "x");
	});

	test.each([
		["whose process has ended", { pid: 2 ** 22 + 1 }],
		["of another machine that is silent for too long", { host: "elsewhere", since: 0 }],
		["of a process that is stopped for too long", { since: 0 }],
	])("%s is taken over", async (_what, change) => {
		await writeFile(lockFile(), owner(change));
		const vault = await openVault({ file, keyFile, lock: { waitMaxMs: 5_000, staleAfterMs: 60_000 } });
		await vault.set("a", "x");
		expect(await vault.names()).toEqual(["a"]);
		expect((await readdir(folder)).sort()).toEqual(["vault.json", "vault.key"]);
	});

	test("that is none is taken over", async () => {
		await writeFile(lockFile(), "");
		const vault = await openVault({ file, keyFile, lock: { waitMaxMs: 5_000, staleAfterMs: 60_000 } });
		await vault.set("a", "x");
	});

	test("of another machine that is fresh is respected", async () => {
		await writeFile(lockFile(), owner({ host: "elsewhere", pid: 2 ** 22 + 1 }));
		const vault = await openVault({ file, keyFile, lock: { waitMaxMs: 50, staleAfterMs: 60_000 } });
		await expect(vault.set("a", "x")).rejects.toMatchObject({ code: "locked" });
	});
});

test("a vault that was moved opens where it is now", async () => {
	await (await open()).set("a", "x");
	const moved = join(folder, "moved.json");
	await rename(file, moved);
	expect((await (await openVault({ file: moved, keyFile })).get("a"))?.reveal()).toBe("x");
});
