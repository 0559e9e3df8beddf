// `callgate call` against a server that speaks ingress' API: each ending, what is told while it waits, and that nothing is told that should not be.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, problem, sse, TestApi } from "./api.test-support.ts";
import { type Ran, runProgram, type World } from "./run-program.test-support.ts";

const call = "01890000-0000-7000-8000-000000000001";
const later = `callgate call show ${call}`;
const about = { call, connection: "bank", function: "createTransfer" };
const completed = (body: unknown, status = 201) => ({
	...{ ...about, state: "completed", findings: [{ path: "/card", detector: "card", count: 2 }] },
	result: { status, headers: { "content-type": "application/json" }, body },
});
const accepted = json(202, { call, state: "held", location: `/v1/calls/${call}` });
const transfer = {
	...{ connection: "bank", function: "createTransfer", description: "Moves money", idempotent: false, mayNeedApproval: true },
	arguments: {
		type: "object",
		properties: {
			amount: { type: "number" },
			currency: { enum: ["EUR", "USD"] },
			to: { type: "string" },
			note: { type: ["string", "integer"] },
		},
		required: ["amount"],
		additionalProperties: false,
	},
};
const asked = {
	...{ call, time: "2026-01-01T12:00:00.000Z", rules: ["large"], groups: [["finance", "cfo"]], expiresAt: "2026-01-01T12:30:00.000Z" },
	reasons: [{ code: "held_by_rule", rule: "large", message: "Large transfers need finance." }],
};

let api: TestApi;
let dir: string;
beforeEach(async () => {
	api = await TestApi.start();
	dir = await mkdtemp(join(tmpdir(), "callgate-cli-"));
});
afterEach(async () => {
	await api.stop();
	await rm(dir, { recursive: true });
});

const run = (args: readonly string[], world: World = {}): Promise<Ran> =>
	runProgram(["call", ...args], { environment: api.environment, ...world });
const make = (...more: string[]) => run(["bank", "createTransfer", "--json-args", '{"amount":5}', ...more]);

describe("a call that ends at once", () => {
	it("prints the function's answer alone, with every digit of its numbers, and tells the rest beside it", async () => {
		const text = JSON.stringify(completed({ balance: 1 })).replace('"balance":1', '"balance":12345678901234567890.10');
		api.on("POST /v1/calls", json(200, text));
		const { exitCode, out, err } = await make("--reason", "invoice");
		expect({ exitCode, out }).toEqual({ exitCode: 0, out: '{\n  "balance": 12345678901234567890.10\n}' });
		expect(err).toContain(`completed: bank.createTransfer answered 201 (call ${call})`);
		expect(err).toContain("masked: card at /card (2 times)");
		expect(api.asked[0]).toMatchObject({
			body: { connection: "bank", function: "createTransfer", arguments: { amount: 5 }, reason: "invoice" },
			headers: { authorization: "Bearer t0ken", prefer: "wait=2" },
		});
		expect((await make("--json")).out).toBe(text);
	});

	it("prints text as text, and nothing as nothing", async () => {
		api.on("POST /v1/calls", json(200, completed("one\ntwo\n")));
		expect((await make()).out).toBe("one\ntwo");
		api.on("POST /v1/calls", json(200, { ...completed(0), result: { status: 204, headers: {} } }));
		expect(await make()).toMatchObject({ exitCode: 0, out: "" });
	});

	it("fails where the function itself refused, and still shows what it said", async () => {
		api.on("POST /v1/calls", json(200, completed({ error: "no funds" }, 409)));
		const { exitCode, out, err } = await make();
		expect(exitCode).toBe(1);
		expect(JSON.parse(out)).toEqual({ error: "no funds" });
		expect(err).toContain("The function ran and refused: bank.createTransfer answered 409");
	});

	it("tells a refusal with code, rules, reasons, call and what to do, and nothing on standard output", async () => {
		const reasons = [{ code: "denied_by_rule", rule: "never", message: "Not permitted." }];
		api.on("POST /v1/calls", problem("denied", { call, rules: ["never", "ever"], reasons }));
		const { exitCode, out, err } = await make();
		expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
		expect(err.split("\n")).toEqual([
			"callgate: Policy denies this call (403 denied)",
			`  call     ${call}`,
			"  rules    never, ever",
			"  reason   denied_by_rule (never): Not permitted.",
			"  to do    Read the rules and reasons; ask the policy's authors.",
		]);
		const machine = JSON.parse((await make("--json")).err) as object;
		expect(machine).toMatchObject({ exitCode: 1, problem: { code: "denied", call, rules: ["never", "ever"], reasons } });
	});

	it("tells where arguments do not fit", async () => {
		api.on("POST /v1/calls", problem("invalid_arguments", { errors: [{ pointer: "/amount", message: "must be number" }] }));
		expect((await make()).err).toContain("\n  /amount must be number\n");
	});
});

