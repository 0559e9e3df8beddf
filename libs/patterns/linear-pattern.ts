// Regular expressions of documents and policies, run by an engine whose time is linear in the text (RE2), and what a character costs each of them.
import { RE2JS } from "@bufbuild/re2";

/** Longest pattern that is compiled: an RE2 program grows with its pattern. */
const patternCharsMax = 2_000;
/** Dearest pattern that is compiled; a character then costs a millisecond. `[A-Za-z0-9]{1,1000}$` costs 4,000, most patterns less than 100. */
const costMax = 20_000;

export interface Pattern {
	/** What looking at one character costs at worst, in units of some 50 ns: linear in the text says nothing about how steep the line is. */
	readonly cost: number;
	/** Whether it is found anywhere in the text. Costs up to `cost` a character: who runs it on text that a caller chose bounds the product. */
	test(text: string): boolean;
}

/** Why a pattern is not compiled. */
export type PatternFault =
	/** RE2 has no such syntax (look-around, back-references), or the pattern is no pattern. */
	| "syntax"
	| "too long"
	/** Its repetitions make a program that is too large to be run on a caller's text. */
	| "too dear";

/** What configuration errors say of each. */
export const patternFaults: Readonly<Record<PatternFault, string>> = {
	syntax: "found a pattern that RE2 cannot run, expected one without look-around and back-references",
	"too long": `found a pattern that is too long, expected at most ${patternCharsMax} characters`,
	"too dear": "found a pattern that costs too much for each character it looks at, expected fewer or shorter repetitions ({n,m}) in it",
};

/** Compiles a pattern, or says why not. */
export function compilePattern(source: string): Pattern | PatternFault {
	if (source.length > patternCharsMax) return "too long";
	let compiled: RE2JS;
	try {
		compiled = RE2JS.compile(source);
	} catch {
		return "syntax";
	}
	const cost = costOf(compiled.re2().prog);
	return cost > costMax ? "too dear" : { cost, test: (text) => compiled.test(text) };
}

/** The engine's program: instructions that point at others (Russ Cox, "Regular Expression Matching: the Virtual Machine Approach"). */
interface Program {
	readonly start: number;
	numInst(): number;
	getInst(place: number): { readonly op: number; readonly out: number; readonly arg: number };
}

/** Numbers of the engine's instructions. From `rune` on they consume a character; a fork goes two ways, a pass one. */
const op = { fork: [1, 2], pass: [3, 4, 7], rune: 8 } as const;
/** What a character costs beside its instructions. */
const costBase = 20;

/**
 * The engine remembers sets of places in the program, so that most characters cost one look-up. A text that makes ever new sets makes it fall
 * back to walking, for each place that takes a character, to all places behind it: the sum of these walks is the worst a character can cost.
 */
function costOf(program: Program): number {
	let cost = costBase + walkFrom(program, program.start);
	for (let place = 0; place < program.numInst() && cost <= costMax; place++) {
		const { op: kind, out } = program.getInst(place);
		if (kind >= op.rune) cost += walkFrom(program, out);
	}
	return cost;
}

/** How many places are reached from one without consuming a character. */
function walkFrom(program: Program, from: number): number {
	const seen = new Set<number>();
	const open = [from];
	for (let place = open.pop(); place !== undefined; place = open.pop()) {
		if (seen.has(place)) continue;
		seen.add(place);
		const { op: kind, out, arg } = program.getInst(place);
		if (op.fork.some((one) => one === kind)) open.push(out, arg);
		else if (op.pass.some((one) => one === kind)) open.push(out);
	}
	return seen.size;
}
