// The keeper trims again and again, a failure ends nothing, and it says when nothing came to its end any more.
import { setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { createLogger } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { patience } from "../../test/support/patience.ts";
import { keepStreamShort } from "./keep-stream.ts";

const log = createLogger("test", "silent");
const now = new Date("2026-01-01T00:00:00Z");

function keeperOf(trim: () => Promise<{ before: number; removed: number }>, everyMs = 1) {
	const metrics = createMetrics("keeper");
	const keeper = keepStreamShort({ trim, everyMs, clock: { now: () => now }, log, metrics });
	const metricOf = async (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "m").exec(await metrics.text())?.[1]);
	return { keeper, metricOf };
}

test("it trims again and again, and tells what it removed and when", async () => {
	const trim = vi.fn(async () => ({ before: 10, removed: 2 }));
	const { keeper, metricOf } = keeperOf(trim);
	await vi.waitUntil(() => trim.mock.calls.length >= 3, patience);
	await keeper.stop();
	const runs = trim.mock.calls.length;
	expect(await metricOf("callgate_trimmed_messages_total")).toBe(2 * runs);
	expect(await metricOf("callgate_trimmed_at_seconds")).toBe(now.getTime() / 1_000);
	await keeper.checkReady();
});

test("one failure is made good by the next run, three in a row are told by readiness with their reason", async () => {
	let isAway = true;
	const { keeper, metricOf } = keeperOf(async () => {
		if (isAway) throw new Error("NATS does not answer");
		return { before: 1, removed: 0 };
	});
	await keeper.checkReady();
	await vi.waitUntil(async () => (await metricOf("callgate_trim_failed_total")) >= 3, patience);
	await expect(keeper.checkReady()).rejects.toThrow("NATS does not answer");
	isAway = false;
	await expect.poll(() => keeper.checkReady(), patience).toBeUndefined();
	await keeper.stop();
});

test("a run that has begun comes to its end before the keeper stops, and no other begins", async () => {
	const { promise, resolve: end } = Promise.withResolvers<void>();
	const trim = vi.fn(async () => {
		await promise;
		return { before: 1, removed: 1 };
	});
	const { keeper, metricOf } = keeperOf(trim, 60_000);
	let isStopped = false;
	const stopping = keeper.stop().then(() => {
		isStopped = true;
	});
	await setImmediate();
	expect(isStopped).toBe(false);
	end();
	await stopping;
	expect(await metricOf("callgate_trimmed_messages_total")).toBe(1);
	expect(trim).toHaveBeenCalledTimes(1);
});
