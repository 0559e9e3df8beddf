// Every vendor's line finds a token of its shape, in a sentence and in an assignment, and leaves alone what is too short.
import { describe, expect, test } from "vitest";
import { compileMask } from "./mask.ts";
import { vendorSamples } from "./vendor-samples.test-support.ts";

const samples = vendorSamples();
const mask = compileMask({ paths: {}, detect: ["cloud-token"] });

test("there are formats of at least 150 vendors' tokens, each written once and with its source", () => {
	expect(samples.length).toBeGreaterThanOrEqual(150);
	expect(new Set(samples.map(({ token }) => token.shape)).size).toBe(samples.length);
	for (const { token } of samples) expect(token.source, token.vendor).toMatch(/^[a-z0-9.-]+\.[a-z]+(\/|$)/);
});

describe.each(samples)("$token.vendor", ({ positive, secret, negative }) => {
	test("is found", () => {
		for (const text of [positive, `use ${positive} now`, `${positive}.`, `(${positive})`])
			expect(mask.maskText(text).text).not.toContain(secret);
	});

	test("leaves alone what is too short", () => {
		expect(mask.maskText(negative)).toEqual({ text: negative, findings: [] });
	});
});
