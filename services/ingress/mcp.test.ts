// MCP: a tool call is the same call as any other to policy, people and the record, and every revision is answered in its own words.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { as, Backstage, callers, configuration, inForce, openTo, transfer } from "./ingress.test-support.ts";

let stage: Backstage;
let one: Awaited<ReturnType<Backstage["replica"]>>;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
});
afterEach(() => stage.close());

type Headers = Record<string, string>;
const accept = { accept: "application/json, text/event-stream", "content-type": "application/json" };

function post(body: unknown, headers: Headers = {}, { url = "/mcp/bank", who = "robin", replica = one } = {}) {
	const payload = typeof body === "string" ? body : JSON.stringify(body);
	return replica.http.inject({ method: "POST", url, headers: { ...accept, ...as(who), ...headers }, payload });
}

const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
const serverInfo = { "io.modelcontextprotocol/serverInfo": { name: "callgate", version: "0.1.0" } };

/** As a client of 2026-07-28 asks it. */
function ask(method: string, params: object = {}, headers: Headers = {}, options: Parameters<typeof post>[2] = {}) {
	const mirrored = {
		"mcp-protocol-version": "2026-07-28",
		"mcp-method": method,
		...("name" in params && { "mcp-name": String(params.name) }),
	};
	return post({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta: meta } }, { ...mirrored, ...headers }, options);
}

/** As a client of an older revision asks it, after `initialize`. */
function askAfterHandshake(method: string, params: object = {}, options: Parameters<typeof post>[2] = {}) {
	return post({ jsonrpc: "2.0", id: "a", method, params }, { "mcp-protocol-version": "2025-11-25" }, options);
}

const call = { name: "createTransfer", arguments: transfer };

