// `callgate secret` on a real vault: values go in by file and standard input, and come out nowhere.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openVault } from "#libs/vault/vault-file.ts";
import { runProgram, type World } from "./run-program.test-support.ts";

const value = "s3cret value";
let dir: string;
let file: string;
let keyFile: string;
beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-cli-"));
	[file, keyFile] = [join(dir, "vault.json"), join(dir, "vault.key")];
});
afterEach(() => rm(dir, { recursive: true }));

const run = (args: readonly string[], world: World = {}) =>
	runProgram(["secret", ...args], { environment: { CALLGATE_VAULT_FILE: file, CALLGATE_VAULT_KEY_FILE: keyFile }, ...world });
const stored = async (name: string) => (await (await openVault({ file, keyFile })).get(name))?.reveal();

/** A terminal on which these keys are pressed, and which notes when it hides them. */
function terminal(...keys: string[]) {
	const raw: boolean[] = [];
	const input = Object.assign(Readable.from(keys.map((key) => Buffer.from(key))), {
		isTTY: true,
		setRawMode: (on: boolean) => void raw.push(on),
	});
	return { input, raw };
}

describe("callgate secret", () => {
	it("makes a key for its owner alone, once", async () => {
		expect(await run(["init"])).toMatchObject({ exitCode: 0, out: expect.stringContaining(`made the key ${keyFile} (0600)`) });
		expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
		const key = await readFile(keyFile, "utf8");
		expect(await run(["init"])).toMatchObject({ exitCode: 1, err: expect.stringContaining("never overwritten") });
		expect(await readFile(keyFile, "utf8")).toBe(key);
	});

	it("keeps, lists, replaces and removes", async () => {
		await run(["init"]);
		expect((await run(["list"])).out).toContain("holds no secrets");
		expect(await run(["set", "bank"], { input: `${value}\n` })).toEqual({ exitCode: 0, out: "set bank", err: "" });
		expect(await stored("bank")).toBe(value);
		await writeFile(join(dir, "value"), "line one\nline two\r\n");
		await run(["set", "api", "--from-file", join(dir, "value")]);
		expect(await stored("api")).toBe("line one\nline two");
		await run(["set", "bank"], { input: "other" });
		expect(await stored("bank")).toBe("other");
		expect((await run(["list"])).out).toBe("api\nbank");
		expect((await run(["list", "--json"])).out).toBe('{"names":["api","bank"]}');
		expect((await run(["remove", "bank"])).out).toBe("removed bank");
		expect(await stored("bank")).toBeUndefined();
		expect(await run(["remove", "bank"])).toMatchObject({ exitCode: 1, out: "" });
	});

	it("reads a terminal without showing what is typed", async () => {
		await run(["init"]);
		const { input, raw } = terminal("typ", "o\u007f", "wrong\u0015", "s3cret ", "valuf\u007fe\r", "after");
		const { exitCode, out, err } = await run(["set", "bank"], { input });
		expect(exitCode).toBe(0);
		expect(raw).toEqual([true, false]);
		expect(await stored("bank")).toBe(value);
		expect(out + err).not.toContain("s3cret");
	});

	it.each([["\u0003"], ["\u0004"]])("changes nothing on Ctrl-C and Ctrl-D, and gives the terminal back", async (key) => {
		await run(["init"]);
		const { input, raw } = terminal("s3cr", key);
		expect(await run(["set", "bank"], { input })).toMatchObject({ exitCode: 1, err: expect.stringContaining("Nothing was changed") });
		expect(raw).toEqual([true, false]);
		expect(await stored("bank")).toBeUndefined();
	});

	it("takes no value from the command line, and repeats none", async () => {
		await run(["init"]);
		for (const args of [
			["set", "bank", value],
			["set", "bank", `--value=${value}`],
			["set", "bank", "--value", value],
		]) {
			const { exitCode, out, err } = await run(args, { input: "x" });
			expect(exitCode).toBe(2);
			expect(out + err).not.toContain("s3cret");
		}
		expect((await run(["list", "--json"])).out).toBe('{"names":[]}');
	});

	it("says what is wrong without telling the value", async () => {
		const missing = await run(["set", "bank"], { input: value });
		expect(missing).toMatchObject({ exitCode: 1, err: expect.stringContaining("`callgate secret init` makes one") });
		await run(["init"]);
		for (const [name, input] of [
			["Not A Name", value],
			["bank", ""],
			["bank", value.repeat(8_000)],
		] as const) {
			const { exitCode, out, err } = await run(["set", name], { input });
			expect(exitCode).toBeGreaterThan(0);
			expect(err.length).toBeGreaterThan(20);
			expect(out + err).not.toContain("s3cret");
		}
		expect(await run(["list"], { environment: {} })).toMatchObject({ exitCode: 2, err: expect.stringContaining("--vault") });
		expect((await run(["list", "--vault", file, "--vault-key", keyFile], { environment: {} })).exitCode).toBe(0);
		await writeFile(file, '{"not":"a vault"}');
		expect(await run(["list"])).toMatchObject({
			exitCode: 1,
			err: expect.stringMatching(/The vault refused \((file_unusable|tampered)\)/),
		});
	});
});
