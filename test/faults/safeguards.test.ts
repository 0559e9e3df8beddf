// Each change that takes a safeguard away still finds its place in the code, so that a run without it is one without it.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { safeguards } from "./safeguards.ts";

test.each(Object.entries(safeguards))("%s", (_name, { changes }) => {
	expect(changes.length).toBeGreaterThan(0);
	for (const { file, from, to } of changes) {
		const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
		expect(text.split(from), file).toHaveLength(2);
		expect(to).not.toBe(from);
	}
});