describe("a tool call", () => {
	test("is a call like any other, and its answer comes whole", async () => {
		const calling = ask("tools/call", call);
		const received = await stage.received();
		expect(received.data).toMatchObject({ connection: "bank", function: "createTransfer", via: "mcp", caller: { subject: "robin" } });
		await stage.complete(received, { body: { text: '{"id": 12345678901234567890.10}' } });
		const reply = await calling;
		expect(reply.headers["callgate-call"]).toBe(received.data.call);
		expect(reply.body).toContain('"structuredContent":{"id": 12345678901234567890.10}');
		expect(reply.json()).toMatchObject({
			...{ jsonrpc: "2.0", id: 7 },
			result: {
				...{ resultType: "complete", isError: false },
				content: [{ type: "text", text: '{"id": 12345678901234567890.10}' }],
				_meta: { ...serverInfo, "callgate/call": received.data.call, "callgate/status": 201 },
			},
		});
	});

	test.each<[string, Parameters<Backstage["complete"]>[1], object, unknown]>([
		["no body", { body: undefined, status: 204 }, { isError: false, content: [] }, { result: null }],
		[
			"a text",
			{ body: { text: "well" }, headers: [["content-type", "text/plain"]] },
			{ content: [{ type: "text", text: "well" }] },
			{ result: "well" },
		],
		["a list", { body: { json: [1] } }, { content: [{ type: "text", text: "[1]" }] }, { result: [1] }],
		[
			"a refusal of the function",
			{ body: { text: '{"title":"No money"}' }, status: 409 },
			{ isError: true, content: [{ text: "The function answered 409." }, { text: '{"title":"No money"}' }] },
			{ title: "No money" },
		],
	])("of which the function answers %s", async (_what, answer, result, structured) => {
		const calling = askAfterHandshake("tools/call", call);
		await stage.complete(await stage.received(), answer);
		const reply = (await calling).json();
		expect(reply.result).toMatchObject(result);
		expect(reply.result.structuredContent).toEqual(structured);
		expect(reply.result).not.toHaveProperty("resultType");
	});

	test("of 2026-07-28 has any JSON as its structured content, where the document says what is answered, else objects alone", async () => {
		const calling = ask("tools/call", call);
		await stage.complete(await stage.received(), { body: { text: "\n[1]" } });
		expect((await calling).json().result).toMatchObject({ structuredContent: [1], content: [{ text: "\n[1]" }] });
		const closing = ask("tools/call", { name: "closeAccount", arguments: { id: "acc-1" } });
		await stage.complete(await stage.received(1), { body: undefined, status: 204 });
		expect((await closing).json().result).not.toHaveProperty("structuredContent");
	});

	test("that policy denies is an error of the tool, which says why", async () => {
		const calling = ask("tools/call", call);
		await stage.deny(await stage.received());
		const { result } = (await calling).json();
		expect(result).toMatchObject({ resultType: "complete", isError: true });
		expect(JSON.parse(result.content[0].text)).toMatchObject({ code: "denied", rules: ["never"], reasons: [{ code: "rule_denied" }] });
	});

	test("that is held is told as pending, and a repeat gets what became of it and asks nobody anew", async () => {
		const impatient = await stage.replica({}, { mcpWaitSeconds: 1 });
		const first = ask("tools/call", call, {}, { replica: impatient });
		const received = await stage.received();
		await stage.ask(received);
		const pending = (await first).json().result;
		expect(pending).toMatchObject({ isError: true });
		const told = JSON.parse(pending.content[0].text);
		expect(told).toMatchObject({
			call: received.data.call,
			state: "held",
			waitsFor: { requirements: [{ groups: ["finance"], quorum: 1 }] },
		});
		expect(told.advice).toContain("same arguments again");
		await stage.complete(received);
		const again = await askAfterHandshake("tools/call", call);
		expect(again.headers["callgate-call"]).toBe(received.data.call);
		expect(again.json().result).toMatchObject({ isError: false, structuredContent: { id: "t1" } });
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test.each([
		["do not fit", { ...transfer, amount: "much" }, "invalid_arguments"],
		["do not fit and are large", { ...transfer, amount: "much", reference: "x".repeat(40_000) }, "invalid_arguments"],
	])("whose arguments %s is told to the model, and is no call", async (_what, args, code) => {
		const { id, result } = (await ask("tools/call", { ...call, arguments: args })).json();
		expect({ id, isError: result.isError }).toEqual({ id: 7, isError: true });
		expect(JSON.parse(result.content[0].text)).toMatchObject({
			code,
			errors: expect.arrayContaining([expect.objectContaining({ pointer: "/amount" })]),
		});
		expect(stage.stream.messages).toEqual([]);
	});

	test("with large arguments is read in another thread", async () => {
		const calling = post(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: call }) + " ".repeat(40_000));
		const received = await stage.received();
		expect(received.data).toMatchObject({ via: "mcp", arguments: transfer });
		await stage.complete(received);
		expect((await calling).json()).toMatchObject({ id: 1, result: { isError: false } });
	});

	test.each(["toolOfNobody", "constructor", "bank__createTransfer"])(
		"of %s, which is no tool here, is an error of the protocol",
		async (name) => {
			for (const reply of [await ask("tools/call", { name }), await askAfterHandshake("tools/call", { name })]) {
				expect({ status: reply.statusCode, code: reply.json().error.code }).toEqual({ status: 200, code: -32_602 });
			}
			expect(stage.stream.messages).toEqual([]);
		},
	);

	test("while events cannot be stored is refused as everywhere", async () => {
		stage.stream.away = true;
		const reply = await ask("tools/call", call);
		expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 503, code: "events_unavailable" });
		expect(reply.headers["retry-after"]).toMatch(/^\d+$/);
	});
});

