// `callgate audit replay`: what happened, step by step, and decided again only from a record that proves itself, by who holds the keys.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileFolder } from "#libs/configuration/compile-folder.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { digestOf } from "#libs/contracts/digest.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { keyText } from "#libs/merkle/signed-note.ts";
import { decide } from "#libs/policy/decide.ts";
import { readSealingKeys } from "#libs/service/service-keys.ts";
import { demoConfiguration } from "../infra/local/demo/configuration.ts";
import { json, TestApi } from "./api.test-support.ts";
import { exportOf, signer } from "./export.test-support.ts";
import { runProgram, type World } from "./run-program.test-support.ts";

const call = "01890000-0000-7000-8000-000000000001";
const caller = { issuer: "https://idp.example", subject: "ci", groups: ["ci"] };
const when = new Date("2026-01-01T00:00:00.000Z");
const secret = "DE89370400440532013000";
const jwk = (fill: number) => ({ default: [{ kid: "s1", kty: "oct", k: Buffer.alloc(32, fill).toString("base64url") }] });
const sealingKeys = readSealingKeys(JSON.stringify(jwk(1)));

let dir: string;
let configuration: Configuration;

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-replay-"));
	await writeFolder("then", (text) => text);
	await writeFolder("today", (text) => text.replaceAll("1000", "100"));
	await writeFile(join(dir, "keys.json"), JSON.stringify(jwk(1)));
	await writeFile(join(dir, "other-keys.json"), JSON.stringify(jwk(2)));
	const compiled = await compileFolder(join(dir, "then"));
	if (!compiled.ok) throw new Error("the demo's configuration does not compile");
	configuration = compiled.configuration;
});
afterAll(() => rm(dir, { recursive: true }));

async function writeFolder(folder: string, change: (text: string) => string): Promise<void> {
	for (const [name, text] of Object.entries(demoConfiguration({ issuer: "http://127.0.0.1:7306", bankUrl: "http://127.0.0.1:7305" }))) {
		const file = join(dir, folder, name);
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, change(text));
	}
}

/** What ingress and policy put on the record of a call, as they do. */
function recorded(
	args: JsonObject,
	change: { digest?: string; decided?: Partial<{ rules: string[]; reasons: { code: string; rule?: string }[] }> } = {},
): CallgateEvent[] {
	const salt = "salt";
	const digest = change.digest ?? digestOf({ caller, connection: "bank", function: "createTransfer", arguments: args, salt });
	const theCall = {
		call,
		connection: "bank",
		function: "createTransfer",
		pool: "default",
		digest,
		revision: configuration.revision,
		caller,
	};
	const sealed = sealingKeys.seal("default", call, "arguments", { arguments: args, salt, headers: [] });
	const receivedAt = when.toISOString();
	const received = newEvent(
		"ingress",
		"call.received",
		{ ...theCall, via: "calls", receivedAt, arguments: { masked: "[iban]" }, findings: [], sealed },
		{ at: when },
	);
	const decision = decide(configuration.policy, { caller, connection: "bank", function: "createTransfer", arguments: args, receivedAt });
	const why = { rules: [...decision.rules], reasons: decision.reasons.map((reason) => ({ ...reason })), ...change.decided };
	const at = new Date(when.getTime() + 5);
	const requirements = decision.approval?.requirements.map((one) => ({ ...one, anyOf: [...one.anyOf] })) ?? [];
	const effect = change.decided ? "deny" : decision.effect;
	switch (effect) {
		case "grant":
			return [
				received,
				newEvent("policy", "call.granted", { ...theCall, ...why, receivedAt, expiresAt: receivedAt, grant: "g", sealed }, { at }),
			];
		case "hold": {
			const terms = { requirements, expiresAt: receivedAt, remindAt: [], escalations: [] };
			return [
				received,
				newEvent("policy", "call.held", { ...theCall, ...why, receivedAt, arguments: {}, terms, hold: "h", sealed }, { at }),
			];
		}
		case "deny":
			return [received, newEvent("policy", "call.ended", { ...theCall, ...why, ending: "denied", code: "denied" }, { at })];
	}
}

const replay = (args: readonly string[], world: World = {}) => runProgram(["audit", "replay", call, ...args], world);
const decideIn = async (events: readonly CallgateEvent[], ...args: string[]) =>
	replay([
		"--record",
		await exportOf(dir, events),
		"--key",
		keyText(signer),
		"--decide",
		"--sealing-keys",
		join(dir, "keys.json"),
		...args,
	]);
