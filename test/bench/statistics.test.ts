// Medians and percentiles are what everyone means by them.
import fc from "fast-check";
import { expect, test } from "vitest";
import { differenceOf, latencyOf, median, percentile, ratioOf, spreadOf } from "./statistics.ts";

test.each([
	[[7], 7],
	[[3, 1, 2], 2],
	[[4, 1, 3, 2], 2.5],
	[[10, 2], 6],
	[[100, 1, 1], 1],
])("the median of %j is %d", (values, expected) => expect(median(values)).toBe(expected));

const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
test.each([
	[hundred, 50, 50],
	[hundred, 95, 95],
	[hundred, 99, 99],
	[hundred, 100, 100],
	[hundred, 0.5, 1],
	[[5], 99, 5],
	[[1, 2], 50, 1],
	[[1, 2], 51, 2],
	[[10, 9, 2], 99, 10],
])("of %j percentile %d is %d", (values, percent, expected) => expect(percentile(values, percent)).toBe(expected));

test("a percentile was measured, at least so many do not exceed it, and no smaller value has that", () => {
	const values = fc.array(fc.double({ noNaN: true, min: 0, max: 1e6 }), { minLength: 1, maxLength: 60 });
	fc.assert(
		fc.property(values, fc.integer({ min: 1, max: 100 }), (all, percent) => {
			const found = percentile(all, percent);
			const share = (limit: number) => all.filter((value) => value <= limit).length / all.length;
			expect(all).toContain(found);
			expect(share(found)).toBeGreaterThanOrEqual(percent / 100 - 1e-12);
			for (const smaller of all.filter((value) => value < found)) expect(share(smaller)).toBeLessThan(percent / 100);
		}),
	);
});

test("nothing measured is no figure", () => {
	expect(() => median([])).toThrow(RangeError);
	expect(() => percentile([], 50)).toThrow(RangeError);
});

test("a spread keeps every repetition, in order, and does not sort what it was given", () => {
	const all = [3, 1, 2];
	expect(spreadOf(all)).toEqual({ median: 2, min: 1, max: 3, all: [3, 1, 2] });
	expect(latencyOf(all)).toEqual({ p50: 2, p95: 3, p99: 3, max: 3 });
	expect(all).toEqual([3, 1, 2]);
});

test("two that took turns are compared turn by turn: the ratio of their medians would be 10", () => {
	const [one, other] = [spreadOf([20, 2, 20]), spreadOf([10, 1, 2])];
	expect(ratioOf(one, other)).toBe(2);
	expect(differenceOf(one, other).all).toEqual([10, 1, 18]);
});
