// What is to be done about an approval, from its state alone.
import { expect, test } from "vitest";
import type { Question } from "./approval.ts";
import { at, call, cfo, finance, group, groupsOf, heldData, start, terms } from "./held-call.test-support.ts";
import { channelsOf, jobsOf, showOutcomeForMs } from "./plan-jobs.ts";
import type { Groups } from "./ports.ts";

const groups = groupsOf(
	finance,
	cfo,
	group("treasury", ["t@example.com"], { slack: "#finance-approvals" }),
	group("quiet", ["q@example.com"]),
);

function question(over: Partial<Question> = {}, of: Parameters<typeof terms>[0] = {}): Question {
	const { sealed: _, hold: __, ...asked } = heldData({ terms: terms(of) });
	return { asked, askedAt: start, traceparent: undefined, deliveries: [], votes: [], reminders: 0, escalated: [], ...over };
}
const delivered = { channel: "#finance-approvals", channelId: "C1", messageTs: "1.1" };
const vote = { voter: "dana@example.com", groups: ["finance"], verdict: "approve" as const, via: "api" as const, at: at(1) };
const plan = (one: Question, now = start, current: Groups = groups) =>
	jobsOf(call, { state: "waiting", question: one, last: 1 }, current, now).map(
		({ kind, nth, at: due }) => `${kind} ${nth} ${(due - start.getTime()) / 60_000}`,
	);

test.each([
	["asks and expires", question(), ["deliver #finance-approvals 0", "expire 1 30"]],
	[
		"asks each channel once",
		question({}, { requirements: [{ rule: "r", anyOf: ["finance", "treasury", "quiet", "gone"], quorum: 1, reasonRequired: false }] }),
		["deliver #finance-approvals 0", "expire 1 30"],
	],
	["does not ask again where it asked", question({ deliveries: [delivered] }), ["expire 1 30"]],
	["shows each change", question({ deliveries: [delivered], votes: [vote] }), ["update 1-0 0", "expire 1 30"]],
	[
		"reminds and escalates in time",
		question(
			{ deliveries: [delivered] },
			{ remindAt: [at(5).toISOString(), at(9).toISOString()], escalations: [{ at: at(10).toISOString(), to: ["cfo"] }] },
		),
		["remind 1 5", "remind 2 9", "escalate 1 10", "expire 1 30"],
	],
	[
		"does nothing twice",
		question(
			{ deliveries: [delivered], reminders: 1, escalated: [1] },
			{ remindAt: [at(5).toISOString()], escalations: [{ at: at(10).toISOString(), to: ["cfo"] }] },
		),
		["deliver #cfo-approvals 0", "update 0-1 0", "expire 1 30"],
	],
	["leaves out what has no time", question({ deliveries: [delivered] }, { remindAt: ["soon"] }), ["expire 1 30"]],
])("%s", (_, one, expected) => {
	expect(plan(one)).toEqual(expected);
});

test("shows the outcome while it is new, where anybody was asked", () => {
	const granted = { state: "granted", question: question({ deliveries: [delivered] }), by: [], at: at(1), last: 1 } as const;
	expect(jobsOf(call, granted, groups, at(2))).toEqual([{ call, kind: "update", nth: "granted", at: at(2).getTime(), after: 1 }]);
	expect(jobsOf(call, granted, groups, new Date(at(1).getTime() + showOutcomeForMs))).toEqual([]);
	expect(jobsOf(call, { ...granted, question: question() }, groups, at(2))).toEqual([]);
	expect(
		jobsOf(
			call,
			{ state: "ended", question: undefined, ending: "cancelled", by: [], detail: undefined, at: at(1), last: 1 },
			groups,
			at(2),
		),
	).toEqual([]);
});

test("channels follow the groups as they are now", () => {
	expect(channelsOf(question(), groupsOf(group("finance", [], { slack: "#elsewhere" })))).toEqual(["#elsewhere"]);
});
