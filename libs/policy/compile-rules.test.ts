// Every mistake of a policy is found at once and named with its place; nothing is compiled if anything is wrong.
import { Compile } from "typebox/compile";
import { describe, expect, test } from "vitest";
import { compilePolicies } from "./compile-rules.ts";
import type { PolicyContext } from "./compiled-policy.ts";
import { MaskEntry, PolicyDocument, Rule } from "./policy-document.ts";

const context: PolicyContext = {
	groups: new Set(["finance"]),
	connections: new Map([
		["bank", new Set(["pay", "list"])],
		["mail", new Set(["send"])],
	]),
	argumentNames: new Map([["bank", new Map([["pay", new Set(["amount"])]])]]),
};

function errorsOf(...documents: PolicyDocument[]) {
	const result = compilePolicies(
		documents.map((document) => ({ name: document.name, file: `${document.name}.yaml`, document })),
		context,
	);
	return result.ok ? [] : result.errors.map(({ document, path, message }) => `${document} ${path.join("/")}: ${message}`);
}

const withRules = (...rules: Rule[]): PolicyDocument => ({ kind: "Policy", name: "p", rules });
const rule = (more: Partial<Rule>): Rule => ({ name: "r", match: {}, effect: "deny", ...more });
const approval = { anyOf: ["finance"] };

test.each<[string, Rule, string]>([
	["an unknown connection", rule({ match: { connection: "bnak" } }), 'p rules/0/match/connection: there is no connection "bnak"'],
	[
		"an unknown connection in a list",
		rule({ match: { connection: ["bank", "x"] } }),
		'p rules/0/match/connection/1: there is no connection "x"',
	],
	[
		"a function of another connection",
		rule({ match: { connection: "mail", function: "pay" } }),
		'p rules/0/match/function: there is no function "pay" in mail',
	],
	[
		"an unknown function",
		rule({ match: { function: ["pay", "pya"] } }),
		'p rules/0/match/function/1: there is no function "pya" in any connection',
	],
	["neither caller nor e-mail", rule({ match: { caller: "dana" } }), "p rules/0/match/caller: a caller is written"],
	[
		"a limit that is not on an allow rule",
		rule({ limit: { count: true, per: "caller", window: "1h", max: 1 } }),
		"p rules/0/limit: only an allow rule",
	],
	["approval that is not on a hold rule", rule({ approval }), "p rules/0/approval: only a hold rule"],
	["a hold rule without approval", rule({ effect: "hold" }), "p rules/0: a hold rule says who may approve"],
	["a message of an allow rule", rule({ effect: "allow", message: "hi" }), "p rules/0/message: only deny and hold"],
	[
		"an unknown group",
		rule({ effect: "hold", approval: { anyOf: ["finance", "x"] } }),
		'p rules/0/approval/anyOf/1: there is no group "x"',
	],
	[
		"an unknown group to escalate to",
		rule({ effect: "hold", approval: { ...approval, escalate: { after: "1m", to: ["x"] } } }),
		"p rules/0/approval/escalate/to/0: there is no group",
	],
	[
		"too long to wait",
		rule({ effect: "hold", approval: { ...approval, expires: "8d" } }),
		'p rules/0/approval/expires: "8d" is out of range: from 1m to 7d',
	],
	["too short to read", rule({ effect: "hold", approval: { ...approval, expires: "59s" } }), "p rules/0/approval/expires"],
	[
		"a reminder after the end",
		rule({ effect: "hold", approval: { ...approval, expires: "10m", remind: ["5m", "10m"] } }),
		"p rules/0/approval/remind/1",
	],
	[
		"an escalation after the default end",
		rule({ effect: "hold", approval: { ...approval, escalate: { after: "30m", to: ["finance"] } } }),
		"p rules/0/approval/escalate/after",
	],
	[
		"a window too long to remember",
		rule({ effect: "allow", limit: { count: true, per: "caller", window: "32d", max: 1 } }),
		"p rules/0/limit/window",
	],
	[
		"a sum that is no number",
		rule({ effect: "allow", limit: { sum: "connection", per: "caller", window: "1d", max: 1 } }),
		"p rules/0/limit/sum: a sum needs a number",
	],
	[
		"a misspelt argument of a sum",
		rule({ effect: "allow", match: { function: "pay" }, limit: { sum: "args.amuont", per: "caller", window: "1d", max: 1 } }),
		'p rules/0/limit/sum: no function that this rule matches has an argument "amuont"',
	],
])("%s", (_, written, message) => {
	expect(errorsOf(withRules(written))).toEqual([expect.stringContaining(message)]);
});

test("all mistakes of all documents at once, and a name is unique over all of them", () => {
	const one = withRules(rule({ name: "same" }), rule({ name: "bad", when: "1 +" }));
	const other: PolicyDocument = { ...withRules(rule({ name: "same", match: { connection: "x" } })), name: "q" };
	expect(errorsOf(one, other)).toEqual([
		expect.stringContaining("p rules/1/when: the condition is not valid CEL"),
		'q rules/0/name: the rule "same" exists already, in policy "p"',
		'q rules/0/match/connection: there is no connection "x"',
	]);
});

test("an argument is only called unknown when no function in question can have it", () => {
	const when = "args.amount > 1";
	expect(errorsOf(withRules(rule({ when })))).toEqual([]);
	// Of bank.list and mail.send nothing is known.
	expect(errorsOf(withRules(rule({ when: "args.other > 1" })))).toEqual([]);
	expect(errorsOf(withRules(rule({ when: "args.other > 1", match: { function: "pay" } })))).toHaveLength(1);
	expect(errorsOf(withRules(rule({ when: "has(args.other)" })))).toEqual([]);
	expect(errorsOf(withRules(rule({ when: "has(args.other)", match: { function: "pay" } })))).toHaveLength(1);
});

