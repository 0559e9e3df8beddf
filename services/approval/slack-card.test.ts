// What other people wrote stays text in Slack: no mention, no link, no way out of a code block, nothing hidden, and always within Slack's limits.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkBlocks, checkModal } from "../../infra/local/demo/slack-blocks.ts";
import type { Waiting } from "./approval.ts";
import { at, call, cfo, digest, erin, finance, groupsOf, heldData, start } from "./held-call.test-support.ts";
import { isShown, type Shown } from "./ports.ts";
import { cardOf, reasonView } from "./slack-card.ts";
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
		expect(plain("abcdef", 4).text).toBe("abc…");
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

test("arguments that do not fit are said not to fit", () => {
	const long = waiting({ arguments: { notes: "x".repeat(60_000), payee: "mallory" } });
	expect(text(cardOf(long, groups).blocks)).toContain("Not all of the arguments fit here");
	expect(text(cardOf(waiting(), groups).blocks)).not.toContain("Not all");
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

test("Slack takes every card and every modal, whatever people wrote", () => {
	const wild = fc.string({ unit: "binary", maxLength: 1_000, size: "max" });
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
				expect(checkBlocks(JSON.parse(JSON.stringify(blocks)))).not.toHaveProperty("errors");
				for (const found of JSON.stringify(blocks).matchAll(/<!([a-z]+)/g)) expect(found[1]).toBe("date");
				const asked = { call, digest, verdict: "reject" as const, channel: "C0FINANCE1", messageTs: "1.1" };
				expect(checkModal(JSON.parse(JSON.stringify(reasonView(asked, one))))).not.toHaveProperty("errors");
			},
		),
		{ numRuns: 60 },
	);
});
