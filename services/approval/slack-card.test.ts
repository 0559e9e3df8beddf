// What other people wrote stays text in Slack: no mention, no link, no way out of a code block, nothing hidden, and always within Slack's limits.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { areTooLong, checkBlocks, checkModal } from "../../infra/local/demo/slack-blocks.ts";
import type { Waiting } from "./approval.ts";
import { at, call, cfo, digest, erin, finance, groupsOf, heldData, start } from "./held-call.test-support.ts";
import { isShown, type Shown } from "./ports.ts";
import { cardBytesMax, cardOf, reasonView, sizeOf } from "./slack-card.ts";
import { codeBlocks, escapeMrkdwn, plain, slackTime } from "./slack-text.ts";

const groups = groupsOf(finance, cfo);

function waiting(over: Parameters<typeof heldData>[0] = {}): Waiting {
	const { sealed: _, hold: __, ...asked } = heldData(over);
	const question = { asked, askedAt: start, traceparent: undefined, deliveries: [], votes: [], reminders: 0, escalated: [] };
	return { state: "waiting", question, last: 1 };
}
const text = (blocks: readonly unknown[]): string => JSON.stringify(blocks);

describe("text of other people", () => {
	test.each([
		["<!channel> & <@U123>", "&lt;!channel&gt; &amp; &lt;@U123&gt;"],
		["a\u202eb", "a\\u202eb"],
		["a\u0000b", "a\\u0000b"],
		["zero\u200bwidth", "zero\\u200bwidth"],
		["lines\nand\ttabs stay", "lines\nand\ttabs stay"],
		["\ud800", "\ufffd"],
	])("%j becomes %j", (given, expected) => {
		expect(escapeMrkdwn(given)).toBe(expected);
	});

	const troubling = fc.string({ unit: fc.constantFrom("`", "<", "&", "a", "\n", "\u202e"), maxLength: 400, size: "max" });
	test("never ends its code block, whatever it is", () => {
		fc.assert(
			fc.property(
				fc.oneof(fc.string({ unit: "binary", maxLength: 400, size: "max" }), troubling),
				fc.integer({ min: 20, max: 200 }),
				(given, charactersMax) => {
					const { blocks, isWhole } = codeBlocks(given, charactersMax, 3);
					expect(blocks.length).toBeLessThanOrEqual(3);
					for (const block of blocks) {
						expect(block.length).toBeLessThanOrEqual(charactersMax);
						expect(block.slice(3, -3)).not.toMatch(/```|[<>]/);
						expect(block.slice(3, -3)).not.toMatch(/&(?!amp;|lt;|gt;)/);
					}
					const whole = codeBlocks(given, 1_000_000, 1);
					expect(whole.isWhole).toBe(true);
					const shown = blocks.map((block) => block.slice(3, -3)).join("");
					if (isWhole) expect(shown).toBe(whole.blocks[0]?.slice(3, -3));
					else expect(whole.blocks[0]?.slice(3, -3).startsWith(shown)).toBe(true);
				},
			),
		);
	});

	test("cannot close the block by three backticks", () => {
		expect(codeBlocks("a```b", 100, 3).blocks).toEqual(["```a`\u200b`\u200b`\u200bb```"]);
	});

	test("is cut with a sign, and empty text is something", () => {
		expect(plain("abcdef", 5).text).toBe("ab…");
		expect(plain("abcde", 5).text).toBe("abcde");
		expect(plain("ééé", 5).text).toBe("é…");
		expect(plain("", 4).text).toBe("–");
	});
});

test("times are in the reader's zone, with UTC where that cannot be", () => {
	expect(slackTime(start)).toBe("<!date^1772366400^{date_short_pretty} {time_secs}|2026-03-01 12:00:00 UTC>");
	expect(slackTime(new Date(Number.NaN))).toBe("unknown");
});

test("buttons carry the call and what exactly was shown", () => {
	const shown = cardOf(waiting(), groups).blocks.find(({ type }) => type === "actions");
	expect(shown).toMatchObject({
		elements: [
			{ action_id: "approve", value: `${call} ${digest}` },
			{ action_id: "reject", value: `${call} ${digest}` },
		],
	});
});

test("what does not fit is named, with where to see it", () => {
	const long = waiting({
		arguments: { notes: "x".repeat(60_000), payee: "mallory" },
		reasons: [{ code: "held", message: "m".repeat(1_024) }],
	});
	const note = `Cut short: the arguments. See all of it before you decide: \`callgate approvals show ${call}\``;
	expect(text(cardOf(long, groups).blocks)).toContain(note);
	expect(text(cardOf(waiting(), groups).blocks)).not.toContain("Not everything fits");
	const more = waiting({ caller: { ...erin, groups: Array(100).fill("a-long-name-of-a-group") } });
	expect(text(cardOf(more, groups).blocks)).toContain('Cut short: \\"Their groups\\".');
});

const settledStates: [string, (one: Waiting) => Shown, string][] = [
	[
		"granted",
		({ question, last }) => ({ state: "granted", question, last, by: ["dana@example.com"], at: at(1) }),
		"Approved by dana@example.com",
	],
	[
		"rejected",
		({ question, last }) => ({
			state: "ended",
			ending: "rejected",
			question,
			last,
			by: ["dana@example.com"],
			detail: "too much",
			at: at(1),
		}),
		"Rejected by dana@example.com: too much",
	],
	[
		"expired",
		({ question, last }) => ({ state: "ended", ending: "expired", question, last, by: [], detail: undefined, at: at(1) }),
		"Nobody decided in time",
	],
	[
		"cancelled",
		({ question, last }) => ({ state: "ended", ending: "cancelled", question, last, by: [], detail: undefined, at: at(1) }),
		"no longer wants it",
	],
];
test.each(settledStates)("%s: no buttons, but who and when and why", (_, settle, says) => {
	const { blocks } = cardOf(settle(waiting()), groups);
	expect(blocks.some(({ type }) => type === "actions")).toBe(false);
	expect(text(blocks)).toContain(says);
	expect(text(blocks)).toContain("<!date^1772366460^");
});

const wild = fc.string({ unit: "binary", maxLength: 1_000, size: "max" });
const checked = (blocks: unknown) => {
	const sent = JSON.parse(JSON.stringify(blocks));
	expect(checkBlocks(sent)).not.toHaveProperty("errors");
	expect(areTooLong(sent)).toBe(false);
};

test("Slack takes every card and every modal, whatever people wrote", () => {
	fc.assert(
		fc.property(
			wild,
			wild,
			fc.jsonValue(),
			fc.array(fc.string({ maxLength: 128 }), { maxLength: 256 }),
			fc.nat(4),
			(one, other, args, many, state) => {
				const caller = { ...erin, subject: one.slice(0, 256) || "x", groups: many };
				const over = { caller, callReason: other, arguments: args, function: other.slice(0, 128) || "f", rules: many.slice(0, 64) };
				const reasons = many.slice(0, 64).map((message) => ({ code: "held", message }));
				const held = waiting({ ...over, reasons });
				const shown = settledStates[state]?.[1](held) ?? held;
				expect(isShown(shown)).toBe(true);
				const { blocks } = cardOf(shown, groups);
				checked(blocks);
				for (const found of JSON.stringify(blocks).matchAll(/<!([a-z]+)/g)) expect(found[1]).toBe("date");
				const asked = { call, digest, verdict: "reject" as const, channel: "C0FINANCE1", messageTs: "1.1" };
				const modal = JSON.parse(JSON.stringify(reasonView(asked, one)));
				expect(checkModal(modal)).not.toHaveProperty("errors");
				expect(areTooLong(modal.blocks)).toBe(false);
			},
		),
		{ numRuns: 60 },
	);
});

test("a card of any size fits, and goes on showing as much of the arguments when votes and reasons come to it", () => {
	// One byte, what JSON escapes, what mrkdwn escapes, three bytes, four bytes, what is made visible.
	const unit = fc.constantFrom("x", '"', "<", "\n", "漢", "😀", "\u202e");
	const size = fc.oneof(fc.nat(40_000), fc.integer({ min: 4_000, max: 14_000 }));
	const argumentBlocks = (shown: Shown) => cardOf(shown, groups).blocks.filter((block) => text([block]).includes("```"));
	fc.assert(
		fc.property(unit, size, fc.nat(1_024), fc.nat(1_024), fc.nat(16), (one, length, reasonLength, callReasonLength, votes) => {
			const held = waiting({
				arguments: { notes: one.repeat(length) },
				callReason: one.repeat(callReasonLength),
				caller: { ...erin, groups: Array(votes).fill(one.repeat(32)) },
				reasons: [{ code: "held", message: one.repeat(reasonLength) }],
			});
			const voted = Array.from({ length: votes }, (_, nth) => ({
				...{ voter: `${nth}@example.com`, groups: ["finance"], verdict: "approve" as const, via: "slack" as const, at: start },
				reason: one.repeat(reasonLength),
			}));
			const later: Waiting = { ...held, question: { ...held.question, votes: voted } };
			const by = voted.map(({ voter }) => voter);
			const shown: Shown[] = [held, later, { state: "granted", question: later.question, last: 2, by, at: at(1) }];
			for (const state of shown) {
				const { blocks } = cardOf(state, groups);
				checked(blocks);
				expect(sizeOf(blocks)).toBeLessThanOrEqual(cardBytesMax);
				expect(argumentBlocks(state)).toEqual(argumentBlocks(held));
			}
		}),
		{ numRuns: 100 },
	);
});

test("the modal's button, which Slack draws green, says neither verdict", () => {
	const asked = { call, digest, channel: "C0FINANCE1", messageTs: "1.1" };
	const [approve, reject] = (["approve", "reject"] as const).map((verdict) => reasonView({ ...asked, verdict }, "what"));
	expect([approve?.title.text, reject?.title.text]).toEqual(["Approve this call", "Reject this call"]);
	expect([approve?.submit.text, reject?.submit.text]).toEqual(["Send", "Send"]);
});
