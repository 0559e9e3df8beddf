// One condition: compiled once, then asked of many calls. Its answer has four values, because "cannot be told" must never pass for "no".
import { type CelValue, isCelError, parse, plan, unparse } from "@bufbuild/cel";
import type { CallView } from "./call-view.ts";
import { checkCondition } from "./check-condition.ts";
import { type ConditionFault, faultsFor, type MatchedFunctions, type Outcome, withOutcome } from "./check-for-functions.ts";
import { isExhausted } from "./condition-budget.ts";
import { conditionEnvironment } from "./condition-functions.ts";
import { ConditionRefused } from "./condition-notes.ts";
import { checkSize } from "./condition-size.ts";
import { childrenOf, type Expr, type Parsed, recordOf } from "./condition-tree.ts";

/**
 * - `true`, `false`: the condition could be decided.
 * - `inapplicable`: it depends on an argument that this function does not have at all, so the rule is not about this function.
 * - `error`: it could not be decided, though the function has every argument it needs: one was left out, or has an unexpected type.
 */
export type Answer = "true" | "false" | "inapplicable" | "error";

/** What went into an answer, for explanations. `why` names members and never repeats a value. */
export interface Step {
	readonly text: string;
	readonly answer: Answer;
	readonly why?: string;
}

export interface Condition {
	/** Names of the arguments that it looks at. */
	readonly reads: ReadonlySet<string>;
	/** Its mistakes for the functions that it will be asked about. */
	faultsFor(matched: MatchedFunctions): ConditionFault[];
	/** Asks the condition; `onStep` hears every part that was evaluated. */
	ask(call: CallView, onStep?: (step: Step) => void): Answer;
}

export interface Amount {
	/** Its mistakes for the functions that it will be asked about. */
	faultsFor(matched: MatchedFunctions): ConditionFault[];
	/** The number it stands for in this call, or why there is none. */
	of(call: CallView): { readonly amount: number | bigint } | { readonly answer: "inapplicable" | "error"; readonly why: string };
}

type Node =
	| { readonly kind: "and" | "or"; readonly ranking: readonly Answer[]; readonly parts: readonly [Node, Node] }
	| { readonly kind: "if"; readonly test: Node; readonly yes: Node; readonly no: Node }
	| { readonly kind: "leaf"; readonly negated: boolean; readonly leaf: Leaf };

/** A part without `&&`, `||`, `!` and `?:` on its outside: the library evaluates it. */
interface Leaf {
	readonly text: string;
	evaluate(call: CallView): CelValue | Failure;
}

interface Failure {
	readonly failed: "inapplicable" | "error";
	readonly why: string;
}

const yesOrNo: Outcome = { kinds: ["bool"], expected: "a condition must be true or false" };
const number: Outcome = { kinds: ["int", "double"], expected: "a sum needs a number" };

/** Compiles a yes-or-no condition. @throws {ConditionRefused} */
export function compileCondition(source: string): Condition {
	const parsed = parseSource(source);
	refuse(parsed, yesOrNo);
	const node = nodeOf(parsed, parsed.expr, false, false);
	return {
		reads: new Set(parsed.expr ? argumentsOf(parsed.expr).read.keys() : []),
		faultsFor: (matched) => faultsFor(parsed, matched, yesOrNo),
		ask: (call, onStep) => askNode(node, call, onStep),
	};
}

/** Compiles the number that a limit sums up. @throws {ConditionRefused} */
export function compileAmount(source: string): Amount {
	const parsed = parseSource(source);
	refuse(parsed, number);
	const leaf = leafOf(parsed, parsed.expr);
	return {
		faultsFor: (matched) => faultsFor(parsed, matched, number),
		of(call) {
			const value = leaf.evaluate(call);
			if (isFailure(value)) return { answer: value.failed, why: value.why };
			if (typeof value === "number" || typeof value === "bigint") return { amount: value };
			return { answer: "error", why: "it is not a number" };
		},
	};
}

function refuse(parsed: Parsed, outcome: Outcome): void {
	const { refused } = withOutcome(checkCondition(parsed), outcome);
	if (refused) throw refused;
}

function parseSource(source: string): Parsed {
	try {
		const parsed = parse(source);
		checkSize(parsed);
		return parsed;
	} catch (error) {
		if (error instanceof ConditionRefused) throw error;
		if (error instanceof RangeError) throw new ConditionRefused(0, "the condition nests too deeply");
		throw new ConditionRefused(syntaxOffset(error), error instanceof Error ? syntaxMessage(error) : "the condition cannot be read");
	}
}

/** The parser's errors carry `location.start.offset` and a message of its own; its class is not exported. */
function syntaxOffset(error: unknown): number {
	const { location } = error as { location?: { start?: { offset?: unknown } } };
	return typeof location?.start?.offset === "number" ? location.start.offset : 0;
}

function syntaxMessage(error: Error): string {
	const { rawMessage } = error as { rawMessage?: unknown };
	const message = typeof rawMessage === "string" ? rawMessage : error.message;
	return `the condition is not valid CEL: ${message.slice(0, 200)}`;
}

/**
 * What two parts answer together: the first of these that one of them is; if none, both are the opposite of the decisive answer.
 *
 * "or": one `true` decides; else an error may hide a `true`, so it outweighs what is inapplicable.
 * "and": one `false` decides; else what is inapplicable cannot become true in this function, so it outweighs an error. But before a `?` it
 * matters as much whether the test is false, and an error may hide that: there the error outweighs.
 */
