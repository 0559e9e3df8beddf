// What a condition may say, checked when it is compiled: names, functions, types, size. The library itself checks none of it before it runs.
import type { CelFunc, CelType, parse } from "@bufbuild/cel";
import { patternFaults } from "#libs/patterns/linear-pattern.ts";
import { allowedFunctions, conditionEnvironment, loopStep, patternOf } from "./condition-functions.ts";
import { timeMethods } from "./condition-time.ts";

export type Parsed = ReturnType<typeof parse>;
export type Expr = Parsed["expr"];
type Kind<Case extends string> = Extract<Expr["exprKind"], { case: Case }>["value"];

/** CEL's types as far as conditions know them before they run; `number` is int or double, `dyn` anything. */
export type StaticType = "bool" | "int" | "double" | "number" | "string" | "list" | "map" | "null" | "timestamp" | "duration" | "dyn";

/** Why a condition is refused, and where in its text (UTF-16 code units). */
export class ConditionRefused extends Error {
	readonly offset: number;
	constructor(offset: number, message: string) {
		super(message);
		this.name = "ConditionRefused";
		this.offset = offset;
	}
}

/** Bounds that no sensible condition meets; each keeps a recursion or a product small. */
const conditionLimits = { nodesMax: 1_000, depthMax: 64, loopDepthMax: 2, patternCharactersMax: 256 } as const;

/** Members of `caller`; every one is always there (`email` is "" if the issuer gave none). */
const callerMembers: ReadonlyMap<string, StaticType> = new Map([
	["issuer", "string"],
	["subject", "string"],
	["email", "string"],
	["groups", "list"],
]);
const variables: ReadonlyMap<string, StaticType> = new Map([
	["args", "map"],
	["caller", "map"],
	["connection", "string"],
	["function", "string"],
	["now", "timestamp"],
]);
const numeric: ReadonlySet<StaticType> = new Set(["int", "double", "number"]);
/** Only their members can be read: what a condition depends on is then known before it runs. */
const records: ReadonlySet<string> = new Set(["args", "caller"]);

interface Scope {
	readonly loops: ReadonlyMap<string, StaticType>;
	readonly depth: number;
	readonly loopDepth: number;
}

/**
 * Checks one parsed condition and rewrites it in place: `args["x"]` to `args.x`, `"x" in args` to `has(args.x)`, and a counter around every
 * loop. Returns its static type.
 *
 * @throws {ConditionRefused}
 */
export function checkCondition(parsed: Parsed): StaticType {
	return new Check(parsed).typeOf(parsed.expr, { loops: new Map(), depth: 0, loopDepth: 0 });
}

class Check {
	private readonly positions: Readonly<Record<string, number>>;
	private nodes = 0;
	constructor(parsed: Parsed) {
		this.positions = parsed.sourceInfo?.positions ?? {};
	}

	private refuse(expr: Expr, message: string): never {
		throw new ConditionRefused(this.positions[String(expr.id)] ?? 0, message);
	}

	typeOf(expr: Expr | undefined, outer: Scope): StaticType {
		if (expr === undefined) throw new ConditionRefused(0, "the condition is incomplete");
		const scope = { ...outer, depth: outer.depth + 1 };
		if (++this.nodes > conditionLimits.nodesMax) this.refuse(expr, `the condition has more than ${conditionLimits.nodesMax} parts`);
		if (scope.depth > conditionLimits.depthMax) this.refuse(expr, `the condition nests deeper than ${conditionLimits.depthMax} levels`);
		const kind = expr.exprKind;
		switch (kind.case) {
			case "constExpr":
				return this.constant(expr, kind.value);
			case "identExpr":
				return this.identifier(expr, kind.value.name, scope);
			case "selectExpr":
				return this.select(expr, kind.value, scope);
			case "callExpr":
				return this.call(expr, kind.value, scope);
			case "listExpr":
				for (const element of kind.value.elements) this.typeOf(element, scope);
				return "list";
			case "structExpr":
				return this.struct(expr, kind.value, scope);
			case "comprehensionExpr":
				return this.loop(expr, kind.value, scope);
			default:
				return this.refuse(expr, "this part of the condition is not understood");
		}
	}

	private constant(expr: Expr, value: Kind<"constExpr">): StaticType {
		const { case: which, value: literal } = value.constantKind;
		switch (which) {
			case "boolValue":
				return "bool";
			case "stringValue":
				return "string";
			case "nullValue":
				return "null";
			case "int64Value":
				// Arguments are JSON numbers (doubles): beside a larger literal a comparison would round.
				if (!Number.isSafeInteger(Number(literal))) this.refuse(expr, "whole numbers go up to 9007199254740991 (2^53 - 1)");
				return "int";
			case "doubleValue":
				if (!Number.isFinite(literal)) this.refuse(expr, "the number is too large");
				return "double";
			default:
				return this.refuse(expr, "write numbers as 5 or 5.0 and text in quotes; bytes and unsigned numbers are not used in conditions");
		}
	}

