// Jobs' names and pauses: pure parts of the timetable.
import fc from "fast-check";
import { expect, test } from "vitest";
import { jobIdOf, retryDelayMs } from "./deadlines-bullmq.ts";
import { call } from "./held-call.test-support.ts";
import { ApproversUnavailable } from "./ports.ts";

test("a job's id has nothing that BullMQ forbids, and is the same everywhere", () => {
	fc.assert(
		fc.property(fc.string(), (nth) => {
			const id = jobIdOf({ call, kind: "deliver", nth });
			expect(id).toMatch(/^[0-9a-f-]{36}-deliver-[0-9a-f]{16}$/);
			expect(jobIdOf({ call, kind: "deliver", nth })).toBe(id);
		}),
	);
	expect(jobIdOf({ call, kind: "deliver", nth: "#a" })).not.toBe(jobIdOf({ call, kind: "deliver", nth: "#b" }));
});

test("pauses grow to a minute, and Slack's own word counts", () => {
	const half = () => 0.5;
	expect([1, 2, 3, 20].map((tries) => retryDelayMs(tries, new Error("x"), half))).toEqual([500, 1_000, 2_000, 60_000]);
	expect(retryDelayMs(1, new ApproversUnavailable("ratelimited", 7_000), () => 0)).toBe(7_000);
	expect(retryDelayMs(1, new ApproversUnavailable("ratelimited", 1e9), () => 0)).toBe(600_000);
});
