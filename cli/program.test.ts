// The program as a process and as a whole: its executable, its help, its ways to end.
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, TestApi } from "./api.test-support.ts";
import { runProgram } from "./run-program.test-support.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
let dir: string;
let api: TestApi;
beforeEach(async () => {
	dir = await realpath(await mkdtemp(join(tmpdir(), "callgate-cli-")));
	api = await TestApi.start();
});
afterEach(async () => {
	await api.stop();
	await rm(dir, { recursive: true });
});

function runProcess(
	args: readonly string[],
	{ input = "", stopReading = false } = {},
): Promise<{ code: number | null; out: string; err: string }> {
	const child = spawn(process.execPath, args, { cwd: dir, env: { ...process.env, ...api.environment } });
	let [out, err] = ["", ""];
	child.stderr.on("data", (chunk: Buffer) => {
		err += chunk;
	});
	if (stopReading) child.stdout.destroy();
	else
		child.stdout.on("data", (chunk: Buffer) => {
			out += chunk;
		});
	child.stdin.on("error", () => undefined).end(input);
	return new Promise((resolve, reject) => child.on("error", reject).on("close", (code) => resolve({ code, out, err })));
}

describe("the process", () => {
	it("keeps results and everything else apart, and ends with the documented code", async () => {
		api.on("GET /v1/functions", json(200, { functions: [] }));
		expect(await runProcess([main, "functions", "--json"])).toEqual({ code: 0, out: '{"functions":[]}\n', err: "" });
		expect(await runProcess([main, "functions", "--url", "http://127.0.0.1:1"])).toMatchObject({ code: 3, out: "" });
		expect(await runProcess([main, "bogus"])).toMatchObject({ code: 2, out: "" });
	});

	it("writes a whole large answer to a pipe, and minds no closed one", async () => {
		const large = { functions: [{ connection: "bank", function: "x".repeat(3_000_000) }] };
		api.on("GET /v1/functions", json(200, large));
		expect((await runProcess([main, "functions", "--json"])).out.length).toBeGreaterThan(3_000_000);
		expect(await runProcess([main, "functions", "--json"], { stopReading: true })).toMatchObject({ code: 0, err: "" });
	});

	it("says which version it is", async () => {
		const { version } = JSON.parse(await readFile(join(main, "../../package.json"), "utf8"));
		expect(await runProcess([main, "--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
	});

	it("reads standard input", async () => {
		api.on("POST /v1/calls", json(202, { call: "01890000-0000-7000-8000-000000000001", state: "received" }));
		await runProcess([main, "call", "bank", "pay", "--args-file", "-", "--no-wait"], { input: '{"amount":7}' });
		expect(api.asked[0]?.body).toMatchObject({ arguments: { amount: 7 } });
	});

	it("is handed over by its executable: the command line as typed, in the folder where it was typed", async () => {
		await mkdir(join(dir, "cli"));
		await mkdir(join(dir, "infra/local"), { recursive: true });
		await copyFile(fileURLToPath(new URL("callgate.mjs", import.meta.url)), join(dir, "cli/callgate.mjs"));
		await writeFile(join(dir, "infra/local/bootstrap.mjs"), "console.log(JSON.stringify([process.argv.slice(2), process.env.INIT_CWD]));");
		const { out } = await runProcess([join(dir, "cli/callgate.mjs"), "call", "a b", "--json"]);
		expect(JSON.parse(out)).toEqual([["cli/main.ts", "call", "a b", "--json"], dir]);
	});
});

describe("the program", () => {
	it("teaches: every command has a description, every option says what it is for, and each page its examples", async () => {
		const commands = ["call", "functions", "approvals", "audit", "secret", "check"];
		const top = await runProgram(["--help"]);
		expect(top.exitCode).toBe(0);
		for (const name of [...commands, "start"]) expect(top.out).toMatch(new RegExp(`^ {2}${name} .*[A-Z]`, "m"));
		for (const name of commands) {
			const { exitCode, out } = await runProgram([name, "--help"]);
			expect(exitCode).toBe(0);
			expect(out).toContain("Examples:");
			// Each example is a command that exists, with options that exist.
			for (const [, command = ""] of out.matchAll(/^ {2}\$ (?:.* \| )?callgate (.*?)(?: [>|] .*)?$/gm)) {
				const words = command.replace(/'[^']*'|"[^"]*"/g, "x").split(" ");
				const ran = await runProgram([...words.slice(0, 2).filter((word) => /^[a-z]+$/.test(word)), "--help"]);
				expect(ran.exitCode).toBe(0);
				for (const option of words.filter((word) => word.startsWith("--"))) expect(ran.out).toContain(option);
			}
		}
	});

	it("takes no token as an argument, and repeats none", async () => {
		for (const args of [
			["--token=hunter2"],
			["functions", "--token=hunter2"],
			["functions", "--token", "hunter2"],
			["call", "show", "hunter2"],
		]) {
			const { exitCode, out, err } = await runProgram(args, { environment: api.environment });
			expect(exitCode).toBe(2);
			expect(err).not.toContain("hunter2");
			expect(out).toBe("");
		}
		expect(api.asked).toEqual([]);
	});

	it("hands `start` over to the same script as `npm start`, with its options and its exit code", async () => {
		const ran: (readonly [string, readonly string[]])[] = [];
		const run = (script: string, args: readonly string[]) => {
			ran.push([script, args]);
			return Promise.resolve(130);
		};
		expect(await runProgram(["start", "--tour", "--port", "7400", "--json", "--help"], { run })).toEqual({
			exitCode: 130,
			out: "",
			err: "",
		});
		expect(ran).toEqual([
			[fileURLToPath(new URL("../infra/local/start.ts", import.meta.url)), ["--tour", "--port", "7400", "--json", "--help"]],
		]);
	});

	it("tells of a mistake of ours by its kind and place, not by its words", async () => {
		const run = () => Promise.reject(new TypeError("hunter2"));
		const { exitCode, err } = await runProgram(["start"], { run });
		expect(exitCode).toBe(1);
		expect(err).toMatch(/nobody expected \(TypeError at .*program\.test\.ts:\d+\)/);
		expect(err).not.toContain("hunter2");
	});
});
