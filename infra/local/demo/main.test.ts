// The demo's servers as processes: told what they need, ready in one line, gone when asked.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

// A process takes about a second to start; a busy machine may take many.
vi.setConfig({ testTimeout: 60_000 });

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
let dataDir = "";
beforeAll(async () => {
	dataDir = await mkdtemp(join(tmpdir(), "callgate-demo-"));
});
afterAll(() => rm(dataDir, { recursive: true }));

function launch(name: string, environment: Record<string, string>) {
	const child = spawn(process.execPath, [main, name], {
		env: { PATH: process.env.PATH, ...environment },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const said = { out: "", err: "" };
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		said.out += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		said.err += text;
	});
	const closed = once(child, "close");
	/** The line that says ready; fails with the process's own words when it ends instead. */
	const ready = async () => {
		await Promise.race([once(child.stdout, "data"), closed]);
		expect(said.err).toBe("");
		return JSON.parse(said.out) as { ready: string; url?: string; issuer?: string };
	};
	return { child, said, closed, ready };
}

const secrets = { DEMO_PORT: "0", DEMO_BANK_API_KEY: "bank-api-key", DEMO_PASSWORD: "password-1", DEMO_CI_SECRET: "ci-secret" };

test.each([
	["bank", { ...secrets }, "/_demo/requests", 401],
	["idp", { ...secrets, DEMO_AGENT_SECRET: "agent-secret" }, "/.well-known/openid-configuration", 200],
	[
		"slack",
		{
			...secrets,
			DEMO_SLACK_BOT_TOKEN: "xoxb-bot-token",
			DEMO_SLACK_SIGNING_SECRET: "signing-secret",
			DEMO_SLACK_INTERACTIVITY_URL: "http://127.0.0.1:1/slack",
		},
		"/",
		200,
	],
])("%s says once that it is ready, answers, and stops on SIGTERM", async (name, environment, path, status) => {
	const { child, said, closed, ...process } = launch(name, { ...environment, DEMO_DATA_DIR: dataDir });
	const ready = await process.ready();
	expect(ready.ready).toBe(name);
	expect((await fetch(`${ready.url ?? ready.issuer}${path}`)).status).toBe(status);
	child.kill("SIGTERM");
	expect(await closed).toEqual([0, null]);
	expect(said.out.trim().split("\n")).toHaveLength(1);
	expect(said.err).toBe("");
});

test("what is missing or wrong is named all at once, and no secret is repeated", async () => {
	const { said, closed } = launch("slack", { DEMO_PORT: "many", DEMO_SLACK_BOT_TOKEN: "short", DEMO_SLACK_INTERACTIVITY_URL: "ftp://x" });
	expect(await closed).toEqual([1, null]);
	for (const name of ["DEMO_PORT", "DEMO_DATA_DIR", "DEMO_SLACK_BOT_TOKEN", "DEMO_SLACK_SIGNING_SECRET", "DEMO_SLACK_INTERACTIVITY_URL"])
		expect(said.err).toContain(name);
	expect(said.err).not.toContain("short");
	expect(said.out).toBe("");
});

test("a busy port is one message that says what to do", async () => {
	const first = launch("bank", secrets);
	const { port } = new URL(String((await first.ready()).url));
	const second = launch("bank", { ...secrets, DEMO_PORT: port });
	expect(await second.closed).toEqual([1, null]);
	expect(second.said.err).toBe(`The demo's bank cannot start: port ${port} is in use. Choose another, or stop what uses it.\n`);
	first.child.kill("SIGTERM");
	await first.closed;
});

test("an unknown name is refused", async () => {
	const { said, closed } = launch("constructor", {});
	expect(await closed).toEqual([1, null]);
	expect(said.err).toContain("bank, idp, slack");
});