const [then, today] = [() => ["--recorded", join(dir, "then")], () => ["--today", join(dir, "today")]];
const transfer = (amount: number, more: object = {}): JsonObject => ({ amount, currency: "EUR", to: secret, country: "DE", ...more });

describe("a replay", () => {
	const world = async (events: readonly object[]): Promise<{ api: TestApi; environment: Record<string, string> }> => {
		const api = await TestApi.start();
		api.on(`GET /v1/audit/calls/${call}`, json(200, { call, events }));
		return { api, environment: api.environment };
	};

	it("is plain where nobody sits at a terminal, and shows nothing that a terminal obeys", async () => {
		const [received, ...rest] = recorded(transfer(5_000));
		const evil = { ...received, position: 1, data: { ...received?.data, callReason: "\u001b[2Jcall.ended\r\nlies\u202e" } };
		const { api, environment } = await world([evil, ...rest]);
		const { out, exitCode } = await replay([], { environment });
		await api.stop();
		expect(exitCode).toBe(0);
		expect(out).toMatch(/ {7}\+0 ms {2}\[\* {39}\] {2}call\.received/);
		expect(out).toMatch(/ {7}\+5 ms {2}\[-{39}\*\] {2}call\.held/);
		expect(out).not.toMatch(/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u);
	});

	it.each([
		["Enter goes on, and the last step ends it", ["\r", " "], ["call.received", "call.held", "approval.voted"]],
		["b goes back", ["\r", "b", "a"], ["call.received", "call.held", "call.received", "call.held", "approval.voted"]],
		["a shows the rest at once", ["a"], ["call.received", "call.held", "approval.voted"]],
		["q ends", ["q"], ["call.received"]],
		["Ctrl-C ends, and other keys mean nothing", ["x", "\u001b[A", "\u0003"], ["call.received"]],
	])("steps at a terminal: %s", async (_, keys, shown) => {
		const voted = {
			type: "approval.voted",
			source: "/callgate/approval",
			subject: call,
			time: when.toISOString(),
			data: { call, voter: "dana" },
		};
		const { api, environment } = await world([...recorded(transfer(5_000)), voted]);
		const raw: boolean[] = [];
		const input = Object.assign(Readable.from(keys.map((key) => Buffer.from(key))), {
			isTTY: true,
			setRawMode: (on: boolean) => raw.push(on),
		});
		const { out } = await replay([], { environment, input, isTerminal: true });
		await api.stop();
		expect([...out.matchAll(/\] {2}(\S+)/g)].map(([, type]) => type)).toEqual(shown);
		expect(raw).toEqual([true, false]);
	});

	it("comes from an export or a proof alike, verified, each event once, and never from one that is not whole", async () => {
		const events = recorded(transfer(5_000));
		const file = await exportOf(dir, [...events, ...events]);
		const fromExport = await replay(["--record", file, "--key", keyText(signer)]);
		expect(fromExport.out.match(/call\.held {3}/g)).toHaveLength(1);
		const proof = join(dir, "proof.json");
		await runProgram(["audit", "prove", call, "--export", file, "--key", keyText(signer), "--output", proof]);
		expect(await replay(["--record", proof, "--key", keyText(signer)])).toEqual(fromExport);
		const changed = await exportOf(dir, events, (text) => text.replace("createTransfer", "createTransfe2"));
		expect(await replay(["--record", changed, "--key", keyText(signer)])).toMatchObject({
			exitCode: 1,
			out: "",
			err: expect.stringContaining("does not verify"),
		});
		const another = await runProgram(["audit", "replay", call.replace("1", "2"), "--record", proof, "--key", keyText(signer)]);
		expect(another).toMatchObject({ exitCode: 1, out: "", err: "callgate: The proof is of another call." });
	});
});

