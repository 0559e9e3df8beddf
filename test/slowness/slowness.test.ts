// No text is slow for its length: of each reader the slowest text that a short search finds. `npm run slowness` searches longer.
import { expect, test } from "vitest";
import { parts } from "./parts.ts";
import { looksMax, searchSlowest, sizes } from "./search.ts";

test.each(parts.map((part) => [part.name, part] as const))("%s", (_name, part) => {
	const found = searchSlowest(part, { chars: sizes.here, rounds: 12, seed: 1 });
	expect(found.looks, JSON.stringify(found)).toBeLessThan(looksMax);
});
