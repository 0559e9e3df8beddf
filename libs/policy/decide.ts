// May this call happen? Deny beats hold beats allow, the default is deny, and what cannot be decided is denied. Pure: same call, same decision.
import { type CallView, type PolicyCall, viewOf } from "./call-view.ts";
import type { CompiledLimit, CompiledPolicy, CompiledRule, Effect } from "./compiled-policy.ts";
import type { Step } from "./condition.ts";
import { stepsMax, withBudget } from "./condition-budget.ts";
import { decimalOfUnits, unitsOf } from "./decimal.ts";
import { callerName, candidatesFor } from "./rule-index.ts";

/** Every reason a decision can have. */
const reasonCodes = [
	"allowed_by_rule",
	"held_by_rule",
	"denied_by_rule",
	"no_rule_matched",
	"condition_error",
	"limit_exceeded",
	"function_unknown",
	"too_many_requirements",
] as const;
type ReasonCode = (typeof reasonCodes)[number];

/** Why; `message` is for people, names rules and arguments and never repeats a value. */
interface Reason {
	readonly code: ReasonCode;
	readonly rule?: string;
	readonly message: string;
}

/** What the hold rules together ask of people: every requirement must be met, before the earliest expiry. Times count from the hold. */
export interface ApprovalDemand {
	readonly requirements: readonly {
		readonly rule: string;
		readonly anyOf: readonly string[];
		readonly quorum: number;
		readonly reasonRequired: boolean;
	}[];
	readonly expiresMs: number;
	readonly remindMs: readonly number[];
	/** Groups that may meet the requirement of `rule` too once the time has passed. */
	readonly escalations: readonly { readonly afterMs: number; readonly to: readonly string[]; readonly rule: string }[];
}

/** To be charged before the call is granted; see `charge` in limits.ts. Amounts are exact decimals. */
export interface LimitCharge {
	readonly rule: string;
	/** Names the account: unique for rule and caller, function, connection or everyone. */
	readonly key: string;
	readonly amount: string;
	readonly windowMs: number;
	readonly max: string;
}

export interface Decision {
	readonly effect: "grant" | "hold" | "deny";
	/** Names of the rules that decided, sorted. */
	readonly rules: readonly string[];
	readonly reasons: readonly Reason[];
	/** Only on hold. */
	readonly approval?: ApprovalDemand;
	/** Only on grant: each must be charged and none may be exceeded. */
	readonly limits?: readonly LimitCharge[];
	/** What the policy's authors want the caller to read, on deny and hold. */
	readonly message?: string;
}

/** As many as one `call.held` can say. */
const requirementsMax = 16;
/** As many as an event lists. */
const reasonsMax = 64;
const timesMax = 16;
/** What an event holds of one message, with room to spare: names of many groups or arguments add up. */
const messageCharactersMax = 1_000;

/** A rule that is not silent about the call. `uncountable`: its condition holds, but what its limit sums up is no amount. */
type Verdict =
	| { readonly rule: CompiledRule; readonly kind: "matched"; readonly charge?: LimitCharge }
	| { readonly rule: CompiledRule; readonly kind: "error"; readonly why: string }
	| { readonly rule: CompiledRule; readonly kind: "uncountable"; readonly why: string };

/**
 * Decides one call.
 *
 * - Only rules whose `match` fits are asked. A condition that depends on an argument which the function does not have (see
 *   `PolicyContext.argumentNames`) makes its rule silent about that function.
 * - A **deny or hold** rule whose condition cannot be evaluated (an argument left out that the function has, an unexpected type, too much
 *   work) denies the call with `condition_error`: leaving an argument out must not be a way around a rule. Authors who mean otherwise write
 *   `has(args.x) && …`.
 * - An **allow** rule whose condition cannot be evaluated does not match; another may. If its condition holds but what its limit sums up is
 *   no amount (missing, negative, not a number), the call is denied: a limit is not avoided by an amount nobody can count.
 * - Every hold rule that matches adds its requirement; the earliest expiry counts. Limits are not charged for held calls: people decided.
 * - Every allow rule that matches adds its limit: a limit is a ceiling that another allow rule does not lift.
 */
export function decide(policy: CompiledPolicy, call: PolicyCall): Decision {
	if (!policy.context.connections.get(call.connection)?.has(call.function)) {
		return { effect: "deny", rules: [], reasons: [{ code: "function_unknown", message: "The configuration has no such function." }] };
	}
	const view = viewOf(call, policy.context.argumentNames?.get(call.connection)?.get(call.function));
	return withBudget(stepsMax, () => {
		// In the order of names, so that neither files nor their order can change which condition meets the end of the budget.
		const candidates = candidatesFor(policy.shelves, call).sort((one, other) => (one.name < other.name ? -1 : 1));
		const ask = (effect: Effect) =>
			candidates.filter((rule) => rule.effect === effect).flatMap((rule) => verdictOf(rule, call, view) ?? []);
		const denies = ask("deny");
		if (denies.length > 0) return denied(denies);
		const holds = ask("hold");
		const undecidable = holds.filter(({ kind }) => kind !== "matched");
		if (undecidable.length > 0) return denied(undecidable);
		return holds.length > 0 ? held(holds) : settled(ask("allow"));
	});
}

/** What a rule says about the call; undefined if it is silent. */
export function verdictOf(rule: CompiledRule, call: PolicyCall, view: CallView, onStep?: (step: Step) => void): Verdict | undefined {
	let why = "";
	const answer = rule.condition?.ask(view, (step) => {
		if (step.answer === "error") why ||= step.why ?? "";
		onStep?.(step);
	});
	if (answer === "error") return { rule, kind: "error", why };
	if (answer === "false" || answer === "inapplicable") return undefined;
	return rule.limit === undefined ? { rule, kind: "matched" } : chargeVerdict(rule, rule.limit, call, view);
}

