// A short fault run: every named moment kills once, every other fault happens once, and no invariant breaks.
import { beforeAll, describe, expect, test } from "vitest";
import { crashPoints } from "#libs/service/crash-point.ts";
import { findPortBase } from "../support/port-base.ts";
import { type CampaignResult, runCampaign } from "./campaign.ts";
import { forbidden, type Row } from "./check-rows.ts";
import { planEachFault } from "./plan-faults.ts";
import { tableOf } from "./table.ts";

const seed = 4;
const replicas = 2;
let result: CampaignResult;

beforeAll(async () => {
	result = await runCampaign({
		...{ seed, replicas, calls: 120, paceMs: 500, untilKilled: true },
		faults: planEachFault({ seed, replicas }),
		firstPort: await findPortBase(),
		report: (line) => process.stderr.write(`faults: ${line}\n`),
	});
	process.stderr.write(tableOf(result, { seed, replicas, points: crashPoints }));
});

test.each(crashPoints)("a process died %s", (point) => {
	expect(result.crashed.get(point) ?? 0).toBeGreaterThan(0);
});

describe("nothing of this was found", () => {
	test.each(Object.entries(forbidden) as [Row, string][])("%s: %s", (row) => {
		expect(result.violations[row]).toEqual([]);
	});
});

test("the run was one worth checking", () => {
	const { counts } = result;
	expect(counts["calls accepted"]).toBeGreaterThan(60);
	expect(counts["requests at the bank"]).toBeGreaterThan(30);
	for (const ending of ["completed", "denied", "rejected", "cancelled"]) expect(counts[`ended ${ending}`], ending).toBeGreaterThan(0);
	expect(counts["messages poisoned"]).toBeGreaterThan(0);
	expect(counts["messages copied"]).toBeGreaterThan(0);
	expect(counts["messages given out again"]).toBeGreaterThan(0);
	expect(counts["claims trimmed"]).toBeGreaterThan(0);
	expect(counts["requests answered 503 while the stream was full"]).toBeGreaterThan(0);
	if (process.platform === "linux") expect(counts["requests answered 503 while the disk was full"]).toBeGreaterThan(0);
	expect(counts["429 from OpenSearch"]).toBeGreaterThan(0);
	expect(counts["calls ended by another while their executor was stopped"]).toBeGreaterThan(0);
	expect(counts["claims that shared a message"]).toBeGreaterThan(0);
	expect(counts["pieces of answers"]).toBeGreaterThan(10);
	expect(counts["calls taken over"]).toBeGreaterThan(0);
	expect(counts["requests through the proxy"]).toBeGreaterThan(10);
	expect(counts["events of another version"]).toBeGreaterThan(0);
	expect(counts["clocks moved"]).toBeGreaterThan(0);
});
