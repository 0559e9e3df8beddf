// The official client, unmodified, on a real port: what it makes of our answers in each revision that it speaks.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as FirstTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { as, Backstage, transfer } from "./ingress.test-support.ts";

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const eras = [
	["2026-07-28", { pin: "2026-07-28" }],
	["2025-11-25", "legacy"],
	["what the two agree on", "auto"],
] as const;

describe.each(eras)("in %s", (_revision, mode) => {
	let stage: Backstage;
	let origin: string;
	beforeEach(async () => {
		stage = new Backstage();
		const { http } = await stage.replica({}, { mcpWaitSeconds: 1 });
		cleanup.push(() => stage.close());
		origin = await http.listen({ host: "127.0.0.1", port: 0 });
	});

	async function connected(path = "/mcp/bank", who = "robin"): Promise<Client> {
		const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
		await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}${path}`), { requestInit: { headers: as(who) } }));
		cleanup.push(() => client.close());
		return client;
	}
	const call = { name: "createTransfer", arguments: transfer };

	test("it finds the tools and gets a function's answer", async () => {
		const client = await connected();
		const { tools } = await client.listTools();
		expect(tools.find(({ name }) => name === call.name)?.inputSchema).toMatchObject({
			type: "object",
			required: expect.arrayContaining(["amount"]),
		});
		const calling = client.callTool(call);
		await stage.complete(await stage.received());
		expect(await calling).toMatchObject({ structuredContent: { id: "t1" }, content: [{ type: "text", text: '{"id":"t1"}' }] });
	});

	test("it takes every answer for what the tool said it would be, however that was masked", async () => {
		const client = await connected();
		await client.listTools();
		const answers = [{ text: '{"amount":"[…0]"}' }, { text: "[1]" }, undefined];
		for (const [nth, body] of answers.entries()) {
			const calling = client.callTool(call);
			await stage.complete(await stage.received(nth), { body });
			expect((await calling).isError).toBe(false);
		}
	});

	test("it is told of a denial and of a held call in words that a model reads, and picks the held one up", async () => {
		const client = await connected("/mcp");
		const all = { ...call, name: "bank__createTransfer" };
		const denied = client.callTool(all);
		await stage.deny(await stage.received());
		expect(await denied).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('"code":"denied"') }] });
		const held = client.callTool(all);
		const received = await stage.received(1);
		await stage.ask(received);
		expect(await held).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('"state":"held"') }] });
		await stage.complete(received);
		expect(await client.callTool(all)).toMatchObject({ structuredContent: { id: "t1" } });
		expect(stage.of("call.received")).toHaveLength(2);
	});

	test("it learns that a tool does not exist, and that it is not known", async () => {
		const client = await connected();
		await expect(client.callTool({ name: "toolOfNobody" })).rejects.toThrow("Unknown tool");
		await expect(connected("/mcp", "nobody")).rejects.toThrow();
		expect(stage.of("call.received")).toEqual([]);
	});
});

describe("the client of the SDK's first version", () => {
	test("finds the tools, takes answers for what they said they would be, and is told of a held call", async () => {
		const stage = new Backstage();
		cleanup.push(() => stage.close());
		const { http } = await stage.replica({}, { mcpWaitSeconds: 1 });
		const url = new URL(`${await http.listen({ host: "127.0.0.1", port: 0 })}/mcp/bank`);
		const client = new FirstClient({ name: "test", version: "1" });
		// Its transport is declared without exact optional members.
		const transport = new FirstTransport(url, { requestInit: { headers: as("robin") } }) as Parameters<FirstClient["connect"]>[0];
		await client.connect(transport);
		cleanup.push(() => client.close());
		expect((await client.listTools()).tools.map(({ name }) => name)).toContain("createTransfer");
		const call = { name: "createTransfer", arguments: transfer };
		const answered = client.callTool(call);
		await stage.complete(await stage.received());
		expect(await answered).toMatchObject({ isError: false, structuredContent: { id: "t1" } });
		const held = client.callTool(call);
		await stage.ask(await stage.received(1));
		expect(await held).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('"state":"held"') }] });
	});
});
