// How much work the conditions of one decision may do: a caller chooses the arguments, so it must not choose the cost.
import { type CelValue, isCelList, isCelMap } from "@bufbuild/cel";

/**
 * Steps of one decision: far more than policies need (a loop's turn is six steps, a compared item or 64 characters one). The dearest steps, those of
 * patterns, take some 200 ns: all of them together stay below the 50 ms in which nobody else is heard.
 */
export const stepsMax = 100_000;

class BudgetExhausted extends Error {
	constructor() {
		super("the conditions need more steps than one decision may take");
		this.name = "BudgetExhausted";
	}
}

// One number for the process is enough, because an evaluation never yields: nothing else runs between its start and its end.
let stepsLeft = 0;

/** Runs `evaluate` with a budget of its own; inside, {@link spend} throws once it is used up. */
export function withBudget<T>(steps: number, evaluate: () => T): T {
	const outer = stepsLeft;
	stepsLeft = steps;
	try {
		return evaluate();
	} finally {
		stepsLeft = outer;
	}
}

/** @throws {BudgetExhausted} and keeps throwing until the decision ends: a condition cannot absorb it and go on. */
export function spend(steps: number): void {
	stepsLeft -= steps;
	if (stepsLeft < 0) throw new BudgetExhausted();
}

export function isExhausted(): boolean {
	return stepsLeft < 0;
}

/** Spends what looking at a value costs: a string's length, a collection's size but not what is inside. */
export function spendShallow(value: CelValue | undefined): void {
	if (typeof value === "string") spend(value.length >>> 6);
	else if (isCelList(value) || isCelMap(value)) spend(value.size >>> 3);
}

/** Spends what walking all of a value costs. */
export function spendDeep(value: CelValue | undefined): void {
	if (isCelList(value)) {
		spend(1 + value.size);
		for (const item of value) spendDeep(item);
	} else if (isCelMap(value)) {
		spend(1 + value.size);
		for (const item of value.values()) spendDeep(item);
	} else spendShallow(value);
}
