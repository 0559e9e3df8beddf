// What holds for every policy and every call: more denial never grants, order says nothing, silence denies, omission opens nothing.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "#libs/contracts/json.ts";
import type { PolicyCall } from "./call-view.ts";
import { compilePolicies } from "./compile-rules.ts";
import type { CompiledPolicy, PolicyContext } from "./compiled-policy.ts";
import { decide } from "./decide.ts";
import type { Rule } from "./policy-document.ts";
import { candidatesFor } from "./rule-index.ts";

const context: PolicyContext = {
	groups: new Set(["finance", "legal"]),
	connections: new Map([
		["bank", new Set(["pay", "list"])],
		["mail", new Set(["send"])],
	]),
	argumentNames: new Map([
		[
			"bank",
			new Map([
				["pay", new Set(["amount", "country", "kind"])],
				["list", new Set(["kind"])],
			]),
		],
	]),
};

function policyOf(rules: readonly Rule[]): CompiledPolicy {
	const compiled = compilePolicies([{ name: "p", file: "p.yaml", document: { kind: "Policy", name: "p", rules: [...rules] } }], context);
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.policy;
}

const conditions = [
	"args.amount > 100",
	"args.amount <= 100",
	'args.country in ["XX", "YY"]',
	'args.country != "DE"',
	'!(args.country == "DE" && args.amount < 5)',
	'args.kind == "a" || args.amount > 100',
	'args.kind == "a" ? args.amount > 5 : caller.subject == "one"',
	'caller.subject == "two"',
	'"staff" in caller.groups',
];
const guarded = ["has(args.country)", 'has(args.country) && args.country == "XX"', "!has(args.amount)"];

const matchArbitrary = fc.record(
	{
		connection: fc.constantFrom("bank", "mail", ["bank", "mail"]),
		function: fc.constantFrom("pay", "list", ["pay", "list"]),
		groups: fc.subarray(["staff", "ops"], { minLength: 1 }),
		caller: fc.constantFrom("https://i|one", "two@example.com", ["https://i|one", "https://i|two"]),
	},
	{ requiredKeys: [] },
);
const fits = (rule: Rule) => {
	const fn = rule.match.function;
	return rule.match.connection !== "mail" || fn === undefined;
};
const ruleWith = (whens: readonly string[]) =>
	fc
		.record({
			match: matchArbitrary,
			when: fc.option(fc.constantFrom(...whens), { nil: undefined }),
			effect: fc.constantFrom("allow" as const, "hold" as const, "deny" as const),
		})
		.map(({ match, when, effect }): Rule => {
			// A condition over arguments only where the functions have them, as the compiler insists.
			const about = when === undefined ? match : { ...match, connection: "bank", function: "pay" };
			return {
				name: "r",
				match: about,
				effect,
				...(when !== undefined && { when }),
				...(effect === "hold" && { approval: { anyOf: ["finance"] } }),
			};
		})
		.filter(fits);
const rulesWith = (whens: readonly string[]) =>
	fc.array(ruleWith(whens), { maxLength: 8 }).map((rules) => rules.map((rule, at): Rule => ({ ...rule, name: `rule-${at}` })));

const argumentsArbitrary: fc.Arbitrary<JsonObject> = fc.record(
	{
		amount: fc.constantFrom<number | string | null>(1, 100, 100.5, 1000, "many", null),
		country: fc.constantFrom("DE", "XX", "FR"),
		kind: fc.constantFrom("a", "b"),
	},
	{ requiredKeys: [] },
);
const callArbitrary: fc.Arbitrary<PolicyCall> = fc
	.record({
		place: fc.constantFrom(["bank", "pay"], ["bank", "list"], ["mail", "send"], ["bank", "nothing"], ["nowhere", "pay"]),
		subject: fc.constantFrom("one", "two"),
		groups: fc.subarray(["staff", "ops", "guests"]),
		arguments: argumentsArbitrary,
	})
	.map(({ place: [connection = "", fn = ""], subject, groups, arguments: args }) => ({
		caller: { issuer: "https://i", subject, email: `${subject}@Example.com`, groups },
		connection,
		function: fn,
		arguments: args,
		receivedAt: "2026-01-14T10:00:00.000Z",
	}));
const every = [...conditions, ...guarded];

