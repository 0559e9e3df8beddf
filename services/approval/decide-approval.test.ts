// Every command in every state, as tables.
import { describe, expect, test } from "vitest";
import type { StoredEvent } from "#libs/bus/bus.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { type Approval, absent, apply } from "./approval.ts";
import {
	type CastVote,
	type Draft,
	decideDelivered,
	decideDue,
	decideHold,
	decideRemind,
	decideVote,
	decideWithdraw,
} from "./decide-approval.ts";
import { at, call, cfo, digest, erin, finance, group, groupsOf, heldData, identity, terms, vote } from "./held-call.test-support.ts";
import type { Groups } from "./ports.ts";

const groups = groupsOf(finance, cfo);

/** The state after these, as approval would have written them. */
function stateAfter(...drafts: (Draft | Event<"call.granted">["data"])[]): Approval {
	return drafts.reduce<Approval>(
		(state, draft) => apply(state, { event: eventOf(draft), position: state.last + 1 } as StoredEvent),
		absent,
	);
}
function eventOf(draft: Draft | Event<"call.granted">["data"]): CallgateEvent {
	if ("grant" in draft) return newEvent("approval", "call.granted", draft, { at: at(2) });
	if (draft.type === "call.granted") throw new Error("a grant needs its data here");
	return newEvent("approval", draft.type, draft.data as never, { at: at(1), ...(draft.nth !== undefined && { nth: draft.nth }) });
}
const asked = (over: Parameters<typeof heldData>[0] = {}): Draft => ({ type: "approval.asked", data: heldData(over) });
const voted = (voter: string, over: Partial<Event<"approval.voted">["data"]> = {}): Draft => ({
	type: "approval.voted",
	data: { call, voter, groups: ["finance"], verdict: "approve", via: "slack", digest, ...over },
	nth: voter,
});
const withdrawn = (caller = erin): Draft => ({ type: "approval.withdrawn", data: { call, caller } });
const ended = (ending: "expired" | "rejected" = "expired"): Draft => {
	const { arguments: _, callReason: __, receivedAt: ___, terms: ____, hold: _____, sealed: ______, ...data } = heldData();
	return { type: "call.ended", data: { ...data, ending } };
};
const granted = (): Event<"call.granted">["data"] => {
	const { arguments: _, terms: __, hold: ___, ...data } = heldData();
	return { ...data, approvedBy: ["dana@example.com"], expiresAt: at(7).toISOString(), grant: "grant" };
};

describe("a hold", () => {
	test.each([
		["of a call nobody knows asks people", stateAfter(), "approval.asked"],
		["of a call its caller gave up cancels it", stateAfter(withdrawn()), "call.ended"],
		["is not stopped by what a stranger gave up", stateAfter(withdrawn({ ...erin, subject: "mallory" })), "approval.asked"],
		["delivered again while people decide changes nothing", stateAfter(asked()), undefined],
		["delivered again after a grant changes nothing", stateAfter(asked(), granted()), undefined],
		["delivered again after the end changes nothing", stateAfter(asked(), ended()), undefined],
		["of a call whose beginning is lost changes nothing", stateAfter(voted("dana@example.com")), undefined],
	])("%s", (_, state, expected) => {
		const decision = decideHold(state, heldData());
		expect(decision.kind === "write" ? decision.draft.type : undefined).toBe(expected);
	});
});

