// `callgate check` on the demo's own configuration and on broken ones, and its explanation of a call.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { demoConfiguration } from "../infra/local/demo/configuration.ts";
import { runProgram } from "./run-program.test-support.ts";

let dir: string;
beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-cli-"));
	for (const [name, text] of Object.entries(demoConfiguration({ issuer: "http://127.0.0.1:7306", bankUrl: "http://127.0.0.1:7305" }))) {
		await mkdir(dirname(join(dir, name)), { recursive: true });
		await writeFile(join(dir, name), text);
	}
});
afterEach(() => rm(dir, { recursive: true }));

const transfer = { amount: 250, currency: "EUR", to: "DE89370400440532013000", country: "DE" };
const call = (change: object = {}) => ({
	...{ caller: { subject: "ci", groups: ["ci"] }, connection: "bank", function: "createTransfer", arguments: transfer },
	...change,
});
const check = (...args: string[]) => runProgram(["check", dir, ...args]);
const decide = (input: object | string, ...args: string[]) =>
	runProgram(["check", dir, "--call", "-", ...args], { input: typeof input === "string" ? input : JSON.stringify(input) });

describe("callgate check", () => {
	it("sums up a configuration that is right", async () => {
		const { exitCode, out } = await check();
		expect(exitCode).toBe(0);
		expect(out).toMatch(/^revision {5}sha256:[0-9a-f]{64}$/m);
		expect(out).toMatch(/^connection {3}bank: \d+ functions at http:\/\/127.0.0.1:7305$/m);
		expect(out).toContain("group        auditors: everyone in auditors");
		expect(out).toContain("rules        8: 4 allow, 3 hold, 1 deny");
		expect(JSON.parse((await check("--json")).out)).toMatchObject({ ok: true, connections: [{ name: "bank" }, { name: "support" }] });
	});

	it("tells every mistake with its place", async () => {
		await writeFile(join(dir, "people.yaml"), "kind: Group\nname: finance\nmembers: [dana]\n");
		await writeFile(join(dir, "broken.yaml"), "kind: Connection\nname: [\n");
		const { exitCode, out, err } = await check();
		expect(exitCode).toBe(1);
		expect(out).toMatch(/^broken\.yaml:\d+:\d+: /m);
		expect(out).toMatch(/^people\.yaml:3:11: found .*expected an e-mail address/m);
		expect(out).toMatch(/^policy\.yaml:\d+:\d+: .*"cfo"/m);
		expect(err).toMatch(/The configuration has \d mistakes/);
		const machine = JSON.parse((await check("--json")).out) as { ok: boolean; errors: unknown[] };
		expect(machine.ok).toBe(false);
		expect(machine.errors[0]).toMatchObject({ file: "broken.yaml", line: expect.any(Number), column: expect.any(Number) });
	});

	it("tells of a folder that is not there", async () => {
		expect(await runProgram(["check", join(dir, "nowhere")])).toMatchObject({ exitCode: 1, out: expect.stringContaining("ENOENT") });
	});

	it.each([
		["grant", {}, "+ ci-makes-small-transfers (allow, policy bank): Its condition holds."],
		["hold", { arguments: { ...transfer, amount: 5_000 } }, "wants    1 of finance for large-transfers-need-finance"],
		["deny", { arguments: { ...transfer, country: "XX" } }, "caller reads: Transfers to this country are not permitted."],
		["deny", { caller: { subject: "someone" } }, "- ci-makes-small-transfers (allow, policy bank): Not about this caller"],
	])("explains a %s", async (decision, change, line) => {
		const { exitCode, out } = await decide(call(change), "--expect", decision);
		expect(exitCode).toBe(0);
		expect(out).toContain(line);
		const other = decision === "deny" ? "grant" : "deny";
		expect(await decide(call(change), "--expect", other)).toMatchObject({
			exitCode: 1,
			err: `callgate: The decision is ${decision}, expected ${other}.`,
		});
		expect(JSON.parse((await decide(call(change), "--json")).out)).toMatchObject({ decision: { effect: decision } });
	});

	it("shows which part of a condition was true", async () => {
		const { out } = await decide(call({ arguments: { ...transfer, amount: 5_000 } }));
		expect(out).toMatch(/false +args\.amount <= 1000/);
		expect(out).toMatch(/true +args\.amount > 1000/);
	});

	it.each([
		["arguments that do not fit", call({ arguments: { ...transfer, amount: "s3cret" } }), 1, "/amount"],
		["an unknown function", call({ function: "createTransfr" }), 1, 'did you mean "createTransfer"?'],
		["an unknown connection", call({ connection: "bnak" }), 1, 'did you mean "bank"?'],
		["a misspelt member", call({ argument: {} }), 2, 'did you mean "arguments"?'],
		["a misspelt member of the caller", call({ caller: { subject: "ci", group: ["s3cret"] } }), 2, 'did you mean "groups"?'],
		["no caller", { ...call(), caller: undefined }, 2, "caller"],
		["no JSON", "{s3cret", 2, "--call cannot be read"],
	])("refuses %s", async (_, input, exitCode, message) => {
		const { out, err, ...ran } = await decide(input);
		expect(ran.exitCode).toBe(exitCode);
		expect(err).toContain(message);
		expect(out + err).not.toContain("s3cret");
	});

	it("expects a decision only of a call", async () => {
		expect((await check("--expect", "deny")).exitCode).toBe(2);
	});
});