describe("a call that waits for people", () => {
	it("is told for whom and until when while it waits, then gives its answer", async () => {
		const ended = { call, time: "2026-01-01T12:01:00.000Z", ending: "completed", status: 201 };
		api
			.on("POST /v1/calls", accepted)
			.on(
				`GET /v1/calls/${call}/events`,
				sse([
					["call.received", about],
					["approval.asked", asked],
					["approval.voted", { call, time: asked.time, verdict: "approve" }],
					["call.ended", ended],
				]),
			)
			.on(`GET /v1/calls/${call}`, json(200, completed({ ok: true })));
		const { exitCode, out, err } = await make();
		expect(exitCode).toBe(0);
		expect(JSON.parse(out)).toEqual({ ok: true });
		expect(err).toContain("held: waits for finance or cfo to approve it, until 2026-01-01 12:30:00.000Z");
		expect(err).toContain("held_by_rule (large): Large transfers need finance.");
		expect(err).toContain("someone approved it");
		expect(err).toContain(later);
		expect(api.story).toEqual(["POST /v1/calls", `GET /v1/calls/${call}/events`, `GET /v1/calls/${call}`]);
	});

	it("fails with the problem where people rejected it", async () => {
		api
			.on("POST /v1/calls", accepted)
			.on(`GET /v1/calls/${call}/events`, sse([["call.ended", { call, ending: "rejected" }]]))
			.on(
				`GET /v1/calls/${call}`,
				json(200, {
					...about,
					state: "rejected",
					problem: { status: 403, code: "rejected", title: "An approver rejected this call", call },
				}),
			);
		const { exitCode, err } = await make();
		expect(exitCode).toBe(1);
		expect(err).toContain("An approver rejected this call (403 rejected)");
	});

	it("ends with its own exit code when the waiting is over, and tells how to ask later", async () => {
		api
			.on("POST /v1/calls", accepted)
			.on(`GET /v1/calls/${call}/events`, sse([["approval.asked", asked]], { ends: false }))
			.on(`GET /v1/calls/${call}`, json(200, { ...about, state: "held" }));
		const over = await make("--wait", "3");
		expect(over).toMatchObject({ exitCode: 4, out: "" });
		expect(over.err).toContain(`has not ended after 3 seconds. It goes on. Ask later: ${later}`);
		const short = await make("--wait", "1", "--json");
		expect(api.asked.at(-2)?.headers.prefer).toBe("wait=1");
		expect(JSON.parse(short.out)).toMatchObject({ state: "held" });
		expect(JSON.parse(short.err)).toMatchObject({ exitCode: 4, call });
	});

	it("does not wait where it shall not", async () => {
		api.on("POST /v1/calls", accepted);
		expect(await make("--no-wait")).toEqual({ exitCode: 0, out: call, err: `accepted: the call goes on by itself. Ask later: ${later}` });
		expect(api.asked[0]?.headers.prefer).toBeUndefined();
		expect(JSON.parse((await make("--no-wait", "--json")).out)).toMatchObject({ call, state: "held" });
	});

	it("follows again where the stream broke, and tells each step once", async () => {
		let connections = 0;
		api.on("POST /v1/calls", accepted).on(`GET /v1/calls/${call}`, json(200, completed(null)));
		api.on(`GET /v1/calls/${call}/events`, (response, asking) => {
			connections++;
			if (connections === 1) {
				response.writeHead(200, { "content-type": "text/event-stream" });
				response.write(`event: approval.asked\ndata: ${JSON.stringify(asked)}\n\nevent: call.gra`, () => response.destroy());
				return;
			}
			sse([
				["approval.asked", asked],
				["call.ended", { call, ending: "completed" }],
			])(response, asking);
		});
		const { exitCode, err } = await make();
		expect({ exitCode, connections }).toEqual({ exitCode: 0, connections: 2 });
		expect(err.match(/waits for finance/g)).toHaveLength(1);
	});
});

