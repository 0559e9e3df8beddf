// The corpus of masking: what each kind must find and must leave alone, from vendors' and standards' documentation (corpus/*.yaml says which).
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { vendorSamples } from "./vendor-samples.test-support.ts";

/** One text, and what of it must be gone. `gone` is empty for a text that must stay as it is. */
export interface Specimen {
	readonly text: string;
	readonly gone: readonly string[];
}

export interface CorpusKind {
	readonly kind: string;
	readonly source: string;
	readonly positives: readonly Specimen[];
	readonly negatives: readonly Specimen[];
}

interface WrittenKind {
	readonly kind: string;
	readonly source: string;
	readonly positives?: readonly (string | number)[];
	readonly negatives: readonly (string | number)[];
	/** Every name in every frame, with the values taking turns. */
	readonly names?: readonly string[];
	readonly values?: readonly string[];
	readonly frames?: readonly string[];
}

const folder = new URL("./corpus/", import.meta.url);

/** @throws {Error} where a file is not what it should be. */
export function readCorpus(): readonly CorpusKind[] {
	const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
	const vendors = {
		...{ kind: "vendor-token", source: "The documentation of each vendor, named in its line of detect/vendors.ts" },
		positives: vendorSamples().flatMap(({ positive, secret }) => [
			{ text: positive, gone: [secret] },
			{ text: `export TOKEN="${positive}"`, gone: [secret] },
		]),
		negatives: vendorSamples().map(({ negative }) => ({ text: negative, gone: [] })),
	};
	const kinds = files.flatMap((file) => {
		// Two pieces of a made-up secret become one.
		const kinds = parse(readFileSync(new URL(file, folder), "utf8").replaceAll("~~", "")) as WrittenKind[];
		return kinds.map((written) => ({
			kind: written.kind,
			source: written.source,
			positives: [...(written.positives ?? []).map((text) => specimenOf(String(text))), ...framed(written)],
			negatives: written.negatives.map((text) => ({ text: String(text), gone: [] })),
		}));
	});
	return [...kinds, vendors];
}

/** `Call ⟦555-0132⟧ now`: the text without the brackets, and what they held; a text without brackets must be gone whole. */
function specimenOf(marked: string): Specimen {
	const gone = [...marked.matchAll(/⟦([^⟧]*)⟧/g)].map(([, inside = ""]) => inside);
	return { text: marked.replace(/[⟦⟧]/g, ""), gone: gone.length > 0 ? gone : [marked] };
}

function framed({ names = [], values = [], frames = [] }: WrittenKind): Specimen[] {
	return frames.flatMap((frame, row) =>
		names.map((name, column) => {
			const value = values[(row + column) % values.length] ?? "";
			const way = /\{value:(\w+)\}/.exec(frame)?.[1];
			const written = encoded(value, way);
			return { text: frame.replaceAll("{name}", name).replace(/\{value(?::\w+)?\}/, () => written), gone: [written] };
		}),
	);
}

function encoded(value: string, way: string | undefined): string {
	if (way === "percent") return encodeURIComponent(value);
	return way === "xml" ? value.replaceAll("&", "&amp;").replaceAll("<", "&lt;") : value;
}

/**
 * Whether what was to go is gone: no piece of three or more letters and digits in a row is left of it, apart from the last four that a mark
 * may show.
 */
export function isGone({ text, gone }: Specimen, masked: string): boolean {
	const left = masked.replace(/\[[a-z-]+(?: …\w{4})?\]/g, " ");
	return gone.every((value) => {
		const pieces = value.match(/[\p{L}\p{N}]{3,}/gu) ?? [value];
		// What the text says elsewhere too may of course stay.
		return pieces.every((piece) => countOf(left, piece) < countOf(text, piece));
	});
}

function countOf(text: string, piece: string): number {
	return text.split(piece).length - 1;
}