describe("a vote is refused", () => {
	const requireReason = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: true }] });
	const twoOfFinance = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
	const noEmail = { ...erin };
	delete noEmail.email;
	const cases: [string, Approval, CastVote, string, Date?][] = [
		["on a call nobody knows", stateAfter(), vote("dana@example.com"), "unknown_call"],
		["on a call that was given up early", stateAfter(withdrawn()), vote("dana@example.com"), "unknown_call"],
		["of somebody without an address", stateAfter(asked()), vote(undefined), "unknown_person"],
		["of somebody with an empty address", stateAfter(asked()), vote(" "), "unknown_person"],
		[
			"of somebody without an address, though their token's groups fit",
			stateAfter(asked()),
			vote(undefined, { voter: { email: undefined, identity: identity("x", ["idp-finance"]) } }),
			"unknown_person",
		],
		["of the requester", stateAfter(asked()), vote("erin@example.com"), "requester"],
		["of the requester in other letters", stateAfter(asked()), vote("ERIN@Example.com"), "requester"],
		[
			"of the requester's account with another address",
			stateAfter(asked()),
			vote("dana@example.com", { voter: { email: "dana@example.com", identity: identity("erin") } }),
			"requester",
		],
		[
			"of a requester without an address, by account",
			stateAfter(asked({ caller: noEmail })),
			vote("dana@example.com", { voter: { email: "dana@example.com", identity: identity("erin") } }),
			"requester",
		],
		[
			"of the requester rejecting",
			stateAfter(asked()),
			vote("erin@example.com", { verdict: "reject", reason: "changed my mind" }),
			"requester",
		],
		["of somebody in no group", stateAfter(asked()), vote("mallory@example.com"), "not_a_member"],
		["of somebody in a group that was not asked yet", stateAfter(asked()), vote("carol@example.com"), "not_a_member"],
		["of a stranger after the end, who learns nothing", stateAfter(asked(), ended()), vote("mallory@example.com"), "not_a_member"],
		[
			"on other arguments than were seen",
			stateAfter(asked()),
			vote("dana@example.com", { digest: `sha256:${"0".repeat(64)}` }),
			"other_digest",
		],
		["after a grant", stateAfter(asked(), granted()), vote("dana@example.com"), "settled"],
		["after the end", stateAfter(asked(), ended()), vote("dana@example.com"), "settled"],
		[
			"after a rejection that was not yet acted on",
			stateAfter(asked(), voted("frank@example.com", { verdict: "reject" })),
			vote("dana@example.com"),
			"settled",
		],
		["at the very end of its time", stateAfter(asked()), vote("dana@example.com"), "expired", at(30)],
		["when its time cannot be read", stateAfter(asked({ terms: terms({ expiresAt: "soon" }) })), vote("dana@example.com"), "expired"],
		["rejecting without a reason", stateAfter(asked()), vote("dana@example.com", { verdict: "reject" }), "reason_required"],
		[
			"rejecting with two characters and spaces",
			stateAfter(asked()),
			vote("dana@example.com", { verdict: "reject", reason: " no " }),
			"reason_required",
		],
		[
			"approving without a reason that is required",
			stateAfter(asked({ terms: requireReason })),
			vote("dana@example.com"),
			"reason_required",
		],
	];
	test.each(cases)("%s", (_, state, cast, refusal, now = at(1)) => {
		expect(decideVote(state, cast, now, groups)).toEqual({ kind: "refuse", refusal });
	});

	test("by a group of the identity provider that a Slack user cannot prove", () => {
		const idp = groupsOf(group("finance", [], { groups: new Set(["idp-finance"]) }));
		expect(decideVote(stateAfter(asked()), vote("dana@example.com"), at(1), idp)).toEqual({ kind: "refuse", refusal: "not_a_member" });
		const proven = vote("dana@example.com", {
			via: "api",
			voter: { email: "dana@example.com", identity: identity("dana", ["idp-finance"]) },
		});
		expect(decideVote(stateAfter(asked()), proven, at(1), idp).kind).toBe("write");
	});

	test("twice: the same person's second approval is no second vote", () => {
		const once = stateAfter(asked({ terms: twoOfFinance }), voted("dana@example.com"));
		expect(decideVote(once, vote("DANA@example.com"), at(2), groups)).toEqual({ kind: "nothing" });
		expect(decideVote(once, vote("dana@example.com", { verdict: "reject", reason: "changed my mind" }), at(2), groups).kind).toBe("write");
	});
});

