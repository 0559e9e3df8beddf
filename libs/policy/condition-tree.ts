// A condition as the parser gives it: its parts, and what they say as they are written.
import type { parse } from "@bufbuild/cel";
import { loopStep } from "./condition-functions.ts";

export type Parsed = ReturnType<typeof parse>;
export type Expr = Parsed["expr"];
export type Part<Case extends string> = Extract<Expr["exprKind"], { case: Case }>["value"];

/** Only their members can be read: what a condition depends on is then known before it runs. */
export const records: ReadonlySet<string> = new Set(["args", "caller"]);

/** `args` or `caller`, if that is what the expression is. */
export function recordOf(expr: Expr | undefined): string | undefined {
	if (expr?.exprKind.case !== "identExpr") return undefined;
	const { name } = expr.exprKind.value;
	return records.has(name) ? name : undefined;
}

export function literalText(expr: Expr | undefined): string | undefined {
	if (expr?.exprKind.case !== "constExpr") return undefined;
	const { constantKind } = expr.exprKind.value;
	return constantKind.case === "stringValue" ? constantKind.value : undefined;
}

export function argumentsOfCall(expr: Expr): readonly Expr[] {
	return expr.exprKind.case === "callExpr" ? expr.exprKind.value.args : [];
}

/** Whether a turn of the loop is counted by its condition. */
export function isCounted({ exprKind }: Expr): boolean {
	return exprKind.case === "callExpr" && exprKind.value.function === loopStep;
}

export function counted(condition: Expr): Expr {
	return {
		...condition,
		exprKind: { case: "callExpr", value: { $typeName: "cel.expr.Expr.Call", function: loopStep, args: [condition] } },
	};
}

/** `_<=_` as its author wrote it. */
export function spoken(name: string): string {
	return name.replace(/^[_@]|_$/g, "");
}

/** The parts that a part is made of. */
export function childrenOf({ exprKind: kind }: Expr): (Expr | undefined)[] {
	switch (kind.case) {
		case "selectExpr":
			return [kind.value.operand];
		case "callExpr":
			return [kind.value.target, ...kind.value.args];
		case "listExpr":
			return kind.value.elements;
		case "structExpr":
			return kind.value.entries.flatMap((entry) => [entry.keyKind.case === "mapKey" ? entry.keyKind.value : undefined, entry.value]);
		case "comprehensionExpr":
			return [kind.value.iterRange, kind.value.accuInit, kind.value.loopCondition, kind.value.loopStep, kind.value.result];
		default:
			return [];
	}
}
