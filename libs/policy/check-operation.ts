// What an operator or function of a condition gives for operands of these types, or why it cannot be used with them.
import { fits, kindsOf } from "./cel-kinds.ts";
import { allowedFunctions, conditionEnvironment } from "./condition-functions.ts";
import { aboutOf, type Notes } from "./condition-notes.ts";
import { timeMethods } from "./condition-time.ts";
import { argumentsOfCall, type Expr, type Part, spoken } from "./condition-tree.ts";
import { equality, order } from "./value-relation.ts";
import { answered, anything, bool, spokenType, surelyIs, typeOf, type ValueType } from "./value-type.ts";
import { whyNoPattern, whyNoZone } from "./written-arguments.ts";

export function checkOperation(notes: Notes, expr: Expr, call: Part<"callExpr">, types: readonly ValueType[]): ValueType {
	const name = call.function;
	const group = allowedFunctions.has(name) ? conditionEnvironment.funcs.find(name) : undefined;
	if (group === undefined) notes.refuse(expr, `unknown function "${name}"`);
	const isMethod = call.target !== undefined;
	const fitting = [...group].filter((one) => (one.target !== undefined) === isMethod && fits(one, types));
	if (fitting.length === 0) notes.refuse(expr, `"${spoken(name)}" cannot be used with ${types.map(spokenType).join(" and ") || "nothing"}`);
	const [left = anything, right = anything] = types;
	switch (name) {
		case "_==_":
		case "_!=_":
			return equalityOf(notes, expr, left, right, name === "_==_");
		case "@in":
			return membershipOf(notes, expr, left, right);
		case "!_":
			return surelyIs(true, left) || surelyIs(false, left) ? answered(surelyIs(false, left)) : bool;
	}
	const unwritten =
		name === "matches" ? whyNoPattern(call.args[0]) : timeMethods.includes(name) && call.args[0] ? whyNoZone(call.args[0]) : undefined;
	if (unwritten !== undefined) notes.refuse(expr, unwritten);
	if (notes.never(expr, order(name, left, right), "place")) return answered(false);
	return typeOf([...new Set(fitting.flatMap((one) => kindsOf(one.result)))]);
}

function equalityOf(notes: Notes, expr: Expr, left: ValueType, right: ValueType, isWanted: boolean): ValueType {
	const relation = equality(left, right);
	// To ask whether something is not null is careful, and never wrong.
	const isCareful = !isWanted && relation.is === "impossible" && (left.kinds.has("null") || right.kinds.has("null"));
	if (isCareful) return bool;
	return notes.never(expr, relation) ? answered(!isWanted) : bool;
}

/** `x in [a, b]` is `x == a || x == b`: each of them is looked at. */
function membershipOf(notes: Notes, expr: Expr, left: ValueType, right: ValueType): ValueType {
	const list = argumentsOfCall(expr)[1];
	if (list?.exprKind.case === "listExpr") {
		const { elements } = list.exprKind.value;
		const never = elements.filter((one) => notes.never(one, equality(left, notes.reached.get(String(one.id)) ?? anything), aboutOf(expr)));
		return elements.length > 0 && never.length === elements.length ? answered(false) : bool;
	}
	const isKey = right.kinds.has("map") && left.kinds.has("string");
	const relation = right.kinds.has("list") ? equality(left, right.items()) : undefined;
	if (isKey || relation?.is === "possible") return bool;
	if (relation && notes.never(expr, relation)) return answered(false);
	return notes.refuse(expr, `${spokenType(left)} is never in ${spokenType(right)}`);
}
