// What a value is as a whole: the kind that its surrogate or its token is of.
import { ALL_DETECTORS, detectorsNamed } from "./detectors.ts";
import type { KnownNames } from "./known-names.ts";
import { isMark } from "./mark.ts";
import { type DetectorSet, detectorSet, maskString, shared } from "./mask-string.ts";
import type { DetectorId } from "./scan.ts";

/** `text`: none that a detector knows. */
export type ValueKind = DetectorId | "uuid" | "text";

export const valueKinds: readonly string[] = [...ALL_DETECTORS, "uuid", "text"];

const uuid = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;

let all: DetectorSet | undefined;

/**
 * The kind of which the text is one, and nothing beside it but spaces. Every detector is asked, whatever the mask itself looks for.
 *
 * @param hints bits of names.ts: what the member's name says.
 */
export function kindOf(text: string, hints: number, names: KnownNames): ValueKind {
	all ??= detectorSet(detectorsNamed(ALL_DETECTORS));
	const bare = text.trim();
	const masked = maskString(shared(all, names), bare, hints);
	const [kind] = masked?.found.keys() ?? [];
	if (masked && kind !== undefined && masked.found.size === 1 && isMark(masked.text)) return kind;
	return uuid.test(bare) ? "uuid" : "text";
}
