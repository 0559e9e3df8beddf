// Sensitive data found and replaced, failing closed: compile what a policy says once, mask values and texts with it.
import type { JsonValue } from "#libs/contracts/json.ts";
import { actionsInWords, findActionsInWords, isAction, isFindAction, type MaskAction } from "./action.ts";
import { actionsByDetector, type DetectorName, detectorsNamed, type FindActions, isDetectorName } from "./detectors.ts";
import { type Finding, Findings } from "./findings.ts";
import { FindsActor } from "./keyed/act-on-finds.ts";
import { type MaskingContext, withoutRevealed } from "./keyed/session-keys.ts";
import { KnownNames } from "./known-names.ts";
import { detectorSet, maskString, shared } from "./mask-string.ts";
import { type MaskLimits, ValueMasker } from "./mask-value.ts";
import { MaskingError, MaskSpecError, type MaskSpecProblem } from "./masking-error.ts";
import { buildAutomaton, parseSelector, type Segment } from "./selector.ts";

/** What to mask. `paths`: selectors (see selector.ts) of values that are sensitive whatever they look like; `detect`: what to look for everywhere. */
export interface MaskSpec {
	readonly paths: Readonly<Record<string, MaskAction>>;
	readonly detect: readonly DetectorName[];
	/** What becomes of what is found; a mark, where nothing is said. */
	readonly finds?: FindActions;
}

/** A compiled specification. Pure: one `Mask` may be used by any number of callers. */
export interface Mask {
	/**
	 * The value without what is sensitive, names of members included. What is masked becomes a string, numbers too; everything else keeps its
	 * place and type. The value given is not changed; objects and lists in which nothing is found are the same in the result. Masking the result
	 * again changes nothing, but for surrogates: they look like what they stand for.
	 *
	 * @param keys of the caller's session. Without them, what only they can make is redacted.
	 * @throws {MaskingError} where the value is beyond a bound or not JSON: it must then not be released.
	 */
	mask(value: JsonValue, keys?: MaskingContext): { value: JsonValue; findings: Finding[] };
	/**
	 * The same detectors over a body that is not JSON (plain text, CSV, XML), at every level at which it can be read. Paths do not apply. Findings
	 * have the root's path.
	 *
	 * @throws {MaskingError} where the text is longer than `charsMax`.
	 */
	maskText(text: string, keys?: MaskingContext): { text: string; findings: Finding[] };
}

/**
 * Far beyond what ingress and executor let through (they bound bytes and parse with tighter limits), so a value that meets one of these is
 * one that nobody checked: stop. 64 levels keep the recursion small.
 */
export const maskLimitsDefault: MaskLimits = { depthMax: 64, nodesMax: 4_000_000, charsMax: 64 * 1024 * 1024 };

/** More paths than this of one function's policies are a mistake. */
export const pathsMax = 256;
/** With those that its document marks. */
const allPathsMax = 2 * pathsMax;

/**
 * Compiles a specification.
 *
 * @throws {MaskSpecError} with every problem in it: a selector that is not understood (what was found, what was expected, where), an action or
 * a detector that does not exist.
 */
export function compileMask(spec: MaskSpec, limits: MaskLimits = maskLimitsDefault): Mask {
	const problems: MaskSpecProblem[] = [];
	const paths: [readonly Segment[], MaskAction][] = [];
	const entries = Object.entries(spec.paths);
	if (entries.length > allPathsMax) problems.push({ message: `${entries.length} paths, at most ${allPathsMax} are allowed` });
	for (const [selector, action] of entries) {
		if (!isAction(action))
			problems.push({
				message: `path ${JSON.stringify(selector)}: no action ${JSON.stringify(action)}, expected ${actionsInWords}`,
				selector,
			});
		const parsed = parseSelector(selector);
		if ("message" in parsed) problems.push(parsed);
		else paths.push([parsed, action]);
	}
	for (const name of spec.detect) if (!isDetectorName(name)) problems.push({ message: `no detector ${JSON.stringify(name)}` });
	for (const [name, action] of Object.entries(spec.finds ?? {})) {
		if (!isDetectorName(name)) problems.push({ message: `no detector ${JSON.stringify(name)}` });
		if (!isFindAction(action))
			problems.push({ message: `${name}: no action ${JSON.stringify(action)} for what is found, expected ${findActionsInWords}` });
	}
	if (problems.length > 0) throw new MaskSpecError(problems);

	const detectors = detectorSet(detectorsNamed(spec.detect));
	const automaton = buildAutomaton(paths);
	const names = new KnownNames();
	const actions = actionsByDetector(spec.finds ?? {});
	const actorOf = (keys: MaskingContext | undefined) => (keys && actions.size > 0 ? new FindsActor(actions, keys) : undefined);
	return {
		mask: (value, keys) => new ValueMasker(detectors, names, automaton, limits, keys, actorOf(keys)).run(value),
		maskText(original, keys) {
			const { text, count: hidden } = withoutRevealed(original, keys?.revealed ?? []);
			if (text.length > limits.charsMax) throw new MaskingError("too_long", `the text has more than ${limits.charsMax} characters`);
			const masked = maskString(shared(detectors, names, actorOf(keys)), text, 0);
			const findings = new Findings();
			if (hidden > 0) findings.add("token", hidden);
			for (const [detector, count] of masked?.found ?? []) findings.add(detector, count);
			return { text: masked?.text ?? text, findings: findings.list() };
		},
	};
}
