// What every index and its reader must do: the suite that the one in memory and the one on OpenSearch both pass.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { documentOf, type Place } from "#libs/contracts/index-template.ts";
import { readCondition } from "./conditions.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import type { Condition, Delivered, Index, RecordReader } from "./ports.ts";

export interface IndexUnderTest {
	readonly index: Index;
	readonly reader: RecordReader;
	/** Begins a new backing index, as an operator's policy does. */
	rollOver(): Promise<void>;
	/** Makes what was created findable. */
	settle(): Promise<void>;
	close(): Promise<void>;
}

/** A document as the bus delivers its event. */
export function delivered(event: CallgateEvent, position = 1, again = false, item = 0): Delivered {
	return { ...documentOf(event, { position, item }), again };
}

export function describeIndex(name: string, open: () => Promise<IndexUnderTest>): void {
	describe(`${name}: an index`, () => {
		let under: IndexUnderTest;
		beforeEach(async () => {
			under = await open();
		});
		afterEach(async () => {
			await under.close();
		});

		it("creates each document once and says which were there", async () => {
			const one = aReceived(callId(1));
			const two = aReceived(callId(2));
			expect(await under.index.create([delivered(one), delivered(two)])).toEqual([{ kind: "created" }, { kind: "created" }]);
			expect(await under.index.create([delivered(two, 2), delivered(aReceived(callId(3)), 3)])).toEqual([
				{ kind: "exists" },
				{ kind: "created" },
			]);
			await under.settle();
			expect((await under.reader.search({}, 10)).total).toEqual({ value: 3, exact: true });
		});

		it("takes the same event twice in one batch once", async () => {
			const one = aReceived(callId(1));
			expect(await under.index.create([delivered(one, 1), delivered(one, 2)])).toEqual([{ kind: "created" }, { kind: "exists" }]);
		});

		it("refuses only the document that cannot be, and says where", async () => {
			const poisoned = { ...aReceived(callId(2)), time: "2026-13-32T99:00:00.000Z" };
			const outcomes = await under.index.create([
				delivered(aReceived(callId(1))),
				delivered(poisoned, 2),
				delivered(aReceived(callId(3)), 3),
			]);
			expect(outcomes.map(({ kind }) => kind)).toEqual(["created", "refused", "created"]);
			const [, refused] = outcomes;
			expect(refused?.kind === "refused" && refused.fault).toMatch(/^[a-z_]+ at @timestamp$/);
		});

		it("gives a batch back whose field the index does not know: nothing is lost to an index that is older than the service", async () => {
			const good = delivered(aReceived(callId(1)));
			const odd = delivered(aReceived(callId(2)), 2);
			const undeclared = { ...odd, document: { ...odd.document, data: { ...(odd.document.data as object), raw: "x" } } };
			await expect(under.index.create([good, undeclared])).rejects.toMatchObject({ name: "IndexUnavailable", reason: "outdated" });
		});

		it("takes what only JSON can say, and strings beyond a term", async () => {
			const long = "é".repeat(40_000);
			const nested = {
				"": 1,
				"a.b": [1, [2, { c: null }], []],
				[long]: 1,
				deep: { deep: { long, list: [long, long] } },
				lone: "\ud800",
				__proto__: {},
			};
			const views = [
				nested,
				{},
				[],
				null,
				"text",
				12.5,
				true,
				[1, { a: 2 }, [3]],
				JSON.parse('{"__proto__":{"a":1}}'),
				deepObject(40),
				{ n: 1e300 },
			];
			const events = views.map((result, at) => anEnded(callId(at), { result, durationMs: 1e300, detail: long.slice(0, 1024) }));
			const outcomes = await under.index.create(events.map((event, at) => delivered(event, at + 1)));
			expect(outcomes.map(({ kind }) => kind)).toEqual(views.map(() => "created"));
			await under.settle();
			expect((await under.reader.search({}, 50)).events).toHaveLength(views.length);
		});

		it("records an event once, also when it comes again after a rollover", async () => {
			const before = aReceived(callId(1));
			await under.index.create([delivered(before)]);
			await under.settle();
			await under.rollOver();
			const outcomes = await under.index.create([delivered(aReceived(callId(2)), 2), delivered(before, 1, true)]);
			expect(outcomes).toEqual([{ kind: "created" }, { kind: "exists" }]);
			await under.settle();
			// Said again by a service that was killed: another position, delivered for the first time.
			expect(await under.index.create([delivered(before, 9)])).toEqual([{ kind: "exists" }]);
			await under.settle();
			expect((await under.reader.search({ call: callId(1) }, 10)).events).toHaveLength(1);
		});

		describeReading(() => under);
	});
}

