// `callgate audit report`: numbers that are right, from a record that is proven or said not to be, in forms that run nothing of what others wrote.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { keyText } from "#libs/merkle/signed-note.ts";
import { json, TestApi } from "../api.test-support.ts";
import { exportOf, signer } from "../export.test-support.ts";
import { runProgram } from "../run-program.test-support.ts";
import type { Cell, Report } from "./report.ts";

const callId = (nth: number) => `01890000-0000-7000-8000-${String(nth).padStart(12, "0")}`;
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 9, 0, second));
const dana = { issuer: "https://idp.example", subject: "dana", email: "dana@example.com", groups: [] };
const evil = { issuer: "https://idp.example", subject: "<script>alert(1)</script>", groups: [] };
const theCall = (nth: number, more: object = {}) => ({
	...{ call: callId(nth), connection: "payments", function: "pay", pool: "default", caller: dana },
	...{ digest: `sha256:${"0".repeat(64)}`, revision: `sha256:${"1".repeat(64)}`, rules: [], reasons: [] },
	...more,
});
const ended = (nth: number, second: number, more: object = {}): CallgateEvent =>
	newEvent("policy", "call.ended", { ...theCall(nth), ending: "denied", ...more } as never, { at: at(second) });
const asked = (nth: number, second: number, more: object = {}): CallgateEvent => {
	const terms = {
		requirements: [{ rule: "r", anyOf: ["finance"], quorum: 1, reasonRequired: false }],
		expiresAt: at(9_000).toISOString(),
		remindAt: [],
		escalations: [],
	};
	const data = { ...theCall(nth), receivedAt: at(0).toISOString(), arguments: {}, terms, hold: "h", sealed: "s", ...more };
	return newEvent("approval", "approval.asked", data as never, { at: at(second) });
};
const voted = (nth: number, second: number, voter: string, more: object = {}): CallgateEvent =>
	newEvent(
		"approval",
		"approval.voted",
		{ call: callId(nth), voter, groups: ["finance"], verdict: "approve", via: "api", digest: `sha256:${"0".repeat(64)}`, ...more } as never,
		{ at: at(second), nth: voter },
	);

const calls = [
	ended(1, 1, { ending: "completed" }),
	ended(2, 2, { ending: "completed" }),
	ended(3, 3, { ending: "rejected" }),
	ended(4, 4, { ending: "unknown", function: "refund" }),
	ended(5, 5, { ending: "completed", caller: evil, connection: "crm" }),
	ended(6, 5_000, { ending: "completed" }),
];
const approvals = [
	...[asked(1, 0), asked(2, 0), asked(3, 0), asked(4, 0, { function: "refund" })],
	// Three of a row, each sooner than anybody reads; the fourth is about another function.
	...[voted(1, 5, "Dana@example.com"), voted(2, 7, "dana@example.com"), voted(3, 9, "dana@example.com")],
	voted(4, 100, "dana@example.com", { verdict: "reject", reason: "no" }),
	voted(4, 200, "omar@example.com", { reason: "known" }),
];

let dir: string;
let api: TestApi;
let events: readonly CallgateEvent[];
beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-report-"));
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
	api = await TestApi.start();
	events = [...calls, ...approvals];
	// Two a page, newest first, of one type, as audit searches.
	api.on("GET /v1/audit/events", (response, request) => {
		const query = new URLSearchParams(request.path.split("?")[1]);
		const found = events
			.filter(({ type, time }) => type === query.get("type") && time >= (query.get("from") ?? "") && time < (query.get("to") ?? ""))
			.sort((one, other) => Date.parse(other.time) - Date.parse(one.time));
		const from = Number(query.get("cursor") ?? 0);
		const next = from + 2 < found.length ? { next: String(from + 2) } : {};
		json(200, { events: found.slice(from, from + 2).map((event) => ({ ...event, position: 1 })), ...next })(response, request);
	});
});
afterEach(() => api.stop());

const period = ["--since", "2026-01-01T09:00Z", "--until", "2026-01-01T10:00Z"];
const run = (...args: string[]) => runProgram(["audit", "report", ...args], { environment: api.environment });
const reportOf = async (...args: string[]) => JSON.parse((await run(...args, ...period, "--json")).out) as Report;
/** The rows of a table, by the names of its columns. */
const rowsOf = ({ tables }: Report, nth: number): Record<string, Cell>[] => {
	const table = tables[nth];
	return (table?.rows ?? []).map((row) => Object.fromEntries(row.map((cell, at) => [table?.columns[at], cell])));
};

describe("the access review", () => {
	it("counts calls that ended in the period, by person and function, by person and by function", async () => {
		const report = await reportOf("access");
		const pay = { person: "dana@example.com", connection: "payments", function: "pay", calls: 3, completed: 2, refused: 1, failed: 0 };
		expect(rowsOf(report, 0)).toMatchObject([
			{ person: evil.subject, issuer: evil.issuer, connection: "crm", function: "pay", calls: 1 },
			{ ...pay, first: at(1).toISOString(), last: at(3).toISOString() },
			{ person: "dana@example.com", function: "refund", calls: 1, completed: 0, failed: 1 },
		]);
		expect(rowsOf(report, 1)).toMatchObject([
			{ person: evil.subject, functions: 1, calls: 1 },
			{ person: "dana@example.com", functions: 2, calls: 4 },
		]);
		expect(rowsOf(report, 2)).toMatchObject([
			{ connection: "crm", people: 1 },
			{ function: "pay", people: 1, calls: 3 },
			{ function: "refund", people: 1, calls: 1 },
		]);
	});
});

