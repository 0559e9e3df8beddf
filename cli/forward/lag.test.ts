// What is said of how far a forwarder is behind: nothing where the receiver has all, and more the longer something waits.
import { beforeEach, describe, expect, it } from "vitest";
import { createMetrics, type Metrics } from "#libs/service/metrics.ts";
import { Lag } from "./lag.ts";

const start = Date.UTC(2026, 6, 1, 12);
const at = (second: number) => new Date(start + second * 1_000).toISOString();
let metrics: Metrics;
let seconds: number;
let lag: Lag;
beforeEach(() => {
	[metrics, seconds] = [createMetrics("forward"), 0];
	lag = new Lag(metrics, () => start + seconds * 1_000);
});

async function told(): Promise<{ readonly seconds: number; readonly events: number }> {
	const text = await metrics.text();
	const gauge = (name: string) => Number(new RegExp(`^callgate_forward_${name}\\{.*\\} (.*)$`, "m").exec(text)?.[1]);
	return { seconds: gauge("lag_seconds"), events: gauge("lag_events") };
}

describe("the lag of a forwarder", () => {
	it("is none where the receiver has all, however long ago the last event was", async () => {
		lag.read({ inHand: 2, oldest: at(0), left: 0 });
		lag.took(2, at(1));
		seconds = 50;
		expect(await told()).toEqual({ seconds: 0, events: 0 });
	});

	it("is the age of the oldest event that is in hand, and how many wait", async () => {
		lag.read({ inHand: 2, oldest: at(3), left: 40 });
		lag.failed();
		seconds = 23;
		expect(await told()).toEqual({ seconds: 20, events: 42 });
	});

	it("goes on between two pages", async () => {
		lag.read({ inHand: 2, oldest: at(3), left: 40 });
		lag.took(2, at(5));
		seconds = 25;
		expect(await told()).toEqual({ seconds: 20, events: 40 });
	});

	it("counts a record that cannot be read as one that waits", async () => {
		lag.read({ inHand: 0, left: 0 });
		seconds = 60;
		expect(await told()).toEqual({ seconds: 0, events: 0 });
		seconds = 300;
		expect(await told()).toEqual({ seconds: 300, events: 0 });
	});

	it("is not less than nothing where a service's clock is ahead", async () => {
		lag.read({ inHand: 1, oldest: at(500), left: 0 });
		expect(await told()).toEqual({ seconds: 0, events: 1 });
	});
});
