// How far a filter was read: what another wrote there is waited for, and the server's word counts also where it is behind.
import { expect, test } from "vitest";
import { FilterReading } from "./reading.ts";

test("what came after reading began is waited for, as long as that may take", async () => {
	const reading = new FilterReading("a.>", 10);
	const waiting = reading.readTo(12, 60_000);
	reading.heard(11);
	expect(reading.position()).toBe(11);
	reading.heard(12);
	reading.heard(13);
	expect(await waiting).toBe(true);
	expect(reading.position()).toBe(13);
	expect(await reading.readTo(14, 1)).toBe(false);
	expect(reading.position()).toBe(13);
});

test("what stood there before is not waited for: nobody claims to know it", async () => {
	const reading = new FilterReading("a.>", 10);
	expect(await reading.readTo(7, 60_000)).toBe(true);
	expect(reading.position()).toBe(7);
});

test("where the server's last message is behind what was read, its word counts: a stream that was cut is written on", async () => {
	const reading = new FilterReading("a.>", 10);
	reading.heard(20);
	reading.wrote(22);
	expect(await reading.readTo(15, 60_000)).toBe(true);
	expect(reading.position()).toBe(15);
});