describe("masks", () => {
	test("places, selectors and detectors are checked", () => {
		const document: PolicyDocument = {
			...withRules(),
			mask: [{ match: { connection: "nope" }, request: { "$.a[": "redact" }, response: { "$.b": "redact" }, detect: ["card", "cards"] }],
		};
		expect(errorsOf(document)).toEqual([
			'p mask/0/match/connection: there is no connection "nope"',
			expect.stringContaining("p mask/0/request/$.a[: "),
			expect.stringContaining('p mask/0/detect/1: there is no detector "cards"'),
		]);
	});
});

test("what becomes of finds is checked, and its kinds of tokens can be opened", () => {
	const open = (kind: string): PolicyDocument => ({
		...withRules(),
		mask: [
			{ match: { connection: "bank" }, detect: { email: "tokenize", iban: "tokenize account", cards: "redact" } },
			{ match: { connection: "bank" }, detect: ["card", { phones: "hash" }], detokenize: [kind] },
		],
	});
	expect(errorsOf(open("account"))).toEqual([
		expect.stringContaining('p mask/0/detect/cards: there is no detector "cards"'),
		expect.stringContaining('p mask/1/detect/1/phones: there is no detector "phones"'),
	]);
	expect(errorsOf(open("note"))).toContainEqual(expect.stringContaining('no mask makes tokens of the kind "note"'));
});

test("what denies or holds by a place that is opened afterwards is told, unless it minds tokens", () => {
	const toldOf = (more: Partial<Rule>, opened: NonNullable<MaskEntry["detokenize"]>) => {
		const document: PolicyDocument = {
			...withRules(rule({ match: { function: "send" }, ...more })),
			mask: [{ match: { function: "send" }, detokenize: opened }],
		};
		const compiled = compilePolicies([{ name: "p", file: "p.yaml", document }], context);
		return compiled.ok ? compiled.told.map(({ path, message }) => `${path.join("/")}: ${message}`) : compiled.errors;
	};
	const deny = { effect: "deny", when: 'args.to == "a@b.example"' } as const;
	const told = [expect.stringMatching(/^rules\/0\/when: .* mail.send opens tokens at \$.to afterwards.*; deny tokens too/)];
	expect(toldOf(deny, { "$.to": ["email"] })).toEqual(told);
	expect(toldOf(deny, ["email"])).toHaveLength(1);
	expect(toldOf(deny, { "$..to": ["email"] })).toHaveLength(1);
	expect(toldOf(deny, { "$.body": ["email"] })).toEqual([]);
	expect(toldOf({ ...deny, match: { function: "list" } }, { "$.to": ["email"] })).toEqual([]);
	expect(toldOf({ ...deny, when: 'args.to == "a@b.example" || args.to.endsWith("@callgate.invalid")' }, ["email"])).toEqual([]);
	expect(toldOf({ ...deny, when: 'caller.subject == "x"' }, ["email"])).toEqual([]);
	expect(toldOf({ effect: "allow", when: deny.when }, ["email"])).toEqual([]);
});

test("more masked paths of one function than masking compiles", () => {
	const paths = (from: number) => Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`$.a${from + at}`, "redact" as const]));
	const mask = [
		{ match: { connection: "bank" }, request: paths(0) },
		{ match: { function: "pay" }, request: paths(100) },
	];
	expect(errorsOf({ ...withRules(), mask })).toEqual(["p mask: bank.pay has 300 masked paths, at most 256 are allowed"]);
});

describe("the schema refuses what it does not know", () => {
	const check = { document: Compile(PolicyDocument), rule: Compile(Rule), mask: Compile(MaskEntry) };
	const good = {
		name: "r",
		match: { connection: ["bank"], groups: ["ci"] },
		effect: "allow",
		limit: { count: true, per: "everyone", window: "10s", max: 3 },
	};
	test("a good rule", () => {
		expect(check.rule.Check(good)).toBe(true);
		expect(check.document.Check({ kind: "Policy", name: "p", rules: [good] })).toBe(true);
	});
	test.each([
		{ ...good, name: "Not-Kebab" },
		{ ...good, name: "a--b" },
		{ ...good, effect: "permit" },
		{ ...good, unless: "x" },
		{ ...good, match: { connections: "bank" } },
		{ ...good, match: { groups: [] } },
		{ ...good, when: "" },
		{ ...good, when: "x".repeat(4_097) },
		{ ...good, limit: { ...good.limit, sum: "1" } },
		{ ...good, limit: { ...good.limit, max: -1 } },
		{ ...good, limit: { ...good.limit, window: "0s" } },
		{ ...good, limit: { ...good.limit, window: "1w" } },
		{ ...good, limit: { ...good.limit, window: "1h30m" } },
		{ ...good, approval: { anyOf: [] } },
		{ ...good, approval: { anyOf: ["finance"], quorum: 0 } },
		{ ...good, approval: { anyOf: ["finance"], quorum: 11 } },
	])("%j", (bad) => {
		expect(check.rule.Check(bad)).toBe(false);
	});
	test("a mask that turns every detector off", () => {
		expect(check.mask.Check({ match: {}, detect: [] })).toBe(false);
		expect(check.mask.Check({ match: {}, detect: ["card"] })).toBe(true);
		expect(check.mask.Check({ match: {}, detect: {} })).toBe(false);
		expect(
			check.mask.Check({ match: {}, detect: { email: "tokenize", card: "surrogate", secret: "hash", iban: "tokenize account" } }),
		).toBe(true);
		for (const action of ["drop", "last4", "keep"]) expect(check.mask.Check({ match: {}, detect: { email: action } })).toBe(false);
		expect(check.mask.Check({ match: {}, request: { "$.a": "keep" } })).toBe(false);
	});
});
