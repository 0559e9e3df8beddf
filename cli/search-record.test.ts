// `callgate audit search` reads on, follows and writes for other programs, against an API that answers as audit does.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, problem, TestApi } from "./api.test-support.ts";
import { type Ran, runProgram } from "./run-program.test-support.ts";

const call = "01890000-0000-7000-8000-000000000001";
const event = (position: number, data: Record<string, unknown> = {}) => ({
	...{ id: `${call}.${position}`, type: "call.ended", source: "/callgate/policy", subject: call },
	...{ time: "2026-07-01T12:00:00.000Z", position, item: 0 },
	data: { call, connection: "payments", function: "createTransfer", caller: { subject: "robin" }, ending: "denied", ...data },
});
const page = (positions: readonly number[], next?: string) =>
	json(200, { events: positions.map((position) => event(position)), ...(next && { next }), total: { value: 5, exact: true } });

let api: TestApi;
beforeEach(async () => {
	api = await TestApi.start();
});
afterEach(() => api.stop());

const run = (...args: string[]): Promise<Ran> => runProgram(["audit", "search", ...args], { environment: api.environment });
const queries = () => api.asked.map(({ path }) => Object.fromEntries(new URLSearchParams(path.split("?")[1])));
/** Gives one answer after the other; the last again and again. */
const inTurn = (...answers: ReturnType<typeof json>[]): ReturnType<typeof json> => {
	let at = 0;
	return (response, asked) => answers[Math.min(at++, answers.length - 1)]?.(response, asked);
};

