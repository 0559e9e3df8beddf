// What policy does with the folder it was given: it activates it, or goes on under what is in force, or does not start.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { createLogger } from "#libs/service/logger.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { ConfigurationRefused } from "./activate-configuration.ts";
import { folderWarning, startConfiguration } from "./start-configuration.ts";

const clock = { now: () => new Date("2026-01-01T12:00:00.000Z") };
const log = createLogger("policy", "silent");
let folder: string;
let stream: MemoryStream;
beforeEach(async () => {
	stream = new MemoryStream();
	folder = await mkdtemp(join(tmpdir(), "callgate-folder-"));
	const files = demoConfiguration({ issuer: "https://idp.example", bankUrl: "http://127.0.0.1:9" });
	for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const start = async () => {
	const started = await startConfiguration(createMemoryBus(stream, "policy"), folder, clock, log);
	await started.configuration.stop();
	return started;
};
const halfEdit = () => writeFile(join(folder, "half.yaml"), "kind: Policy\nname: half\nrules:\n  - name: SECRET-VALUE\n");

test("a folder that compiles is in force, and there is nothing to warn of", async () => {
	const started = await start();
	expect(started.configuration.current().revision).toMatch(/^sha256:/);
	expect(folderWarning(started)).toEqual({});
});

test("a folder that is refused leaves the revision in force, and the warning names the place without quoting it", async () => {
	const { revision } = (await start()).configuration.current();
	await halfEdit();
	const started = await start();
	expect(started.configuration.current().revision).toBe(revision);
	expect(started.refused).toBeInstanceOf(ConfigurationRefused);
	expect(Object.values(folderWarning(started))).toEqual([expect.stringMatching(/half\.yaml:\d+:\d+/)]);
	expect(JSON.stringify(folderWarning(started))).not.toContain("SECRET-VALUE");
});

test("a folder that is gone leaves the revision in force", async () => {
	await start();
	await rm(folder, { recursive: true });
	expect((await start()).refused?.errors).toEqual([expect.objectContaining({ message: expect.stringContaining("ENOENT") })]);
});

test("a folder that is refused where nothing is in force refuses the start", async () => {
	await halfEdit();
	await expect(start()).rejects.toThrow(ConfigurationRefused);
	expect(stream.events()).toEqual([]);
});
