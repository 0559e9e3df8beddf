// A story reads like one, and nothing that a caller or a function wrote can make it read otherwise.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyEventOf } from "#libs/contracts/any-event.test-support.ts";
import { events } from "#libs/contracts/events.ts";
import { type StoryEvent, tellBriefly, tellEvent, tellStory } from "./story.ts";
import { safeLine } from "./terminal-text.ts";

const call = "01890000-0000-7000-8000-000000000001";
const digest = `sha256:${"a".repeat(64)}`;
const theCall = { call, connection: "payments", function: "createTransfer", pool: "default", digest, revision: digest };
const caller = { issuer: "https://idp.example", subject: "robin", email: "robin@example.com", groups: ["staff"] };
const event = (type: string, source: string, second: number, data: Record<string, unknown>): StoryEvent => ({
	...{ type, source: `/callgate/${source}`, subject: call, position: second },
	...{ time: `2026-01-01T12:00:0${second}.000Z`, data: { ...theCall, ...data } },
});

const heldCall = [
	event("call.received", "ingress", 1, {
		...{ caller, via: "calls", callReason: "invoice 4711", arguments: { amount: 2500, card: "[card …1111]" } },
		findings: [{ detector: "card", path: "/card", count: 1 }],
	}),
	event("call.held", "policy", 2, {
		rules: ["large-transfers-need-finance"],
		reasons: [{ code: "held_by_rule", rule: "large-transfers-need-finance", message: "More than 1000" }],
		terms: { requirements: [{ rule: "large-transfers-need-finance", anyOf: ["finance"], quorum: 2, reasonRequired: true }] },
	}),
	event("approval.voted", "approval", 3, {
		voter: "dana@example.com",
		groups: ["finance"],
		verdict: "approve",
		reason: "checked",
		via: "slack",
	}),
	event("call.granted", "approval", 4, { rules: [], reasons: [], approvedBy: ["dana@example.com"], expiresAt: "2026-01-01T12:05:00.000Z" }),
	event("call.started", "executor", 5, { caller, executor: "host-1", attempt: 1, grantId: "g-1", credential: "bank-api-key" }),
	event("call.ended", "executor", 6, {
		caller,
		ending: "completed",
		rules: [],
		reasons: [],
		answer: { http: { status: 201 } },
		durationMs: 35,
		result: { id: "t-1" },
	}),
];

describe("a story", () => {
	it("tells who, what, why, masked arguments, digest, decision, people, grant, executor and outcome, in order", () => {
		expect(tellStory(call, heldCall).join("\n")).toMatchInlineSnapshot(`
			"call      01890000-0000-7000-8000-000000000001
			function  payments.createTransfer
			caller    robin <robin@example.com> of https://idp.example
			digest    sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
			revision  sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, pool default
			ending    completed

			2026-01-01 12:00:01.000Z  call.received       ingress   robin <robin@example.com> of https://idp.example asked for payments.createTransfer through the API
			                                                        because: invoice 4711
			                                                        arguments:
			                                                          amount: 2500
			                                                          card: "[card …1111]"
			                                                        masked: card at /card
			2026-01-01 12:00:02.000Z  call.held           policy    policy wants people to decide, rule large-transfers-need-finance
			                                                        reason: held_by_rule (large-transfers-need-finance): More than 1000
			                                                        wants 2 of finance for large-transfers-need-finance, with a reason
			2026-01-01 12:00:03.000Z  approval.voted      approval  dana@example.com of finance voted to approve through Slack
			                                                        because: checked
			2026-01-01 12:00:04.000Z  call.granted        approval  it may run once until 2026-01-01 12:05:00.000Z
			                                                        approved by dana@example.com
			2026-01-01 12:00:05.000Z  call.started        executor  executor host-1 claimed it (attempt 1) and dials
			                                                        grant g-1, credential bank-api-key
			2026-01-01 12:00:06.000Z  call.ended          executor  the call is completed, the function answered 201 after 35 ms
			                                                        answer:
			                                                          id: "t-1""
		`);
	});

	it("says who took a call over, and whether anybody had begun", () => {
		const taken = (attempts: number) =>
			event("call.taken", "executor", 5, { caller, executor: "host-2", attempts, leaseUntil: "2026-01-01T12:00:10.000Z" });
		const [told] = tellStory(call, [taken(1)]).filter((line) => line.includes("call.taken"));
		expect(told).toContain("executor host-2 took it over after attempt 1: nobody else may end it");
		expect(tellStory(call, [taken(0)]).join("\n")).toContain("executor host-2 took it over before anybody began");
	});

	it("says that a call has not ended", () => {
		expect(tellStory(call, heldCall.slice(0, 2))).toContain("ending    none yet");
	});

	it("can be told of any event, also of one whose fields are not what they should be", () => {
		fc.assert(
			fc.property(fc.oneof(...events.map(anyEventOf)), fc.jsonValue(), (any, junk) => {
				const told = { ...any, position: 1 } as unknown as StoryEvent;
				expect(tellEvent(told).length).toBeGreaterThan(0);
				expect(tellBriefly(told)).not.toBe("");
				const odd = { ...told, data: Object.fromEntries(Object.keys(told.data).map((name) => [name, junk])) };
				expect(tellEvent(odd).length).toBeGreaterThan(0);
			}),
		);
	});

	it("knows every event that is declared, and survives one that is not", () => {
		for (const { type } of events) expect(tellEvent(event(type, "policy", 1, {})).join()).not.toContain("does not know");
		expect(tellEvent(event("constructor", "policy", 1, {})).join()).toContain("an event this version does not know");
	});

	it("lets nothing move the cursor, colour or turn the text", () => {
		const evil = "\u001b[2K\u001b[1Aended\r\n\u202egnp\u2066\u0007\u009b31m\u2028";
		const lines = tellStory(call, [
			event("call.ended", "executor", 1, {
				ending: evil,
				detail: evil,
				reasons: [{ code: evil, message: evil }],
				result: { [evil]: evil },
			}),
		]);
		expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
		expect(safeLine("\u001b")).toBe("\\u{1b}");
	});
});
