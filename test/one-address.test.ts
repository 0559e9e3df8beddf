// When two e-mail addresses are one person's is the same answer everywhere: groups, rules, auditors, requesters, votes, quorums.
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import { compileGroup } from "#libs/configuration/kinds/group.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { GrantRefused, GrantVerifier, signGrant, signHold } from "#libs/contracts/grant.ts";
import { viewOf } from "#libs/policy/call-view.ts";
import { callerMismatch } from "#libs/policy/rule-index.ts";
import { isMember, isSamePerson } from "../services/approval/eligibility.ts";
import { createAuditors } from "../services/audit/auditors.ts";

const callerWith = (email: string): Caller => ({ issuer: "https://idp.example", subject: "someone", email, groups: [] });
const groupOf = (member: string) => compileGroup({ kind: "Group", name: "auditors", members: [member] }).group;

const [policy, approval] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
const granted = { call: "c", pool: "p", connection: "n", function: "f", digest: "d", revision: "r" };
const later = new Date("2026-01-01T00:10:00Z");

/** Whether a hold that demands two people takes these for one. */
function isOneApprover(one: string, other: string): boolean {
	const demands = [{ rule: "two", anyOf: ["finance"], quorum: 2, reasonRequired: false }];
	const hold = signHold({ id: "p", key: policy.privateKey }, granted, demands, later);
	const terms = { grantId: "g", expiresAt: later, hold, approvedBy: [one, other] };
	const grant = signGrant("approval", { id: "a", key: approval.privateKey }, granted, terms);
	const keys = { policy: new Map([["p", policy.publicKey]]), approval: new Map([["a", approval.publicKey]]) };
	try {
		new GrantVerifier(keys).verify(grant, granted, new Date("2026-01-01T00:00:00Z"));
		return false;
	} catch (error) {
		return error instanceof GrantRefused && error.fault === "unmet";
	}
}

function isNamedByRule(written: string, email: string): boolean {
	const rule = { name: "r", match: { caller: written }, effect: "allow" };
	const compiled = compileConfiguration({ "p.yaml": JSON.stringify({ kind: "Policy", name: "p", rules: [rule] }) });
	if (!compiled.ok) return false;
	const match = compiled.configuration.policy.rules[0]?.match;
	return match !== undefined && callerMismatch(match, callerWith(email)) === undefined;
}

/** What a condition sees: the written address as its author writes it, in the form of the documentation. */
function isSeenByCondition(written: string, email: string): boolean {
	const call = { caller: callerWith(email), connection: "c", function: "f", arguments: {}, receivedAt: later.toISOString() };
	const caller = viewOf(call as never, undefined).bindings.caller as unknown as ReadonlyMap<string, unknown>;
	return caller.get("email") === written;
}

describe.each<[string, string, string, boolean]>([
	["as it is written", "dana@example.com", "dana@example.com", true],
	["in capitals", "dana@example.com", "Dana@EXAMPLE.com", true],
	["with a Kelvin sign for a k", "frank@example.com", "fran\u212a@example.com", false],
	["with a dotted capital I", "i\u0307da@example.com", "\u0130da@example.com", false],
	["with a capital outside ASCII", "zoë@example.com", "ZOË@example.com", false],
	["with a letter outside ASCII, as it is", "zoë@example.com", "zoë@example.com", true],
	["composed in another way", "zo\u00eb@example.com", "zoe\u0308@example.com", false],
])("an address %s", (_how, written, found, same) => {
	test.each<[string, (written: string, found: string) => boolean | Promise<boolean>]>([
		["a member of a group who votes", (one, other) => isMember({ email: other }, groupOf(one))],
		["the requester", (one, other) => isSamePerson({ email: one }, { email: other })],
		["an auditor", (one, other) => createAuditors(() => groupOf(one)).has(callerWith(other))],
		["a caller that a rule names", isNamedByRule],
		["a caller that a condition reads", isSeenByCondition],
		["an approver who is counted twice", isOneApprover],
	])("of %s", async (_who, isSame) => {
		expect(await isSame(written, found)).toBe(same);
	});
});

describe.each([
	["a space at its end", "dana@example.com "],
	["a line break", "dana@example.com\n"],
	["a control character", "dana@example.com\u0007"],
	["nothing before the @", "@example.com"],
	["two @", "dana@example.com@example.com"],
])("%s makes no address", (_what, address) => {
	test("that is a member, an approver or in a rule", async () => {
		expect(isMember({ email: address }, { ...groupOf("dana@example.com"), members: new Set([address]) })).toBe(false);
		expect(await isOneApprover("dana@example.com", address)).toBe(true);
		expect(isNamedByRule(address, address)).toBe(false);
	});
});