describe("for every policy and call", () => {
	test("adding a deny or hold rule never makes a refused call granted", () => {
		fc.assert(
			fc.property(rulesWith(every), ruleWith(every), callArbitrary, (rules, more, call) => {
				const before = decide(policyOf(rules), call).effect;
				const after = decide(policyOf([...rules, { ...more, name: "added" }]), call).effect;
				if (more.effect === "deny") expect(after === "grant" || after === "hold" ? before : "deny").toBe(after);
				if (more.effect === "hold" && after === "grant") expect(before).toBe("grant");
			}),
			{ numRuns: 300 },
		);
	});

	test("the order of rules and of files says nothing", () => {
		fc.assert(
			fc.property(
				rulesWith(every).chain((rules) => fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length }))),
				callArbitrary,
				([rules, shuffled], call) => {
					expect(decide(policyOf(shuffled), call)).toEqual(decide(policyOf(rules), call));
				},
			),
			{ numRuns: 300 },
		);
	});

	test("a call that no rule is about is denied, and nothing but an allow rule grants", () => {
		fc.assert(
			fc.property(rulesWith(every), callArbitrary, (rules, call) => {
				const policy = policyOf(rules);
				const decision = decide(policy, call);
				if (candidatesFor(policy.shelves, call).length === 0) expect(decision).toMatchObject({ effect: "deny", rules: [] });
				if (decision.effect === "grant") {
					const byName = new Map(rules.map((rule) => [rule.name, rule.effect]));
					expect(decision.rules.map((name) => byName.get(name))).toContain("allow");
				}
			}),
			{ numRuns: 300 },
		);
	});

	test("leaving an argument out turns no refusal or hold into a grant, unless a rule says has()", () => {
		fc.assert(
			fc.property(rulesWith(conditions), callArbitrary, fc.constantFrom("amount", "country", "kind"), (rules, call, omitted) => {
				const withholding = rules.filter(({ effect }) => effect !== "allow");
				const policy = policyOf([...withholding, { name: "open", match: {}, effect: "allow" }]);
				if (decide(policy, call).effect === "grant") return;
				const { [omitted]: _, ...rest } = call.arguments;
				expect(decide(policy, { ...call, arguments: rest }).effect).not.toBe("grant");
			}),
			{ numRuns: 1_000 },
		);
	});

	test("only matching candidates are found, each once, wherever the index keeps them", () => {
		fc.assert(
			fc.property(rulesWith(every), callArbitrary, (rules, call) => {
				const has = (written: string | string[] | undefined, name: string) => written === undefined || [written].flat().includes(name);
				const { subject, groups } = call.caller;
				const expected = rules.filter(
					({ match }) =>
						has(match.connection, call.connection) &&
						has(match.function, call.function) &&
						(match.groups === undefined || match.groups.some((group) => groups.includes(group))) &&
						(has(match.caller, `https://i|${subject}`) || has(match.caller, `${subject}@example.com`)),
				);
				const found = candidatesFor(policyOf(rules).shelves, call).map(({ name }) => name);
				expect(found.sort()).toEqual(expected.map(({ name }) => name).sort());
			}),
		);
	});
});

const payCall: PolicyCall = {
	caller: { issuer: "https://i", subject: "one", groups: [] },
	connection: "bank",
	function: "pay",
	arguments: { amount: 987654, country: "secret-country", kind: "a" },
	receivedAt: "2026-01-14T10:00:00.000Z",
};

test("more hold rules than an approval can carry deny", () => {
	const holds = Array.from(
		{ length: 17 },
		(_, at): Rule => ({ name: `hold-${at}`, match: {}, effect: "hold", approval: { anyOf: ["finance"] } }),
	);
	expect(decide(policyOf(holds), payCall)).toMatchObject({ effect: "deny", reasons: [{ code: "too_many_requirements" }] });
	expect(decide(policyOf(holds.slice(1)), payCall).approval?.requirements).toHaveLength(16);
});

test("however much there is to say, it fits into the events that carry it", () => {
	const names = Array.from({ length: 80 }, (_, at) => `has_a_rather_long_name_${at}`);
	const when = `1 in [${names.map((name) => `args.${name}`).join(", ")}]`;
	const long: PolicyContext = { ...context, groups: new Set(names.slice(0, 32).map((name) => name.replaceAll("_", "-"))) };
	const rules: Rule[] = [
		...Array.from({ length: 70 }, (_, at): Rule => ({ name: `deny-${at}`, match: { connection: "mail" }, when, effect: "deny" })),
		{ name: "hold", match: { connection: "bank" }, effect: "hold", approval: { anyOf: [...long.groups] } },
	];
	const compiled = compilePolicies([{ name: "p", file: "p.yaml", document: { kind: "Policy", name: "p", rules } }], long);
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	for (const call of [payCall, { ...payCall, connection: "mail", function: "send" }]) {
		const { reasons, rules: named } = decide(compiled.policy, call);
		expect(reasons.length).toBeLessThanOrEqual(64);
		expect(named.length).toBeLessThanOrEqual(64);
		for (const { message } of reasons) expect(message.length).toBeLessThanOrEqual(1_000);
	}
});

test("reasons name rules and arguments and repeat no value", () => {
	const whens = ["bool(args.country)", "int(args.country) > 1", "timestamp(args.country) > now", "args.amount.x == 1", "args.country > 5"];
	const rules = whens.map(
		(when, at): Rule => ({ name: `deny-${at}`, match: { connection: "bank", function: "pay" }, when, effect: "deny" }),
	);
	const decision = decide(policyOf(rules), payCall);
	expect(decision.reasons.map(({ code }) => code)).toEqual(whens.map(() => "condition_error"));
	expect(JSON.stringify(decision)).not.toMatch(/secret-country|987654/);
});

test("a rule is decided by when ingress received the call, not by when it is decided", () => {
	const policy = policyOf([{ name: "old", match: {}, when: 'now < timestamp("2020-01-01T00:00:00Z")', effect: "allow" }]);
	expect(decide(policy, { ...payCall, receivedAt: "2019-12-31T23:59:59.999Z" }).effect).toBe("grant");
	expect(decide(policy, payCall).effect).toBe("deny");
	expect(decide(policy, { ...payCall, receivedAt: "yesterday" }).effect).toBe("deny");
});

test("ten thousand rules about other functions are not looked at", () => {
	const asked: string[] = [];
	const rules = Array.from(
		{ length: 200 },
		(_, at): Rule => ({
			name: `rule-${at}`,
			match: { connection: "bank", function: at === 7 ? "pay" : "list" },
			when: 'caller.subject == "one"',
			effect: "allow",
		}),
	);
	const policy = policyOf(rules);
	for (const shelf of policy.shelves.values()) {
		for (const [at, rule] of shelf.anyone.entries()) {
			const { condition } = rule;
			if (condition === undefined) continue;
			shelf.anyone[at] = {
				...rule,
				condition: {
					...condition,
					ask: (...asking) => {
						asked.push(rule.name);
						return condition.ask(...asking);
					},
				},
			};
		}
	}
	expect(decide(policy, payCall).effect).toBe("grant");
	expect(asked).toEqual(["rule-7"]);
});