	private identifier(expr: Expr, name: string, scope: Scope): StaticType {
		const known = scope.loops.get(name) ?? variables.get(name);
		if (known === undefined) this.refuse(expr, `unknown name "${name}": conditions know ${[...variables.keys()].join(", ")}`);
		if (records.has(name))
			this.refuse(expr, `"${name}" can only be read by a name written out, such as ${name}.${name === "args" ? "amount" : "subject"}`);
		return known;
	}

	private select(expr: Expr, select: Kind<"selectExpr">, scope: Scope): StaticType {
		const record = recordOf(select.operand);
		if (record === "caller") {
			const type = callerMembers.get(select.field);
			if (type === undefined) this.refuse(expr, `caller has no member "${select.field}": it has ${[...callerMembers.keys()].join(", ")}`);
			return select.testOnly ? "bool" : type;
		}
		if (record !== "args") {
			const operand = this.typeOf(select.operand, scope);
			if (operand !== "map" && operand !== "dyn") this.refuse(expr, `${operand} has no member "${select.field}"`);
		}
		return select.testOnly ? "bool" : "dyn";
	}

	private call(expr: Expr, call: Kind<"callExpr">, scope: Scope): StaticType {
		if (this.rewriteRecordAccess(expr, call)) return this.typeOf(expr, scope);
		const name = call.function;
		if (name === "has") this.refuse(expr, "has() wants a member, such as has(args.amount)");
		const types = [...(call.target === undefined ? [] : [call.target]), ...call.args].map((one) => this.typeOf(one, scope));
		switch (name) {
			case "_&&_":
			case "_||_":
				for (const [at, type] of types.entries())
					if (type !== "bool" && type !== "dyn") this.refuse(call.args[at] ?? expr, `expected a yes-or-no condition, found ${type}`);
				return "bool";
			case "@not_strictly_false":
				return "bool";
			case "_?_:_":
				if (types[0] !== "bool" && types[0] !== "dyn") this.refuse(expr, `expected a yes-or-no condition before "?", found ${types[0]}`);
				return types[1] === types[2] ? (types[1] ?? "dyn") : "dyn";
			case "_[_]":
				if (types[0] !== "list" && types[0] !== "map" && types[0] !== "dyn") this.refuse(expr, `${types[0]} has no members`);
				return "dyn";
			default:
				return this.overload(expr, call, types);
		}
	}

	private overload(expr: Expr, call: Kind<"callExpr">, types: readonly StaticType[]): StaticType {
		const name = call.function;
		const group = allowedFunctions.has(name) ? conditionEnvironment.funcs.find(name) : undefined;
		if (group === undefined) this.refuse(expr, `unknown function "${name}"`);
		const isMethod = call.target !== undefined;
		const fitting = [...group].filter((one) => (one.target !== undefined) === isMethod && fits(one, types));
		if (fitting.length === 0) this.refuse(expr, `"${spoken(name)}" cannot be used with ${types.join(" and ") || "nothing"}`);
		if ((name === "_==_" || name === "_!=_") && neverEqual(types[0], types[1]))
			this.refuse(expr, `${types[0]} and ${types[1]} are never equal`);
		if (name === "matches") this.pattern(call.args[0], expr);
		if (timeMethods.includes(name) && call.args.length > 0) this.zone(call, expr);
		const results = new Set(fitting.map((one) => staticTypeOf(one.result)));
		if (results.size === 1) return [...results][0] ?? "dyn";
		return [...results].every((type) => numeric.has(type)) ? "number" : "dyn";
	}

	/** A pattern is written in the condition, never taken from arguments, so its size is bounded and its mistakes are found here. */
	private pattern(argument: Expr | undefined, expr: Expr): void {
		const pattern = literalText(argument);
		if (pattern === undefined) this.refuse(expr, "matches() wants its pattern written out in quotes");
		if (pattern.length > conditionLimits.patternCharactersMax)
			this.refuse(expr, `a pattern has at most ${conditionLimits.patternCharactersMax} characters`);
		const compiled = patternOf(pattern);
		if (typeof compiled === "string") this.refuse(expr, `matches(): ${patternFaults[compiled]}`);
	}

	private zone(call: Kind<"callExpr">, expr: Expr): void {
		const zone = literalText(call.args[0]);
		if (zone === undefined) this.refuse(expr, "the time zone must be written out in quotes");
		try {
			if (!/^[+-]\d\d:\d\d$/.test(zone)) new Intl.DateTimeFormat("en-US", { timeZone: zone });
		} catch {
			this.refuse(expr, `unknown time zone "${zone}"`);
		}
	}

