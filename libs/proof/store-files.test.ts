// The store in a folder passes the suite of stores; what a name or a file system refuses is told as such.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { StoreUnavailable } from "./store.ts";
import { describeStore } from "./store-contract.ts";
import { createFileStore } from "./store-files.ts";

let folder: string;
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-proof-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeStore("a folder as store", async () => createFileStore(join(folder, "deep/inside")));

it("leaves no file behind that is none of its objects", async () => {
	const store = createFileStore(join(folder, "clean"));
	await store.create("a/b", Buffer.from("1"));
	await store.create("a/b", Buffer.from("2"));
	await store.put("a/c", Buffer.from("3"));
	expect((await readdir(join(folder, "clean/a"))).sort()).toEqual(["b", "c"]);
});

it("refuses a name that leads elsewhere, and says which file the system refuses", async () => {
	const store = createFileStore(join(folder, "names"));
	for (const name of ["../x", "a/../x", "/x", "", "a//b", ".hidden"]) await expect(store.get(name), name).rejects.toThrow(RangeError);
	await writeFile(join(folder, "file"), "");
	const blocked = createFileStore(join(folder, "file"));
	await expect(blocked.create("a", Buffer.from(""))).rejects.toThrow(StoreUnavailable);
	expect(await blocked.get("a")).toBeUndefined();
});
