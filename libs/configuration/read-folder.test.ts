// Reading a folder: what is taken, what is left, and what must not be reachable from it.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readFolder } from "./read-folder.ts";

let base: string;
let folder: string;
beforeEach(() => {
	base = mkdtempSync(join(tmpdir(), "callgate-folder-"));
	folder = join(base, "configuration");
	mkdirSync(folder);
});
afterEach(() => rmSync(base, { recursive: true }));

function write(path: string, text: string | Uint8Array): void {
	mkdirSync(dirname(join(base, path)), { recursive: true });
	writeFileSync(join(base, path), text);
}

const connection = (openapi: string): string =>
	`kind: Connection\nname: a\nprotocol: http\nurl: https://a.example.com\nopenapi: ${openapi}\n`;

test("YAML files of all folders, and the files they refer to", async () => {
	write("configuration/a.yaml", "kind: Group\n");
	write("configuration/sub/b.yml", connection("vendors/api.json"));
	write("configuration/sub/vendors/api.json", "{}");
	write("configuration/keys.jwks", "{}");
	write("configuration/issuer.yaml", "kind: Issuer\njwks: keys.jwks\n");
	write("configuration/README.md", "no");
	write("configuration/other.json", "no");
	write("configuration/.hidden/c.yaml", "no");
	const read = await readFolder(folder);
	expect(read.ok && Object.keys(read.files).sort()).toEqual(["a.yaml", "issuer.yaml", "keys.jwks", "sub/b.yml", "sub/vendors/api.json"]);
});

test("a reference that leads out of the folder reads nothing", async () => {
	write("secret.json", "secret");
	write("configuration/a.yaml", connection("../secret.json"));
	write("configuration/b.yaml", connection(join(base, "secret.json")));
	const read = await readFolder(folder);
	expect(read.ok && Object.keys(read.files)).toEqual(["a.yaml", "b.yaml"]);
});

test.each(["a.yaml", "sub"])("a link out of the folder is an error: %s", async (name) => {
	write("outside/a.yaml", "secret: 1");
	symlinkSync(name === "sub" ? join(base, "outside") : join(base, "outside/a.yaml"), join(folder, name));
	const read = await readFolder(folder);
	expect(read).toMatchObject({
		ok: false,
		errors: [{ file: name, message: expect.stringContaining("leads out of the configuration folder") }],
	});
});

test("a referenced file that is a link out of the folder is an error", async () => {
	write("secret.json", "secret");
	write("configuration/a.yaml", connection("api.json"));
	symlinkSync(join(base, "secret.json"), join(folder, "api.json"));
	const read = await readFolder(folder);
	expect(read).toMatchObject({ ok: false, errors: [{ file: "api.json" }] });
});

test("links inside the folder are followed, as Kubernetes makes them", async () => {
	write("configuration/..2026_01/a.yaml", "kind: Group\n");
	symlinkSync("..2026_01", join(folder, "..data"));
	symlinkSync("..data/a.yaml", join(folder, "a.yaml"));
	const read = await readFolder(folder);
	expect(read).toEqual({ ok: true, files: { "a.yaml": "kind: Group\n" } });
});

test("what is not a file is not opened, and a link that nobody asked for does not matter", async () => {
	const server = createServer();
	await new Promise<void>((listening) => server.listen(join(folder, "a.yaml"), listening));
	write("notes.md", "");
	symlinkSync(join(base, "notes.md"), join(folder, "README.md"));
	const read = await readFolder(folder);
	await new Promise((closed) => server.close(closed));
	expect(read).toMatchObject({ ok: false, errors: [{ file: "a.yaml", message: expect.stringContaining("not a file") }] });
});

test("bytes that are not UTF-8, a file that is too large, a folder that is not there", async () => {
	write("configuration/a.yaml", Uint8Array.of(0xff, 0xfe));
	write("configuration/b.yaml", new Uint8Array(8 * 1_048_576 + 1));
	const read = await readFolder(folder);
	expect(!read.ok && read.errors.map(({ file, message }) => `${file}: ${message}`).sort()).toEqual([
		"a.yaml: found bytes that are not UTF-8, expected UTF-8 text",
		"b.yaml: found 8388609 bytes, expected at most 8388608",
	]);
	expect(await readFolder(join(base, "none"))).toMatchObject({ ok: false, errors: [{ message: expect.stringContaining("ENOENT") }] });
});