describe("tools", () => {
	const namesOf = async (options: Parameters<typeof post>[2]) =>
		(await askAfterHandshake("tools/list", {}, options)).json().result.tools.map(({ name }: { name: string }) => name);

	test("are what some rule could let this caller call: by their own names in a connection, and beside those of others by both", async () => {
		expect(await namesOf({})).toEqual(["closeAccount", "createTransfer", "getAccount", "getStatement", "listTransactions"]);
		expect(await namesOf({ url: "/mcp" })).toContain("bank__createTransfer");
		callers.stranger = { issuer: "https://idp.example", subject: "stranger", groups: [] };
		expect(await namesOf({ who: "stranger" })).toEqual(["closeAccount", "createTransfer"]);
	});
	test("of all connections are called by the names that were listed", async () => {
		const calling = ask("tools/call", { ...call, name: "bank__createTransfer" }, {}, { url: "/mcp" });
		await stage.complete(await stage.received());
		expect((await calling).json().result).toMatchObject({ isError: false });
	});
	test("say what they answer as far as their document does: anything, or an object for older clients, that may be masked", async () => {
		const toolsIn = async (reply: ReturnType<typeof ask>) =>
			new Map<string, { outputSchema?: object; annotations: object; _meta?: object }>(
				(await reply).json().result.tools.map((tool: { name: string }) => [tool.name, tool]),
			);
		const [modern, older] = [await toolsIn(ask("tools/list")), await toolsIn(askAfterHandshake("tools/list"))];
		const transferred = { type: "object", required: expect.arrayContaining(["card"]), properties: { amount: expect.anything() } };
		const anything = { description: expect.stringContaining("masked") };
		expect(modern.get("createTransfer")?.outputSchema).toMatchObject({ anyOf: [transferred, anything] });
		expect(modern.get("createTransfer")?.outputSchema).not.toHaveProperty("type");
		expect(older.get("createTransfer")?.outputSchema).toMatchObject({ type: "object", anyOf: [transferred, anything] });
		expect(modern.get("closeAccount")).not.toHaveProperty("outputSchema");
		expect(modern.get("getAccount")?.annotations).toEqual({ readOnlyHint: true });
		expect(modern.get("createTransfer")?.annotations).toEqual({ readOnlyHint: false, idempotentHint: false });
		expect(modern.get("closeAccount")?.annotations).toEqual({ readOnlyHint: false, idempotentHint: true });
		expect(modern.get("createTransfer")?._meta).toEqual({ "callgate/mayNeedApproval": true });
		expect(modern.get("getAccount")).not.toHaveProperty("_meta");
	});
	test("of which there are many come in pages, each after a tool of the page before it", async () => {
		const names = Array.from({ length: 450 }, (_none, at) => `f${String(at).padStart(3, "0")}`);
		const functions = names.map((name) => `  ${name}: { method: GET, path: /${name} }\n`).join("");
		const many = openTo(`kind: Connection\nname: many\nprotocol: http\nurl: https://many.example\nfunctions:\n${functions}`);
		const replica = await stage.replica({ configuration: inForce(many) });
		const listed: string[] = [];
		let cursor: string | undefined;
		do {
			const { result } = (await ask("tools/list", { ...(cursor !== undefined && { cursor }) }, {}, { url: "/mcp/many", replica })).json();
			listed.push(...result.tools.map(({ name }: { name: string }) => name));
			cursor = result.nextCursor;
		} while (cursor !== undefined && listed.length < 1_000);
		expect(listed).toEqual(names);
		const lost = await ask("tools/list", { cursor: "toolOfNobody" }, {}, { url: "/mcp/many", replica });
		expect(lost.json().error).toMatchObject({ code: -32_602 });
	});
	test("are listed for one caller alone", async () => {
		expect((await ask("tools/list")).json().result).toMatchObject({
			resultType: "complete",
			cacheScope: "private",
			ttlMs: expect.any(Number),
		});
	});
});

