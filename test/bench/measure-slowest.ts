// How much dearer the slowest text is that the search of test/slowness finds than ordinary text, for each character and with all detectors.
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { parts } from "../slowness/parts.ts";
import { ownMs, searchSlowest, sizes } from "../slowness/search.ts";
import { ordinaryTexts } from "./measure-masking.ts";
import { markdownTable, shown } from "./table.ts";

export interface SlowestFigures {
	/** What is repeated in it. */
	readonly unit: string;
	/** Nanoseconds a character. */
	readonly slowest: number;
	readonly ordinary: number;
	readonly ratio: number;
}

/** The slowest input may cost so many times the average of ordinary ones. */
export const slowestToOrdinaryMax = 10;

/** @param rounds how long is searched: texts that are tried after each known piece was */
export function measureSlowest(rounds: number): SlowestFigures {
	const part = parts.find(({ name }) => name === "all detectors");
	if (!part) throw new Error("the slowness search has no part `all detectors`");
	const { unit, milliseconds, chars } = searchSlowest(part, { chars: sizes.here, rounds, seed: 1 });
	const mask = compileMask({ paths: {}, detect: ALL_DETECTORS });
	const costs = ordinaryTexts(sizes.here).map((text) => ownMs(() => mask.maskText(text)) / text.length);
	const ordinary = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
	const slowest = milliseconds / chars;
	return { unit, slowest: slowest * 1e6, ordinary: ordinary * 1e6, ratio: slowest / ordinary };
}

export function slowestTable({ unit, slowest, ordinary, ratio }: SlowestFigures): string {
	const rows = [
		["ordinary: JSON with and without something to mask and CSV, as text", shown(ordinary)],
		[`slowest found: ${JSON.stringify(unit).replaceAll("|", "\\|")}, over and over`, shown(slowest)],
		[`times ordinary (at most ${slowestToOrdinaryMax})`, shown(ratio)],
	];
	return `### Masking, the slowest text\n\n${markdownTable([["text", "ns a character"], ...rows])}`;
}
