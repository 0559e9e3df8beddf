// An MCP server that is a program: the dialer keeps what every dialer promises, the program sees nothing of this process, and ends with it.

import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import { written } from "#libs/functions/transport.ts";
import { Secret } from "#libs/vault/secret.ts";
import { patience } from "../../../test/support/patience.ts";
import { answerBytesMax, type DialBench, dialerContract } from "../dial-contract.ts";
import type { Asked } from "../ports.ts";
import { createMcpDialer } from "./dial-mcp.ts";
import { sayTool } from "./mcp-server.test-support.ts";
import { aside } from "./mcp-stage.test-support.ts";
import { Program } from "./program.ts";

const longMs = 60_000;
const peer = fileURLToPath(new URL("./program-peer.test-support.ts", import.meta.url));

async function stage() {
	const dir = await mkdtemp(join(tmpdir(), "callgate-program-"));
	const program = join(dir, "peer.ts");
	await copyFile(peer, program);
	await writeFile(join(dir, "package.json"), '{"type":"module"}');
	await writeFile(join(dir, "behaviour"), "answers with the note");
	await writeFile(join(dir, "calls"), "");
	const document = {
		...{ kind: "Connection", name: "api", protocol: "mcp", command: process.execPath, args: [program, dir], mcp: "api.mcp.json" },
		env: { MODE: "test" },
		credential: { secret: "api-key", as: "env", name: "API_KEY" },
		limits: { responseBody: `${answerBytesMax}B` },
	};
	const pinned = JSON.stringify({ protocolVersion: "2025-11-25", tools: [sayTool] });
	const compiled = compileConfiguration({ "a.yaml": JSON.stringify(document), "api.mcp.json": pinned });
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	const connection = compiled.configuration.connection("api");
	const fn = connection?.function("say");
	if (!connection || !fn) throw new Error("there is no function");
	const ask = (note: string, timeoutMs = longMs): Asked => {
		const sent = written(fn.transport, { note });
		if ("errors" in sent) throw new Error(JSON.stringify(sent.errors));
		return { connection, fn: { ...fn, timeoutMs }, written: sent, fields: [], idempotencyKey: undefined };
	};
	const calls = (): string[] =>
		readFileSync(join(dir, "calls"), "utf8")
			.split("\n")
			.filter((line) => line !== "");
	const behave = (behaviour: string) => writeFile(join(dir, "behaviour"), behaviour);
	return { dir, program, ask, calls, behave };
}

dialerContract("dial-mcp (a program)", async (): Promise<DialBench> => {
	const { dir, program, ask, calls } = await stage();
	const { writeFileSync } = await import("node:fs");
	const dialer = createMcpDialer({ aside });
	return {
		dialer,
		peer: {
			ask,
			behave: (behaviour) => writeFileSync(join(dir, "behaviour"), behaviour),
			received: () => calls().map((line) => JSON.parse(line).join("\n")),
			receivedBytes: () => calls().join("\n").length,
			leave: () => rm(program),
		},
		textOf: (answer) => JSON.stringify([answer, Buffer.from(answer.body).toString()]),
		close: async () => {
			await dialer.close();
			await rm(dir, { recursive: true });
		},
	};
});

const key = "sk-live/42+secret";
const credential = { name: "api-key", secret: new Secret(key) };
const isRunning = (pid: number): boolean => {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
};

test("it finds its own variables and its credential in its environment, nothing else, and is one process that ends with the dialer", async () => {
	const { dir, ask, calls, behave } = await stage();
	const dialer = createMcpDialer({ aside });
	await behave("tells its environment");
	const answer = await dialer.prepare(ask("a"), credential).dial(() => undefined);
	const told = JSON.parse(JSON.parse(Buffer.from(answer.body).toString()).content[0].text);
	expect(told.env.filter((name: string) => !name.startsWith("__")).sort()).toEqual(["API_KEY", "MODE"]);
	expect(told.cwd).toBe("/");
	await dialer.prepare(ask("b"), credential).dial(() => undefined);
	const pids = new Set(calls().map((line) => JSON.parse(line)[2] as number));
	expect(pids.size).toBe(1);
	const [pid = 0] = pids;
	expect(isRunning(pid)).toBe(true);
	await dialer.close();
	await expect.poll(() => isRunning(pid), patience).toBe(false);
	await rm(dir, { recursive: true });
});

test("one that is too slow is told that nobody waits any more, and goes on to the next call", async () => {
	const { dir, ask, calls, behave } = await stage();
	const dialer = createMcpDialer({ aside });
	await dialer.prepare(ask("a"), credential).dial(() => undefined);
	await behave("is silent");
	await expect(dialer.prepare(ask("b", 1_000), credential).dial(() => undefined)).rejects.toMatchObject({ code: "total_timeout" });
	await behave("answers with the note");
	await dialer.prepare(ask("c"), credential).dial(() => undefined);
	const [, late, next] = calls().map((line) => JSON.parse(line));
	expect(next[2]).toBe(late[2]);
	expect(await readFile(join(dir, "cancelled"), "utf8")).toBe(`${JSON.parse(late[0]).id}\n`);
	await dialer.close();
	await rm(dir, { recursive: true });
});

test("with another credential it is another process", async () => {
	const { dir, ask, calls } = await stage();
	const dialer = createMcpDialer({ aside });
	await dialer.prepare(ask("a"), credential).dial(() => undefined);
	await dialer.prepare(ask("b"), { ...credential, secret: new Secret("another-secret") }).dial(() => undefined);
	expect(calls().map((line) => JSON.parse(line)[1])).toEqual([key, "another-secret"]);
	await dialer.close();
	await rm(dir, { recursive: true });
});

test("one that ends as soon as it begins is not started again and again", async () => {
	const { dir, program, ask } = await stage();
	await writeFile(program, `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(join(dir, "starts"))}, "x");`);
	const dialer = createMcpDialer({ aside });
	for (let nth = 0; nth < 20; nth++)
		await expect(dialer.prepare(ask("a"), credential).dial(() => undefined)).rejects.toMatchObject({ sent: false });
	expect((await readFile(join(dir, "starts"), "utf8")).length).toBeLessThan(10);
	await dialer.close();
	await rm(dir, { recursive: true });
});

test("a program that does not read is not sent more and more", async () => {
	const spec = { command: process.execPath, args: ["-e", "setTimeout(() => {}, 600_000)"], env: {} };
	const program = new Program(
		spec,
		() => performance.now(),
		() => undefined,
	);
	const scrub = { text: async (text: string) => text, bytes: async (bytes: Uint8Array) => bytes };
	const ask = (id: string) => {
		const text = JSON.stringify({ id, text: id.padEnd(2 ** 20, "x") });
		return program.ask({ text, id, fields: [], limits: { totalTimeoutMs: 1, bodyBytesMax: 1 } }, scrub).catch((error: unknown) => error);
	};
	const ended: unknown[] = [];
	for (let nth = 0; nth < 20; nth++) ended.push(await ask(String(nth)));
	await program.close();
	expect(ended[0]).toMatchObject({ code: "total_timeout", sent: true });
	expect(ended.at(-1)).toMatchObject({ code: "connect_timeout", sent: false });
});
