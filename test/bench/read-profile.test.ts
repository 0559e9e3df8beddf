// Own time by function, idle time left out, the same function of several callers added up.
import { expect, test } from "vitest";
import { selfTimes } from "./read-profile.ts";

const node = (id: number, functionName: string, url = "", lineNumber = -1) => ({ id, callFrame: { functionName, url, lineNumber } });

const nodes = [
	node(1, "(idle)"),
	node(2, "decide", "file:///x/decide.ts", 9),
	node(3, "decide", "file:///x/decide.ts", 9),
	node(4, "(garbage collector)"),
];
const profile = { nodes, startTime: 50_000, samples: [1, 2, 3, 4, 2, 1], timeDeltas: [5_000, 1_000, 2_000, 4_000, 1_000, 9_000] };

test("samples are added up by function and place", () => {
	expect(selfTimes(profile)).toEqual([
		{ where: "decide /x/decide.ts:10", ms: 4, share: 0.5 },
		{ where: "(garbage collector)", ms: 4, share: 0.5 },
	]);
});

test("what ran before or after the calls does not count", () => {
	expect(selfTimes(profile, { from: 57_500, to: 62_500 })).toEqual([
		{ where: "(garbage collector)", ms: 4, share: 2 / 3 },
		{ where: "decide /x/decide.ts:10", ms: 2, share: 1 / 3 },
	]);
});