	private struct(expr: Expr, struct: Kind<"structExpr">, scope: Scope): StaticType {
		if (struct.messageName !== "") this.refuse(expr, `unknown type "${struct.messageName}"`);
		for (const entry of struct.entries) {
			if (entry.keyKind.case === "mapKey") this.typeOf(entry.keyKind.value, scope);
			this.typeOf(entry.value, scope);
		}
		return "map";
	}

	private loop(expr: Expr, loop: Kind<"comprehensionExpr">, scope: Scope): StaticType {
		if (variables.has(loop.iterVar) || scope.loops.has(loop.iterVar)) this.refuse(expr, `the name "${loop.iterVar}" is already taken`);
		const range = this.typeOf(loop.iterRange, scope);
		if (range !== "list" && range !== "map" && range !== "dyn") this.refuse(expr, `${range} has no items to go through`);
		const loopDepth = scope.loopDepth + 1;
		if (loopDepth > conditionLimits.loopDepthMax) this.refuse(expr, `loops nest at most ${conditionLimits.loopDepthMax} deep`);
		const result = this.typeOf(loop.accuInit, scope);
		const inner = { ...scope, loopDepth, loops: new Map([...scope.loops, [loop.iterVar, "dyn" as const], [loop.accuVar, result]]) };
		this.typeOf(loop.loopCondition, inner);
		this.typeOf(loop.loopStep, inner);
		if (loop.loopCondition !== undefined) loop.loopCondition = counted(loop.loopCondition);
		return this.typeOf(loop.result, { ...scope, loops: new Map([...scope.loops, [loop.accuVar, result]]) });
	}

	/** `args["x"]` and `"x" in args` mean `args.x` and `has(args.x)`; one form is enough for everything that reads the tree. */
	private rewriteRecordAccess(expr: Expr, call: Kind<"callExpr">): boolean {
		const [left, right] = call.args;
		const isIndex = call.function === "_[_]" && recordOf(left) !== undefined;
		const isPresence = call.function === "@in" && recordOf(right) !== undefined;
		if (!isIndex && !isPresence) return false;
		const operand = isIndex ? left : right;
		const field = literalText(isIndex ? right : left);
		if (field === undefined || operand === undefined) this.refuse(expr, `"${recordOf(operand)}" can only be read by a name written out`);
		expr.exprKind = { case: "selectExpr", value: { $typeName: "cel.expr.Expr.Select", operand, field, testOnly: isPresence } };
		return true;
	}
}

/** `args` or `caller`, if that is what the expression is. */
export function recordOf(expr: Expr | undefined): string | undefined {
	if (expr?.exprKind.case !== "identExpr") return undefined;
	const { name } = expr.exprKind.value;
	return records.has(name) ? name : undefined;
}

function literalText(expr: Expr | undefined): string | undefined {
	if (expr?.exprKind.case !== "constExpr") return undefined;
	const { constantKind } = expr.exprKind.value;
	return constantKind.case === "stringValue" ? constantKind.value : undefined;
}

function counted(condition: Expr): Expr {
	return {
		...condition,
		exprKind: { case: "callExpr", value: { $typeName: "cel.expr.Expr.Call", function: loopStep, args: [condition] } },
	};
}

function fits(one: CelFunc, types: readonly StaticType[]): boolean {
	const wanted = [...(one.target === undefined ? [] : [one.target]), ...one.arguments].map(staticTypeOf);
	if (wanted.length !== types.length) return false;
	return wanted.every(
		(type, at) => type === "dyn" || types[at] === "dyn" || type === types[at] || (types[at] === "number" && numeric.has(type)),
	);
}

function neverEqual(left: StaticType | undefined, right: StaticType | undefined): boolean {
	const same = (type: StaticType | undefined) => (type !== undefined && numeric.has(type) ? "number" : type);
	if (left === "dyn" || right === "dyn" || left === "null" || right === "null") return false;
	return same(left) !== same(right);
}

/** The library's type as ours; types that no condition can produce (bytes, unsigned) have a name that nothing fits. */
function staticTypeOf(type: CelType): StaticType {
	switch (type.kind) {
		case "list":
		case "map":
			return type.kind;
		case "object":
			return type.name === "google.protobuf.Duration" ? "duration" : "timestamp";
		default:
			return type.name === "null_type" ? "null" : (type.name as StaticType);
	}
}

/** `_<=_` as its author wrote it. */
function spoken(name: string): string {
	return name.replace(/^[_@]|_$/g, "");
}
