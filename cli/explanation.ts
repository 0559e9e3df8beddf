// How a call is decided, rule by rule, in lines. Pure; names rules and arguments, never values.
import type { PolicyCall } from "#libs/policy/call-view.ts";
import type { Decision } from "#libs/policy/decide.ts";
import type { Explanation } from "#libs/policy/explain.ts";
import { reasonText } from "./problem.ts";
import { safeLine, safeLines } from "./terminal-text.ts";

const outcomes: Record<Decision["effect"], string> = {
	grant: "granted: it runs at once",
	hold: "held: people decide",
	deny: "denied: it does not run",
};

export function explanationLines(call: PolicyCall, { decision, rules }: Explanation): string[] {
	return [
		`${safeLine(call.connection)} ${safeLine(call.function)} by ${safeLine(call.caller.subject)} is ${outcomes[decision.effect]}`,
		...decision.reasons.map((reason) => `  reason   ${reasonText({ ...reason })}`),
		...(decision.message === undefined ? [] : [`  caller reads: ${safeLine(decision.message)}`]),
		...approvalLines(decision),
		...(decision.limits ?? []).map(
			({ rule, amount, max, windowMs }) => `  limit    ${rule}: adds ${amount}, at most ${max} in ${spokenMs(windowMs)}`,
		),
		"",
		rules.length === 0 ? "No rule is about this function." : "Each rule about this function:",
		...rules.flatMap(ruleLines),
	];
}

function approvalLines({ approval }: Decision): string[] {
	if (!approval) return [];
	return [
		...approval.requirements.map(
			({ rule, anyOf, quorum, reasonRequired }) =>
				`  wants    ${quorum} of ${anyOf.join(" or ")} for ${rule}${reasonRequired ? ", with a reason" : ""}`,
		),
		`  until    ${spokenMs(approval.expiresMs)} after it was held`,
		...approval.escalations.map(({ afterMs, to }) => `  later    after ${spokenMs(afterMs)} ${to.join(", ")} may decide as well`),
	];
}

function ruleLines({ rule, policy, effect, matched, condition, steps, charge, why }: Explanation["rules"][number]): string[] {
	const mark = !matched || condition === "false" || condition === "does_not_apply" ? "-" : condition === "error" ? "!" : "+";
	return [
		`${mark} ${rule} (${effect}, policy ${policy}): ${safeLine(why)}`,
		...steps.flatMap(({ text, answer, why: because }) => {
			const [first = "", ...more] = safeLines(text);
			return [
				`    ${answer.padEnd(12)} ${first}`,
				...more.map((line) => `${" ".repeat(17)}${line}`),
				...(because ? [`${" ".repeat(17)}${safeLine(because)}`] : []),
			];
		}),
		...(charge ? [`    would charge ${charge.amount} of ${charge.max} in ${spokenMs(charge.windowMs)}`] : []),
	];
}

function spokenMs(ms: number): string {
	const units: [number, string][] = [
		[86_400_000, "d"],
		[3_600_000, "h"],
		[60_000, "m"],
	];
	const [size, unit] = units.find(([one]) => ms % one === 0) ?? [1_000, "s"];
	return `${ms / size}${unit}`;
}
