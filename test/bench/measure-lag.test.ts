// The record's lag is read off two lines that grow: the stream's end and audit's position.
import { expect, test } from "vitest";
import { lagsOf } from "./measure-lag.ts";

const looksOf = (...rows: [ms: number, last: number, indexed: number][]) => rows.map(([ms, last, indexed]) => ({ ms, last, indexed }));

test("a position lags until it is indexed, however much came after it", () => {
	const looks = looksOf([0, 0, 0], [10, 4, 0], [20, 8, 0], [30, 8, 5], [40, 8, 8]);
	// Position 4 (seen at 10) was indexed at 30, position 8 (seen at 20) at 40.
	expect(lagsOf(looks)).toEqual([20, 20]);
});

test("what was indexed by the time it was seen has no lag, and a stream that stands still says nothing", () => {
	expect(lagsOf(looksOf([0, 5, 5], [10, 9, 9], [20, 9, 9], [30, 9, 9]))).toEqual([0]);
	expect(lagsOf(looksOf([0, 5, 5], [10, 5, 5]))).toEqual([]);
});

test("what was there before is not counted", () => {
	expect(lagsOf(looksOf([0, 100, 0], [10, 100, 50], [20, 101, 101]))).toEqual([0]);
});

test("what is not indexed by the end has no lag yet", () => {
	expect(lagsOf(looksOf([0, 0, 0], [10, 4, 0], [20, 8, 4]))).toEqual([10]);
});
