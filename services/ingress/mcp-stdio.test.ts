// A desktop client, as the official SDK makes it: it starts `callgate mcp`, and what it asks on standard input is asked of ingress.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterEach, expect, test } from "vitest";
import { Backstage, inForce, openTo, transfer } from "./ingress.test-support.ts";

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const program = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** A client that starts `callgate mcp` for one connection. */
async function desktop(stage: Backstage, connection: string, options: ConstructorParameters<typeof Client>[1], over = {}): Promise<Client> {
	const { http } = await stage.replica(over);
	const url = await http.listen({ host: "127.0.0.1", port: 0 });
	const folder = await mkdtemp(join(tmpdir(), "callgate-stdio-"));
	cleanup.push(() => rm(folder, { recursive: true }));
	const tokenFile = join(folder, "token");
	await writeFile(tokenFile, "robin\n");
	const args = [program, "mcp", "--url", url, "--connection", connection, "--token-file", tokenFile];
	const client = new Client({ name: "desktop", version: "1" }, options);
	await client.connect(new StdioClientTransport({ command: process.execPath, args }));
	cleanup.push(() => client.close());
	return client;
}

test.each(["2025-11-25", "2026-07-28"])("a client of %s finds the tools and calls one", async (revision) => {
	const stage = new Backstage();
	cleanup.push(() => stage.close());
	const mode = revision === "2026-07-28" ? { pin: revision } : "legacy";
	const client = await desktop(stage, "bank", { versionNegotiation: { mode } });
	expect((await client.listTools()).tools.map(({ name }) => name)).toContain("createTransfer");
	const calling = client.callTool({ name: "createTransfer", arguments: transfer });
	await stage.complete(await stage.received());
	expect(await calling).toMatchObject({ isError: false, structuredContent: { id: "t1" } });
	expect((await stage.received()).data).toMatchObject({ via: "mcp", caller: { subject: "robin" } });
});

const asking = `kind: Connection
name: tools
protocol: mcp
url: https://tools.example/mcp
mcp: tools.json
functions: { work: { asks: [elicitation], stream: true } }
`;
const pinned = { protocolVersion: "2026-07-28", tools: [{ name: "work", inputSchema: { type: "object" } }] };

test("a client of 2025-11-25 has its session: it sets the level of what it hears, is asked, and answers", async () => {
	const stage = new Backstage();
	cleanup.push(() => stage.close());
	const configuration = inForce(openTo(asking, { "tools.json": JSON.stringify(pinned) }));
	const client = await desktop(
		stage,
		"tools",
		{ versionNegotiation: { mode: "legacy" }, capabilities: { elicitation: {} } },
		{ configuration },
	);
	const heard: unknown[] = [];
	client.setNotificationHandler("notifications/message", ({ params }) => void heard.push(params.level));
	client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { ok: true } }));
	await client.setLoggingLevel("warning");
	const calling = client.callTool({ name: "work", arguments: {} });
	const form = { message: "Sure?", requestedSchema: { type: "object", properties: {} } };
	const question = { resultType: "input_required", inputRequests: { sure: { method: "elicitation/create", params: form } } };
	for (const [nth, json] of [question, { content: [{ type: "text", text: "done" }] }].entries()) {
		const received = await stage.received(nth);
		await stage.start(received);
		const said = ["info", "error"].map((level) => `${JSON.stringify({ method: "notifications/message", params: { level, data: "" } })}\n`);
		const seals = await stage.passOn(received, [said.join("")]);
		const asks = nth === 0 && { asks: { asked: { sure: "elicitation/create" } } };
		const sealed = stage.sealedResult(received, { protocol: "mcp", isError: false, body: { json }, ...asks });
		await stage.endStreamed(received, seals, { answer: { mcp: { isError: false } }, sealed });
	}
	expect(await calling).toMatchObject({ content: [{ type: "text", text: "done" }] });
	expect(heard).toEqual(["error", "error"]);
});
