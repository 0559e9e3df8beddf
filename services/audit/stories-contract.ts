// What every place of stories and its reader must do: the suite that the ones in memory and on OpenSearch both pass.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { documentOf } from "#libs/contracts/index-template.ts";
import { storyFields } from "#libs/contracts/record-fields.ts";
import { readCondition } from "./conditions.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import type { Condition, RecordedEvent, Stories, StoryQuery, StoryReader } from "./ports.ts";
import { recordedEvent } from "./recorded-event.ts";
import { storiesOf } from "./tell-story.ts";

export interface StoriesUnderTest {
	readonly stories: Stories;
	/** As another replica has them. */
	readonly others: Stories;
	readonly reader: StoryReader;
	/** Makes what was told findable. */
	settle(): Promise<void>;
}

export function recorded(event: CallgateEvent, position = 1): RecordedEvent {
	return recordedEvent(JSON.parse(JSON.stringify(documentOf(event, { position, item: 0 }).document)));
}

export function describeStories(name: string, open: () => Promise<StoriesUnderTest>): void {
	describe(`${name}: stories`, () => {
		let under: StoriesUnderTest;
		beforeEach(async () => {
			under = await open();
		});
		afterEach(() => under.settle());
		const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
		const told = async (query: StoryQuery = {}) => {
			await under.settle();
			return (await under.reader.calls(query, 50)).stories;
		};

		it("are the same whether a call is told at once, step by step, from its end, or again and again", async () => {
			const said = (n: number) => [recorded(aReceived(callId(n)), 1), recorded(anEnded(callId(n), {}, at(2)), 2)];
			expect(await under.stories.merge(storiesOf([1, 2, 3, 4].flatMap((n) => (n === 1 ? said(1) : []))))).toEqual({ refused: 0 });
			for (const event of said(2)) await under.stories.merge(storiesOf([event]));
			for (const event of said(3).toReversed()) await under.others.merge(storiesOf([event]));
			for (const event of [...said(4), ...said(4), ...said(4).toReversed()]) await under.stories.merge(storiesOf([event]));
			const found = await told();
			expect(found).toEqual([4, 3, 2, 1].flatMap((n) => storiesOf(said(n))));
			expect(found[0]).toMatchObject({ state: "ended", ending: "denied", decision: { rules: ["never"] } });
		});

		it("have what several told of one call at the same time", async () => {
			const parts = Array.from({ length: 8 }, (_, n) =>
				storiesOf([recorded({ ...aReceived(callId(1)), id: aReceived(callId(1)).id }, n + 3)]),
			);
			const others = [storiesOf([recorded(aReceived(callId(1)), 1)]), storiesOf([recorded(anEnded(callId(1)), 2)])];
			await Promise.all([...parts, ...others].map((part, n) => (n % 2 === 0 ? under.stories : under.others).merge(part)));
			expect(await told()).toEqual(storiesOf([recorded(aReceived(callId(1)), 1), recorded(anEnded(callId(1)), 2)]));
		});

		it("refuse what can never be a story alone, and say how many", async () => {
			const [sound] = storiesOf([recorded(aReceived(callId(1)))]);
			const [unsound] = storiesOf([recorded(aReceived(callId(2)))]);
			if (!sound || !unsound) throw new Error("expected two stories");
			expect(await under.stories.merge([{ ...unsound, via: "v".repeat(40_000) }, sound])).toEqual({ refused: 1 });
			expect((await told()).map(({ call }) => call)).toEqual([callId(1)]);
		});

		it("wait for a field that their index does not know", async () => {
			const [story] = storiesOf([recorded(aReceived(callId(1)))]);
			const newer = { ...story, undeclared: 1 } as unknown as NonNullable<typeof story>;
			await expect(under.stories.merge([newer])).rejects.toMatchObject({ name: "IndexUnavailable", reason: "outdated" });
		});

		it("remember how far they were built, which is no story", async () => {
			expect(await under.stories.built()).toBeUndefined();
			await under.stories.setBuilt({ position: 7, item: 1 });
			expect(await under.others.built()).toEqual({ position: 7, item: 1 });
			await under.stories.setBuilt("whole");
			expect(await under.stories.built()).toBe("whole");
			expect(await told()).toEqual([]);
		});

		it("are paged from new to old without gaps", async () => {
			await under.stories.merge(storiesOf(Array.from({ length: 7 }, (_, n) => recorded(aReceived(callId(n)), n + 1))));
			await under.settle();
			const seen: string[] = [];
			let page = await under.reader.calls({}, 3);
			for (;;) {
				seen.push(...page.stories.map(({ call }) => call));
				if (page.end === undefined) break;
				page = await under.reader.calls({}, 3, page.end);
			}
			expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map(callId));
			expect(page.total).toEqual({ value: 7, exact: true });
		});

		it("are found by what they say", async () => {
			const dana = { issuer: "https://idp.example", subject: "dana", email: "dana@example.com", groups: ["staff"] };
			const findings = [{ detector: "card", path: "/card", count: 1 }];
			await under.stories.merge(
				storiesOf([
					recorded(aReceived(callId(1), { caller: dana, callReason: "pay the plumber", receivedAt: at(1).toISOString() }), 1),
					recorded(aReceived(callId(2), { connection: "crm", function: "deleteUser", findings, receivedAt: at(2).toISOString() }), 2),
					recorded(anEnded(callId(2), { connection: "crm", function: "deleteUser", detail: "not today" }, at(3)), 3),
					recorded(aReceived(callId(3), { arguments: { user: { name: "Miller" } }, receivedAt: at(3).toISOString() }), 4),
				]),
			);
			await under.settle();
			const found = async (query: StoryQuery) =>
				(await under.reader.calls(query, 10)).stories.map(({ call }) => Number(call.slice(-1))).reverse();
			const where = (...texts: string[]): StoryQuery => ({ where: texts.map((text) => readCondition(text, storyFields) as Condition) });
			expect(await found({ call: callId(2) })).toEqual([2]);
			expect(await found({ caller: "Dana@Example.com" })).toEqual([1]);
			expect(await found({ caller: "robin" })).toEqual([2, 3]);
			expect(await found({ connection: "crm", function: "deleteUser" })).toEqual([2]);
			expect(await found({ ending: "denied" })).toEqual([2]);
			expect(await found({ state: "received" })).toEqual([1, 3]);
			expect(await found({ from: at(2).toISOString(), to: at(3).toISOString() })).toEqual([2]);
			expect(await found({ q: "plumber" })).toEqual([1]);
			expect(await found({ q: "today" })).toEqual([2]);
			expect(await found({ q: "Miller" })).toEqual([3]);
			expect(await found(where("decision.rules=never", "durations.totalMs>=1000"))).toEqual([2]);
			expect(await found(where("findings.detector=card"))).toEqual([2]);
			expect(await found(where("arguments.user.name=Miller"))).toEqual([3]);
			expect(await found(where("endedAt"))).toEqual([2]);
			expect(await found(where("caller.email!=dana@example.com"))).toEqual([2, 3]);
		});
	});
}