describe("arguments", () => {
	beforeEach(() => {
		api.on("GET /v1/functions", json(200, { functions: [transfer] })).on("POST /v1/calls", json(200, completed(null)));
	});
	const sent = () => (api.asked.at(-1)?.body as { arguments: unknown } | undefined)?.arguments;

	it("become what the function's schema says", async () => {
		await run(["bank", "createTransfer", "--arg", "amount=250", "--arg", "currency=EUR", "--arg", "to=007=x"]);
		expect(sent()).toEqual({ amount: 250, currency: "EUR", to: "007=x" });
	});

	it("come from a file or standard input, and --arg adds to them", async () => {
		await writeFile(join(dir, "args.json"), '{"amount": 1}');
		await run(["bank", "createTransfer", "--args-file", join(dir, "args.json"), "--arg", "to=x"]);
		expect(sent()).toEqual({ amount: 1, to: "x" });
		await run(["bank", "createTransfer", "--args-file", "-"], { input: '{"amount": 2}' });
		expect(sent()).toEqual({ amount: 2 });
		await run(["bank", "createTransfer"]);
		expect(sent()).toEqual({});
	});

	it.each([
		["open to two meanings", ["--arg", "note=5"], "could be read as string or integer"],
		["not what the schema says", ["--arg", "amount=hunter2"], "amount is not what the function's schema says, expected number"],
		["misspelt", ["--arg", "amont=hunter2"], 'has no argument amont; did you mean "amount"?'],
		["twice", ["--arg", "to=hunter2", "--arg", "to=hunter2"], "to is given twice"],
		["twice in two ways", ["--json-args", '{"to":"hunter2"}', "--arg", "to=hunter2"], "to is given twice"],
		["without a name", ["--arg", "hunter2"], "expected --arg name=value"],
		["not JSON", ["--json-args", "{hunter2}"], "--json-args cannot be read"],
		["a duplicate member", ["--json-args", '{"a":"hunter2","a":1}'], "duplicate_member"],
		["a number nobody can hold", ["--json-args", '{"a":123456789012345678901}'], "number_precision"],
		["a list", ["--json-args", "[1]"], "expected one JSON object"],
		["two sources", ["--json-args", "{}", "--args-file", "x"], "Give one of them"],
		["a file that is not there", ["--args-file", "/no/such"], "cannot be read (ENOENT)"],
		["a wait that is none", ["--wait", "soon"], "--wait is not a number of seconds"],
		["a key with a space", ["--idempotency-key", "a b"], "--idempotency-key is not"],
	])("that are %s are wrong usage, told without their value", async (_, args, message) => {
		const { exitCode, out, err } = await run(["bank", "createTransfer", ...args]);
		expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
		expect(err).toContain(message);
		expect(err).not.toMatch(/hunter2|12345/);
		expect(api.story).not.toContain("POST /v1/calls");
	});

	it("of more than 1 MiB are not read", async () => {
		await writeFile(join(dir, "large.json"), `{"a":"${"x".repeat(1_048_576)}"}`);
		expect(await run(["bank", "createTransfer", "--args-file", join(dir, "large.json")])).toMatchObject({ exitCode: 2 });
		const { err, exitCode } = await run(["bank", "createTransfer", "--args-file", "-"], { input: "x".repeat(1_100_000) });
		expect({ exitCode, err }).toEqual({ exitCode: 2, err: "callgate: --args-file - holds more than 1048576 bytes. Give less." });
	});

	it("of a function that is not in the list cannot be typed, and that is told", async () => {
		const { exitCode, err } = await run(["bank", "createTransfr", "--arg", "amount=1"]);
		expect(exitCode).toBe(1);
		expect(err).toContain('did you mean "bank createTransfer"?');
		expect(err).toContain("--json-args");
	});
});

