// Resources, prompts and completion in MCP's own words, by the official client: lists are one caller's own, and each reading is a call like any other.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Event } from "#libs/contracts/events.ts";
import { as, Backstage, callers, inForce, type Replica } from "./ingress.test-support.ts";

const connection = (name: string) =>
	`kind: Connection\nname: ${name}\nprotocol: mcp\nurl: https://${name}.example/mcp\nmcp: ${name}.json\n---\n`;
const pinned = (lists: object) => JSON.stringify({ protocolVersion: "2026-07-28", tools: [], ...lists });
const docs = {
	capabilities: { completions: {} },
	resources: [
		{ uri: "docs://handbook", name: "handbook", description: "For everyone", mimeType: "text/plain" },
		{ uri: "docs://plans/secret", name: "plans", description: "Whom we let go", icons: [{ src: "https://evil.example/" }] },
		{ uri: "shared://x", name: "x" },
	],
	resourceTemplates: [{ uriTemplate: "docs://page/{id}", name: "page" }],
	prompts: [{ name: "review", description: "Reviews", arguments: [{ name: "text", required: true }] }, { name: "a__b" }],
};
const others = {
	resources: [{ uri: "shared://x", name: "x" }],
	prompts: [{ name: "review" }],
};
const policy = `kind: Issuer
name: corporate
issuer: https://idp.example
audience: callgate
algorithms: [RS256]
---
kind: Policy
name: all
rules:
  - { name: prompts, match: { connection: [docs, others], function: [prompts/get, completion/complete], groups: [ci] }, effect: allow }
  - name: open-resources
    match: { connection: [docs, others, bare], function: resources/read, groups: [ci] }
    when: args.uri.startsWith("docs://plans/") == false
    effect: allow
  - name: plans
    match: { connection: docs, function: resources/read, groups: [board] }
    when: args.uri.startsWith("docs://plans/")
    effect: allow
`;
const files = {
	"around.yaml": policy,
	"connections.yaml": ["docs", "others", "bare"].map(connection).join(""),
	"docs.json": pinned(docs),
	"others.json": pinned(others),
	"bare.json": pinned({ tools: [{ name: "t", inputSchema: { type: "object" } }] }),
};
const compiled = compileConfiguration(files);
if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
const { configuration } = compiled;

const cleanup: (() => Promise<unknown>)[] = [];
let stage: Backstage;
let one: Replica;
let origin: string;
beforeEach(async () => {
	stage = new Backstage();
	cleanup.push(() => stage.close());
	one = await stage.replica({ configuration: inForce(configuration) }, { mcpWaitSeconds: 1 });
	origin = await one.http.listen({ host: "127.0.0.1", port: 0 });
	callers.board = { issuer: "https://idp.example", subject: "board", groups: ["ci", "board"] };
	callers.stranger = { issuer: "https://idp.example", subject: "stranger", groups: [] };
});
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

type Mode = NonNullable<NonNullable<ConstructorParameters<typeof Client>[1]>["versionNegotiation"]>["mode"];

