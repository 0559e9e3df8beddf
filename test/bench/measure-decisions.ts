// What a decision costs by the number of rules, in process: rules as a growing company has them, and the shapes that an index of rules finds hardest.
import { compilePolicies } from "#libs/policy/compile-rules.ts";
import type { CompiledPolicy } from "#libs/policy/compiled-policy.ts";
import { decide } from "#libs/policy/decide.ts";
import type { PolicyDocument, Rule } from "#libs/policy/policy-document.ts";
import { type Latency, latencyOf, median } from "./statistics.ts";

export interface DecisionFigures {
	readonly shape: Shape;
	readonly rules: number;
	/** Microseconds of one decision: of rounds of many. */
	readonly microseconds: number;
	/** Of decisions taken one by one, in microseconds: the clock's own cost included. */
	readonly each: Latency;
}

/**
 * - `functions`: ten rules for each function, and as many functions as that takes;
 * - `callers`: all rules about one function, each for another caller;
 * - `one-function`: all rules about one function and everyone, so that each condition is evaluated: no index can help.
 */
export const shapes = ["functions", "callers", "one-function"] as const;
export type Shape = (typeof shapes)[number];

export const ruleCounts = [10, 1_000, 10_000] as const;
const rulesPerFunction = 10;
/** Compiled by then. */
const warmUpRounds = 4;
const issuer = "https://idp.example";
const call = {
	caller: { issuer, subject: "ci", groups: ["ci"] },
	connection: "bank",
	function: "f0",
	arguments: { reference: "a", amount: 25, currency: "EUR", note: "Invoice of last month" },
	receivedAt: new Date(0).toISOString(),
};

/** @param rounds of each shape and count, which take turns */
export function measureDecisions(rounds: number): DecisionFigures[] {
	const measured = shapes.flatMap((shape) =>
		// Where every condition is evaluated, ten thousand end at the budget of one decision.
		ruleCounts
			.filter((rules) => shape !== "one-function" || rules <= 1_000)
			.map((rules) => ({
				...{ shape, rules, policy: policyOf(shape, rules), perRound: [] as number[], each: [] as number[] },
				inRound: shape === "one-function" && rules > 10 ? 10 : 500,
			})),
	);
	for (let round = -warmUpRounds; round < rounds; round++) {
		for (const { policy, inRound, perRound, each } of measured) {
			const begun = performance.now();
			for (let one = 0; one < inRound; one++) decideOnce(policy);
			const microseconds = ((performance.now() - begun) * 1_000) / inRound;
			if (round < 0) continue;
			perRound.push(microseconds);
			for (let one = 0; one < inRound; one++) {
				const from = performance.now();
				decideOnce(policy);
				each.push((performance.now() - from) * 1_000);
			}
		}
	}
	return measured.map(({ shape, rules, perRound, each }) => ({ shape, rules, microseconds: median(perRound), each: latencyOf(each) }));
}

/** @throws {Error} if the decision is not the one that is measured. */
function decideOnce(policy: CompiledPolicy): void {
	const { effect } = decide(policy, call);
	if (effect !== "grant") throw new Error(`the bench's call is to be granted, and was: ${effect}`);
}

export function policyOf(shape: Shape, count: number): CompiledPolicy {
	const functions = shape === "functions" ? Math.ceil(count / rulesPerFunction) : 1;
	const rules = Array.from({ length: count }, (_, at) => ruleOf(shape, at));
	const document = { kind: "Policy", name: "bench", rules } as PolicyDocument;
	const connections = new Map([["bank", new Set(Array.from({ length: functions }, (_, at) => `f${at}`))]]);
	const compiled = compilePolicies([{ name: "bench", file: "bench.yaml", document }], { groups: new Set(), connections });
	if (!compiled.ok) throw new Error(`the bench's rules do not compile: ${compiled.errors[0]?.message}`);
	return compiled.policy;
}

function ruleOf(shape: Shape, at: number): Rule {
	const name = `rule-${at}`;
	const allow = { name, when: `args.amount <= ${1_000 + at} && args.currency in ["USD", "EUR"]`, effect: "allow" } as const;
	const deny = { name, when: `args.amount > ${100_000 + at} || args.currency == "XX${at}"`, effect: "deny" } as const;
	switch (shape) {
		case "functions": {
			const about = { connection: "bank", function: `f${Math.floor(at / rulesPerFunction)}` };
			return at % rulesPerFunction === 0 ? { ...allow, match: { ...about, groups: ["ci"] } } : { ...deny, match: about };
		}
		case "callers":
			return { ...allow, match: { connection: "bank", function: "f0", caller: at === 0 ? `${issuer}|ci` : `${issuer}|other-${at}` } };
		case "one-function":
			return { ...(at === 0 ? allow : deny), match: { connection: "bank", function: "f0" } };
	}
}
