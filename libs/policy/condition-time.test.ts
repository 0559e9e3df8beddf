// The wall clock of a zone, on every machine the same: the machine's own zone does not matter.
import { expect, test } from "vitest";
import { wallClock } from "./condition-time.ts";

test.each([
	["2026-03-29T00:59:59Z", "Europe/Berlin", "2026-03-29T01:59:59.000Z"],
	["2026-03-29T01:00:00Z", "Europe/Berlin", "2026-03-29T03:00:00.000Z"],
	["2026-03-29T02:30:00Z", undefined, "2026-03-29T02:30:00.000Z"],
	["2026-12-31T23:59:59Z", "Asia/Kolkata", "2027-01-01T05:29:59.000Z"],
	["2026-01-01T00:00:00Z", "America/New_York", "2025-12-31T19:00:00.000Z"],
	["2026-01-01T00:00:00Z", "-09:30", "2025-12-31T14:30:00.000Z"],
	["2026-01-01T00:00:00Z", "+05:45", "2026-01-01T05:45:00.000Z"],
])("%s in %s", (instant, zone, wall) => {
	expect(wallClock(Date.parse(instant), zone).toISOString()).toBe(wall);
});

test.each(["Nowhere/Land", "+25:00", ""])("%j is no zone", (zone) => {
	expect(() => wallClock(0, zone)).toThrow(RangeError);
});
