// What a token may be used for, whichever way in: without the scopes that its Issuer names nothing is asked of policy, and its bearer is told which they are.
import { afterEach, beforeEach, expect, test } from "vitest";
import { openConfiguration } from "../../test/support/open-configuration.ts";
import { as, Backstage, callers, inForce, type Replica } from "./ingress.test-support.ts";

const configuration = openConfiguration({
	issuer: "https://idp.example",
	issuerMore: `scopes:
  - needs: [callgate]
  - match: { connection: crm }
    needs: [crm]
  - match: { connection: crm, function: [pay, refund] }
    needs: [crm:pay]
`,
	connections: `kind: Connection
name: crm
protocol: http
url: https://crm.example
functions:
  note: { method: POST, path: /notes, arguments: { properties: { text: { type: string } } } }
  pay: { method: POST, path: /pay, arguments: { properties: { text: { type: string } } } }
  refund: { method: POST, path: /refund }
---
kind: Issuer
name: machines
issuer: https://idp.example
audience: machines
algorithms: [RS256]
`,
});

let stage: Backstage;
let replica: Replica;
let held: string[] | undefined;
let issuer: string;
beforeEach(async () => {
	stage = new Backstage();
	held = ["callgate", "crm"];
	issuer = "corporate";
	const scopes = { of: () => (held ? { issuer, scopes: new Set(held) } : undefined) };
	replica = await stage.replica({ configuration: inForce(configuration), scopes });
});
afterEach(() => stage.close());

const rpc = (method: string, params: object) => ({ jsonrpc: "2.0", id: 1, method, params });
const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
	replica.http.inject({ method: "POST", url, headers: { ...as("robin"), "content-type": "application/json", ...headers }, payload });
const get = (url: string) => replica.http.inject({ url, headers: as("robin") });

const paying = { text: "x" };
const ways: [string, () => ReturnType<typeof post>, string][] = [
	["calls", () => post("/v1/calls", { connection: "crm", function: "pay", arguments: paying }), ""],
	["proxy", () => post("/proxy/crm/pay", paying), ""],
	["one connection over MCP", () => post("/mcp/crm", rpc("tools/call", { name: "pay", arguments: paying })), "/crm"],
	["everything over MCP", () => post("/mcp", rpc("tools/call", { name: "crm__pay", arguments: paying })), "/mcp"],
];

test.each(ways)("%s: a function that needs a scope is not called without it, and its bearer is told what to get", async (_way, ask, at) => {
	const refused = await ask();
	expect(refused.statusCode, refused.body).toBe(403);
	expect(refused.json()).toMatchObject({
		code: "insufficient_scope",
		scopes: ["callgate", "crm", "crm:pay"],
		detail: "the token lacks crm:pay",
	});
	const path = at === "/mcp" ? "/mcp" : `/mcp${at}`;
	const where = at === "" ? "" : `, resource_metadata="https://callgate.example/.well-known/oauth-protected-resource${path}"`;
	expect(refused.headers["www-authenticate"]).toBe(
		`Bearer realm="callgate", error="insufficient_scope", scope="callgate crm crm:pay"${where}`,
	);
	expect(stage.of("call.received")).toEqual([]);
	held = ["crm:pay", "crm", "callgate", "more"];
	const asked = ask();
	await stage.complete(await stage.received());
	expect((await asked).statusCode).toBeLessThan(300);
});

test("a model is told so of the one call, and its others run", async () => {
	const use = (id: string, name: string) => ({ type: "tool_use", id, name, input: paying });
	const asked = post("/v1/anthropic/tool-uses", { role: "assistant", content: [use("t1", "crm__pay"), use("t2", "crm__note")] });
	await stage.complete(await stage.received());
	const { calls, messages } = (await asked).json();
	expect(calls.map(({ kind }: { kind: string }) => kind)).toEqual(["failed", "answered"]);
	expect(JSON.parse(messages[0].content[0].content).error).toMatchObject({
		code: "insufficient_scope",
		scopes: ["callgate", "crm", "crm:pay"],
	});
});

test("what every request needs is asked before anything is read, of lists and of calls that were made too", async () => {
	held = ["crm", "crm:pay"];
	const requests = [
		() => get("/v1/functions"),
		() => get("/v1/calls/01900000-0000-7000-8000-000000000000"),
		() => post("/v1/calls", { not: "a call" }),
		() => post("/v1/openai/chat/tool-calls", {}),
		() => post("/mcp", rpc("tools/list", {})),
		() => post("/proxy/crm/notes", {}),
	];
	for (const request of requests) {
		const refused = await request();
		expect([refused.statusCode, refused.json().code, refused.json().scopes]).toEqual([403, "insufficient_scope", ["callgate"]]);
	}
});

test("each Issuer asks of its own tokens alone; of a token of which nothing is known, for all", async () => {
	const note = () => post("/v1/calls", { connection: "crm", function: "note", arguments: {} });
	[held, issuer] = [[], "machines"];
	expect((await note()).statusCode).toBe(202);
	issuer = "gone";
	expect((await note()).statusCode).toBe(403);
	held = undefined;
	expect((await note()).statusCode).toBe(403);
	callers.elsewhere = { issuer: "https://other.example", subject: "e", groups: [] };
	const elsewhere = await post("/v1/calls", { connection: "crm", function: "note", arguments: {} }, as("elsewhere"));
	expect(elsewhere.statusCode).toBe(202);
});

test("the metadata names what every request needs, the same whatever connection is asked about; a 401 does not", async () => {
	const of = async (path: string) => (await replica.http.inject({ url: `/.well-known/oauth-protected-resource${path}` })).json();
	for (const path of ["/mcp", "/mcp/crm", "/mcp/nothing"]) expect((await of(path)).scopes_supported).toEqual(["callgate"]);
	const refused = await post("/mcp/crm", {}, as("nobody"));
	expect(refused.headers["www-authenticate"]).not.toContain("insufficient_scope");
});