async function connected(path = "/mcp/docs", who = "robin", mode: Mode = { pin: "2026-07-28" }): Promise<Client> {
	const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { ...(mode && { mode }) } });
	await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}${path}`), { requestInit: { headers: as(who) } }));
	cleanup.push(() => client.close());
	return client;
}

/** As the executor says it of an MCP server. */
async function answered(received: Event<"call.received">, json: object, code?: number): Promise<void> {
	const told = { isError: code !== undefined, ...(code !== undefined && { code }) };
	await stage.completeAs(received, JSON.stringify({ protocol: "mcp", ...told, body: { json } }), { answer: { mcp: told } });
}

function post(method: string, params: object, headers: Record<string, string> = {}, url = "/mcp/docs") {
	const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
	const payload = JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta } });
	const mirrored = { "content-type": "application/json", "mcp-protocol-version": "2026-07-28", "mcp-method": method };
	return one.http.inject({ method: "POST", url, headers: { ...as("robin"), ...mirrored, ...headers }, payload });
}

describe.each([
	["2026-07-28", { pin: "2026-07-28" }],
	["2025-11-25", "legacy"],
] as const)("a client of %s", (_revision, mode) => {
	test("reads a resource by a call like any other", async () => {
		const client = await connected("/mcp/docs", "robin", mode);
		const reading = client.readResource({ uri: "docs://handbook" });
		const received = await stage.received();
		expect(received.data).toMatchObject({ connection: "docs", function: "resources/read", via: "mcp", caller: { subject: "robin" } });
		expect(received.data.arguments).toEqual({ uri: "docs://handbook" });
		await answered(received, { contents: [{ uri: "docs://handbook", text: "Welcome" }], ttlMs: 3_600_000, cacheScope: "public" });
		expect((await reading).contents).toEqual([{ uri: "docs://handbook", text: "Welcome" }]);
	});

	test("gets a prompt and completes its arguments, at the address of all under the prompt's name with its connection's", async () => {
		const client = await connected("/mcp", "robin", mode);
		const { prompts } = await client.listPrompts();
		expect(prompts.map(({ name }) => name)).toEqual(["docs__review", "docs__a__b", "others__review"]);
		const getting = client.getPrompt({ name: "docs__a__b", arguments: { text: "t" } });
		const received = await stage.received();
		expect(received.data).toMatchObject({
			connection: "docs",
			function: "prompts/get",
			arguments: { name: "a__b", arguments: { text: "t" } },
		});
		await answered(received, { messages: [{ role: "user", content: { type: "text", text: "Review t" } }] });
		expect((await getting).messages).toHaveLength(1);
		const completing = client.complete({ ref: { type: "ref/prompt", name: "docs__review" }, argument: { name: "text", value: "p" } });
		const asked = await stage.received(1);
		expect(asked.data).toMatchObject({ connection: "docs", function: "completion/complete" });
		expect(asked.data.arguments).toMatchObject({ ref: { type: "ref/prompt", name: "review" } });
		await answered(asked, { completion: { values: ["park"] } });
		expect((await completing).completion.values).toEqual(["park"]);
	});

	test("is told of what exists for it alone", async () => {
		const capabilitiesAt = async (path: string, who = "robin") => (await connected(path, who, mode)).getServerCapabilities();
		expect(await capabilitiesAt("/mcp/docs")).toMatchObject({ tools: {}, resources: {}, prompts: {}, completions: {} });
		expect(await capabilitiesAt("/mcp")).toMatchObject({ resources: {}, prompts: {}, completions: {} });
		for (const [path, who] of [
			["/mcp/docs", "stranger"],
			["/mcp", "stranger"],
			["/mcp/bare", "robin"],
		] as const)
			for (const none of ["resources", "prompts", "completions"]) expect(await capabilitiesAt(path, who)).not.toHaveProperty(none);
		const client = await connected("/mcp/docs", "stranger", mode);
		await expect(client.request({ method: "prompts/list" })).rejects.toThrow("Method not found");
	});

	test("is told in the protocol's words what was denied, what waits for people, and what the server says", async () => {
		const client = await connected("/mcp/docs", "robin", mode);
		const denied = client.readResource({ uri: "docs://plans/secret" });
		await stage.deny(await stage.received());
		await expect(denied).rejects.toMatchObject({ code: -32_003, data: { code: "denied", rules: ["never"] } });
		const held = client.readResource({ uri: "docs://handbook" });
		const received = await stage.received(1);
		await stage.ask(received);
		await expect(held).rejects.toMatchObject({ code: -32_603, data: { state: "held", call: received.data.call } });
		await answered(received, { contents: [] });
		expect((await client.readResource({ uri: "docs://handbook" })).contents).toEqual([]);
		expect(stage.of("call.received")).toHaveLength(2);
		const gone = client.readResource({ uri: "docs://page/9" });
		await answered(await stage.received(2), { code: -32_602, message: "Resource not found" }, -32_602);
		await expect(gone).rejects.toMatchObject({ code: -32_602, message: expect.stringContaining("Resource not found") });
	});
});

test("a resource is listed where policy would let its caller read it: of others not even the name is said", async () => {
	const [robin, board] = [await connected(), await connected("/mcp/docs", "board")];
	expect((await robin.listResources()).resources).toEqual([
		{ uri: "docs://handbook", name: "handbook", description: "For everyone", mimeType: "text/plain" },
		{ uri: "shared://x", name: "x" },
	]);
	const all = (await board.listResources()).resources;
	expect(all.map(({ uri }) => uri)).toContain("docs://plans/secret");
	expect(JSON.stringify(all)).not.toContain("evil.example");
	expect((await robin.listResourceTemplates()).resourceTemplates).toEqual([{ uriTemplate: "docs://page/{id}", name: "page" }]);
	const { result } = (await post("resources/list", {})).json();
	expect(result).toMatchObject({ resultType: "complete", cacheScope: "private", ttlMs: expect.any(Number) });
	// What is hidden is no cursor either: it is answered as what does not exist.
	for (const cursor of ["docs://plans/none", "docs://plans/secret"])
		expect((await post("resources/list", { cursor })).json().error).toMatchObject({ code: -32_602 });
});

test("at the address of all a URI leads to the one connection that pins it, and to none where several do", async () => {
	const client = await connected("/mcp");
	expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(["docs://handbook"]);
	const reading = client.readResource({ uri: "docs://page/1" });
	const received = await stage.received();
	expect(received.data).toMatchObject({ connection: "docs", arguments: { uri: "docs://page/1" } });
	await answered(received, { contents: [] });
	await reading;
	for (const [uri, found] of [
		["shared://x", "several connections"],
		["none://x", "no connection"],
	])
		await expect(client.readResource({ uri: String(uri) })).rejects.toMatchObject({
			code: -32_602,
			data: { detail: expect.stringMatching(`${found}.*/mcp/{connection}`) },
		});
	expect(stage.of("call.received")).toHaveLength(1);
});

test("what a connection answers to caches is not passed on: each reading is decided anew", async () => {
	const reading = post("resources/read", { uri: "docs://handbook" }, { "mcp-name": "docs://handbook" });
	await answered(await stage.received(), { contents: [], ttlMs: 3_600_000, cacheScope: "public" });
	expect((await reading).json().result).toMatchObject({ resultType: "complete", ttlMs: 0, cacheScope: "private" });
});

test.each([
	"docs://page/../plans/secret",
	"docs://page/%2e%2E/plans/secret",
	"docs://page/..",
	"docs://page/.%2e?x",
	"docs:\\\\page\\..\\plans",
	"docs://page/ 1",
	"docs://page/\u0000",
])("a URI that means another than it begins as is no call: %j", async (uri) => {
	const client = await connected();
	await expect(client.readResource({ uri })).rejects.toMatchObject({ code: -32_602, data: { code: "invalid_arguments" } });
	expect(stage.of("call.received")).toEqual([]);
});

test("a header that names another resource or prompt than the body is refused", async () => {
	const read = await post("resources/read", { uri: "docs://handbook" }, { "mcp-name": "docs://plans/secret" });
	const get = await post("prompts/get", { name: "review" });
	for (const reply of [read, get])
		expect({ status: reply.statusCode, code: reply.json().error.code }).toEqual({ status: 400, code: -32_020 });
	expect(stage.of("call.received")).toEqual([]);
});

test.each([
	["a prompt that nobody pinned", "prompts/get", { name: "none" }, -32_602],
	["a member that the request does not have", "resources/read", { uri: "docs://handbook", more: 1 }, -32_602],
	["resources of what has none", "resources/read", { uri: "docs://handbook" }, -32_601],
])("%s is an error of the protocol and no call", async (what, method, params, code) => {
	const named = "uri" in params ? params.uri : params.name;
	const reply = await post(method, params, { "mcp-name": String(named) }, what.startsWith("resources") ? "/mcp/bare" : "/mcp/docs");
	expect(reply.json().error).toMatchObject({ code });
	expect(stage.of("call.received")).toEqual([]);
});

test("a list of thousands comes in pages, without those of others", async () => {
	const resources = Array.from({ length: 1_000 }, (_none, at) => ({ uri: `docs://${at % 2 ? "plans" : "open"}/${at}`, name: String(at) }));
	const many = compileConfiguration({ ...files, "docs.json": pinned({ ...docs, resources }) });
	if (!many.ok) throw new Error(JSON.stringify(many.errors));
	const replica = await stage.replica({ configuration: inForce(many.configuration) });
	origin = await replica.http.listen({ host: "127.0.0.1", port: 0 });
	const listed = (await (await connected()).listResources()).resources.map(({ name }) => Number(name));
	expect(listed).toEqual(Array.from({ length: 500 }, (_none, at) => at * 2));
});
