// A storage's address: what is one, and what is said of anything else.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { openStore } from "./open-store.ts";

it("opens a folder by its URL", async () => {
	const folder = await mkdtemp(join(tmpdir(), "callgate proof-"));
	const store = await openStore(pathToFileURL(folder).href, {});
	await store.create("head", Buffer.from("1"));
	expect(await readdir(folder)).toEqual(["head"]);
	await rm(folder, { recursive: true });
});

it.each([
	"",
	"/var/lib",
	"s3://",
	"s3://UPPER/x",
	"s3://bucket//x",
	"s3://bucket/../x/?a=b",
	"https://bucket/x",
	"s3://user:password@bucket/x",
])("refuses %j", async (where) => {
	await expect(openStore(where, {})).rejects.toThrow(
		`${JSON.stringify(where)} is no storage: expected file:///folder or s3://bucket/prefix`,
	);
});