describe("a client", () => {
	test("of 2026-07-28 learns what there is", async () => {
		const reply = await ask("server/discover");
		expect(reply.json().result).toMatchObject({
			...{ resultType: "complete", supportedVersions: ["2026-07-28", "2025-11-25", "2025-06-18"] },
			capabilities: { tools: { listChanged: true } },
			_meta: serverInfo,
		});
		expect(reply.headers).not.toHaveProperty("mcp-session-id");
	});
	test.each([
		["2025-11-25", "2025-11-25"],
		["2025-06-18", "2025-06-18"],
		["2024-11-05", "2025-11-25"],
	])("that begins with %s is answered with %s", async (protocolVersion, expected) => {
		const params = { protocolVersion, capabilities: {}, clientInfo: { name: "c", version: "1" } };
		const reply = await post({ jsonrpc: "2.0", id: 0, method: "initialize", params });
		expect(reply.json()).toMatchObject({
			id: 0,
			result: { protocolVersion: expected, capabilities: { tools: {} }, serverInfo: { name: "callgate" } },
		});
		expect((await post({ jsonrpc: "2.0", method: "notifications/initialized" })).statusCode).toBe(202);
		expect((await askAfterHandshake("ping")).json().result).toEqual({});
	});
	test("whom nobody knows is refused before anything is read, and told how to be known", async () => {
		const metadata = "https://callgate.example/.well-known/oauth-protected-resource/mcp";
		const refused: [string, string, string | undefined][] = [
			["/mcp/bank", "nobody", `error="invalid_token", resource_metadata="${metadata}/bank"`],
			["/mcp", "nobody", `error="invalid_token", resource_metadata="${metadata}"`],
			["/mcp/a%0d%0ab", "nobody", `error="invalid_token", resource_metadata="${metadata}"`],
		];
		for (const [url, who, how] of refused) {
			const reply = await post("not even JSON", {}, { url, who });
			expect({ status: reply.statusCode, how: reply.headers["www-authenticate"] }).toEqual({
				status: 401,
				how: `Bearer realm="callgate", ${how}`,
			});
		}
	});
	test("that brought no token is told no error, and one where nobody said how callers reach this nothing more", async () => {
		const noToken = new NotAuthenticated("no_token", {});
		const replica = await stage.replica({ authenticate: () => Promise.reject(noToken) }, { publicUrl: "" });
		const reply = await post("", {}, { replica });
		expect(reply.headers["www-authenticate"]).toBe('Bearer realm="callgate"');
		const path = "/.well-known/oauth-protected-resource/mcp";
		expect((await replica.http.inject({ url: path })).statusCode).toBe(404);
	});
	test("learns where tokens for an address are given: from the issuers that name it, else from any", async () => {
		const path = "/.well-known/oauth-protected-resource/mcp";
		const servers = { authorization_servers: ["https://idp.example"], bearer_methods_supported: ["header"] };
		expect((await one.http.inject({ url: path })).json()).toMatchObject({ resource: "https://callgate.example/mcp", ...servers });
		const ofNobody = await one.http.inject({ url: `${path}/any-name` });
		expect(ofNobody.json()).toMatchObject({ resource: "https://callgate.example/mcp/any-name", ...servers });
		expect((await one.http.inject({ url: `${path}/Bank` })).statusCode).toBe(404);
		const [corporate] = configuration.issuers;
		if (!corporate) throw new Error("there is an issuer");
		const another = { ...corporate, issuer: "https://login.example", audience: ["callgate", "https://callgate.example/mcp/bank"] };
		const replica = await stage.replica({ configuration: inForce({ ...configuration, issuers: [corporate, another] }) });
		const named = await replica.http.inject({ url: `${path}/bank` });
		expect(named.json().authorization_servers).toEqual(["https://login.example"]);
	});
	test.each(["https://evil.example", "http://localhost:7300", "null"])(
		"that is a page of %s is refused, whoever it speaks for",
		async (origin) => {
			const reply = await ask("tools/call", call, { origin });
			expect({ status: reply.statusCode, error: reply.json().error.code }).toEqual({ status: 403, error: -32_600 });
			expect(stage.stream.messages).toEqual([]);
		},
	);
});

