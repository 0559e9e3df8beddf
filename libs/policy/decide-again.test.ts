// A decision made again agrees with the record only if it says the same; what limits had counted is not the call's to say.
import { describe, expect, it } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Decision } from "./decide.ts";
import { differences, type RecordedDecision, recordedDecision } from "./decide-again.ts";

const at = new Date("2026-01-01T00:00:00.000Z");
const call = "01890000-0000-7000-8000-000000000001";
const digest = `sha256:${"a".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "ci", groups: [] };
const theCall = { call, connection: "payments", function: "pay", pool: "default", digest, revision: digest, caller };
const denial = { code: "denied_by_rule", rule: "never", message: "No." };
const charge = { rule: "daily", key: "k", amount: "5", windowMs: 1, max: "9" };
const grant: Decision = {
	effect: "grant",
	rules: ["daily"],
	reasons: [{ code: "allowed_by_rule", rule: "daily", message: "" }],
	limits: [charge],
};
const limited: RecordedDecision = {
	effect: "deny",
	rules: ["daily"],
	reasons: ["limit_exceeded (daily)"],
	requirements: [],
	isByLimit: true,
};

describe("a recorded decision", () => {
	it("is policy's own, whatever others said of the call", () => {
		const ended = (source: "policy" | "approval", ending: "denied" | "rejected" | "failed") =>
			newEvent(source, "call.ended", { ...theCall, ending, rules: ["never"], reasons: [denial] }, { at });
		expect(recordedDecision([ended("approval", "rejected")])).toBeUndefined();
		expect(recordedDecision([ended("policy", "failed")])).toBeUndefined();
		expect(recordedDecision([ended("approval", "rejected"), ended("policy", "denied")])).toEqual({
			...{ effect: "deny", rules: ["never"], reasons: ["denied_by_rule (never)"], requirements: [], isByLimit: false },
		});
	});

	it("agrees with a decision that says the same, in any order", () => {
		const again: Decision = { effect: "deny", rules: ["b", "a"], reasons: [{ code: "denied_by_rule", rule: "a", message: "Other words" }] };
		const recorded: RecordedDecision = {
			effect: "deny",
			rules: ["a", "b"],
			reasons: ["denied_by_rule (a)"],
			requirements: [],
			isByLimit: false,
		};
		expect(differences(recorded, again)).toEqual([]);
		expect(differences({ ...recorded, rules: ["a"] }, again)).toEqual([{ what: "rules", recorded: "a", again: "a, b" }]);
	});

	it("by a limit agrees with the grant that this limit charges, and with no other", () => {
		expect(differences(limited, grant)).toEqual([]);
		expect(differences({ ...limited, rules: ["weekly"] }, grant)).not.toEqual([]);
		expect(differences(limited, { ...grant, limits: [] })).not.toEqual([]);
		expect(differences(limited, { effect: "deny", rules: ["never"], reasons: [denial as Decision["reasons"][number]] })).not.toEqual([]);
	});
});
