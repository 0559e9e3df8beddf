// Explanations tell what each rule said, also of rules that the decision did not need.
import { expect, test } from "vitest";
import { compilePolicies } from "./compile-rules.ts";
import { explain } from "./explain.ts";
import type { Rule } from "./policy-document.ts";

const rules: Rule[] = [
	{ name: "a-blocked", match: { connection: "bank" }, when: 'args.country == "XX" && args.amount > 1', effect: "deny" },
	{ name: "b-large", match: { function: "pay" }, when: "args.amount > 1000", effect: "hold", approval: { anyOf: ["finance"] } },
	{ name: "c-staff", match: { groups: ["staff"] }, effect: "allow" },
	{ name: "d-ours", match: { function: "pay" }, effect: "allow", limit: { sum: "args.amount", per: "function", window: "1h", max: 10 } },
	{ name: "e-elsewhere", match: { function: "list" }, effect: "deny" },
];
const compiled = compilePolicies([{ name: "p", file: "p.yaml", document: { kind: "Policy", name: "p", rules } }], {
	groups: new Set(["finance"]),
	connections: new Map([["bank", new Set(["pay", "list"])]]),
	argumentNames: new Map([
		[
			"bank",
			new Map([
				["pay", new Set(["amount", "country"])],
				["list", new Set<string>()],
			]),
		],
	]),
});
const caller = { issuer: "https://i", subject: "one", groups: [] };

function told(fn: string, args: Record<string, string | number>) {
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	const call = { caller, connection: "bank", function: fn, arguments: args, receivedAt: "2026-01-14T10:00:00.000Z" };
	const { decision, rules: explained } = explain(compiled.policy, call);
	return { effect: decision.effect, rules: explained };
}

test("true, false, not this caller, and what would be charged", () => {
	expect(told("pay", { amount: 5, country: "DE" })).toEqual({
		effect: "grant",
		rules: [
			{
				rule: "a-blocked",
				policy: "p",
				effect: "deny",
				matched: true,
				condition: "false",
				steps: [{ text: 'args.country == "XX"', answer: "false" }],
				why: 'Its condition does not hold: args.country == "XX" is false.',
			},
			expect.objectContaining({ rule: "b-large", condition: "false" }),
			{
				rule: "c-staff",
				policy: "p",
				effect: "allow",
				matched: false,
				condition: "unasked",
				steps: [],
				why: "Not about this caller: the caller is in none of its groups (staff).",
			},
			expect.objectContaining({ rule: "d-ours", condition: "none", charge: expect.objectContaining({ amount: "5" }) }),
		],
	});
});

test("an argument left out, and one that the function does not have", () => {
	expect(told("pay", { country: "XX" }).rules).toMatchObject([
		{ rule: "a-blocked", condition: "error", why: expect.stringContaining("does not give args.amount") },
		{ rule: "b-large", condition: "error", why: expect.stringContaining("denies the call") },
		{ rule: "c-staff" },
		{ rule: "d-ours", why: expect.stringContaining("limit cannot be counted") },
	]);
	expect(told("list", {}).rules).toMatchObject([
		{ rule: "a-blocked", condition: "does_not_apply", why: expect.stringContaining("no argument args.country") },
		{ rule: "c-staff" },
		{ rule: "e-elsewhere", condition: "none" },
	]);
});
