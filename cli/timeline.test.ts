// Where an event stands in a replay is the time it was said at, and their order is the stream's.
import { describe, expect, it } from "vitest";
import type { StoryEvent } from "./story.ts";
import { timelineOf } from "./timeline.ts";

const call = "01890000-0000-7000-8000-000000000001";
const theCall = { call, connection: "payments", function: "createTransfer", digest: "sha256:aa", revision: "sha256:bb", pool: "default" };
const caller = { issuer: "https://idp.example", subject: "robin" };
const at = (type: string, source: string, ms: number | string, data: Record<string, unknown> = {}): StoryEvent => ({
	...{ type, source: `/callgate/${source}`, subject: call, position: 1 },
	time: typeof ms === "string" ? ms : new Date(Date.UTC(2026, 0, 1) + ms).toISOString(),
	data: { ...theCall, caller, ...data },
});

describe("a timeline", () => {
	it("shows each step to scale, and where the time went", () => {
		const { head, steps } = timelineOf(
			call,
			[
				at("call.received", "ingress", 0, { via: "calls", arguments: {} }),
				at("call.held", "policy", 1_000, { rules: ["large"] }),
				at("call.granted", "approval", 91_000, { rules: ["large"], expiresAt: "2026-01-01T00:02:00.000Z" }),
				at("call.started", "executor", 91_020, { executor: "host-1", attempt: 1, grantId: "g" }),
				at("call.ended", "executor", 100_000, { ending: "completed", rules: [] }),
			],
			11,
		);
		expect(head.slice(-5)).toEqual([
			"in all            1 min 40 s",
			"decided in        1.000 s",
			"with people       1 min 30 s",
			"dialled in        20 ms",
			"with the function 8.980 s",
		]);
		const leads = steps.map(([first = ""]) => first.slice(0, 48));
		expect(leads).toEqual([
			"       +0 ms  [*          ]  call.received      ",
			"    +1.000 s  [*          ]  call.held          ",
			" +1 min 31 s  [---------* ]  call.granted       ",
			" +1 min 31 s  [         * ]  call.started       ",
			" +1 min 40 s  [         -*]  call.ended         ",
		]);
	});

	it("keeps the stream's order where clocks differ, and says so", () => {
		const { steps } = timelineOf(
			call,
			[at("call.received", "ingress", 900), at("call.granted", "policy", 300), at("call.ended", "executor", 901)],
			7,
		);
		expect(steps.map(([first = ""]) => first.slice(0, 40))).toEqual([
			"     +600 ms  [      *]  call.received  ",
			"       +0 ms  [*------]  call.granted   ",
			"     +601 ms  [------*]  call.ended     ",
		]);
		expect(steps[1]?.at(-1)).toContain("a clock that is at least 600 ms behind");
	});

	it("stands where there is one event, and where a time cannot be read", () => {
		expect(timelineOf(call, [at("call.received", "ingress", 0)], 3).steps[0]?.[0]).toContain("+0 ms  [*  ]");
		expect(timelineOf(call, [at("call.received", "ingress", "\u001b[2J")], 3).steps[0]?.[0]).toMatch(/^ +\? {2} {5} {2}call.received/);
		expect(timelineOf(call, [], 3).steps).toEqual([]);
	});
});
