// What masking finds of its corpus, what it alters that is harmless, and how fast, for each kind: `npm run bench -- masking`.
import { type CorpusKind, isGone, readCorpus, type Specimen } from "#libs/masking/corpus.test-support.ts";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { speedOf } from "./measure-masking.ts";
import { markdownTable, shown } from "./table.ts";

export interface KindFigures {
	readonly kind: string;
	readonly positives: number;
	readonly found: number;
	readonly negatives: number;
	readonly altered: number;
	readonly megabytesPerSecond: number;
}

const mask = compileMask({ paths: {}, detect: ALL_DETECTORS });

/** As a member that says nothing about its value, which is how most answers hold text. */
function maskedText(text: string): string {
	const { value } = mask.mask({ note: text });
	return String((value as { note: unknown }).note);
}

export function measureCorpus(rounds: number, missed: (kind: string, specimen: Specimen, masked: string) => void): KindFigures[] {
	return readCorpus().map((kind) => measureKind(kind, rounds, missed));
}

function measureKind({ kind, positives, negatives }: CorpusKind, rounds: number, missed: Parameters<typeof measureCorpus>[1]): KindFigures {
	const wrong = (specimens: readonly Specimen[], isRight: (specimen: Specimen, masked: string) => boolean): number =>
		specimens.filter((specimen) => {
			const masked = maskedText(specimen.text);
			if (isRight(specimen, masked)) return false;
			missed(kind, specimen, masked);
			return true;
		}).length;
	const found = positives.length - wrong(positives, isGone);
	const altered = wrong(negatives, ({ text }, masked) => text === masked);
	const answer = { rows: [...positives, ...negatives].map(({ text }) => ({ note: text })) };
	const bytes = Buffer.byteLength(JSON.stringify(answer));
	const megabytesPerSecond = speedOf(bytes, rounds, () => mask.mask(answer));
	return { kind, positives: positives.length, found, negatives: negatives.length, altered, megabytesPerSecond };
}

export function corpusTable(figures: readonly KindFigures[]): string {
	const share = (part: number, whole: number) => (whole === 0 ? "–" : `${shown((part / whole) * 100)} %`);
	const rows = figures.map(({ kind, positives, found, negatives, altered, megabytesPerSecond }) => [
		...[kind, String(positives), share(found, positives), String(negatives), share(altered, negatives), shown(megabytesPerSecond)],
	]);
	return `### Masking, by kind\n\n${markdownTable([["kind", "to find", "found", "harmless", "altered", "MB/s"], ...rows])}`;
}
