// Dials are spaced by elapsed time alone, as the client asks: does what the pace answers let it dial, at the time of day that it takes it to be?
import { expect, test } from "vitest";
import { createReconnectPace } from "./reconnect-pace.ts";

/** The client's own loop, as far as it is about time: a dial fails at once, and a wait is at most as long as it asked for. */
function dials(forMs: number, dayAt: (elapsedMs: number) => number): number[] {
	let elapsedMs = 0;
	let lastConnect = dayAt(0);
	const pace = createReconnectPace(
		() => elapsedMs,
		() => 0,
	);
	const dialled: number[] = [];
	// What is dialled first is the connection that is lost then.
	pace();
	while (elapsedMs < forMs) {
		const wait = pace();
		if (lastConnect + wait <= dayAt(elapsedMs)) {
			dialled.push(elapsedMs);
			lastConnect = dayAt(elapsedMs);
			elapsedMs += 1;
		} else {
			elapsedMs += Math.max(1, Math.min(wait, lastConnect + wait - dayAt(elapsedMs)));
		}
	}
	return dialled;
}

const hourMs = 3_600_000;

test("four times a second while the clock runs as it should", () => {
	expect(dials(1_000, (elapsed) => 1e12 + elapsed)).toEqual([250, 500, 750]);
});

test("as often after the clock was set back by an hour", () => {
	expect(dials(1_000, (elapsed) => 1e12 + elapsed - (elapsed > 0 ? hourMs : 0)).length).toBeGreaterThanOrEqual(2);
	expect(dials(60_000, (elapsed) => 1e12 + elapsed - (elapsed > 0 ? hourMs : 0)).length).toBeGreaterThan(100);
});

test("not without a pause after it was set forward", () => {
	expect(dials(1_000, (elapsed) => 1e12 + elapsed + (elapsed > 0 ? hourMs : 0)).length).toBeLessThanOrEqual(5);
});

test("not all at once: up to a tenth of a second apart", () => {
	let elapsed = 0;
	const pace = createReconnectPace(
		() => elapsed,
		() => 1,
	);
	expect(pace()).toBe(Number.NEGATIVE_INFINITY);
	elapsed = 349;
	expect(pace()).toBe(250);
	elapsed = 350;
	expect(pace()).toBe(Number.NEGATIVE_INFINITY);
});
