// Load says what it made: rates of the window alone, latency from the intended start, and every call that failed.
import { expect, test } from "vitest";
import { createFakeClock } from "./fake-clock.test-support.ts";
import { closedLoop, openLoop } from "./generate-load.ts";

test("callers that wait 10 ms for each answer make 100 calls a second each, counted in the window alone", async () => {
	const clock = createFakeClock();
	const send = async () => void (await clock.sleep(10));
	const result = await clock.run(closedLoop({ callers: 4, warmupMs: 500, windowMs: 2_000 }, send, clock));
	expect(result).toMatchObject({ perSecond: 400, failed: 0, sent: 4 * 250, answered: 4 * 250 });
	expect(result.latency).toEqual({ p50: 10, p95: 10, p99: 10, max: 10 });
});

test("each caller has one call under way at a time, and numbers are not given twice", async () => {
	const clock = createFakeClock();
	const underWay = new Set<number>();
	const numbers: number[] = [];
	const send = async (number: number, caller: number) => {
		expect(underWay.has(caller)).toBe(false);
		underWay.add(caller);
		numbers.push(number);
		await clock.sleep(7 + caller);
		underWay.delete(caller);
		return undefined;
	};
	const { sent } = await clock.run(closedLoop({ callers: 3, warmupMs: 0, windowMs: 100 }, send, clock));
	expect(numbers.toSorted((one, other) => one - other)).toEqual(Array.from({ length: sent }, (_, at) => at));
});

test("what fails is counted and told, and makes no rate and no latency", async () => {
	const clock = createFakeClock();
	const send = async (number: number) => {
		await clock.sleep(10);
		return number % 2 === 0 ? `503 of call ${number}` : undefined;
	};
	const result = await clock.run(closedLoop({ callers: 1, warmupMs: 0, windowMs: 1_000 }, send, clock));
	expect(result).toMatchObject({ sent: 100, answered: 50, failed: 50 });
	expect(result.faults).toEqual(["503 of call 0", "503 of call 2", "503 of call 4", "503 of call 6", "503 of call 8"]);
	expect(result.perSecond).toBeLessThanOrEqual(50);
});

test("arrivals come evenly, at the rate that was asked for, whoever answers", async () => {
	const clock = createFakeClock();
	const starts: number[] = [];
	const send = async () => {
		starts.push(clock.now());
		await clock.sleep(500);
		return undefined;
	};
	const result = await clock.run(openLoop({ perSecond: 100, warmupMs: 0, windowMs: 1_000 }, send, clock));
	expect(starts).toHaveLength(100);
	for (const [number, start] of starts.entries()) expect(start).toBeCloseTo(number * 10, 6);
	expect(result.latency).toMatchObject({ p50: 500, max: 500 });
	expect(result.lateness?.max).toBeCloseTo(0, 6);
});

test("a server that stalls for a second is charged for each call that came meanwhile, not for one", async () => {
	const clock = createFakeClock();
	// Serves in 1 ms, but nobody between 1,000 and 2,000 ms.
	const send = async () => {
		const stalled = clock.now() >= 1_000 && clock.now() < 2_000;
		await clock.sleep(stalled ? 2_000 - clock.now() + 1 : 1);
		return undefined;
	};
	const result = await clock.run(openLoop({ perSecond: 100, warmupMs: 0, windowMs: 10_000 }, send, clock));
	// 100 of 1,000 calls came in that second and waited 1,001, 991, … 11 ms: the 950th of all is the 50th of them, the 990th the 90th.
	expect(result.latency?.p50).toBeCloseTo(1, 6);
	expect(result.latency?.p95).toBeCloseTo(501, 6);
	expect(result.latency?.p99).toBeCloseTo(901, 6);
	expect(result.latency?.max).toBeCloseTo(1_001, 6);
});

test("a generator that was kept from sending counts from when it should have sent, and says how late it was", async () => {
	const clock = createFakeClock();
	// Each sleep oversleeps by 30 ms: three calls are due at once.
	const late = { ...clock, sleep: (ms: number) => clock.sleep(ms + 30) };
	const result = await clock.run(openLoop({ perSecond: 100, warmupMs: 0, windowMs: 1_000 }, async () => undefined, late));
	expect(result.sent).toBe(100);
	expect(result.lateness?.max).toBeCloseTo(30, 6);
	expect(result.latency?.max).toBeCloseTo(30, 6);
});

test("calls of the warm-up are sent and checked, and not measured", async () => {
	const clock = createFakeClock();
	const send = async (number: number) => {
		await clock.sleep(number < 50 ? 400 : 2);
		return undefined;
	};
	const result = await clock.run(openLoop({ perSecond: 100, warmupMs: 500, windowMs: 1_000 }, send, clock));
	expect(result).toMatchObject({ sent: 150, answered: 150, perSecond: 100 });
	expect(result.latency?.max).toBeCloseTo(2, 6);
});