function describeReading(under: () => IndexUnderTest): void {
	const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

	it("pages from new to old without gaps", async () => {
		const events = Array.from({ length: 7 }, (_, n) => aReceived(callId(n), {}, at(Math.floor(n / 3))));
		await under().index.create(events.map((event, n) => delivered(event, n + 1)));
		await under().settle();
		const seen: string[] = [];
		let page = await under().reader.search({}, 3);
		for (;;) {
			seen.push(...page.events.map(({ id }) => id));
			if (!page.end) break;
			page = await under().reader.search({}, 3, page.end);
		}
		expect(seen).toEqual(events.map(({ id }) => id).reverse());
	});

	it("narrows by call, type, caller, connection, function, ending, time and words", async () => {
		const { index, reader, settle } = under();
		const caller = { issuer: "https://idp.example", subject: "ci-7", email: "dana@example.com", groups: ["ci"] };
		const events = [
			aReceived(callId(1), { caller, connection: "payments", callReason: "pay the plumber" }, at(1)),
			anEnded(
				callId(1),
				{ connection: "payments", ending: "denied", reasons: [{ code: "rule", message: "Transfers are not permitted" }] },
				at(2),
			),
			aReceived(callId(2), { connection: "crm", function: "deleteUser", arguments: { user: { name: "Miller" } } }, at(3)),
			newEvent("audit", "control.record.read", { reader: caller, query: "{}", hits: 0 }, { at: at(4), about: "record", nth: "1" }),
		];
		await index.create(events.map((event, n) => delivered(event, n + 1)));
		await settle();
		const found = async (query: Parameters<RecordReader["search"]>[0]) => {
			const page = await reader.search(query, 10);
			return page.events.map(({ position }) => position).reverse();
		};
		expect(await found({ call: callId(1) })).toEqual([1, 2]);
		expect(await found({ type: "call.received" })).toEqual([1, 3]);
		expect(await found({ caller: "ci-7" })).toEqual([1, 4]);
		expect(await found({ caller: "dana@example.com" })).toEqual([1, 4]);
		expect(await found({ caller: "Dana@Example.com" })).toEqual([1, 4]);
		expect(await found({ caller: "CI-7" })).toEqual([]);
		expect(await found({ connection: "payments", type: "call.ended" })).toEqual([2]);
		expect(await found({ function: "deleteUser" })).toEqual([3]);
		expect(await found({ ending: "denied" })).toEqual([2]);
		expect(await found({ from: at(2).toISOString(), to: at(3).toISOString() })).toEqual([2]);
		expect(await found({ q: "plumber" })).toEqual([1]);
		expect(await found({ q: "transfers permitted" })).toEqual([2]);
		expect(await found({ q: "Miller" })).toEqual([3]);
		expect(await found({ q: "plumber permitted" })).toEqual([]);
		expect(await found({ q: "crm" })).toEqual([3]);
	});

	it("narrows by conditions on the record's own fields", async () => {
		const { index, reader, settle } = under();
		const findings = [
			{ detector: "card", path: "/card", count: 1 },
			{ detector: "email", path: "/to", count: 3 },
		];
		const events = [
			aReceived(callId(1), { findings, arguments: { amount: 5, user: { name: "Miller", "e.mail": "m@example.com" } } }, at(1)),
			anEnded(callId(1), { durationMs: 900, sent: false, detail: "No such account" }, at(2)),
			anEnded(callId(2), { durationMs: 1_500, reasons: [{ code: "rule", message: "Not today" }] }, at(3)),
		];
		await index.create(events.map((event, n) => delivered(event, n + 1)));
		await settle();
		const found = async (...where: string[]) => {
			const page = await reader.search({ where: where.map((text) => readCondition(text) as Condition) }, 10);
			return page.events.map(({ position }) => position).reverse();
		};
		expect(await found("data.findings.detector=email")).toEqual([1]);
		expect(await found("data.findings.count>=3", "type=call.received")).toEqual([1]);
		expect(await found("data.arguments.user.name=Miller")).toEqual([1]);
		expect(await found("data.arguments.amount=5")).toEqual([1]);
		expect(await found("data.arguments.user.e.mail=m@example.com")).toEqual([1]);
		expect(await found("data.arguments=Miller")).toEqual([1]);
		expect(await found("data.arguments.amount=6")).toEqual([]);
		expect(await found("data.durationMs>900")).toEqual([3]);
		expect(await found("data.durationMs<=900")).toEqual([2]);
		expect(await found("data.durationMs")).toEqual([2, 3]);
		expect(await found("data.sent=false")).toEqual([2]);
		expect(await found("data.reasons.message=Not today")).toEqual([3]);
		expect(await found("data.reasons.message=today")).toEqual([]);
		expect(await found("data.detail!=No such account")).toEqual([1, 3]);
		expect(await found("position<3", "position>=2")).toEqual([2]);
		expect(await found(`time=${at(2).toISOString()}`)).toEqual([2]);
		expect(await found("time>2026-01-01T01:00:01+01:00")).toEqual([2, 3]);
	});

	it("gives a stretch of the stream in its order, without what the reader read", async () => {
		const { index, reader, settle } = under();
		const self = { issuer: "https://idp.example", subject: "iris", groups: [] };
		const read = (nth: string, subject: string) =>
			newEvent("audit", "control.record.read", { reader: { ...self, subject }, query: "{}", hits: 0 }, { at: at(9), about: "record", nth });
		await index.create([
			delivered(aReceived(callId(1), {}, at(5)), 3),
			delivered(read("1", "iris"), 4),
			delivered(read("2", "ivo"), 5),
			delivered(anEnded(callId(2), {}, at(1)), 6, false, 0),
			delivered(anEnded(callId(3), {}, at(0)), 6, false, 1),
			delivered(aReceived(callId(4), {}, at(1)), 7),
		]);
		await settle();
		const places = async (after: Place, upTo: number, size = 10, query = {}) =>
			(await reader.stretch(query, size, { after, upTo, except: self })).events.map(({ position, item }) => [position, item]);
		expect(await places({ position: 0, item: 0 }, 6)).toEqual([
			[3, 0],
			[5, 0],
			[6, 0],
			[6, 1],
		]);
		expect(await places({ position: 6, item: 0 }, 7)).toEqual([
			[6, 1],
			[7, 0],
		]);
		expect(await places({ position: 0, item: 0 }, 7, 1, { type: "call.ended" })).toEqual([[6, 0]]);
		expect(await places({ position: 7, item: 0 }, 7)).toEqual([]);
		const left = async (after: Place, size: number) => (await reader.stretch({}, size, { after, upTo: 7, except: self })).left;
		expect(await left({ position: 0, item: 0 }, 1)).toEqual({ value: 4, exact: true });
		expect(await left({ position: 6, item: 0 }, 1)).toEqual({ value: 1, exact: true });
		expect(await left({ position: 7, item: 0 }, 1)).toEqual({ value: 0, exact: true });
	});

	it("tells a call's story in the order of the stream, whatever the clocks of services say", async () => {
		const { index, reader, settle } = under();
		const early = anEnded(callId(1), {}, at(0));
		const late = aReceived(callId(1), {}, at(3_600));
		await index.create([delivered(early, 12, false, 1), delivered(late, 10), delivered(aReceived(callId(2)), 11)]);
		await settle();
		const story = await reader.story(callId(1));
		expect(story.map(({ position, item, type }) => [position, item, type])).toEqual([
			[10, 0, "call.received"],
			[12, 1, "call.ended"],
		]);
		expect(story[1]).toMatchObject({
			id: early.id,
			source: "/callgate/policy",
			subject: callId(1),
			time: early.time,
			data: { ending: "denied" },
		});
		expect(JSON.stringify(story)).not.toContain("sealed");
	});

	it("says which ids are recorded", async () => {
		const { index, reader, settle } = under();
		const one = delivered(aReceived(callId(1)));
		await index.create([one]);
		await settle();
		expect(await reader.recorded([one.id, "no.such"])).toEqual(new Set([one.id]));
	});

	it("says how far it has come, in all or since a time", async () => {
		const { index, reader, settle } = under();
		expect(await reader.furthest()).toBe(0);
		await index.create([delivered(aReceived(callId(1)), 70), delivered(aReceived(callId(2)), 9)]);
		await settle();
		expect(await reader.furthest()).toBe(70);
		expect(await reader.furthest("2000-01-01T00:00:00Z")).toBe(70);
		expect(await reader.furthest("2999-01-01T00:00:00Z")).toBe(0);
	});
}

function deepObject(depth: number): unknown {
	return depth === 0 ? "bottom" : { in: deepObject(depth - 1) };
}
