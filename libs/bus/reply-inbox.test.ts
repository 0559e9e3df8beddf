// Each request hears its own answer, or that none will come; nothing is left behind.
import { describe, expect, test, vi } from "vitest";
import { ReplyInbox } from "./reply-inbox.ts";

function inbox(now?: () => number) {
	const replies = new ReplyInbox<string>("_INBOX_x.abc", now);
	const sent: string[] = [];
	const ask = (subject: string, timeoutMs = 1_000) => replies.ask(subject, timeoutMs, (replyTo) => void sent.push(replyTo));
	return { replies, sent, ask };
}

describe("an answer", () => {
	test("reaches the request it is for, in whatever order it comes", async () => {
		const { replies, sent, ask } = inbox();
		const answers = [ask("a"), ask("b"), ask("a")];
		expect(new Set(sent).size).toBe(3);
		for (const [at, to] of [...sent.entries()].reverse()) replies.hear(to, `answer ${at}`);
		expect(await Promise.all(answers)).toEqual([{ message: "answer 0" }, { message: "answer 1" }, { message: "answer 2" }]);
	});
	test("comes on a subject of the filter, one token beyond the inbox", () => {
		const { replies, sent, ask } = inbox();
		void ask("a");
		expect(replies.filter).toBe("_INBOX_x.abc.*");
		expect(sent[0]).toMatch(/^_INBOX_x\.abc\.[0-9a-z]+$/);
	});
	test("that nobody waits for is dropped, and the first of two counts", async () => {
		const { replies, sent, ask } = inbox();
		const answer = ask("a");
		replies.hear("_INBOX_x.abc.zzz", "stray");
		replies.hear(sent[0] ?? "", "first");
		replies.hear(sent[0] ?? "", "second");
		expect(await answer).toEqual({ message: "first" });
	});
});

describe("no answer", () => {
	test("is told when the time is over, to those whose time it was", async () => {
		vi.useFakeTimers();
		try {
			let now = 0;
			const { replies, sent, ask } = inbox(() => now);
			const [short, long] = [ask("a", 100), ask("b", 10_000)];
			now = 101;
			vi.advanceTimersByTime(60);
			expect(await short).toEqual({ fault: "timeout" });
			replies.hear(sent[1] ?? "", "in time");
			expect(await long).toEqual({ message: "in time" });
			vi.advanceTimersByTime(60);
			expect(vi.getTimerCount()).toBe(0);
		} finally {
			vi.useRealTimers();
		}
	});
	test("is told at once to everyone when the connection is gone", async () => {
		const { replies, ask } = inbox();
		const answers = [ask("a"), ask("b")];
		replies.abandon();
		expect(await Promise.all(answers)).toEqual([{ fault: "timeout" }, { fault: "timeout" }]);
	});
	test("is told where publishing is forbidden, and to nobody else", async () => {
		const { replies, sent, ask } = inbox();
		const [forbidden, allowed] = [ask("a"), ask("b")];
		replies.forbid("a");
		expect(await forbidden).toEqual({ fault: "forbidden" });
		replies.hear(sent[1] ?? "", "fine");
		expect(await allowed).toEqual({ message: "fine" });
	});
	test("what could not even be sent is thrown", async () => {
		const { replies } = inbox();
		const thrown = new Error("too large");
		await expect(
			replies.ask("a", 1_000, () => {
				throw thrown;
			}),
		).rejects.toBe(thrown);
	});
});
