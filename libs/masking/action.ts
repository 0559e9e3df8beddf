// What becomes of a value that is masked, and which of two wishes about one place wins.

/** What people may be shown of arguments: that there is one, always. Ingress, which masks them, has no key for anything else. */
export const shownActions = ["redact", "last4"] as const;
const plainActions = [...shownActions, "drop"] as const;
/** Actions that need executors' keys. */
const keyedActions = ["hash", "surrogate", "tokenize"] as const;
/** `tokenize name`: a token of that kind, whatever the value looks like. */
const tokenizeKind = /^tokenize [a-z][a-z0-9-]{0,31}$/;

/**
 * `redact`: a mark instead of the whole value. `last4`: all but the last four of a number-like scalar. `drop`: the member or item is not there.
 * `hash`: a mark that equal values share. `surrogate`: another value of its kind. `tokenize`: what its caller may use in its place.
 */
export type MaskAction = (typeof plainActions)[number] | (typeof keyedActions)[number] | `tokenize ${string}`;

export const actionNames = [...plainActions, ...keyedActions] as const;

export function isAction(value: unknown): value is MaskAction {
	return isNamed(value) || (typeof value === "string" && tokenizeKind.test(value));
}

/** What a document may mark: kinds of its own are for policies to name. */
export function isNamed(value: unknown): value is (typeof actionNames)[number] {
	return actionNames.some((action) => action === value);
}

/** What may become of what a detector finds: in a text nothing can be left out, and a mark shows of it what may be shown. */
export const findActions = ["redact", ...keyedActions] as const;
export type FindAction = (typeof findActions)[number] | `tokenize ${string}`;
export const findActionsInWords = `one of ${findActions.join(", ")}, or tokenize with a kind, such as tokenize name`;

export function isFindAction(value: unknown): value is FindAction {
	return findActions.some((action) => action === value) || (typeof value === "string" && tokenizeKind.test(value));
}

/** What may be written, in words. */
export const actionsInWords = `one of ${actionNames.join(", ")}, or tokenize with a kind, such as tokenize name`;

/** The kind that the action names; undefined where the value's own is meant. */
export function kindNamedBy(action: MaskAction): string | undefined {
	return action.startsWith("tokenize ") ? action.slice("tokenize ".length) : undefined;
}

export function isPlain(action: MaskAction): boolean {
	return plainActions.some((plain) => plain === action);
}

/** Where two are asked for at one place less of the value stays: nothing at all if one says so, else its mark. */
export function strictest(one: MaskAction, other: MaskAction): MaskAction {
	if (one === other) return one;
	return one === "drop" || other === "drop" ? "drop" : "redact";
}

/** Selectors of both, each with the stricter wish. */
export function mergedPaths(
	one: Readonly<Record<string, MaskAction>>,
	other: Readonly<Record<string, MaskAction>>,
): Readonly<Record<string, MaskAction>> {
	const merged = new Map(Object.entries(one));
	for (const [selector, action] of Object.entries(other)) {
		const known = merged.get(selector);
		merged.set(selector, known === undefined ? action : strictest(known, action));
	}
	return Object.fromEntries(merged);
}