describe("a call that was made", () => {
	it("is shown, whatever became of it", async () => {
		api.on(`GET /v1/calls/${call}`, json(200, { ...about, state: "held", receivedAt: "2026-01-01T12:00:00.000Z" }));
		expect(await run(["show", call])).toEqual({
			exitCode: 0,
			out: `call      ${call}\nfunction  bank.createTransfer\nstate     held\nreceived  2026-01-01 12:00:00.000Z`,
			err: "",
		});
		const requirements = [
			{ rule: "large", groups: ["finance", "cfo"], quorum: 2, votes: 1 },
			{ rule: "abroad", groups: ["legal"], quorum: 1, votes: 0 },
		];
		api.on(
			`GET /v1/calls/${call}`,
			json(200, { ...about, state: "held", waitsFor: { requirements, expiresAt: "2026-01-01T12:30:00.000Z" } }),
		);
		expect((await run(["show", call])).out.split("\n").slice(3)).toEqual([
			"waits     for finance or cfo: 1 of 2 approvals",
			"waits     for legal: 0 of 1 approval",
			"until     2026-01-01 12:30:00.000Z",
		]);
		api.on(`GET /v1/calls/${call}`, json(200, completed({ ok: 1 })));
		expect((await run(["show", call])).out).toMatch(/state {5}completed\nanswered {2}201\nmasked: card .*\n\n\{\n {2}"ok": 1\n\}$/);
		const denied = { status: 403, code: "denied", title: "Policy denies this call", rules: ["never"] };
		api.on(`GET /v1/calls/${call}`, json(200, { ...about, state: "denied", problem: denied }));
		expect(await run(["show", call])).toMatchObject({
			exitCode: 0,
			out: expect.stringContaining("Policy denies this call (403 denied)\n  rules    never"),
		});
		expect(JSON.parse((await run(["show", call, "--json"])).out)).toMatchObject({ state: "denied", problem: denied });
	});

	it("is watched to its end, whose exit code follows the ending", async () => {
		const steps = (ending: string) =>
			sse([
				["call.received", { ...about, time: "2026-01-01T12:00:00.000Z" }],
				["call.granted", { call, time: "2026-01-01T12:00:01.000Z", rules: ["small"] }],
				["call.ended", { call, time: "2026-01-01T12:00:02.000Z", ending, code: "function_timeout", detail: "slow" }],
			]);
		api.on(`GET /v1/calls/${call}/events`, steps("completed"));
		const good = await run(["watch", call]);
		expect(good.exitCode).toBe(0);
		expect(good.out.split("\n")[1]).toBe("2026-01-01 12:00:01.000Z  granted (small)");
		api.on(`GET /v1/calls/${call}/events`, steps("failed"));
		const bad = await run(["watch", call, "--json"]);
		expect(bad.exitCode).toBe(1);
		expect(bad.out.split("\n").map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
			"call.received",
			"call.granted",
			"call.ended",
		]);
		expect(JSON.parse(bad.err)).toMatchObject({ exitCode: 1, ending: "failed" });
	});

	it("is cancelled while it waits, and not after", async () => {
		api.on(`DELETE /v1/calls/${call}`, json(200, { call, state: "cancelled" }));
		expect(await run(["cancel", call])).toMatchObject({ exitCode: 0, out: `cancelled: ${call}` });
		api.on(`DELETE /v1/calls/${call}`, json(202, { call, state: "withdrawn" }));
		expect((await run(["cancel", call])).out).toContain("will be cancelled");
		api.on(`DELETE /v1/calls/${call}`, problem("already_settled", { call, detail: "the call is completed" }));
		expect(await run(["cancel", call])).toMatchObject({
			exitCode: 1,
			err: expect.stringContaining("the call is completed (409 already_settled)"),
		});
	});

	it.each(["show", "watch", "cancel"])("is not asked for by something that is no id (%s)", async (verb) => {
		const { exitCode, err } = await run([verb, "../../secret-thing"]);
		expect(exitCode).toBe(2);
		expect(err).not.toContain("secret-thing");
		expect(api.asked).toEqual([]);
	});

	it("is someone else's or too old: told once, not tried again", async () => {
		api.on(`GET /v1/calls/${call}/events`, problem("not_found"));
		expect(await run(["watch", call])).toMatchObject({ exitCode: 1, err: expect.stringContaining("404 not_found") });
		expect(api.asked).toHaveLength(1);
	});
});

describe("what a function or a person wrote", () => {
	const evil = "\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egnp.exe\r\u2028\nFORGED";

	it("reaches a terminal only as visible text", async () => {
		api
			.on("POST /v1/calls", accepted)
			.on(
				`GET /v1/calls/${call}/events`,
				sse([
					["approval.asked", { ...asked, groups: [[evil]], reasons: [{ code: "held_by_rule", message: evil }] }],
					["call.ended", { call, ending: "completed" }],
				]),
			)
			.on(`GET /v1/calls/${call}`, json(200, completed({ [evil]: evil })));
		const bodies = [await make(), await make("--json")];
		api.on("POST /v1/calls", json(200, completed(evil)));
		bodies.push(await make());
		api.on("POST /v1/calls", problem("denied", { detail: evil, rules: [evil] }));
		bodies.push(await make(), await make("--json"));
		for (const { out, err } of bodies) {
			// A line of standard error is a line of ours.
			expect(err).not.toMatch(/^FORGED/m);
			expect(`${out}${err}`.length).toBeGreaterThan(50);
			expect(`${out}${err}`).not.toMatch(/[\p{Cf}\p{Zl}]|[^\n\P{Cc}]/u);
		}
		expect(JSON.parse(bodies[1]?.out ?? "")).toMatchObject({ result: { body: { [evil]: evil } } });
	});
});