it("an answer is played back until the process ends", async () => {
	const [received, granted] = recorded(transfer(10));
	if (received?.type !== "call.received") throw new Error("a call is received first");
	const { via: _via, receivedAt: _at, arguments: _args, findings: _findings, sealed: _sealed, ...theCall } = received.data;
	const sealed = sealingKeys.seal("default", call, "result", {
		...({ protocol: "http", status: 201, headers: [] } as const),
		body: { json: { id: "t-1" } },
	});
	const ended = newEvent("executor", "call.ended", { ...theCall, ending: "completed", rules: [], reasons: [], sealed }, { at: when });
	const file = await exportOf(
		dir,
		[received, granted, ended].filter((event) => event !== undefined),
	);
	const at = ["--record", file, "--key", keyText(signer), "--sealing-keys", join(dir, "keys.json")];
	const main = fileURLToPath(new URL("main.ts", import.meta.url));
	const child = spawn(process.execPath, [main, "audit", "replay", call, ...at, "--serve", "0", "--json"]);
	try {
		const [line] = (await once(child.stdout, "data")) as [Buffer];
		const { url, token } = JSON.parse(line.toString()) as { url: string; token: string };
		const body = JSON.stringify({ connection: "bank", function: "createTransfer", arguments: transfer(10) });
		const answer = await fetch(`${url}/v1/calls`, { method: "POST", headers: { authorization: `Bearer ${token}` }, body });
		expect(await answer.json()).toMatchObject({ call, state: "completed", result: { status: 201, body: { id: "t-1" } } });
	} finally {
		child.kill("SIGINT");
	}
	await once(child, "exit");
});

describe("deciding again", () => {
	it.each([
		["granted", transfer(250), "grant"],
		["held", transfer(5_000), "hold"],
		["denied", transfer(250, { country: "XX" }), "deny"],
		["denied because it cannot be decided", { amount: "much" }, "deny"],
	])("agrees with what was %s, and shows no argument", async (_, args, effect) => {
		const { out, err, exitCode } = await decideIn(recorded(args as JsonObject), ...then());
		expect(out).toBe(`decided again by the recorded revision ${configuration.revision}: ${effect}, as recorded`);
		expect({ err, exitCode }).toEqual({ err: "", exitCode: 0 });
	});

	it("shows what today's configuration says differently", async () => {
		const { out, exitCode } = await decideIn(recorded(transfer(250)), ...then(), ...today());
		expect(exitCode).toBe(0);
		expect(out).toContain(": grant, as recorded\n");
		expect(out).toMatch(/today's revision sha256:[0-9a-f]{64}: hold\n {2}effect {7}recorded: grant\n {15}again: {4}hold/);
		expect(out).not.toContain(secret);
	});

	it("finds a decision that the revision did not make", async () => {
		const forged = recorded(transfer(250), { decided: { rules: ["never"], reasons: [{ code: "denied_by_rule", rule: "never" }] } });
		const { err, exitCode } = await decideIn(forged, ...then());
		expect({ err, exitCode }).toEqual({ err: "callgate: The recorded revision does not decide as recorded.", exitCode: 1 });
	});

	it.each([
		["keys that are not those", () => ["--sealing-keys", join(dir, "other-keys.json"), ...then()], "cannot be opened"],
		["a folder of another revision", () => ["--recorded", join(dir, "today")], "and the call was decided by sha256:"],
		["a folder that is none", () => ["--recorded", join(dir, "no-such")], "is no configuration"],
		["no folder", () => [], "--decide needs --sealing-keys FILE"],
	])("refuses %s", async (_, args, message) => {
		const { out, err, exitCode } = await decideIn(recorded(transfer(250)), ...args());
		expect({ out, ok: exitCode === 0 }).toEqual({ out: "", ok: false });
		expect(err).toContain(message);
		expect(err).not.toContain(secret);
	});

	it("refuses arguments that are not those of the digest, and a call that nobody decided", async () => {
		const moved = recorded(transfer(250), { digest: `sha256:${"a".repeat(64)}` });
		expect((await decideIn(moved, ...then())).err).toContain("not those of the recorded digest");
		expect((await decideIn(recorded(transfer(250)).slice(0, 1), ...then())).err).toContain("decided nothing");
	});

	it.each([
		[["--decide"], "an export or a proof: it is verified first"],
		[["--today", "x"], "are for --decide"],
		[["--record", "x"], "belong together"],
		[["--serve", "0"], "needs --record"],
		[["--serve", "0", "--decide"], "Give one of them"],
		[["--serve", "0", "--record", "x", "--key", keyText(signer)], "needs --sealing-keys"],
		[["--sealing-keys", "x"], "is for --decide or --serve"],
		[["--serve", "70000"], "expected a port"],
	])("refuses %j before anything is read", async (args, message) => {
		expect(await replay(args)).toMatchObject({ exitCode: 2, out: "", err: expect.stringContaining(message) });
	});
});
