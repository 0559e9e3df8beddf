// What a condition may say, checked when it is compiled: names, functions, types. The library itself checks none of it before it runs.
import { checkOperation } from "./check-operation.ts";
import { loopStep } from "./condition-functions.ts";
import { ConditionRefused, Notes, type Vain } from "./condition-notes.ts";
import { counted, type Expr, isCounted, literalText, type Parsed, type Part, recordOf, records } from "./condition-tree.ts";
import {
	answered,
	anyJson,
	anything,
	bool,
	either,
	joined,
	literal,
	lookUp,
	nothing,
	spokenType,
	surelyIs,
	typeOf,
	type ValueType,
} from "./value-type.ts";

/** The function that a condition is checked for: what is known of its calls. */
export interface CheckedFunction {
	readonly connection: string;
	readonly name: string;
	readonly args: ValueType;
}

export interface Checked {
	readonly type: ValueType;
	readonly vain: ReadonlyMap<string, Vain>;
	/** Every part that was looked at, by its id; what stands behind a `has()` that is never true is not. */
	readonly reached: ReadonlyMap<string, ValueType>;
	/** What can never be evaluated, or is of the wrong type; nothing behind it was looked at. */
	readonly refused?: ConditionRefused;
}

/** A loop in a loop in a loop is no sensible condition, and a product that is not small. */
const loopDepthMax = 2;

const text = typeOf(["string"]);
/** Members of `caller`; every one is always there (`email` is "" if the issuer gave none). */
const callerMembers: ReadonlyMap<string, ValueType> = new Map([
	["issuer", text],
	["subject", text],
	["email", text],
	["groups", typeOf(["list"], { items: () => text })],
]);
const variables: ReadonlyMap<string, ValueType> = new Map([
	["args", typeOf(["map"])],
	["caller", typeOf(["map"])],
	["connection", text],
	["now", typeOf(["timestamp"])],
]);
interface Scope {
	readonly loops: ReadonlyMap<string, ValueType>;
	readonly loopDepth: number;
}

/**
 * Checks one parsed condition and rewrites it in place: `args["x"]` to `args.x`, `"x" in args` to `has(args.x)`, and a counter around every
 * loop. With `fn` it is checked for the calls of that function, else for calls of which nothing is known.
 */
export function checkCondition(parsed: Parsed, fn?: CheckedFunction): Checked {
	const notes = new Notes(parsed);
	const { vain, reached } = notes;
	try {
		return { type: new Check(notes, fn).typeOf(parsed.expr, { loops: new Map(), loopDepth: 0 }), vain, reached };
	} catch (error) {
		if (!(error instanceof ConditionRefused)) throw error;
		return { type: nothing, vain, reached, refused: error };
	}
}

class Check {
	private readonly notes: Notes;
	private readonly fn: CheckedFunction | undefined;
	/** Arguments read so far that the function does not have. */
	private absent = 0;
	constructor(notes: Notes, fn: CheckedFunction | undefined) {
		this.notes = notes;
		this.fn = fn;
	}

	typeOf(expr: Expr | undefined, scope: Scope): ValueType {
		if (expr === undefined) throw new ConditionRefused(0, "the condition is incomplete");
		const before = this.absent;
		const type = this.typeOfPart(expr, scope);
		// What reads an argument that the function does not have is never asked about it.
		if (this.absent === before) this.notes.reached.set(String(expr.id), type);
		return type;
	}