const rankings = {
	or: ["true", "error", "inapplicable"],
	and: ["false", "inapplicable", "error"],
	andInTest: ["false", "error", "inapplicable"],
} as const satisfies Record<string, readonly Answer[]>;

/** Splits a condition into its logic and its leaves; a negation moves to the leaves (De Morgan), so `!(a && b)` answers like `!a || !b`. */
function nodeOf(parsed: Parsed, expr: Expr, negated: boolean, inTest: boolean): Node {
	if (expr.exprKind.case === "callExpr") {
		const { function: name, args } = expr.exprKind.value;
		const [first, second, third] = args;
		if (name === "!_" && first) return nodeOf(parsed, first, !negated, inTest);
		if ((name === "_&&_" || name === "_||_") && first && second) {
			const kind = (name === "_&&_") === !negated ? "and" : "or";
			const ranking = kind === "or" ? rankings.or : inTest ? rankings.andInTest : rankings.and;
			return { kind, ranking, parts: [nodeOf(parsed, first, negated, inTest), nodeOf(parsed, second, negated, inTest)] };
		}
		if (name === "_?_:_" && first && second && third) {
			const branch = (one: Expr) => nodeOf(parsed, one, negated, inTest);
			return { kind: "if", test: nodeOf(parsed, first, false, true), yes: branch(second), no: branch(third) };
		}
	}
	return { kind: "leaf", negated, leaf: leafOf(parsed, expr) };
}

function askNode(node: Node, call: CallView, onStep: ((step: Step) => void) | undefined): Answer {
	switch (node.kind) {
		case "leaf":
			return askLeaf(node.leaf, node.negated, call, onStep);
		case "if": {
			const test = askNode(node.test, call, onStep);
			return test === "true" ? askNode(node.yes, call, onStep) : test === "false" ? askNode(node.no, call, onStep) : test;
		}
		default: {
			const first = askNode(node.parts[0], call, onStep);
			if (first === node.ranking[0]) return first;
			const second = askNode(node.parts[1], call, onStep);
			return node.ranking.find((answer) => answer === first || answer === second) ?? first;
		}
	}
}

function askLeaf(leaf: Leaf, negated: boolean, call: CallView, onStep: ((step: Step) => void) | undefined): Answer {
	const value = leaf.evaluate(call);
	const text = negated ? `!(${leaf.text})` : leaf.text;
	if (isFailure(value)) {
		onStep?.({ text, answer: value.failed, why: value.why });
		return value.failed;
	}
	if (typeof value !== "boolean") {
		onStep?.({ text, answer: "error", why: "it is neither true nor false" });
		return "error";
	}
	const answer = value !== negated ? "true" : "false";
	onStep?.({ text, answer });
	return answer;
}

function leafOf(parsed: Parsed, expr: Expr): Leaf {
	const evaluate = plan(conditionEnvironment, expr);
	const { read, tested } = argumentsOf(expr);
	return {
		text: textOf(parsed, expr),
		evaluate(call) {
			const value = evaluate(call.bindings);
			return isCelError(value) ? failureOf(read, tested, call) : value;
		},
	};
}

/**
 * Why a leaf could not be evaluated: an error, unless the function does not have an argument that the leaf reads without asking for it with
 * `has()`, and the call leaves out none that the function has.
 */
function failureOf(read: ReadonlyMap<string, string>, tested: ReadonlySet<string>, call: CallView): Failure {
	if (isExhausted()) return { failed: "error", why: "the conditions need more steps than one decision may take" };
	const missing = [...read.keys()].filter((name) => !call.has(name));
	const spoken = (names: readonly string[]) => names.map((name) => `args.${name}`).join(", ");
	const omitted = missing.filter((name) => call.declares(name));
	if (omitted.length > 0) return { failed: "error", why: `the call does not give ${spoken(omitted)}` };
	const foreign = missing.filter((name) => !tested.has(name));
	if (foreign.length > 0) return { failed: "inapplicable", why: `the function has no argument ${spoken(foreign)}` };
	return { failed: "error", why: "a value has not the type or the members that the condition expects" };
}

function isFailure(value: CelValue | Failure): value is Failure {
	return typeof value === "object" && value !== null && "failed" in value;
}

/** The leaf as its author wrote it; macros are put back together from the parser's notes. */
function textOf(parsed: Parsed, expr: Expr): string {
	try {
		return unparse({ ...parsed, expr }).slice(0, 200);
	} catch {
		return "condition";
	}
}

/** Top-level arguments that an expression reads (with the id of the first place) and those it tests with `has()`. */
function argumentsOf(expr: Expr): { read: Map<string, string>; tested: Set<string> } {
	const read = new Map<string, string>();
	const tested = new Set<string>();
	const open: (Expr | undefined)[] = [expr];
	while (open.length > 0) {
		const next = open.pop();
		if (next === undefined) continue;
		if (next.exprKind.case === "selectExpr" && recordOf(next.exprKind.value.operand) === "args") {
			const { field, testOnly } = next.exprKind.value;
			if (testOnly) tested.add(field);
			else if (!read.has(field)) read.set(field, String(next.id));
		}
		open.push(...childrenOf(next));
	}
	return { read, tested };
}
