// `callgate mcp`: messages go through as they are, failures come back as JSON-RPC, and the token is read anew and stands nowhere.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { problem, TestApi } from "./api.test-support.ts";
import { runProgram } from "./run-program.test-support.ts";

let api: TestApi;
let folder: string;
beforeEach(async () => {
	api = await TestApi.start();
	folder = await mkdtemp(join(tmpdir(), "callgate-mcp-"));
});
afterEach(async () => {
	await api.stop();
	await rm(folder, { recursive: true });
});

const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const call = (id: number, name = "pay") => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {}, _meta: meta } });

function mcp(messages: readonly object[], args: readonly string[] = [], environment: Record<string, string> = api.environment) {
	return runProgram(["mcp", ...args], { environment, input: messages.map((message) => `${JSON.stringify(message)}\n`).join("") });
}
const answering =
	(result: string) =>
	(response: import("node:http").ServerResponse, { body }: { body: unknown }) => {
		const { id } = body as { id: number };
		response.setHeader("content-type", "application/json").end(`{"jsonrpc":"2.0","id":${id},"result":${result}}`);
	};

describe("a message", () => {
	test("of 2026-07-28 goes to the connection with the headers that mirror it, and its answer comes in one line, digits and all", async () => {
		api.on("POST /mcp/bank", answering('{"n":\n12345678901234567890.10}'));
		const { out, exitCode } = await mcp([call(1, "zahlen für")], ["--connection", "bank"]);
		expect({ out, exitCode }).toEqual({ out: '{"jsonrpc":"2.0","id":1,"result":{"n": 12345678901234567890.10}}', exitCode: 0 });
		expect(api.asked[0]?.body).toEqual(call(1, "zahlen für"));
		expect(api.asked[0]?.headers).toMatchObject({
			...{ authorization: "Bearer t0ken", "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call" },
			"mcp-name": `=?base64?${Buffer.from("zahlen für").toString("base64")}?=`,
		});
	});
	test("of an older revision carries the version and the session that were agreed on", async () => {
		api.on("POST /mcp", (response, about) => {
			response.setHeader("mcp-session-id", "session-1");
			answering('{"protocolVersion":"2025-11-25"}')(response, about);
		});
		// One after the other, as clients do it.
		const answered = Promise.withResolvers<void>();
		async function* input() {
			yield '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}\n';
			await answered.promise;
			yield '{"jsonrpc":"2.0","id":1,"method":"ping"}\n';
		}
		await runProgram(["mcp"], { environment: api.environment, input: input(), onPrint: () => answered.resolve() });
		const agreed = api.asked.map(({ headers }) => [headers["mcp-protocol-version"], headers["mcp-session-id"]]);
		expect(agreed).toEqual([
			[undefined, undefined],
			["2025-11-25", "session-1"],
		]);
	});
	test.each([202, 400, 503])("that answers a request to the client is answered by none, whatever becomes of it (%d)", async (status) => {
		api.on("POST /mcp", (response) => response.writeHead(status, { "content-type": "application/json" }).end('{"jsonrpc":"2.0","id":"q"}'));
		const reply = { jsonrpc: "2.0", id: "q", result: { action: "accept" } };
		expect(await mcp([reply])).toMatchObject({ exitCode: 0, out: "" });
		expect(api.asked.map(({ body }) => body)).toEqual([reply]);
	});
	test("that is answered with events is answered line by line", async () => {
		api.on("POST /mcp", (response) => {
			response.setHeader("content-type", "text/event-stream");
			response.end('event: message\ndata: {"method":"notifications/progress"}\n\n: alive\n\ndata: {"id":1,"result":{}}\n\n');
		});
		expect((await mcp([call(1)])).out).toBe('{"method":"notifications/progress"}\n{"id":1,"result":{}}');
	});
	test("that nobody needs any more is left, and gets no answer", async () => {
		const arrived = Promise.withResolvers<void>();
		const left = Promise.withResolvers<void>();
		api.on("POST /mcp", (response, { body }) => {
			if ((body as { id?: number }).id === undefined) return void response.writeHead(202).end();
			response.once("close", left.resolve);
			arrived.resolve();
		});
		async function* input() {
			yield `${JSON.stringify(call(1))}\n`;
			await arrived.promise;
			yield '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}\n';
			await left.promise;
		}
		expect(await runProgram(["mcp"], { environment: api.environment, input: input() })).toMatchObject({ exitCode: 0, out: "" });
	});
});