describe("callgate audit search", () => {
	it("asks with conditions, and with times of the zone", async () => {
		api.on("GET /v1/audit/events", page([1]));
		const { out } = await run("--where", "data.voter=x", "--where", "position>=1", "--from", "2026-07-01", "--zone", "Europe/Berlin");
		const query = new URLSearchParams(api.asked[0]?.path.split("?")[1]);
		expect(query.getAll("where")).toEqual(["data.voter=x", "position>=1"]);
		expect(query.get("from")).toBe("2026-06-30T22:00:00.000Z");
		expect(out).toContain("2026-07-01 14:00:00.000+02:00  call.ended");
	});

	it("finds calls, and shows a line each, or the fields of their stories", async () => {
		const story = {
			...{ call, state: "ended", receivedAt: "2026-07-01T12:00:00.000Z", connection: "payments", function: "createTransfer" },
			...{ caller: { subject: "robin", groups: [] }, decision: { effect: "hold", rules: ["large"] }, approvedBy: ["dana@example.com"] },
			...{ ending: "completed", durations: { totalMs: 64_000 }, votes: [{ voter: "dana@example.com" }] },
		};
		api.on("GET /v1/audit/calls", json(200, { stories: [story], total: { value: 1, exact: true } }));
		const { out } = await run("--calls", "--state", "ended", "--where", "decision.rules=large", "--zone", "Europe/Berlin");
		expect(queries()[0]).toEqual({ where: "decision.rules=large", state: "ended" });
		expect(out).toBe(
			`2026-07-01 14:00:00.000+02:00  completed   payments.createTransfer  robin  hold, rule large  approved by dana@example.com  64000 ms  ${call}`,
		);
		const csv = await run("--calls", "--csv", "--fields", "receivedAt,votes.voter,durations.totalMs", "--zone", "Europe/Berlin");
		expect(csv.out.split("\n")[1]).toBe('"2026-07-01T14:00:00.000+02:00","dana@example.com","64000"');
		expect(JSON.parse((await run("--calls", "--ndjson")).out)).toEqual(story);
	});

	it.each([
		[["--calls", "--follow"], "leave out --type, and --follow"],
		[["--calls", "--type", "call.ended"], "leave out --type, and --follow"],
		[["--state", "ended"], "Add --calls"],
		[["--calls", "--csv", "--fields", "data.voter"], "a field that the record does not have"],
	])("refuses %j", async (args, why) => {
		expect(await run(...args)).toMatchObject({ exitCode: 2, err: expect.stringContaining(why) });
	});

	it("reads on, page after page, until so many are shown", async () => {
		api.on("GET /v1/audit/events", inTurn(page([5, 4], "a"), page([3, 2], "b"), page([1])));
		const { out } = await run("--limit", "3", "--size", "2", "--ndjson");
		expect(out.split("\n").map((line) => JSON.parse(line).position)).toEqual([5, 4, 3]);
		expect(queries()).toEqual([{ size: "2" }, { size: "2", cursor: "a" }]);
	});

	it("ends where the record ends, and says nothing more then", async () => {
		api.on("GET /v1/audit/events", inTurn(page([5, 4], "a"), page([3])));
		const { out, err } = await run("--limit", "100", "--csv", "--fields", "position,data.ending");
		expect(out).toBe('"position","data.ending"\n"5","denied"\n"4","denied"\n"3","denied"');
		expect(err).toBe("");
		expect(queries()[0]).toEqual({ size: "100" });
	});

	it("keeps the digits of numbers, and makes nothing of what others wrote", async () => {
		const evil = event(1, { arguments: { note: "=HYPERLINK(1)", far: "@@" } });
		api.on("GET /v1/audit/events", json(200, JSON.stringify({ events: [evil] }).replace('"@@"', "12345678901234567890.10")));
		expect((await run("--ndjson")).out).toContain('"far":12345678901234567890.10');
		const { out } = await run("--csv", "--fields", "data.arguments.note,data.arguments.far");
		expect(out.split("\n")[1]).toBe(`"'=HYPERLINK(1)","12345678901234567890.10"`);
	});

	it("follows from one answer to the next, through a time when it is not answered", async () => {
		const feed = inTurn(
			json(200, { events: [], next: "n0" }),
			json(200, { events: [event(6)], next: "n1" }),
			problem("not_ready", { detail: "the record cannot be searched now" }),
			json(200, { events: [event(7), event(8)], next: "n2" }),
		);
		api.on("GET /v1/audit/events/follow", feed);
		const { out, err, exitCode } = await run("--follow", "--limit", "2", "--ending", "denied", "--ndjson");
		expect(exitCode).toBe(0);
		expect(out.split("\n").map((line) => JSON.parse(line).position)).toEqual([6, 7]);
		expect(err).toContain("trying again, nothing is left out");
		expect(queries()).toEqual([
			{ ending: "denied", size: "2" },
			...["n0", "n1", "n1"].map((cursor) => ({ ending: "denied", size: "2", cursor, wait: "25" })),
		]);
	});

	it("stops following where it is refused", async () => {
		api.on("GET /v1/audit/events/follow", problem("not_an_auditor"));
		expect(await run("--follow")).toMatchObject({ exitCode: 1, err: expect.stringContaining("group `auditors`") });
		expect(api.asked).toHaveLength(1);
	});

	it.each([
		[["--csv", "--json"], "exclude each other"],
		[["--fields", "time"], "columns of --csv"],
		[["--follow", "--to", "2026-01-01"], "leave out --to"],
		[["--follow", "--cursor", "x"], "leave out --to and --cursor"],
		[["--follow", "--json"], "--ndjson instead"],
		[["--json", "--limit", "5"], "use --ndjson"],
		[["--limit", "0"], "expected a number of events"],
		[["--limit", "1000001"], "expected a number of events"],
		[["--csv", "--fields", "data.nonsense"], "does not have"],
		[["--zone", "Mars/Olympus"], "no time zone"],
		[["--from", "31.1.2026"], "--from is no time"],
	])("refuses %j before anything is asked", async (args, message) => {
		expect(await run(...args)).toMatchObject({ exitCode: 2, out: "", err: expect.stringContaining(message) });
		expect(api.asked).toEqual([]);
	});
});