describe("what is refused, and how", () => {
	const asked = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { ...call, _meta: meta } };
	const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "createTransfer" };
	test.each<[string, unknown, Headers, number, number]>([
		["no JSON", "{", {}, 400, -32_700],
		["a member twice", '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', {}, 400, -32_700],
		["a batch", [asked], headers, 400, -32_600],
		["another JSON-RPC", { ...asked, jsonrpc: "1.0" }, headers, 400, -32_600],
		["an id that is none", { ...asked, id: null }, headers, 400, -32_600],
		["a header's method that is another", asked, { ...headers, "mcp-method": "tools/list" }, 400, -32_020],
		["a header's tool that is another", asked, { ...headers, "mcp-name": "getAccount" }, 400, -32_020],
		["a header's version that is another", asked, { ...headers, "mcp-protocol-version": "2025-11-25" }, 400, -32_020],
		["no headers", asked, {}, 400, -32_020],
		["a version in the header alone", { ...asked, params: call }, headers, 400, -32_602],
		["a version that is not known", { ...asked, params: call }, { "mcp-protocol-version": "1900-01-01" }, 400, -32_022],
		[
			"no capabilities",
			{ ...asked, params: { ...call, _meta: { ...meta, "io.modelcontextprotocol/clientCapabilities": 1 } } },
			headers,
			400,
			-32_602,
		],
		["arguments that are no object", { ...asked, params: { name: "createTransfer", arguments: [] } }, {}, 200, -32_602],
		["a method of nobody", { jsonrpc: "2.0", id: 7, method: "tools/steal" }, {}, 200, -32_601],
		[
			"a method of nobody, of a newer client",
			{ ...asked, method: "tools/steal" },
			{ ...headers, "mcp-method": "tools/steal" },
			404,
			-32_601,
		],
	])("%s", async (_what, body, more, status, code) => {
		const reply = await post(body, more);
		expect({ status: reply.statusCode, code: reply.json().error.code }).toEqual({ status, code });
		expect(stage.stream.messages).toEqual([]);
	});
	test("a version that is not known is told those that are", async () => {
		const version = { "io.modelcontextprotocol/protocolVersion": "2030-01-01" };
		const reply = await post(
			{ ...asked, params: { ...call, _meta: { ...meta, ...version } } },
			{ ...headers, "mcp-protocol-version": "2030-01-01" },
		);
		expect(reply.json()).toMatchObject({
			id: 7,
			error: { code: -32_022, data: { supported: ["2026-07-28", "2025-11-25", "2025-06-18"], requested: "2030-01-01" } },
		});
	});
	test("a tool's name may be written in its header as what no header can carry is", async () => {
		const encoded = `=?base64?${Buffer.from("createTransfer").toString("base64")}?=`;
		const calling = post(asked, { ...headers, "mcp-name": encoded });
		await stage.complete(await stage.received());
		expect((await calling).json().result).toMatchObject({ isError: false });
	});
	test("an argument that its tool wants in a header again, and that is another there, or is not there", async () => {
		const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } };
		const pinned = { protocolVersion: "2026-07-28", serverInfo: {}, capabilities: {}, tools: [{ name: "route", inputSchema }] };
		const connection = "kind: Connection\nname: tools\nprotocol: mcp\nurl: https://tools.example/mcp\nmcp: tools.json\n";
		const tools = openTo(connection, { "tools.json": JSON.stringify(pinned) });
		const replica = await stage.replica({ configuration: inForce(tools) });
		const route = (more: Headers) =>
			ask("tools/call", { name: "route", arguments: { region: "Süd" } }, more, { url: "/mcp/tools", replica });
		const [listed] = (await ask("tools/list", {}, {}, { url: "/mcp/tools", replica })).json().result.tools;
		expect(listed.inputSchema.properties.region).toMatchObject({ type: "string", "x-mcp-header": "Region" });
		for (const header of ["", "Nord", "=?base64?U8O8ZA?=", "U8O8ZA=="]) {
			const reply = await route(header === "" ? {} : { "mcp-param-region": header });
			expect({ header, status: reply.statusCode, code: reply.json().error?.code }).toEqual({ header, status: 400, code: -32_020 });
		}
		expect(stage.stream.messages).toEqual([]);
		const calling = route({ "mcp-param-region": "=?base64?U8O8ZA==?=" });
		await stage.deny(await stage.received());
		expect((await calling).json().result).toMatchObject({ isError: true });
	});
	test("a connection of nobody, another method and another type of body", async () => {
		expect((await ask("tools/list", {}, {}, { url: "/mcp/none" })).statusCode).toBe(404);
		const get = await one.http.inject({ url: "/mcp/bank", headers: as("robin") });
		expect({ status: get.statusCode, allow: get.headers.allow }).toEqual({ status: 405, allow: "POST" });
		expect((await post("<a/>", { "content-type": "text/xml" })).statusCode).toBe(415);
	});
});