describe("the report of approvals", () => {
	it("says how many, how long they took, and which were too quick to have looked", async () => {
		expect(rowsOf(await reportOf("approvals"), 0)).toEqual([
			{
				...{ approver: "dana@example.com", votes: 4, approved: 3, rejected: 1, "median seconds": 8, "fastest seconds": 5 },
				...{ "within 10 s": 3, "in a row": 2, "without reason": 3 },
			},
			{
				...{ approver: "omar@example.com", votes: 1, approved: 1, rejected: 0, "median seconds": 200, "fastest seconds": 200 },
				...{ "within 10 s": 0, "in a row": 0, "without reason": 0 },
			},
		]);
	});

	it("knows questions from before the period, and counts no vote of then", async () => {
		const { out } = await run("approvals", "--since", "2026-01-01T09:01:40Z", "--until", "2026-01-01T10:00Z", "--json");
		expect(rowsOf(JSON.parse(out) as Report, 0)).toMatchObject([
			{ approver: "dana@example.com", votes: 1, "median seconds": 100 },
			{ approver: "omar@example.com", votes: 1, "median seconds": 200 },
		]);
	});
});

describe("a report", () => {
	it("says that the index proves nothing, and from an export what proves it: the numbers are the same", async () => {
		const fromIndex = await reportOf("access");
		expect(fromIndex.proof).toEqual([expect.stringMatching(/^none: /)]);
		// What was said again is one call.
		const file = await exportOf(dir, [...events, ...calls]);
		api.asked.length = 0;
		const proven = await reportOf("access", "--record", file, "--key", keyText(signer));
		expect(proven.tables).toEqual(fromIndex.tables);
		expect(proven.proof[0]).toContain(`verified with ${keyText(signer)}`);
		expect(proven.proof).toContainEqual(expect.stringMatching(/^root of the tree: [\w+/=]{44}$/));
		expect(proven.proof).toContain("the record ends at 2026-01-01T00:01:00.000Z: what happened later is not in it");
		expect(api.asked).toEqual([]);
	});

	it("is not made from an export that does not verify", async () => {
		const file = await exportOf(dir, events, (text) => text.replace("refund", "refunt"));
		const { exitCode, out, err } = await run("access", ...period, "--record", file, "--key", keyText(signer));
		expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
		expect(err).toContain("does not verify, so nothing is reported from it");
	});

	it("is a page on which what others wrote is text, with the proof at the top", async () => {
		const { out } = await run("access", ...period, "--html", "--zone", "Europe/Berlin");
		expect(out).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
		expect(out).not.toMatch(/<script|javascript:| on\w+=/);
		expect(out).toContain("default-src 'none'");
		expect(out.indexOf("<dt>Proof</dt>")).toBeLessThan(out.indexOf("<table>"));
		expect(out).toContain("2026-01-01T10:00:00.000+01:00 to 2026-01-01T11:00:00.000+01:00 (Europe/Berlin)");
	});

	it("is CSV with the proof above, a line a row, and no formula", async () => {
		events = [ended(1, 1, { ending: "completed", caller: { ...evil, subject: "=1+1" } })];
		const lines = (await run("access", ...period, "--csv")).out.split("\n");
		expect(lines.slice(0, 3)).toEqual([
			'"Report","Access review"',
			'"Period","2026-01-01T09:00:00.000Z to 2026-01-01T10:00:00.000Z (UTC)"',
			expect.stringMatching(/^"Proof","none: /),
		]);
		expect(lines.slice(3)).toEqual([
			"",
			'"person","subject","issuer","connection","function","calls","completed","refused","failed","cancelled","first","last"',
			`"'=1+1","'=1+1","https://idp.example","payments","pay","1","1","0","0","0","${at(1).toISOString()}","${at(1).toISOString()}"`,
		]);
	});

	it("is text for whoever sits at a terminal", async () => {
		events = [ended(1, 1, { caller: { ...dana, subject: "\u001b[2Jx" } })];
		const { out } = await run("access", ...period);
		expect(out).toContain("By person and function");
		expect(out).not.toMatch(/[^\n\P{Cc}]/u);
	});

	it.each([
		[["access"], "--since"],
		[["costs", "--since", "1d"], "Allowed choices are access, approvals"],
		[["access", "--since", "1d", "--csv", "--html"], "exclude each other"],
		[["access", "--since", "1d", "--record", "x"], "belong together"],
	])("refuses %j", async (args, message) => {
		expect(await run(...args)).toMatchObject({ exitCode: 2, err: expect.stringContaining(message) });
	});
});
