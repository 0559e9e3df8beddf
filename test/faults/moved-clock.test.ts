// A moved clock moves all ways to ask for the time of day, jumps while its process runs, and leaves the monotonic clock alone.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClocks } from "./clocks.ts";

const hour = 3_600_000;
const program = `
const { writeFileSync } = require("node:fs");
const told = () => ({
	now: Date.now(), new: new Date().getTime(), text: Date.parse(Date()), origin: performance.timeOrigin + performance.now(),
	given: new Date(5).getTime(), is: new Date() instanceof Date, class: class extends Date {}.name, elapsed: performance.now(),
});
const first = told();
writeFileSync(process.env.CALLGATE_FAULTS_CLOCK_FILE, "0");
const jumped = setInterval(() => {
	if (Math.abs(Date.now() - first.now) < ${hour} / 2) return;
	clearInterval(jumped);
	console.log(JSON.stringify([first, told()]));
}, 10);
`;

test.each([-hour, hour])("by %i ms", async (offMs) => {
	const dir = mkdtempSync(join(tmpdir(), "callgate-clock-"));
	try {
		const clocks = await createClocks(dir);
		await clocks.set({ service: "policy", replica: 0 }, offMs);
		expect(clocks.wrong).toMatchObject([{ service: "policy", replica: 0, offMs, until: Number.POSITIVE_INFINITY }]);
		const { stdout, stderr } = spawnSync(process.execPath, ["-e", program], {
			env: { PATH: process.env.PATH, ...clocks.env("policy", 0) },
			encoding: "utf8",
			timeout: 20_000,
		});
		expect(stderr).toBe("");
		const [moved, right] = JSON.parse(stdout) as Record<"now" | "new" | "text" | "origin" | "given" | "is" | "elapsed", number>[];
		const real = Date.now();
		for (const [told, wanted] of [
			[moved, real + offMs],
			[right, real],
		] as const) {
			for (const way of ["now", "new", "text", "origin"] as const) {
				expect(Math.abs((told?.[way] ?? 0) - wanted), way).toBeLessThan(20_000);
			}
			expect(told).toMatchObject({ given: 5, is: true });
		}
		// It jumped by an hour and no time passed.
		expect((right?.elapsed ?? 0) - (moved?.elapsed ?? 0)).toBeLessThan(20_000);
		await clocks.set({ service: "policy", replica: 0 }, 0);
		expect(clocks.wrong[0]?.until).toBeLessThanOrEqual(Date.now());
	} finally {
		rmSync(dir, { recursive: true });
	}
});
