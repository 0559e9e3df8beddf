// The corpus is one: every kind has texts and a source, and what a text marks as sensitive is in it.
import { describe, expect, test } from "vitest";
import { isGone, readCorpus } from "./corpus.test-support.ts";
import { ALL_DETECTORS } from "./detectors.ts";
import { compileMask } from "./mask.ts";

const corpus = readCorpus();
const mask = compileMask({ paths: {}, detect: ALL_DETECTORS });

test("there are kinds, each once", () => {
	expect(corpus.length).toBeGreaterThanOrEqual(18);
	expect(new Set(corpus.map(({ kind }) => kind)).size).toBe(corpus.length);
});

describe.each(corpus)("$kind", ({ source, positives, negatives }) => {
	test("says where it is from, and has something to find or to leave alone", () => {
		expect(source.length).toBeGreaterThan(20);
		expect(positives.length + negatives.length).toBeGreaterThan(2);
	});

	test("all but a few of what is to be found is gone, and harmless texts stay", () => {
		const masked = (text: string) => (mask.mask({ note: text }).value as { note: string }).note;
		const missed = positives.filter((specimen) => !isGone(specimen, masked(specimen.text)));
		expect(missed.length / Math.max(1, positives.length), JSON.stringify(missed.slice(0, 5))).toBeLessThanOrEqual(0.02);
		const altered = negatives.filter(({ text }) => masked(text) !== text);
		expect(altered.length / Math.max(1, negatives.length), JSON.stringify(altered.slice(0, 5))).toBeLessThanOrEqual(0.02);
	});

	test("nothing of its texts counts as gone before it is masked", () => {
		for (const specimen of positives) expect(isGone(specimen, specimen.text)).toBe(false);
	});
});

test("gone is what left no piece behind, the last four in a mark apart", () => {
	const specimen = { text: "Card 4242 4242 4242 4242 of Jamie", gone: ["4242 4242 4242 4242"] };
	expect(isGone(specimen, "Card [card …4242] of Jamie")).toBe(true);
	expect(isGone(specimen, "Card [card …4242] 4242 4242 4242 4242 of Jamie")).toBe(false);
	expect(isGone({ text: 'p="correct horse"', gone: ["correct horse"] }, 'p="[password] horse"')).toBe(false);
});
