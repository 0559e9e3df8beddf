// What a check of a condition learns: where it is refused, which parts are in vain, and which it looked at.
import { argumentsOfCall, type Expr, type Parsed } from "./condition-tree.ts";
import type { Relation } from "./value-relation.ts";
import type { ValueType } from "./value-type.ts";

/** Why a condition is refused, and where in its text (UTF-16 code units). */
export class ConditionRefused extends Error {
	readonly offset: number;
	constructor(offset: number, message: string) {
		super(message);
		this.name = "ConditionRefused";
		this.offset = offset;
	}
}

/** A part of a condition that is in vain for one function, which need not be a mistake: the condition may be about others. */
export interface Vain {
	readonly offset: number;
	readonly message: string;
	/** An argument that the function does not have, a value that its schema does not have, or a place that is another function's. */
	readonly about: "argument" | "value" | "place";
}

export class Notes {
	readonly vain = new Map<string, Vain>();
	readonly reached = new Map<string, ValueType>();
	private readonly positions: Readonly<Record<string, number>>;
	constructor(parsed: Parsed) {
		this.positions = parsed.sourceInfo?.positions ?? {};
	}

	refuse(expr: Expr, message: string): never {
		throw new ConditionRefused(this.offsetOf(expr), message);
	}

	inVain(expr: Expr, about: Vain["about"], message: string): void {
		this.vain.set(String(expr.id), { offset: this.offsetOf(expr), message, about });
	}

	/** Refuses what is impossible, notes what is in vain; whether it is. */
	never(expr: Expr, { is, why }: Relation, about = aboutOf(expr)): boolean {
		if (is === "impossible") this.refuse(expr, why);
		if (is === "vain") this.inVain(expr, about, why);
		return is === "vain";
	}

	private offsetOf(expr: Expr): number {
		return this.positions[String(expr.id)] ?? 0;
	}
}

/** What a comparison is about: with `connection`, a rule for several of them is in vain for all but one. */
export function aboutOf(expr: Expr): Vain["about"] {
	return argumentsOfCall(expr).some(({ exprKind }) => exprKind.case === "identExpr" && exprKind.value.name === "connection")
		? "place"
		: "value";
}
