// No text is slow for its length: of each reader the slowest text that a short search finds. `npm run slowness` searches longer.
import { expect, test } from "vitest";
import { measureSlowest, slowestToOrdinaryMax } from "../bench/measure-slowest.ts";
import { parts } from "./parts.ts";
import { searchSlowest, sizes } from "./search.ts";

test.each(parts.map((part) => [part.name, part] as const))("%s", (_name, part) => {
	const found = searchSlowest(part, { chars: sizes.here, rounds: 12, seed: 1 });
	expect(found.looks, JSON.stringify(found)).toBeLessThan(found.looksMax);
});

test("the slowest text for all detectors costs a few times what ordinary text does", () => {
	const figures = measureSlowest(12);
	expect(figures.ratio, JSON.stringify(figures)).toBeLessThan(slowestToOrdinaryMax);
});
