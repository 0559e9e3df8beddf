// `callgate audit remask` says where something had passed and of which kind, and never what it is.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maskedView } from "#libs/masking/view.ts";
import { json, problem, TestApi } from "./api.test-support.ts";
import { passedIn } from "./remask.ts";
import { runProgram } from "./run-program.test-support.ts";

const card = "4111111111111111";
const call = "01890000-0000-7000-8000-000000000001";
const event = (position: number, data: Record<string, unknown>) => ({
	...{ id: `x.${position}`, type: "call.received", source: "/callgate/ingress", subject: call, position, item: 0 },
	time: "2026-07-01T12:00:00.000Z",
	data: { call, connection: "payments", function: "pay", caller: { subject: "robin", email: "robin@example.com" }, ...data },
});

let api: TestApi;
beforeEach(async () => {
	api = await TestApi.start();
});
afterEach(() => api.stop());
const remask = (...args: string[]) => runProgram(["audit", "remask", "--since", "2026-07-01", ...args], { environment: api.environment });

describe("what had passed", () => {
	it("is found in all that people and functions wrote, with its place", () => {
		const data = {
			arguments: { note: [`card ${card}`], [`x${card}`]: 1 },
			result: `mail to dana@example.com`,
			callReason: `for ${card}`,
			reasons: [{ code: "rule", message: `${card} and ${card}` }],
			caller: { email: "robin@example.com" },
		};
		const found = passedIn({ data }).map(({ path, detector, count }) => `${path} ${detector} ${count}`);
		expect(found).toEqual(
			expect.arrayContaining(["/arguments/note/0 card 1", "/result email 1", "/callReason card 1", "/reasons/0/message card 2"]),
		);
		expect(JSON.stringify(found)).not.toContain(card);
	});

	it("is nothing of what was masked, of a surrogate that was found then, of what an auditor looked for, and of who somebody is", () => {
		const { view, findings } = maskedView({ card, mail: "dana@example.com", iban: "DE89370400440532013000" });
		expect(findings).not.toEqual([]);
		expect(passedIn({ data: { arguments: view, findings } })).toEqual([]);
		const surrogate = { arguments: { card }, findings: [{ detector: "card", path: "/card", count: 1 }] };
		expect(passedIn({ data: surrogate })).toEqual([]);
		expect(passedIn({ data: { ...surrogate, findings: [{ detector: "email", path: "/card", count: 1 }] } })).toHaveLength(1);
		expect(passedIn({ data: { query: '{"caller":"dana@example.com"}', voter: "dana@example.com" } })).toEqual([]);
		expect(passedIn({ data: { query: `{"q":"${card}"}` } })).toMatchObject([{ path: "/query", detector: "card" }]);
	});
});

describe("callgate audit remask", () => {
	it("reads all there is, page after page, and fails if something had passed", async () => {
		const pages = [
			json(200, { events: [event(2, { arguments: { card } })], next: "n" }),
			json(200, { events: [event(1, { arguments: {} })] }),
		];
		api.on("GET /v1/audit/events", (response, asked) => pages.shift()?.(response, asked));
		const { out, err, exitCode } = await remask("--zone", "Europe/Berlin");
		expect(out).toBe(`2026-07-01T14:00:00.000+02:00  call.received  ${call}  /arguments/card  card`);
		expect({ err, exitCode }).toEqual({ err: "callgate: 1 places in 2 events hold what today's detectors would mask.", exitCode: 1 });
		const [first, second] = api.asked.map(({ path }) => Object.fromEntries(new URLSearchParams(path.split("?")[1])));
		expect(first).toEqual({ from: "2026-06-30T22:00:00.000Z", to: expect.any(String), size: "500" });
		expect(second).toEqual({ ...first, cursor: "n" });
	});

	it("says it as JSON, a line each, and nothing else where there is nothing", async () => {
		api.on("GET /v1/audit/events", json(200, { events: [event(2, { detail: `no ${card}` })] }));
		expect(JSON.parse((await remask("--json")).out)).toEqual({
			...{ time: "2026-07-01T12:00:00.000Z", type: "call.received", subject: call, position: 2, id: "x.2" },
			...{ path: "/detail", detector: "card", count: 1 },
		});
		api.on("GET /v1/audit/events", json(200, { events: [event(2, {})] }));
		expect(await remask()).toEqual({ exitCode: 0, out: "", err: "Nothing had passed: today's detectors find nothing in 1 events." });
	});

	it("is for auditors, and wants to know since when", async () => {
		api.on("GET /v1/audit/events", problem("not_an_auditor"));
		expect(await remask()).toMatchObject({ exitCode: 1, out: "" });
		expect(await remask("--since", "spring")).toMatchObject({ exitCode: 2, err: expect.stringContaining("--since is no time") });
		expect(await runProgram(["audit", "remask"])).toMatchObject({ exitCode: 2 });
	});
});
