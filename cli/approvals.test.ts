// `callgate approvals` lists and shows what waits, and casts votes that are bound to the call that was looked at.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, problem, TestApi } from "./api.test-support.ts";
import { runProgram } from "./run-program.test-support.ts";

const call = "01890000-0000-7000-8000-000000000001";
const digest = `sha256:${"a".repeat(64)}`;
const view = {
	...{ call, state: "waiting", connection: "bank", function: "pay", digest, revision: digest, reason: "invoice" },
	caller: { issuer: "https://idp.example", subject: "ci", email: "ci@example.com", groups: [] },
	arguments: { amount: 5000, card: "•••• 1111" },
	rules: ["large"],
	reasons: [{ code: "held_by_rule", rule: "large", message: "Large." }],
	...{ receivedAt: "2026-01-01T12:00:00.000Z", expiresAt: "2026-01-01T12:30:00.000Z" },
	requirements: [{ rule: "large", anyOf: ["finance", "cfo"], quorum: 2, reasonRequired: true, approvedBy: ["dana@example.com"] }],
	votes: [{ voter: "dana@example.com", verdict: "approve", reason: "fits", via: "slack", at: "2026-01-01T12:10:00.000Z" }],
};

let api: TestApi;
beforeEach(async () => {
	api = await TestApi.start();
});
afterEach(() => api.stop());
const run = (...args: string[]) => runProgram(["approvals", ...args], { environment: api.environment });

describe("callgate approvals", () => {
	it("lists what waits and how to decide it", async () => {
		api.on("GET /v1/approvals", json(200, { approvals: [view], more: true }));
		const { exitCode, out } = await run();
		expect(exitCode).toBe(0);
		expect(out).toContain(
			`${call}  bank pay\n  by ci <ci@example.com> of https://idp.example, until 2026-01-01 12:30:00.000Z\n  because: invoice\n`,
		);
		expect(out).toContain("wants 2 of finance or cfo for large, with a reason; approved by dana@example.com");
		expect(out).toContain("there are more");
		expect(JSON.parse((await run("--json")).out)).toEqual({ approvals: [view], more: true });
		api.on("GET /v1/approvals", json(200, { approvals: [], more: false }));
		expect((await run()).out).toBe("Nothing waits for your decision.");
	});

	it("shows one with its masked arguments and votes", async () => {
		api.on(`GET /v1/approvals/${call}`, json(200, view));
		const { out } = await run("show", call);
		for (const line of [`digest    ${digest}`, "held      held_by_rule (large): Large.", '    "card": "•••• 1111"'])
			expect(out).toContain(line);
		expect(out).toContain("dana@example.com: approve through Slack at 2026-01-01 12:10:00.000Z, because: fits");
		expect(JSON.parse((await run("show", call, "--json")).out)).toEqual(view);
	});

	it.each(["approve", "reject"])("votes to %s on exactly the call that was shown", async (verdict) => {
		const state = verdict === "approve" ? "waiting" : "rejected";
		api.on(`GET /v1/approvals/${call}`, json(200, view)).on(`POST /v1/approvals/${call}/votes`, json(200, { ...view, state }));
		const { exitCode, err, out } = await run(verdict, call, "--reason", "because");
		expect(exitCode).toBe(0);
		expect(api.asked.at(-1)?.body).toEqual({ verdict, reason: "because", digest });
		expect(err).toContain(verdict === "approve" ? "approved; it still waits for others" : "rejected; the call is rejected");
		expect(out).toContain(`state     ${state}`);
		await run(verdict, call, "--reason", "because", "--digest", "sha256:other");
		expect(api.asked.at(-1)?.body).toMatchObject({ digest: "sha256:other" });
	});

	it("knows its own commands: a misspelt one lists nothing", async () => {
		expect(await run("aprove", call)).toMatchObject({
			exitCode: 2,
			out: "",
			err: expect.stringContaining("expected show, approve or reject"),
		});
	});

	it("needs no reason to approve, but one to reject", async () => {
		api.on(`GET /v1/approvals/${call}`, json(200, view)).on(`POST /v1/approvals/${call}/votes`, json(200, view));
		expect((await run("approve", call)).exitCode).toBe(0);
		expect(api.asked.at(-1)?.body).toEqual({ verdict: "approve", digest });
		expect((await run("reject", call)).exitCode).toBe(2);
	});

	it("tells why a vote does not count", async () => {
		api.on(`GET /v1/approvals/${call}`, json(200, view));
		api.on(`POST /v1/approvals/${call}/votes`, problem("not_an_approver", { call, detail: "This is your own call." }));
		expect(await run("approve", call)).toMatchObject({
			exitCode: 1,
			out: "",
			err: expect.stringContaining("This is your own call. (403 not_an_approver)"),
		});
		expect(await run("approve", "hunter2")).toMatchObject({ exitCode: 2, err: expect.not.stringContaining("hunter2") });
	});
});
