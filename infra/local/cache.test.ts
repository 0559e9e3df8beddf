// The cache gives complete, unchanged folders or a clear error, whatever happened to it and however many ask at once.
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CacheEntry, cacheFolder, provide } from "./cache.ts";

let root: string;
let installs: number;
const lines: string[] = [];
const report = (line: string): void => {
	lines.push(line);
};

beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), "callgate-cache-"));
	installs = 0;
	lines.length = 0;
});
afterEach(() => rm(root, { recursive: true, force: true }));

const entry: CacheEntry = {
	name: "server-1.0",
	keyFiles: ["bin/server"],
	async install(into) {
		installs += 1;
		await mkdir(join(into, "bin"));
		await writeFile(join(into, "bin/server"), "the server", { mode: 0o700 });
		await writeFile(join(into, "notes"), "notes");
	},
};
const read = async (folder: string): Promise<string> => readFile(join(folder, "bin/server"), "utf8");

describe("provide", () => {
	it("installs once and then finds what is there", async () => {
		const folder = await provide(entry, report, root);
		expect(await read(folder)).toBe("the server");
		expect(await provide(entry, report, root)).toBe(folder);
		expect(installs).toBe(1);
		expect(await readdir(root)).toHaveLength(1);
	});

	it("installs once however many ask at once", async () => {
		const folders = await Promise.all(Array.from({ length: 8 }, () => provide(entry, report, root)));
		expect(new Set(folders).size).toBe(1);
		expect(installs).toBe(1);
	});

	const damages: [string, (folder: string) => Promise<unknown>][] = [
		["a changed file", (folder) => writeFile(join(folder, "bin/server"), "another!!!")],
		["a missing file", (folder) => rm(join(folder, "notes"))],
		["a strange file", (folder) => writeFile(join(folder, "more"), "")],
		["no manifest", (folder) => rm(join(folder, "callgate-manifest.json"))],
		["half a manifest", (folder) => writeFile(join(folder, "callgate-manifest.json"), '{"sha')],
	];
	it.each(damages)("finds %s and installs again", async (_what, damage) => {
		const folder = await provide(entry, report, root);
		await damage(folder);
		expect(await read(await provide(entry, report, root))).toBe("the server");
		expect(installs).toBe(2);
		expect(lines.join()).toContain("damaged");
		expect((await readdir(folder)).sort()).toEqual(["bin", "callgate-manifest.json", "notes"]);
	});

	it("leaves nothing behind when installing fails, and passes the error on", async () => {
		const failing: CacheEntry = {
			...entry,
			async install(into) {
				await entry.install(into);
				throw new Error("the network is away");
			},
		};
		await expect(provide(failing, report, root)).rejects.toThrow("the network is away");
		expect(await readdir(root)).toEqual([]);
		expect(await read(await provide(entry, report, root))).toBe("the server");
	});

	it("refuses what lacks a key file", async () => {
		await expect(provide({ ...entry, keyFiles: ["bin/server", "bin/other"] }, report, root)).rejects.toThrow(/bin\/other is not in it/);
		expect(await readdir(root)).toEqual([]);
	});

	const lockOf = `server-1.0-${process.platform}-${process.arch}.lock`;
	it("takes over the lock of a process that is gone", async () => {
		// No process has this id: Linux gives out at most 2^22.
		await writeFile(join(root, lockOf), `${hostname()} 99999999`);
		expect(await read(await provide(entry, report, root))).toBe("the server");
	});

	it("takes over a lock that is far too old, and removes half downloads of that age", async () => {
		const long = new Date(Date.now() - 24 * 60 * 60 * 1000);
		await writeFile(join(root, lockOf), "elsewhere 1");
		await mkdir(join(root, "server-1.0.partial-1-abc"));
		await mkdir(join(root, "server-1.0.partial-2-abc"));
		for (const name of [lockOf, "server-1.0.partial-1-abc"]) await utimes(join(root, name), long, long);
		await provide(entry, report, root);
		expect((await readdir(root)).sort()).toEqual([lockOf.replace(".lock", ""), "server-1.0.partial-2-abc"].sort());
	});

	it("says what to do when the cache cannot be written", async () => {
		await writeFile(join(root, "file"), "");
		await expect(provide(entry, report, join(root, "file"))).rejects.toThrow(/CALLGATE_CACHE/);
	});
});

describe("cacheFolder", () => {
	it("is CALLGATE_CACHE, which must be absolute", () => {
		expect(cacheFolder({ CALLGATE_CACHE: "/somewhere" })).toBe("/somewhere");
		expect(() => cacheFolder({ CALLGATE_CACHE: "here" })).toThrow(/absolute/);
	});
});
