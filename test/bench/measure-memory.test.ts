// Growth is the line through the second half, whatever the first half did.
import { expect, test } from "vitest";
import { growthOf, slopeOf } from "./measure-memory.ts";

test.each([
	[[5, 5, 5], 0],
	[[1, 2, 3, 4], 1],
	[[4, 2], -2],
	[[0, 10, 0, 10, 0], 0],
	[[7], 0],
	[[], 0],
])("the slope of %j is %d", (values, expected) => expect(slopeOf(values)).toBeCloseTo(expected, 12));

test("a process that grew only while it warmed up does not grow", () => {
	const samples = [100, 200, 300, 300, 300, 300].map((policy, at) => ({ policy, audit: at * 10 }));
	expect(growthOf(samples, 2)).toEqual({ policy: 0, audit: 20 });
});