function chargeVerdict(rule: CompiledRule, limit: CompiledLimit, call: PolicyCall, view: CallView): Verdict | undefined {
	const sum = limit.sum?.of(view) ?? { amount: 1 };
	if ("answer" in sum) return sum.answer === "inapplicable" ? undefined : { rule, kind: "uncountable", why: sum.why };
	const units = unitsOf(sum.amount);
	const max = unitsOf(limit.max);
	if (units === undefined || max === undefined) return { rule, kind: "uncountable", why: "the amount is negative or not finite" };
	const key = JSON.stringify([rule.name, ...accountOf(limit.per, call)]);
	return {
		rule,
		kind: "matched",
		charge: { rule: rule.name, key, amount: decimalOfUnits(units), windowMs: limit.windowMs, max: decimalOfUnits(max) },
	};
}

/** Whose account a limit charges. */
function accountOf(per: CompiledLimit["per"], call: PolicyCall): string[] {
	switch (per) {
		case "caller":
			return ["caller", callerName(call.caller)];
		case "function":
			return ["function", call.connection, call.function];
		case "connection":
			return ["connection", call.connection];
		case "everyone":
			return ["everyone"];
	}
}

function denied(verdicts: readonly Verdict[]): Decision {
	const message = verdicts.find(({ kind, rule }) => kind === "matched" && rule.message !== undefined)?.rule.message;
	return {
		effect: "deny",
		rules: namesOf(verdicts),
		reasons: verdicts.slice(0, reasonsMax).map(denialReason),
		...(message !== undefined && { message }),
	};
}

function reasonOf(code: ReasonCode, rule: string, message: string): Reason {
	return { code, rule, message: message.length > messageCharactersMax ? `${message.slice(0, messageCharactersMax - 1)}…` : message };
}

function denialReason(verdict: Verdict): Reason {
	const { name, message } = verdict.rule;
	switch (verdict.kind) {
		case "matched":
			return reasonOf("denied_by_rule", name, message ?? `The rule "${name}" denies this call.`);
		case "error":
			return reasonOf("condition_error", name, `The condition of rule "${name}" cannot be evaluated: ${verdict.why}.`);
		case "uncountable":
			return reasonOf("condition_error", name, `The limit of rule "${name}" cannot be counted: ${verdict.why}.`);
	}
}

function held(holds: readonly Verdict[]): Decision {
	if (holds.length > requirementsMax) {
		const message = `${holds.length} rules hold this call; at most ${requirementsMax} can.`;
		return { effect: "deny", rules: namesOf(holds), reasons: [{ code: "too_many_requirements", message }] };
	}
	const message = holds.find(({ rule }) => rule.message !== undefined)?.rule.message;
	return {
		effect: "hold",
		rules: namesOf(holds),
		reasons: holds.map(({ rule }) => reasonOf("held_by_rule", rule.name, rule.message ?? holdMessage(rule))),
		approval: demandOf(holds.map(({ rule }) => rule)),
		...(message !== undefined && { message }),
	};
}

function holdMessage({ name, approval }: CompiledRule): string {
	const quorum = approval?.quorum ?? 1;
	return `The rule "${name}" asks for ${quorum === 1 ? "one approval" : `${quorum} approvals`} from ${approval?.anyOf.join(" or ") ?? "nobody"}.`;
}

function demandOf(rules: readonly CompiledRule[]): ApprovalDemand {
	const approvals = rules.flatMap(({ name, approval }) => (approval === undefined ? [] : [{ name, approval }]));
	const expiresMs = Math.min(...approvals.map(({ approval }) => approval.expiresMs));
	const reminders = approvals.flatMap(({ approval }) => approval.remindMs).filter((ms) => ms < expiresMs);
	const escalations = approvals
		.flatMap(({ name, approval }) => (approval.escalate ? [{ ...approval.escalate, rule: name }] : []))
		.filter(({ afterMs }) => afterMs < expiresMs);
	return {
		requirements: approvals.map(({ name, approval }) => ({
			rule: name,
			anyOf: approval.anyOf,
			quorum: approval.quorum,
			reasonRequired: approval.reasonRequired,
		})),
		expiresMs,
		remindMs: [...new Set(reminders)].sort((one, other) => one - other).slice(0, timesMax),
		escalations: escalations.sort((one, other) => one.afterMs - other.afterMs).slice(0, timesMax),
	};
}

function settled(allows: readonly Verdict[]): Decision {
	const uncountable = allows.filter(({ kind }) => kind === "uncountable");
	if (uncountable.length > 0) return denied(uncountable);
	const matched = allows.flatMap((verdict) => (verdict.kind === "matched" ? verdict : []));
	if (matched.length === 0) {
		const nothing: Reason = { code: "no_rule_matched", message: "No rule allows this call." };
		return { effect: "deny", rules: [], reasons: [nothing, ...allows.map(denialReason)].slice(0, reasonsMax) };
	}
	const limits = matched.flatMap(({ charge }) => charge ?? []);
	return {
		effect: "grant",
		rules: namesOf(matched),
		reasons: matched
			.slice(0, reasonsMax)
			.map(({ rule }) => ({ code: "allowed_by_rule", rule: rule.name, message: `The rule "${rule.name}" allows this call.` })),
		...(limits.length > 0 && { limits }),
	};
}

function namesOf(verdicts: readonly Verdict[]): string[] {
	return verdicts.map(({ rule }) => rule.name).slice(0, reasonsMax);
}
