// What a detector is. The closed list of them is in detectors.ts.
import type { DetectorId, Scan } from "./scan.ts";

interface DetectorBase {
	readonly id: DetectorId;
	/** One sentence for the reference page. */
	readonly description: string;
	/**
	 * Whether it also reads JSON integers, written in decimal: `always`, or only where the member's name has this hint (a bit of names.ts).
	 * Absent: never.
	 */
	readonly numbers?: "always" | number;
}

/** Finds by shape: runs once per text that has enough of what the shape needs. */
export interface ShapeDetector extends DetectorBase {
	/** Whether the text could contain one at all, from the counts of the one pass over it. Must be cheap. */
	worthwhile(scan: Scan): boolean;
	/** Adds every span to the scan. */
	find(scan: Scan): void;
}

/** Finds by how a token starts: runs once per place with one of the prefixes (ASCII, at least two characters). */
export interface PrefixDetector extends DetectorBase {
	readonly prefixes: readonly string[];
	/** Adds the span of the token whose prefix starts at `start`, if it is one. */
	findAt(scan: Scan, start: number, prefix: string): void;
}

export type Detector = ShapeDetector | PrefixDetector;