describe("what is due", () => {
	const due = (state: Approval, now: Date, current: Groups = groups): string => {
		const decision = decideDue(state, now, current);
		if (decision.kind !== "write") return decision.kind;
		return decision.draft.type === "call.ended" ? decision.draft.data.ending : decision.draft.type;
	};
	const two = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
	const both = terms({
		requirements: [
			{ rule: "r", anyOf: ["finance"], quorum: 1, reasonRequired: false },
			{ rule: "s", anyOf: ["cfo"], quorum: 1, reasonRequired: false },
		],
	});
	const escalating = terms({ escalations: [{ at: at(10).toISOString(), to: ["cfo"] }] });
	const escalatingOne = terms({ ...both, escalations: [{ at: at(10).toISOString(), to: ["board"], rule: "s" }] });
	const escalated: Draft = { type: "approval.escalated", data: { call, step: 1, to: ["cfo"] } };
	const board = groupsOf(finance, cfo, group("board", ["bo@example.com"]));

	const cases: [string, Approval, Date, string, Groups?][] = [
		["nothing, at first", stateAfter(asked()), at(1), "nothing"],
		["the end of its time", stateAfter(asked()), at(30), "expired"],
		[
			"the end of its time, also when enough people approved and nobody acted on it",
			stateAfter(asked(), voted("dana@example.com")),
			at(30),
			"expired",
		],
		["a grant with enough people", stateAfter(asked(), voted("dana@example.com")), at(1), "call.granted"],
		["nothing with one of two", stateAfter(asked({ terms: two }), voted("dana@example.com")), at(1), "nothing"],
		[
			"nothing with one person twice",
			stateAfter(asked({ terms: two }), voted("dana@example.com"), voted("Dana@Example.com")),
			at(1),
			"nothing",
		],
		[
			"a grant with two of two",
			stateAfter(asked({ terms: two }), voted("dana@example.com"), voted("frank@example.com")),
			at(1),
			"call.granted",
		],
		[
			"nothing when one of the two has left",
			stateAfter(asked({ terms: two }), voted("dana@example.com"), voted("frank@example.com")),
			at(1),
			"nothing",
			groupsOf(group("finance", ["dana@example.com"])),
		],
		["nothing when the group is gone", stateAfter(asked(), voted("dana@example.com")), at(1), "nothing", groupsOf()],
		["nothing when the requester's vote is somehow there", stateAfter(asked(), voted("erin@example.com")), at(1), "nothing"],
		["nothing with one of two requirements", stateAfter(asked({ terms: both }), voted("dana@example.com")), at(1), "nothing"],
		[
			"a grant with both requirements",
			stateAfter(asked({ terms: both }), voted("dana@example.com"), voted("carol@example.com")),
			at(1),
			"call.granted",
		],
		[
			"a grant by one person who is in both groups",
			stateAfter(asked({ terms: both }), voted("dana@example.com")),
			at(1),
			"call.granted",
			groupsOf(finance, group("cfo", ["dana@example.com"])),
		],
		["a rejection", stateAfter(asked(), voted("dana@example.com", { verdict: "reject", reason: "too much" })), at(1), "rejected"],
		[
			"a rejection, whatever the others said",
			stateAfter(asked(), voted("frank@example.com"), voted("dana@example.com", { verdict: "reject" })),
			at(1),
			"rejected",
		],
		[
			"a rejection that came in time and was acted on late",
			stateAfter(asked(), voted("dana@example.com", { verdict: "reject" })),
			at(31),
			"rejected",
		],
		["an escalation", stateAfter(asked({ terms: escalating })), at(10), "approval.escalated"],
		["no escalation before its time", stateAfter(asked({ terms: escalating })), at(9), "nothing"],
		["no escalation twice", stateAfter(asked({ terms: escalating }), escalated), at(11), "nothing"],
		[
			"a grant by the group it was escalated to",
			stateAfter(asked({ terms: escalating }), escalated, voted("carol@example.com")),
			at(11),
			"call.granted",
		],
		["nothing for a group it will be escalated to", stateAfter(asked({ terms: escalating }), voted("carol@example.com")), at(1), "nothing"],
		[
			"nothing: an escalated rule's group does not stand in for another rule",
			stateAfter(asked({ terms: escalatingOne }), escalated, voted("carol@example.com"), voted("bo@example.com")),
			at(11),
			"nothing",
			board,
		],
		["nothing after a grant", stateAfter(asked(), granted()), at(31), "nothing"],
		["nothing after the end", stateAfter(asked(), ended()), at(31), "nothing"],
		["nothing for a call that was given up early", stateAfter(withdrawn()), at(31), "nothing"],
	];
	test.each(cases)("%s", (_, state, now, expected, current = groups) => {
		expect(due(state, now, current)).toBe(expected);
	});

	test("the grant names those who were needed", () => {
		const state = stateAfter(asked({ terms: both }), voted("dana@example.com"), voted("frank@example.com"), voted("carol@example.com"));
		expect(decideDue(state, at(1), groups)).toEqual({
			kind: "write",
			draft: { type: "call.granted", approvedBy: ["dana@example.com", "carol@example.com"] },
		});
	});
});

