// A desktop client, as the official SDK makes it: it starts `callgate mcp`, and what it asks on standard input is asked of ingress.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterEach, expect, test } from "vitest";
import { Backstage, transfer } from "./ingress.test-support.ts";

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const program = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

test.each(["2025-11-25", "2026-07-28"])("a client of %s finds the tools and calls one", async (revision) => {
	const stage = new Backstage();
	cleanup.push(() => stage.close());
	const { http } = await stage.replica();
	const url = await http.listen({ host: "127.0.0.1", port: 0 });
	const folder = await mkdtemp(join(tmpdir(), "callgate-stdio-"));
	cleanup.push(() => rm(folder, { recursive: true }));
	const tokenFile = join(folder, "token");
	await writeFile(tokenFile, "robin\n");
	const args = [program, "mcp", "--url", url, "--connection", "bank", "--token-file", tokenFile];
	const mode = revision === "2026-07-28" ? { pin: revision } : "legacy";
	const client = new Client({ name: "desktop", version: "1" }, { versionNegotiation: { mode } });
	await client.connect(new StdioClientTransport({ command: process.execPath, args }));
	cleanup.push(() => client.close());
	expect((await client.listTools()).tools.map(({ name }) => name)).toContain("createTransfer");
	const calling = client.callTool({ name: "createTransfer", arguments: transfer });
	await stage.complete(await stage.received());
	expect(await calling).toMatchObject({ isError: false, structuredContent: { id: "t1" } });
	expect((await stage.received()).data).toMatchObject({ via: "mcp", caller: { subject: "robin" } });
});
