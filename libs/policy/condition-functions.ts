// The functions that conditions may call: CEL's own, made safe for arguments that an attacker chose, and nothing that grows text or lists.
import {
	type CelFunc,
	CelScalar,
	type CelValue,
	celEnv,
	celFunc,
	celList,
	celMethod,
	isCelError,
	isCelList,
	isCelMap,
	listType,
} from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { compilePattern, type Pattern, type PatternFault } from "#libs/patterns/linear-pattern.ts";
import { spend, spendDeep, spendShallow } from "./condition-budget.ts";
import { timeFunctions, timeMethods } from "./condition-time.ts";

/** Longest text that `matches` looks at. What a character costs is the pattern's to say, and is charged. */
const matchedTextMax = 4_096;
/** A loop's turn binds a variable and asks what is inside: as much as six other steps. */
const stepsPerTurn = 6;
/** Units of a pattern's cost that make a step of the budget: 50 and 200 ns. */
const costPerStep = 4;
/** Longest list that `map`, `filter` and `+` may build. */
const builtListMax = 1_000;
/** Put around a loop's own condition by the compiler, so that every turn is counted. */
export const loopStep = "@step";

/** Everything else that the library brings (bytes, unsigned, type names, replace, format, join) is unknown to a condition. */
export const allowedFunctions: ReadonlySet<string> = new Set([
	...["_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_+_", "_-_", "_*_", "_/_", "_%_", "!_", "-_", "@in"],
	...["size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string", "bool", "timestamp", "duration"],
	...["charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "split", "substring", "trim"],
	...timeMethods,
]);

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);

/**
 * Arithmetic for JSON numbers, which are doubles in conditions, with integer literals: `args.amount * 2` means what it says. Standard CEL
 * refuses to mix them. What is not a finite number is an error: with NaN every comparison is false, which would walk past a deny rule.
 */
const arithmetic: CelFunc[] = (
	[
		["_+_", (l, r) => l + r],
		["_-_", (l, r) => l - r],
		["_*_", (l, r) => l * r],
		["_/_", (l, r) => l / r],
		["_%_", (l, r) => wholeNumber(l) % wholeNumber(r)],
	] satisfies [string, (l: number, r: number) => number][]
).flatMap(([name, compute]) => [
	celFunc(name, [DOUBLE, DOUBLE], DOUBLE, (l, r) => finite(compute(l, r))),
	celFunc(name, [INT, DOUBLE], DOUBLE, (l, r) => finite(compute(Number(l), r))),
	celFunc(name, [DOUBLE, INT], DOUBLE, (l, r) => finite(compute(l, Number(r)))),
]);

function finite(value: number): number {
	if (!Number.isFinite(value)) throw new RangeError("not a finite number");
	return value;
}

function wholeNumber(value: number): number {
	if (!Number.isSafeInteger(value)) throw new RangeError("% wants whole numbers");
	return value;
}

/** Texts become numbers only if they are plain decimals: JavaScript's own conversions accept "", "0x10", " 5 " and "NaN". */
const strictConversions: CelFunc[] = [
	celFunc("double", [STRING], DOUBLE, (text) => {
		if (!/^-?\d{1,32}(\.\d{1,32})?$/.test(text)) throw new RangeError("not a decimal number");
		return finite(Number(text));
	}),
	celFunc("int", [STRING], INT, (text) => {
		if (!/^-?\d{1,16}$/.test(text)) throw new RangeError("not a whole number");
		return BigInt(text);
	}),
];

/** The library chains lists it adds, each inside the last: flat copies of bounded size instead. */
const boundedLists: CelFunc = celFunc("_+_", [LIST, LIST], LIST, (left, right) => {
	if (left.size + right.size > builtListMax) throw new RangeError(`a condition may build lists of at most ${builtListMax} items`);
	spend((left.size + right.size) >>> 3);
	return celList([...left, ...right]);
});

/** The library's own go character by character through texts of any size. */
const boundedTexts: CelFunc[] = [
	celMethod("lowerAscii", STRING, [], STRING, function () {
		spendShallow(this);
		return this.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
	}),
	celMethod("upperAscii", STRING, [], STRING, function () {
		spendShallow(this);
		return this.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
	}),
	celMethod("split", STRING, [STRING], LIST, function (separator) {
		spendShallow(this);
		const parts = this.split(separator, builtListMax + 1);
		if (parts.length > builtListMax) throw new RangeError(`a condition may build lists of at most ${builtListMax} items`);
		return celList(parts);
	}),
];

// Patterns are literals of conditions, so a policy's own number of them bounds this cache.
const patterns = new Map<string, Pattern | PatternFault>();

/** The pattern of a `matches`, compiled once. */
export function patternOf(source: string): Pattern | PatternFault {
	const known = patterns.get(source);
	if (known !== undefined) return known;
	const compiled = compilePattern(source);
	patterns.set(source, compiled);
	return compiled;
}

const boundedMatches: CelFunc = celMethod("matches", STRING, [STRING], BOOL, function (source) {
	if (this.length > matchedTextMax) throw new RangeError(`matches() looks at ${matchedTextMax} characters at most`);
	const pattern = patternOf(source);
	if (typeof pattern === "string") throw new RangeError(`the pattern is not run: ${pattern}`);
	spend(64 + Math.ceil((pattern.cost * this.length) / costPerStep));
	return pattern.test(this);
});

/** The same function, paying for what it looks at. */
function metered(inner: CelFunc): CelFunc {
	const call = (target: CelValue | undefined, values: CelValue[]) => {
		spendFor(inner.name, target === undefined ? values : [target, ...values]);
		return answerOf(inner.call(0, target, values));
	};
	if (inner.target === undefined) return celFunc(inner.name, inner.arguments, inner.result, (...values) => call(undefined, values));
	return celMethod(inner.name, inner.target, inner.arguments, inner.result, function (...values) {
		return call(this, values);
	});
}

function spendFor(name: string, values: readonly CelValue[]): void {
	spend(1);
	const nested = values.filter((value) => isCelList(value) || isCelMap(value)).length;
	// Comparing a scalar with a collection is decided by the types; two collections are walked, and so is the list behind `in`.
	const walks = name === "@in" || ((name === "_==_" || name === "_!=_") && nested === 2);
	for (const value of values) {
		// The library counts a text's characters by spreading it.
		if (name === "size" && typeof value === "string") spend(value.length >>> 3);
		else if (!walks) spendShallow(value);
		else if (name === "@in" && isCelList(value) && nested === 1) spend(value.size);
		else spendDeep(value);
	}
}

function answerOf(result: ReturnType<CelFunc["call"]>): CelValue {
	if (isCelError(result)) throw result;
	if (result === undefined) throw new TypeError("no such overload");
	return result;
}

const ours: readonly CelFunc[] = [...arithmetic, ...strictConversions, boundedLists, ...boundedTexts, boundedMatches, ...timeFunctions];

function standardFunctions(): CelFunc[] {
	const replaced = new Set(ours.map((one) => one.id));
	const kept: CelFunc[] = [];
	for (const one of celEnv({ funcs: strings }).funcs) {
		// Splitting with a count means different things in different CELs, and ours is the bounded one.
		if (!allowedFunctions.has(one.name) || replaced.has(one.id) || one.name === "split") continue;
		kept.push(metered(one));
	}
	return kept;
}

/** The environment every condition is planned in. */
export const conditionEnvironment = celEnv({
	funcs: [
		...standardFunctions(),
		...ours,
		celFunc(loopStep, [BOOL], BOOL, (goOn) => {
			spend(stepsPerTurn);
			return goOn;
		}),
	],
});
