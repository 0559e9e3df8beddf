// Which places of a value a path names: a small, exact subset of JSONPath (RFC 9535).
import type { MaskSpecProblem } from "./masking-error.ts";

// Why not a library: those for JavaScript either evaluate filter expressions (jsonpath-plus runs code from the path), or materialise every
// match of one path at a time. Masking needs all paths matched together in the one walk that also runs the detectors, bounded, and a path it
// does not understand must be an error at compile time and never a path that matches nothing.

/** What one segment selects among the children of a node. */
type Step =
	| { readonly kind: "name"; readonly name: string }
	| { readonly kind: "index"; readonly index: number }
	| { readonly kind: "all" };

/** `descendants`: the children of the node and of everything below it (`..`). */
export type Segment = Step & { readonly descendants: boolean };

export const selectorCharsMax = 512;
const segmentsMax = 32;

class SelectorRefused extends Error {
	readonly offset: number;
	constructor(message: string, offset: number) {
		super(message);
		this.offset = offset;
	}
}

/**
 * Parses `$`, `.name`, `['name']`, `[n]`, `[*]`, `.*`, `..name`, `..*`, `..[…]` with RFC 9535's grammar and meaning. Filters, slices, unions,
 * negative indexes and functions are refused.
 *
 * @returns the segments after `$`, or what was found, what was expected and where.
 */
export function parseSelector(selector: string): readonly Segment[] | MaskSpecProblem {
	try {
		return parse(selector);
	} catch (error) {
		if (!(error instanceof SelectorRefused)) throw error;
		return { message: `path ${JSON.stringify(selector)}: ${error.message}`, selector, offset: error.offset };
	}
}

function parse(selector: string): readonly Segment[] {
	if (selector.length > selectorCharsMax) throw new SelectorRefused(`longer than ${selectorCharsMax} characters`, selectorCharsMax);
	if (!selector.startsWith("$")) refuse(selector, 0, "`$`");
	const segments: Segment[] = [];
	for (let at = 1; at < selector.length; ) {
		if (segments.length === segmentsMax) throw new SelectorRefused(`more than ${segmentsMax} segments`, at);
		const descendants = selector.startsWith("..", at);
		const start = at;
		if (descendants) at += 2;
		else if (selector[at] === ".") at++;
		const bracket = selector[at] === "[";
		if (bracket && !descendants && at > start) refuse(selector, at, "a name or `*` after `.`");
		if (!bracket && at === start) refuse(selector, at, "`.`, `..` or `[`");
		const [step, end] = bracket ? parseBracket(selector, at) : parseShorthand(selector, at);
		segments.push({ ...step, descendants });
		at = end;
	}
	return segments;
}

function refuse(selector: string, at: number, expected: string): never {
	const found = at >= selector.length ? "the end" : `\`${String.fromCodePoint(selector.codePointAt(at) ?? 0)}\``;
	throw new SelectorRefused(`found ${found} at position ${at + 1}, expected ${expected}`, at);
}

const shorthand = /[A-Za-z_\u0080-\u{10ffff}][A-Za-z0-9_\u0080-\u{10ffff}]*/uy;

function parseShorthand(selector: string, at: number): [Step, number] {
	if (selector[at] === "*") return [{ kind: "all" }, at + 1];
	shorthand.lastIndex = at;
	const match = shorthand.exec(selector);
	if (!match) refuse(selector, at, "a name (letters, digits, `_`; others as `['name']`) or `*`");
	return [{ kind: "name", name: match[0] }, at + match[0].length];
}

const index = /0|[1-9][0-9]{0,8}/y;
const blank = /[ \t\r\n]*/y;

function skipBlank(selector: string, at: number): number {
	blank.lastIndex = at;
	return at + (blank.exec(selector)?.[0].length ?? 0);
}

function parseBracket(selector: string, open: number): [Step, number] {
	const at = skipBlank(selector, open + 1);
	const [step, end] = parseInBracket(selector, at);
	const close = skipBlank(selector, end);
	if (selector[close] !== "]") refuse(selector, close, "`]` (unions, slices and filters are not supported)");
	return [step, close + 1];
}

