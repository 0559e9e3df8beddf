// What is wrong with a condition for the functions that its rule matches, each of them checked by its own schema.
import { type Checked, type CheckedFunction, checkCondition } from "./check-condition.ts";
import { ConditionRefused, type Vain } from "./condition-notes.ts";
import type { Parsed } from "./condition-tree.ts";
import { type Kind, spokenType, surelyIs } from "./value-type.ts";

export interface MatchedFunctions {
	readonly all: readonly CheckedFunction[];
	/** The rule names its functions, and so means each of them; else it means those that it fits. */
	readonly areNamed: boolean;
}

/** A mistake and where it is in the condition's text (UTF-16 code units). */
export interface ConditionFault {
	readonly offset: number;
	readonly message: string;
}

/** What the whole of an expression must come to. */
export interface Outcome {
	readonly kinds: readonly Kind[];
	readonly expected: string;
}

/** Functions that a message names. */
const namedMax = 3;

/**
 * Mistakes for the functions of one rule: what can never be evaluated for one of them, and what is in vain for all. A value that the schema
 * does not have is a mistake for each function that the rule names.
 */
export function faultsFor(parsed: Parsed, { all, areNamed }: MatchedFunctions, outcome: Outcome): ConditionFault[] {
	const faults = new Faults();
	const checks = all.map((fn) => ({ fn, ...withOutcome(checkCondition(parsed, fn), outcome) }));
	for (const { fn, refused } of checks) if (refused) faults.add(refused, fn);
	for (const { fn, vain } of checks) {
		for (const [id, one] of vain) {
			// Of a check that ended early nobody knows what it would have said.
			const isForAll = () => checks.every((other) => other.vain.has(id) || (!other.refused && !other.reached.has(id)));
			if ((areNamed && one.about === "value") || isForAll()) faults.add(one, fn);
		}
	}
	const list = faults.list();
	if (list.length > 0 || checks.length === 0 || !checks.every(({ type }) => surelyIs(false, type))) return list;
	return [{ offset: 0, message: "the condition is never true for any function that the rule matches" }];
}

/** A check of a whole expression: it must come to what is wanted. */
export function withOutcome(checked: Checked, { kinds, expected }: Outcome): Checked {
	if (checked.refused || kinds.some((kind) => checked.type.kinds.has(kind))) return checked;
	return { ...checked, refused: new ConditionRefused(0, `${expected}, this is ${spokenType(checked.type)}`) };
}

/** Mistakes, each once, with the functions that it is one for. */
class Faults {
	private readonly found = new Map<string, { readonly fault: ConditionFault & Partial<Vain>; readonly names: string[] }>();

	add(fault: ConditionFault & Partial<Vain>, { connection, name }: CheckedFunction): void {
		// That no function has an argument is one mistake, whatever each would have it be called.
		const key = fault.about === "argument" ? String(fault.offset) : `${fault.offset} ${fault.message}`;
		const known = this.found.get(key) ?? { fault, names: [] };
		known.names.push(`${connection}.${name}`);
		this.found.set(key, known);
	}

	list(): ConditionFault[] {
		return [...this.found.values()].map(({ fault: { offset, message, about }, names }) => {
			const more = names.length > namedMax ? ` and ${names.length - namedMax} more` : "";
			const where = about === "argument" ? "" : `in ${names.slice(0, namedMax).join(", ")}${more}: `;
			return { offset, message: `${where}${message}` };
		});
	}
}
