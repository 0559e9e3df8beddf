// Timing decides no test: what must happen is waited for as long as a test may take, and no assertion is about how long something took.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const isTest = /\.test\.ts$|test-support\.ts$|-contract\.ts$/;
const files = ["libs", "services", "cli", "infra", "test"].flatMap((folder) =>
	readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
		.filter((file) => isTest.test(file))
		.map((file) => join(folder, file)),
);
const textOf = (file: string) => readFileSync(join(root, file), "utf8");
const count = (text: string, what: RegExp) => [...text.matchAll(what)].length;

test("there are tests to look at", () => {
	expect(files.length).toBeGreaterThan(100);
});

test("what waits has the patience of all tests, see test/support/patience.ts", () => {
	const impatient = files.filter((file) => {
		const text = textOf(file);
		return count(text, /(?:\.waitFor|\.waitUntil|expect\.poll)\(/g) > count(text, /\bpatience,?\s*\)/g);
	});
	expect(impatient.filter((file) => file !== "test/timing.test.ts")).toEqual([]);
});

test("no upper bound stands beside a clock", () => {
	const bounded = files.flatMap((file) =>
		textOf(file)
			.split("\n")
			.filter((line) => /(?:performance|Date)\.now\(\).*toBeLess|\b(?:elapsed|took|ms)\)\.toBeLess/.test(line))
			.map((line) => `${file}: ${line.trim()}`),
	);
	expect(bounded).toEqual([]);
});
