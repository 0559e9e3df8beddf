// What the bench may be told, and what it does not guess.
import { expect, test } from "vitest";
import { readOptions, usage } from "./options.ts";

test("by default everything is measured, five times, at four numbers of callers, and again on a million events", () => {
	expect(readOptions([])).toMatchObject({
		...{ quick: false, repetitions: 5, callers: [1, 16, 64, 256], syncInterval: "always", preloadEvents: 1_000_000, beside: true },
		lanes: ["direct", "proxy", "floor", "callgate-unindexed", "callgate"],
	});
});

test("a quick look and one lane leave out what takes long", () => {
	expect(readOptions(["--quick"])).toMatchObject({ callers: [64], preloadEvents: 0, beside: true });
	expect(readOptions(["--lane", "callgate", "--lane", "floor"])).toMatchObject({
		lanes: ["floor", "callgate"],
		preloadEvents: 0,
		beside: false,
	});
	expect(readOptions(["--quick", "--stored", "5000", "--sync", "2m"])).toMatchObject({ preloadEvents: 5_000, syncInterval: "2m" });
});

test.each([
	[["--lane", "fast"], /no lane "fast", only direct, /],
	[["--callers", "64,many"], /"many" is not a whole number/],
	[["--callers", "0"], /from 1/],
	[["--repetitions", "0"], /from 1/],
	[["--sync", "never"], /neither "always"/],
	[["--sync", "always }"], /neither "always"/],
	[["--fast"], /--fast/],
])("%j is refused", (args, message) => expect(() => readOptions(args)).toThrow(message));

test("every option is explained", () => {
	for (const name of ["quick", "lane", "callers", "repetitions", "stored", "soak", "sync", "json", "write-docs", "profile", "help"])
		expect(usage).toContain(`\n  --${name} `);
});