function parseInBracket(selector: string, at: number): [Step, number] {
	const first = selector[at];
	if (first === "*") return [{ kind: "all" }, at + 1];
	if (first === "'" || first === '"') return parseQuoted(selector, at, first);
	index.lastIndex = at;
	const match = index.exec(selector);
	if (!match) refuse(selector, at, "a quoted name, an index from 0, or `*`");
	return [{ kind: "index", index: Number(match[0]) }, at + match[0].length];
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", "/": "/", "\\": "\\" };

function parseQuoted(selector: string, open: number, quote: string): [Step, number] {
	let name = "";
	for (let at = open + 1; at < selector.length; at++) {
		const character = selector.charAt(at);
		if (character === quote) return [{ kind: "name", name }, at + 1];
		if (character < " ") refuse(selector, at, "no control characters in a name");
		if (character !== "\\") {
			name += character;
			continue;
		}
		const escaped = selector.charAt(++at);
		if (escaped === "u") {
			const hex = selector.slice(at + 1, at + 5);
			if (!/^[0-9A-Fa-f]{4}$/.test(hex)) refuse(selector, at + 1, "four hexadecimal digits");
			name += String.fromCharCode(Number.parseInt(hex, 16));
			at += 4;
		} else {
			const plain = escaped === quote ? quote : escaped === "" ? undefined : escapes[escaped];
			if (plain === undefined) refuse(selector, at, "an escape of JSON");
			name += plain;
		}
	}
	return refuse(selector, selector.length, `a closing ${quote}`);
}

/** All paths of a specification as one automaton: a state is a place in one path, and a walk carries the states it is in. */
export interface Automaton<Action> {
	readonly states: readonly { readonly segment: Segment | undefined; readonly action: Action }[];
	/** States at the root. */
	readonly start: readonly number[];
}

export function buildAutomaton<Action>(paths: readonly (readonly [segments: readonly Segment[], action: Action])[]): Automaton<Action> {
	const states: { segment: Segment | undefined; action: Action }[] = [];
	const start: number[] = [];
	for (const [segments, action] of paths) {
		start.push(states.length);
		for (const segment of [...segments, undefined]) states.push({ segment, action });
	}
	return { states, start };
}

/** The states at a child, from the states at its parent. `name` is a member's name or an item's index. */
export function stepInto<Action>(automaton: Automaton<Action>, states: readonly number[], name: string | number): readonly number[] {
	if (states.length === 0) return states;
	// Most members are selected by no path: then only the states that wait for a descendant stay, which is often all of them.
	let next: number[] | undefined;
	let stays = true;
	for (const state of states) {
		const segment = automaton.states[state]?.segment;
		if (!segment) stays = false;
		else {
			stays &&= segment.descendants;
			if (selects(segment, name)) next = [...(next ?? []), state + 1];
		}
	}
	if (next === undefined && stays) return states;
	const waiting = states.filter((state) => automaton.states[state]?.segment?.descendants);
	return next === undefined ? waiting : [...new Set([...waiting, ...next])];
}

function selects(segment: Segment, name: string | number): boolean {
	if (segment.kind === "all") return true;
	return segment.kind === "name" ? segment.name === name : segment.index === name;
}

/** The actions of the paths that end here. */
export function actionsAt<Action>(automaton: Automaton<Action>, states: readonly number[]): readonly Action[] {
	const actions: Action[] = [];
	for (const state of states) {
		const entry = automaton.states[state];
		if (entry && entry.segment === undefined) actions.push(entry.action);
	}
	return actions;
}

/** The same where one is asked for, without a list of them: of several the one that `choose` prefers. */
export function actionAt<Action>(
	automaton: Automaton<Action>,
	states: readonly number[],
	choose: (one: Action, other: Action) => Action,
): Action | undefined {
	let action: Action | undefined;
	for (const state of states) {
		const entry = automaton.states[state];
		if (entry && entry.segment === undefined) action = action === undefined ? entry.action : choose(action, entry.action);
	}
	return action;
}