describe("what fails", () => {
	test("is an error of JSON-RPC with the problem, and the next message goes through", async () => {
		let asked = 0;
		api.on("POST /mcp", (response, about) =>
			asked++ === 0 ? problem("events_unavailable")(response, about) : answering("{}")(response, about),
		);
		async function* input() {
			yield `${JSON.stringify(call(1))}\n`;
			yield `${JSON.stringify(call(2))}\n`;
		}
		const { out } = await runProgram(["mcp"], { environment: api.environment, input: input() });
		const answers = out.split("\n").map((line) => JSON.parse(line) as { error?: object });
		expect(answers.find(({ error }) => error)?.error).toMatchObject({ code: -32_018, data: { code: "events_unavailable", status: 503 } });
		expect(answers.filter(({ error }) => !error)).toHaveLength(1);
	});
	test("because nobody listens is told with the request's id", async () => {
		const { out, exitCode } = await mcp([call(7)], [], { ...api.environment, CALLGATE_URL: "http://127.0.0.1:9" });
		expect({ exitCode, answer: JSON.parse(out) }).toMatchObject({ exitCode: 0, answer: { id: 7, error: { code: -32_603 } } });
		expect(out).not.toContain("t0ken");
	});
	test("before anything is read: no token, a wrong address, a connection that is none", async () => {
		for (const [args, environment] of [
			[[], { CALLGATE_URL: api.url }],
			[["--url", "ftp://x"], api.environment],
			[["--connection", "No"], api.environment],
			[["--token-file", "a", "--token-command", "b"], api.environment],
		] as const)
			expect((await mcp([call(1)], args, environment)).exitCode).toBe(2);
		expect(api.asked).toEqual([]);
	});
});

describe("the token", () => {
	test("is read from its file for each message", async () => {
		const file = join(folder, "token");
		await writeFile(file, "first\n");
		api.on("POST /mcp", (response, about) => {
			answering("{}")(response, about);
		});
		async function* input() {
			yield `${JSON.stringify(call(1))}\n`;
			while (api.asked.length === 0) await new Promise(setImmediate);
			await writeFile(file, "second\n");
			yield `${JSON.stringify(call(2))}\n`;
		}
		await runProgram(["mcp", "--token-file", file], { environment: { CALLGATE_URL: api.url }, input: input() });
		expect(api.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer first", "Bearer second"]);
	});
	test("of a command is kept until it is not taken any more, and then asked for once again", async () => {
		const counter = join(folder, "count");
		await writeFile(counter, "");
		const command = `echo x >> '${counter}'; echo token$(wc -l < '${counter}' | tr -d ' ')`;
		api.on("POST /mcp", (response, about) =>
			about.headers.authorization === "Bearer token1" ? problem("unauthenticated")(response, about) : answering("{}")(response, about),
		);
		const { out } = await mcp([call(1)], ["--token-command", command], { CALLGATE_URL: api.url });
		expect(JSON.parse(out)).toMatchObject({ id: 1, result: {} });
		expect(api.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer token1", "Bearer token2"]);
	});
	test("of a command that fails is an error that names the option alone", async () => {
		const { err, exitCode } = await mcp([call(1)], ["--token-command", "echo s3cret; exit 3"], { CALLGATE_URL: api.url });
		expect({ exitCode, err }).toMatchObject({ exitCode: 1, err: expect.stringContaining("--token-command failed (3)") });
		expect(err).not.toContain("s3cret");
	});
});

describe("config", () => {
	test.each([
		["claude-desktop", "mcpServers"],
		["claude-code", "mcpServers"],
		["cursor", "mcpServers"],
		["windsurf", "mcpServers"],
		["gemini", "mcpServers"],
		["vscode", "servers"],
		["zed", "context_servers"],
	])("of %s starts this program, and says where the token is", async (client, member) => {
		const args = [
			"mcp",
			"config",
			"--client",
			client,
			"--connection",
			"bank",
			"--url",
			"https://callgate.example",
			"--token-file",
			"/t/token",
		];
		const { out, err, exitCode } = await runProgram(args, { environment: { CALLGATE_TOKEN: "t0ken" } });
		expect(exitCode).toBe(0);
		expect(JSON.parse(out)[member].callgate).toMatchObject({
			command: process.execPath,
			args: [
				expect.stringMatching(/callgate\.mjs$/),
				"mcp",
				...["--url", "https://callgate.example", "--connection", "bank", "--token-file", "/t/token"],
			],
		});
		expect(err).toContain("add this to");
		expect(out).not.toContain("t0ken");
	});
	test("of codex is TOML", async () => {
		const { out } = await runProgram(["mcp", "config", "--client", "codex", "--token-command", 'print "token"']);
		expect(out).toMatch(
			/^\[mcp_servers\.callgate\]\ncommand = ".*"\nargs = \[".*callgate\.mjs","mcp","--token-command","print \\"token\\""\]$/,
		);
	});
	test("needs to know where the token is, and for whom it is", async () => {
		expect((await runProgram(["mcp", "config", "--client", "cursor"], { environment: { CALLGATE_TOKEN: "t0ken" } })).exitCode).toBe(2);
		expect((await runProgram(["mcp", "config", "--client", "emacs", "--token-file", "t"])).exitCode).toBe(2);
	});
});
