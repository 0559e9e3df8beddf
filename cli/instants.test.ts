// Times mean what people of a zone mean by them, and nothing else.
import { describe, expect, it } from "vitest";
import { readTime, Zone } from "./instants.ts";

const now = new Date("2026-06-01T12:00:00.000Z");
const read = (text: string, zone = "UTC") => readTime("--from", text, new Zone(zone), now);

describe("a time", () => {
	it.each([
		["2026-01-31", "UTC", "2026-01-31T00:00:00.000Z"],
		["2026-01-31", "Europe/Berlin", "2026-01-30T23:00:00.000Z"],
		["2026-07-01 09:30", "Europe/Berlin", "2026-07-01T07:30:00.000Z"],
		["2026-07-01T09:30:15.5", "Asia/Kathmandu", "2026-07-01T03:45:15.500Z"],
		["2026-07-01T09:30Z", "Europe/Berlin", "2026-07-01T09:30:00.000Z"],
		["2026-07-01T09:30-04:00", "Europe/Berlin", "2026-07-01T13:30:00.000Z"],
		["90m", "Europe/Berlin", "2026-06-01T10:30:00.000Z"],
		["7d", "UTC", "2026-05-25T12:00:00.000Z"],
		// The hour before and after the clocks of Berlin are set forward.
		["2026-03-29T01:59", "Europe/Berlin", "2026-03-29T00:59:00.000Z"],
		["2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00:00.000Z"],
		["2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25T01:30:00.000Z"],
	])("%s in %s", (text, zone, instant) => expect(read(text, zone)).toBe(instant));

	it.each([
		["2026-03-29T02:30", "does not exist in Europe/Berlin"],
		["2026-10-25T02:30", "comes twice in Europe/Berlin"],
		["2026-02-31", "is no time"],
		["2026-13-01", "is no time"],
		["2026-01-31T25:00", "is no time"],
		["2026-01-31Z", "is no time"],
		["yesterday", "is no time"],
		["7w", "is no time"],
		["", "is no time"],
	])("refuses %s", (text, why) => expect(() => read(text, "Europe/Berlin")).toThrow(why));

	it("is shown in the zone, and a zone that nobody knows is refused", () => {
		expect(new Zone("UTC").show("2026-07-01T09:30:00.000Z")).toBe("2026-07-01T09:30:00.000Z");
		expect(new Zone("Europe/Berlin").show("2026-07-01T09:30:00.000Z")).toBe("2026-07-01T11:30:00.000+02:00");
		expect(new Zone("America/St_Johns").show("2026-01-01T00:00:00.000Z")).toBe("2025-12-31T20:30:00.000-03:30");
		expect(new Zone("Europe/Berlin").show("nonsense")).toBe("nonsense");
		expect(() => new Zone("Mars/Olympus")).toThrow("--zone is no time zone");
	});
});
