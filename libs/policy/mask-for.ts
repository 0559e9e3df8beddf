// What to mask in the arguments and results of one function: every entry that matches, merged so that more masking wins.
import { type FindAction, type MaskAction, strictest } from "#libs/masking/action.ts";
import { ALL_DETECTORS, actionsByDetector, type DetectorName, type FindActions, isDetectorName } from "#libs/masking/detectors.ts";
import type { Detokenized } from "#libs/masking/keyed/detokenize.ts";
import type { MaskSpec } from "#libs/masking/mask.ts";
import type { CompiledMask, CompiledPolicy } from "./compiled-policy.ts";
import type { MaskEntry } from "./policy-document.ts";

interface FunctionMasks {
	readonly request: MaskSpec;
	readonly response: MaskSpec;
	/** Empty: its arguments keep every token. */
	readonly detokenize: Detokenized;
}

/**
 * Masks for requests and responses of a function.
 *
 * - Paths of all matching entries are taken together; if two name different actions for one path, less of the value stays ({@link strictest}).
 * - `detect` only narrows what is looked for if every matching entry has it (then it is the union of theirs). No entry, or one without
 *   `detect`: every detector. Forgetting something masks too much, never too little. Actions by detector narrow nothing, but for those in a list.
 * - If two entries name different actions for a detector's finds, less of the value stays.
 */
export function maskFor(policy: Pick<CompiledPolicy, "masks">, connection: string, fn: string): FunctionMasks {
	const matching = policy.masks.filter((mask) => (mask.connections?.has(connection) ?? true) && (mask.functions?.has(fn) ?? true));
	const detect = detectorsOf(matching);
	const finds = findsOf(matching);
	return {
		request: { paths: pathsOf(matching, "request"), detect },
		response: { paths: pathsOf(matching, "response"), detect, ...(Object.keys(finds).length > 0 && { finds }) },
		detokenize: detokenizeOf(matching),
	};
}

/** Of all entries together: each place with the kinds that any of them opens there. */
function detokenizeOf(masks: readonly CompiledMask[]): Detokenized {
	const places = new Map<string, Set<string>>();
	for (const { entry } of masks) {
		const { detokenize = {} } = entry;
		const written = Array.isArray(detokenize) ? { $: detokenize } : detokenize;
		for (const [selector, kinds] of Object.entries(written)) places.set(selector, new Set([...(places.get(selector) ?? []), ...kinds]));
	}
	return Object.fromEntries([...places].map(([selector, kinds]) => [selector, [...kinds].sort()]));
}

function detectorsOf(masks: readonly CompiledMask[]): readonly DetectorName[] {
	const named = masks.map(({ entry }) => lookedFor(entry));
	if (named.length === 0 || named.includes(undefined)) return [...ALL_DETECTORS];
	return [...new Set(named.flatMap((names) => names ?? []))].filter(isDetectorName).sort();
}

/** The names of a list; undefined where all are looked for. */
function lookedFor({ detect }: MaskEntry): readonly string[] | undefined {
	if (!Array.isArray(detect)) return undefined;
	return detect.flatMap((item) => (typeof item === "string" ? [item] : Object.keys(item)));
}

/** What the entry says of finds, in either writing. */
export function findsNamed({ detect = [] }: MaskEntry): readonly (readonly [name: string, action: FindAction])[] {
	const said = Array.isArray(detect) ? detect.filter((item) => typeof item !== "string") : [detect];
	return said.flatMap((item) => Object.entries(item));
}

/** By detector, so that what one entry says of `secret` and another of `password` is one place. */
function findsOf(masks: readonly CompiledMask[]): FindActions {
	const finds = new Map<DetectorName, FindAction>();
	for (const { entry } of masks)
		for (const [detector, action] of actionsByDetector(Object.fromEntries(findsNamed(entry)))) {
			const known = finds.get(detector);
			finds.set(detector, known === undefined || known === action ? action : "redact");
		}
	return Object.fromEntries([...finds].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function pathsOf(masks: readonly CompiledMask[], side: "request" | "response"): Record<string, MaskAction> {
	const paths = new Map<string, MaskAction>();
	for (const { entry } of masks) {
		for (const [selector, action] of Object.entries(entry[side] ?? {})) {
			const known = paths.get(selector);
			paths.set(selector, known === undefined ? action : strictest(known, action));
		}
	}
	return Object.fromEntries([...paths].sort(([one], [other]) => (one < other ? -1 : 1)));
}
