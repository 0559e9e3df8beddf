// The official reference servers, unmodified, as connections, over HTTP and as a program: pinned by `callgate pull` and called through the dialer.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileFolder } from "#libs/configuration/compile-folder.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import { written } from "#libs/functions/transport.ts";
import { runProgram } from "../../../cli/run-program.test-support.ts";
import type { McpFunctionAnswer } from "../ports.ts";
import { createMcpDialer } from "./dial-mcp.ts";
import { aside } from "./mcp-stage.test-support.ts";

let dir: string;
let server: ChildProcess;
let connection: Connection;
const dialer = createMcpDialer({ aside });

async function freePort(): Promise<number> {
	const probe = createServer().listen(0, "127.0.0.1");
	await once(probe, "listening");
	const address = probe.address();
	probe.close();
	await once(probe, "close");
	return typeof address === "object" && address ? address.port : 0;
}

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-mcp-"));
	const port = await freePort();
	const program = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js"));
	server = spawn(process.execPath, [program, "streamableHttp"], { env: { PORT: String(port) }, stdio: ["ignore", "ignore", "pipe"] });
	await new Promise<void>((resolve, reject) => {
		server.stderr?.on("data", (text) => void (/listening/i.test(String(text)) && resolve()));
		server.once("exit", () => reject(new Error("the server ended")));
	});
	const text = `kind: Connection\nname: everything\nprotocol: mcp\nurl: http://127.0.0.1:${port}/mcp\nmcp: everything.mcp.json\nallowPrivateAddresses: true\n`;
	connection = await pinned("everything", text);
});
afterAll(async () => {
	await dialer.close();
	server.kill();
	await rm(dir, { recursive: true });
});

/** Written into a folder of its own, pulled and compiled. */
async function pinned(name: string, text: string): Promise<Connection> {
	const folder = join(dir, name);
	await mkdir(folder);
	await writeFile(join(folder, "connection.yaml"), text);
	const pulled = await runProgram(["pull", folder, name]);
	expect(pulled, pulled.err).toMatchObject({ exitCode: 0 });
	const compiled = await compileFolder(folder);
	expect(compiled.ok ? [] : compiled.errors).toEqual([]);
	const found = compiled.ok ? compiled.configuration.connection(name) : undefined;
	if (!found) throw new Error("there is no connection");
	return found;
}

async function call(
	name: string,
	args: Record<string, unknown>,
	of = connection,
): Promise<{ answer: McpFunctionAnswer; result: Record<string, unknown> }> {
	const fn = of.function(name);
	const sent = fn && written(fn.transport, args);
	if (!fn || !sent || "errors" in sent) throw new Error(`${name} cannot be called`);
	const asked = { connection: of, fn, written: sent, fields: [], idempotencyKey: undefined };
	const answer = (await dialer.prepare(asked, undefined).dial(() => undefined)) as McpFunctionAnswer;
	return { answer, result: JSON.parse(Buffer.from(answer.body).toString()) as Record<string, unknown> };
}

test("its tools, resources, prompts and completions are functions", () => {
	const names = connection.functions.map(({ name }) => name);
	expect(names).toEqual(expect.arrayContaining(["echo", "get-sum", "resources/read", "prompts/get", "completion/complete"]));
});

test("a tool answers, structured content and errors too", async () => {
	expect((await call("echo", { message: "hello there" })).result.content).toEqual([{ type: "text", text: "Echo: hello there" }]);
	expect((await call("get-structured-content", { location: "Chicago" })).result.structuredContent).toBeTypeOf("object");
});

test("a tool that says how it goes on answers at its end", async () => {
	expect((await call("trigger-long-running-operation", { duration: 1, steps: 3 })).answer.isError).toBe(false);
});

test("resources are read, prompts got, arguments completed", async () => {
	const prompt = await call("prompts/get", { name: "args-prompt", arguments: { city: "Paris" } });
	expect(JSON.stringify(prompt.result.messages)).toContain("Paris");
	const read = await call("resources/read", { uri: "demo://resource/dynamic/text/1" });
	expect(read.result.contents).toHaveLength(1);
});

test("calls at once share its session", async () => {
	const answers = await Promise.all(Array.from({ length: 20 }, (_, nth) => call("echo", { message: `nth ${nth}` })));
	expect(answers.map(({ result }) => JSON.stringify(result.content))).toEqual(
		answers.map((_, nth) => expect.stringContaining(`Echo: nth ${nth}"`)),
	);
});

test("a program that reads files reads those that it was started for, and no others", async () => {
	const files = join(dir, "shared");
	await mkdir(files);
	await writeFile(join(files, "note.txt"), "a note");
	const program = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-filesystem/dist/index.js"));
	const document = {
		kind: "Connection",
		name: "files",
		protocol: "mcp",
		command: process.execPath,
		args: [program, files],
		mcp: "files.mcp.json",
	};
	const found = await pinned("files", JSON.stringify(document));
	const read = await call("read_text_file", { path: join(files, "note.txt") }, found);
	expect(JSON.stringify(read.result)).toContain("a note");
	expect((await call("read_text_file", { path: "/etc/passwd" }, found)).answer.isError).toBe(true);
});