	private typeOfPart(expr: Expr, scope: Scope): ValueType {
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
			case "listExpr": {
				const items = kind.value.elements.map((element) => this.typeOf(element, scope));
				return typeOf(["list"], { items: () => joined(items) });
			}
			case "structExpr":
				return this.struct(expr, kind.value, scope);
			case "comprehensionExpr":
				return this.loop(expr, kind.value, scope);
			default:
				return this.notes.refuse(expr, "this part of the condition is not understood");
		}
	}

	private constant(expr: Expr, value: Part<"constExpr">): ValueType {
		const { case: which, value: written } = value.constantKind;
		switch (which) {
			case "boolValue":
				// Not as a known answer: who writes `true` or `false` alone means it.
				return bool;
			case "stringValue":
				return literal("string", written);
			case "nullValue":
				return typeOf(["null"]);
			case "int64Value":
				// Arguments are JSON numbers (doubles): beside a larger literal a comparison would round.
				if (!Number.isSafeInteger(Number(written))) this.notes.refuse(expr, "whole numbers go up to 9007199254740991 (2^53 - 1)");
				return literal("int", Number(written));
			case "doubleValue":
				if (!Number.isFinite(written)) this.notes.refuse(expr, "the number is too large");
				return literal("double", written);
			default:
				return this.notes.refuse(
					expr,
					"write numbers as 5 or 5.0 and text in quotes; bytes and unsigned numbers are not used in conditions",
				);
		}
	}

	private identifier(expr: Expr, name: string, scope: Scope): ValueType {
		const known = scope.loops.get(name) ?? variables.get(name);
		if (known === undefined) this.notes.refuse(expr, `unknown name "${name}": conditions know ${[...variables.keys()].join(", ")}`);
		if (records.has(name))
			this.notes.refuse(
				expr,
				`"${name}" can only be read by a name written out, such as ${name}.${name === "args" ? "amount" : "subject"}`,
			);
		if (this.fn && name === "connection") return literal("string", this.fn.connection);
		return known;
	}

	private select(expr: Expr, select: Part<"selectExpr">, scope: Scope): ValueType {
		const record = recordOf(select.operand);
		if (record === "caller") {
			const type = callerMembers.get(select.field);
			if (type === undefined)
				this.notes.refuse(expr, `caller has no member "${select.field}": it has ${[...callerMembers.keys()].join(", ")}`);
			return select.testOnly ? bool : type;
		}
		if (record === "args") return this.argument(expr, select);
		const operand = this.typeOf(select.operand, scope);
		if (!operand.kinds.has("map")) this.notes.refuse(expr, `${spokenType(operand)} has no member "${select.field}"`);
		const { found, missing } = lookUp(operand, select.field);
		if (found) return select.testOnly ? bool : found;
		if (!select.testOnly) this.notes.refuse(expr, `the object has no member "${select.field}"${missing}`);
		this.notes.inVain(expr, "place", `has() is never true: the object has no member "${select.field}"${missing}`);
		return answered(false);
	}

	/** An argument that this function does not have makes a rule silent about it, and is a mistake if no function has it. */
	private argument(expr: Expr, { field, testOnly }: Part<"selectExpr">): ValueType {
		const { found, missing } = lookUp(this.fn?.args ?? anything, field);
		if (!found) this.notes.inVain(expr, "argument", `no function that this rule matches has an argument "${field}"${missing}`);
		if (testOnly) return found ? bool : answered(false);
		if (!found) this.absent++;
		return found ?? anything;
	}

	private call(expr: Expr, call: Part<"callExpr">, scope: Scope): ValueType {
		if (this.rewriteRecordAccess(expr, call)) return this.typeOf(expr, scope);
		const [first, second, third] = call.args;
		switch (call.function) {
			case "has":
				return this.notes.refuse(expr, "has() wants a member, such as has(args.amount)");
			case "_&&_":
				return this.both(false, [first, second], expr, scope);
			case "_||_":
				return this.both(true, [first, second], expr, scope);
			case "_?_:_": {
				const test = this.answer(first, expr, scope, ' before "?"');
				if (surelyIs(true, test)) return this.typeOf(second, scope);
				if (surelyIs(false, test)) return this.typeOf(third, scope);
				return either(this.typeOf(second, scope), this.typeOf(third, scope));
			}
			case "@not_strictly_false":
			case loopStep:
				this.typeOf(first, scope);
				return bool;
			case "_[_]":
				return this.item(expr, this.typeOf(first, scope), this.typeOf(second, scope));
			default:
				return checkOperation(
					this.notes,
					expr,
					call,
					[...(call.target === undefined ? [] : [call.target]), ...call.args].map((one) => this.typeOf(one, scope)),
				);
		}
	}

	/** `&&` (decided by a false) and `||` (decided by a true): what stands beside an answer that decides is not asked. */
	private both(deciding: boolean, parts: readonly (Expr | undefined)[], expr: Expr, scope: Scope): ValueType {
		let isOpen = false;
		for (const part of parts) {
			const answer = this.answer(part, expr, scope);
			if (surelyIs(deciding, answer)) return answered(deciding);
			isOpen ||= !surelyIs(!deciding, answer);
		}
		return isOpen ? bool : answered(!deciding);
	}

	private answer(part: Expr | undefined, expr: Expr, scope: Scope, where = ""): ValueType {
		const type = this.typeOf(part, scope);
		if (!type.kinds.has("bool")) this.notes.refuse(part ?? expr, `expected a yes-or-no condition${where}, found ${spokenType(type)}`);
		return type;
	}

	private item(expr: Expr, container: ValueType, at: ValueType): ValueType {
		const isList = container.kinds.has("list") && (at.kinds.has("int") || at.kinds.has("double"));
		const isMap = container.kinds.has("map") && at.kinds.has("string");
		if (!isList && !isMap) this.notes.refuse(expr, `${spokenType(container)} has no members that are read by ${spokenType(at)}`);
		const [name, ...others] = at.values.get("string") ?? [];
		const isNamed = isMap && typeof name === "string" && others.length === 0;
		const { found, missing } = isNamed ? lookUp(container, name) : { found: isMap ? anyJson : nothing, missing: "" };
		if (!found && !isList) this.notes.refuse(expr, `the object has no member "${name}"${missing}`);
		return either(found ?? nothing, isList ? container.items() : nothing);
	}

	private struct(expr: Expr, struct: Part<"structExpr">, scope: Scope): ValueType {
		if (struct.messageName !== "") this.notes.refuse(expr, `unknown type "${struct.messageName}"`);
		for (const entry of struct.entries) {
			if (entry.keyKind.case === "mapKey") this.typeOf(entry.keyKind.value, scope);
			this.typeOf(entry.value, scope);
		}
		return typeOf(["map"]);
	}

	private loop(expr: Expr, loop: Part<"comprehensionExpr">, scope: Scope): ValueType {
		if (variables.has(loop.iterVar) || scope.loops.has(loop.iterVar))
			this.notes.refuse(expr, `the name "${loop.iterVar}" is already taken`);
		const range = this.typeOf(loop.iterRange, scope);
		if (!range.kinds.has("list") && !range.kinds.has("map")) this.notes.refuse(expr, `${spokenType(range)} has no items to go through`);
		const loopDepth = scope.loopDepth + 1;
		if (loopDepth > loopDepthMax) this.notes.refuse(expr, `loops nest at most ${loopDepthMax} deep`);
		const each = either(range.kinds.has("list") ? range.items() : nothing, range.kinds.has("map") ? text : nothing);
		// What the loop collects changes as it goes: of that only the kind is known.
		const result = typeOf([...this.typeOf(loop.accuInit, scope).kinds]);
		const inner = { ...scope, loopDepth, loops: new Map([...scope.loops, [loop.iterVar, each], [loop.accuVar, result]]) };
		this.typeOf(loop.loopCondition, inner);
		this.typeOf(loop.loopStep, inner);
		if (loop.loopCondition !== undefined && !isCounted(loop.loopCondition)) loop.loopCondition = counted(loop.loopCondition);
		return this.typeOf(loop.result, { ...scope, loops: new Map([...scope.loops, [loop.accuVar, result]]) });
	}

	/** `args["x"]` and `"x" in args` mean `args.x` and `has(args.x)`; one form is enough for everything that reads the tree. */
	private rewriteRecordAccess(expr: Expr, call: Part<"callExpr">): boolean {
		const [left, right] = call.args;
		const isIndex = call.function === "_[_]" && recordOf(left) !== undefined;
		const isPresence = call.function === "@in" && recordOf(right) !== undefined;
		if (!isIndex && !isPresence) return false;
		const operand = isIndex ? left : right;
		const field = literalText(isIndex ? right : left);
		if (field === undefined || operand === undefined)
			this.notes.refuse(expr, `"${recordOf(operand)}" can only be read by a name written out`);
		expr.exprKind = { case: "selectExpr", value: { $typeName: "cel.expr.Expr.Select", operand, field, testOnly: isPresence } };
		return true;
	}
}
