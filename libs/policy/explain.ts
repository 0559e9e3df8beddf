// Why a call is decided as it is, rule by rule: for `callgate check` and for the authors of policies.
import { type PolicyCall, viewOf } from "./call-view.ts";
import type { CompiledPolicy, CompiledRule, Effect } from "./compiled-policy.ts";
import type { Step } from "./condition.ts";
import { stepsMax, withBudget } from "./condition-budget.ts";
import { type Decision, decide, type LimitCharge, verdictOf } from "./decide.ts";
import { callerMismatch, rulesAbout } from "./rule-index.ts";

interface RuleExplanation {
	readonly rule: string;
	readonly policy: string;
	readonly effect: Effect;
	/** Whether `match` fits connection, function and caller. */
	readonly matched: boolean;
	/** What the condition answered: `none` if the rule has none, `unasked` if `match` does not fit, else as in condition.ts. */
	readonly condition: "none" | "unasked" | "true" | "false" | "error" | "does_not_apply";
	/** The parts of the condition that were evaluated, in order. */
	readonly steps: readonly Step[];
	readonly charge?: LimitCharge;
	/** One sentence; names rules and arguments, never values. */
	readonly why: string;
}

export interface Explanation {
	readonly decision: Decision;
	/** Every rule about this connection and function, whoever calls, in the order of names. */
	readonly rules: readonly RuleExplanation[];
}

/**
 * Decides the call and tells what each rule about its connection and function said. Each rule is asked on its own, so a rule that the decision
 * did not need is explained too.
 */
export function explain(policy: CompiledPolicy, call: PolicyCall): Explanation {
	const rules = rulesAbout(policy.shelves, call.connection, call.function).sort((one, other) => (one.name < other.name ? -1 : 1));
	return { decision: decide(policy, call), rules: rules.map((rule) => explainRule(policy, rule, call)) };
}

function explainRule(policy: CompiledPolicy, rule: CompiledRule, call: PolicyCall): RuleExplanation {
	const about = { rule: rule.name, policy: rule.policy, effect: rule.effect };
	const mismatch = callerMismatch(rule.match, call.caller);
	if (mismatch !== undefined)
		return { ...about, matched: false, condition: "unasked", steps: [], why: `Not about this caller: ${mismatch}.` };
	const steps: Step[] = [];
	const view = viewOf(call, policy.context.argumentNames?.get(call.connection)?.get(call.function));
	const verdict = withBudget(stepsMax, () => verdictOf(rule, call, view, (step) => steps.push(step)));
	const fitting = { ...about, matched: true, steps };
	if (verdict === undefined) return { ...fitting, ...silence(steps) };
	if (verdict.kind === "error")
		return { ...fitting, condition: "error", why: `The condition cannot be evaluated: ${verdict.why}. ${consequence[rule.effect]}` };
	const condition = rule.condition === undefined ? "none" : "true";
	if (verdict.kind === "uncountable")
		return { ...fitting, condition, why: `Its limit cannot be counted: ${verdict.why}. The call is denied.` };
	const why = rule.condition === undefined ? "It has no condition, so it applies." : "Its condition holds.";
	return { ...fitting, condition, why, ...(verdict.charge && { charge: verdict.charge }) };
}

function silence(steps: readonly Step[]): Pick<RuleExplanation, "condition" | "why"> {
	const decisive = steps.at(-1);
	const unknown = steps.find(({ answer }) => answer === "inapplicable");
	if (unknown !== undefined && !steps.some(({ answer }) => answer === "false")) {
		return { condition: "does_not_apply", why: `Not about this function: ${unknown.why ?? "it lacks an argument"}.` };
	}
	return { condition: "false", why: `Its condition does not hold: ${decisive?.text ?? "it"} is ${decisive?.answer ?? "false"}.` };
}

const consequence: Record<Effect, string> = {
	deny: "A deny rule that cannot be evaluated denies the call.",
	hold: "A hold rule that cannot be evaluated denies the call.",
	allow: "An allow rule that cannot be evaluated does not apply.",
};