test.each([
	["before approval saw it is remembered", stateAfter(), erin, "approval.withdrawn"],
	["again before approval saw it changes nothing", stateAfter(withdrawn()), erin, undefined],
	["while people decide ends it", stateAfter(asked()), erin, "call.ended"],
	["by somebody else changes nothing", stateAfter(asked()), { ...erin, subject: "mallory" }, undefined],
	["after a grant is too late", stateAfter(asked(), granted()), erin, undefined],
	["after the end is too late", stateAfter(asked(), ended()), erin, undefined],
])("withdrawing %s", (_, state, caller, expected) => {
	const decision = decideWithdraw(state, call, caller);
	expect(decision.kind === "write" ? decision.draft.type : undefined).toBe(expected);
});

test("each channel is recorded once, and nothing once the call is settled", () => {
	const delivered = { channel: "#finance-approvals", channelId: "C1", messageTs: "1.1" };
	const first = decideDelivered(stateAfter(asked()), delivered);
	expect(first.kind).toBe("write");
	const draft: Draft = { type: "approval.delivered", data: { call, ...delivered } };
	expect(decideDelivered(stateAfter(asked(), draft), { ...delivered, messageTs: "2.2" }).kind).toBe("nothing");
	expect(decideDelivered(stateAfter(asked(), ended()), delivered).kind).toBe("nothing");
});

test("reminders come in time, once, and not after the end", () => {
	const state = stateAfter(asked({ terms: terms({ remindAt: [at(10).toISOString(), at(20).toISOString()] }) }));
	expect(decideRemind(state, 1, at(9)).kind).toBe("nothing");
	expect(decideRemind(state, 1, at(10)).kind).toBe("write");
	expect(decideRemind(state, 3, at(29)).kind).toBe("nothing");
	expect(decideRemind(state, 1, at(30)).kind).toBe("nothing");
	const reminded = apply(state, {
		event: newEvent("approval", "approval.reminded", { call, reminder: 2 }, { at: at(20), nth: 2 }),
		position: 9,
	});
	expect(decideRemind(reminded, 1, at(21)).kind).toBe("nothing");
});

test("what comes after the end, or again, changes nothing but the position", () => {
	const end = stateAfter(asked(), ended());
	const late = apply(end, { event: eventOf(voted("dana@example.com")), position: 7 } as StoredEvent);
	expect(late).toEqual({ ...end, last: 7 });
	expect(apply(late, { event: eventOf(ended("rejected")), position: 3 } as StoredEvent)).toBe(late);
});
