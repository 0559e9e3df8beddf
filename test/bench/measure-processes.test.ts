// What the kernel says about a process, in its own format.
import { expect, test } from "vitest";
import { cpuMsIn, cpuMsOf, residentBytesIn, residentBytesOf } from "./measure-processes.ts";

const stat = (name: string) => `4242 (${name}) S 1 4242 4242 0 -1 4194560 1000 0 0 0 150 25 0 0 20 0 11 0 8000 1000000 2500 184467`;

test.each(["node", "nats-server", "a b", "odd) S 9 (name"])("user and system time of (%s)", (name) => {
	expect(cpuMsIn(stat(name))).toBe(1_750);
});

test("resident memory in bytes", () => {
	expect(residentBytesIn("Name:\tnode\nVmHWM:\t  2000 kB\nVmRSS:\t  1000 kB\nThreads:\t11\n")).toBe(1_024_000);
	expect(residentBytesIn("Name:\tgone\n")).toBeNaN();
});

test.runIf(process.platform === "linux")("two processes of one name cost what both cost", async () => {
	const twice = [1, 2].map(() => ({ name: "self", pid: process.pid }));
	const [once, both] = [await residentBytesOf(twice.slice(1)), await residentBytesOf(twice)];
	expect((both.self ?? 0) / (once.self ?? 0)).toBeGreaterThan(1.5);
	expect(Object.keys(both)).toEqual(["self"]);
});

test.runIf(process.platform === "linux")("this process, by name", async () => {
	const self = [{ name: "self", pid: process.pid }];
	const before = (await cpuMsOf(self)).self ?? Number.NaN;
	const { user, system } = process.cpuUsage();
	expect(Math.abs((user + system) / 1_000 - before)).toBeLessThan(5_000);
	expect((await residentBytesOf(self)).self).toBeGreaterThan(10_000_000);
});
