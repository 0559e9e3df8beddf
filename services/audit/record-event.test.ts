// Everything is on the record once: through refusals, outages, crashes between index and acknowledgement, and poison.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Bus } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { encodeEvents } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { recordMappings } from "#libs/contracts/index-template.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { patience } from "../../test/support/patience.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { MemoryIndex } from "./index-memory.ts";
import { type AuditLog, type Index, IndexUnavailable } from "./ports.ts";
import { createRecorder } from "./record-event.ts";
import { startAudit } from "./service.ts";
import { MemoryStories } from "./stories-memory.ts";

const poison = (n: number): CallgateEvent => ({ ...aReceived(callId(n)), time: "2026-99-99T99:99:99.999Z" });
const subject = "callgate.policy._.ingress._.call.received";

let stories: MemoryStories;
let stream: MemoryStream;
let bus: Bus;
let index: MemoryIndex;
let now: Date;
let logged: { untold: number; unavailable: string[]; available: number; parked: { position: number; item: number; fault: string }[] };
let lag: { waiting: number; indexed: number };

beforeEach(() => {
	stream = new MemoryStream();
	bus = createMemoryBus(stream, "audit");
	index = new MemoryIndex();
	stories = new MemoryStories();
	now = new Date("2026-01-01T00:00:00.000Z");
	logged = { untold: 0, unavailable: [], available: 0, parked: [] };
	lag = { waiting: 0, indexed: 0 };
});
afterEach(async () => {
	await bus.close();
});

function start(of: Index = index) {
	const log: AuditLog = {
		unavailable: ({ reason }) => void logged.unavailable.push(reason),
		available: () => void logged.available++,
		untold(calls) {
			logged.untold += calls;
		},
		parked: ({ position, item, fault }) => void logged.parked.push({ position, item, fault }),
	};
	const metrics = {
		recorded: () => undefined,
		told: () => undefined,
		parked: () => undefined,
		indexed: () => void lag.indexed++,
		waiting: () => void lag.waiting++,
	};
	// The clock stands still, so a pause would never end: without one, every delivery tries.
	const parts = { index: of, stories, say: bus.publish, now: () => now, log, metrics, pauseMs: { first: 0, max: 0 } };
	const recorder = createRecorder(parts);
	return { recorder, running: startAudit(bus, recorder, { eventsMax: 100, waitMs: 1 }) };
}

const say = (...events: CallgateEvent[]) => stream.append(subject, encodeEvents(events));
const ids = () => index.documents().map(([id]) => id);
const parkedNotes = () => stream.events().filter(({ type }) => type === "control.message.parked");

describe("the record", () => {
	it("has every event once, with its place in the stream", async () => {
		start();
		say(aReceived(callId(1)), aReceived(callId(2)));
		say(aReceived(callId(3)));
		await vi.waitFor(() => expect(ids()).toHaveLength(3), patience);
		expect(index.documents().map(([, { position, item }]) => [position, item])).toEqual([
			[1, 0],
			[1, 1],
			[2, 0],
		]);
		expect(JSON.stringify(index.documents())).not.toContain("RAWSECRET");
	});

	it("has an event once that was said twice", async () => {
		start();
		say(aReceived(callId(1)));
		say(aReceived(callId(1)));
		say(aReceived(callId(2)));
		await vi.waitFor(() => expect(ids()).toHaveLength(2), patience);
	});

	it("has an event once when audit died between index and acknowledgement", async () => {
		let crashes = 2;
		const crashing: Index = {
			async create(documents) {
				const outcomes = await index.create(documents);
				if (crashes-- > 0) throw new Error("killed");
				return outcomes;
			},
		};
		start(crashing);
		say(aReceived(callId(1)), aReceived(callId(2)));
		await vi.waitFor(() => expect(lag.indexed).toBe(1), patience);
		expect(index.requests).toBe(3);
		expect(ids()).toHaveLength(2);
	});

	it("catches up after the index was away, and lost nothing", async () => {
		index.trouble = new IndexUnavailable("away", "no answer");
		const { recorder } = start();
		for (let n = 0; n < 20; n++) say(aReceived(callId(n)));
		await vi.waitFor(() => expect(lag.waiting).toBeGreaterThan(3), patience);
		expect(recorder.trouble()).toContain("away");
		expect(ids()).toEqual([]);
		index.trouble = undefined;
		await vi.waitFor(() => expect(new Set(ids()).size).toBe(20), patience);
		expect(index.documents()).toHaveLength(20);
		expect(recorder.trouble()).toBeUndefined();
		expect(logged.available).toBeGreaterThan(0);
		expect(parkedNotes()).toEqual([]);
	});

	it("waits, and parks nothing, while the index is older than the service", async () => {
		const { fault: _, ...withoutFault } = (recordMappings.data as { properties: Record<string, never> }).properties;
		index = new MemoryIndex({ ...recordMappings, data: { properties: withoutFault } });
		start();
		say(poison(1));
		await vi.waitFor(() => expect(logged.unavailable).toContain("outdated"), patience);
		expect(parkedNotes()).toHaveLength(1);
	});
});

describe("what cannot be indexed", () => {
	it("is parked alone, by place and kind and never by content; its neighbours are indexed", async () => {
		start();
		say(aReceived(callId(1)), { ...poison(2), data: { ...aReceived(callId(2)).data, callReason: "WORD-OF-THE-CALLER" } } as CallgateEvent);
		say(aReceived(callId(3)));
		await vi.waitFor(() => expect(ids()).toContain("message-1.control.message.parked.audit.audit-1"), patience);
		expect(ids()).toHaveLength(3);
		const [note] = parkedNotes();
		expect(note?.data).toEqual({
			service: "audit",
			position: 1,
			item: 1,
			tries: 1,
			fault: "the index refuses it: mapper_parsing_exception at @timestamp",
			call: callId(2),
		});
		expect(logged.parked).toHaveLength(1);
		expect(JSON.stringify(parkedNotes())).not.toContain("WORD-OF-THE-CALLER");
	});

	it("is parked alone where no document can be made of it at all", async () => {
		const { recorder } = start();
		const entry = (event: CallgateEvent, item: number) => ({ event, position: 9, item, tries: 1, storedAt: now });
		const odd = { ...aReceived(callId(2)), type: "call.unheard" } as unknown as CallgateEvent;
		await recorder.record([entry(aReceived(callId(1)), 0), entry(odd, 1), entry(aReceived(callId(3)), 2)]);
		// That it was parked is told as well, and may be on the record by now.
		expect(index.documents().filter(([, { type }]) => type === "call.received")).toHaveLength(2);
		expect(logged.parked).toEqual([{ position: 9, item: 1, fault: "the index refuses it: no document can be made of it" }]);
	});

	it("is parked where it is no event at all, or no message", async () => {
		start();
		stream.append(subject, new TextEncoder().encode("this is not JSON"));
		stream.append(subject, new TextEncoder().encode(JSON.stringify([{ nonsense: true }, aReceived(callId(1))])));
		await vi.waitFor(() => expect(ids()).toHaveLength(3), patience);
		const notes = index.documents().flatMap(([, { type, data }]) => (type === "control.message.parked" ? [data] : []));
		expect(notes).toMatchObject([
			{ position: 1, item: 0, fault: "the message is not JSON" },
			{ position: 2, item: 0 },
		]);
	});

	it("makes no notes without end where even the note is refused", async () => {
		const refusing: Index = { create: async (documents) => documents.map(() => ({ kind: "refused", fault: "mapper_parsing_exception" })) };
		start(refusing);
		say(aReceived(callId(1)));
		await vi.waitFor(() => expect(logged.parked).toHaveLength(2), patience);
		say(anEnded(callId(1)) as CallgateEvent);
		await vi.waitFor(() => expect(logged.parked.length).toBeGreaterThanOrEqual(4), patience);
		expect(parkedNotes()).toHaveLength(2);
	});

	it("is not acknowledged while the note cannot be stored", async () => {
		let refused = 3;
		const say3: Bus["publish"] = async (event) => {
			if (refused-- > 0) throw new Error("not stored");
			return await bus.publish(event);
		};
		const log = { unavailable() {}, available() {}, untold() {}, parked() {} };
		const parts = { index, stories, say: say3, now: () => now, log };
		const metrics = { recorded() {}, told() {}, parked() {}, indexed() {}, waiting() {} };
		await startAudit(bus, createRecorder({ ...parts, metrics }), { eventsMax: 100, waitMs: 1 });
		say(poison(1), aReceived(callId(2)));
		await vi.waitFor(() => expect(parkedNotes()).toHaveLength(1), patience);
		expect(refused).toBeLessThan(0);
		await vi.waitFor(() => expect(ids()).toHaveLength(2), patience);
	});
});

describe("the stories of calls", () => {
	it("tell what the record has of them, and nothing that it refused", async () => {
		start();
		say(aReceived(callId(1)), poison(2));
		const ended = anEnded(callId(1));
		stream.append(subjectOf(ended), encodeEvents([ended]));
		await vi.waitFor(() => expect(stories.told.get(callId(1))).toMatchObject({ state: "ended", connection: "payments" }), patience);
		expect([...stories.told.keys()]).toEqual([callId(1)]);
		expect(JSON.stringify([...stories.told.values()])).not.toContain("RAWSECRET");
	});

	it("are told in the end where their index was away after the record had the events", async () => {
		stories.trouble = new IndexUnavailable("away", "no answer");
		start();
		say(aReceived(callId(1)));
		await vi.waitFor(() => expect(logged.unavailable.length).toBeGreaterThan(1), patience);
		expect(ids()).toHaveLength(1);
		stories.trouble = undefined;
		await vi.waitFor(() => expect(stories.told.has(callId(1))).toBe(true), patience);
		expect(ids()).toHaveLength(1);
	});

	it("hold up nothing where one is refused: that is told", async () => {
		const merge = vi.spyOn(stories, "merge").mockResolvedValue({ refused: 1 });
		start();
		say(aReceived(callId(1)));
		await vi.waitFor(() => expect(logged.untold).toBe(1), patience);
		expect(merge).toHaveBeenCalledOnce();
		expect(logged.unavailable).toEqual([]);
	});
});

describe("an index that suffers", () => {
	it("is asked again only after a pause that grows and has an end", async () => {
		let elapsedMs = 0;
		const { recorder } = (() => {
			const log = { unavailable() {}, available() {}, untold() {}, parked() {} };
			const metrics = { recorded() {}, told() {}, parked() {}, indexed() {}, waiting() {} };
			const parts = { index, stories, say: bus.publish, now: () => now, elapsedMs: () => elapsedMs, log, metrics };
			return { recorder: createRecorder({ ...parts, pauseMs: { first: 1_000, max: 4_000 } }) };
		})();
		const entry = { event: aReceived(callId(1)), position: 1, item: 0, tries: 1, storedAt: now };
		index.trouble = new IndexUnavailable("busy", "429");
		const asked: number[] = [];
		for (let second = 0; second < 20; second++) {
			elapsedMs = second * 1_000;
			// Set back by an hour a second: the pause is none of its business.
			now = new Date(Date.UTC(2026, 0, 1, -second));
			const before = index.requests;
			await expect(recorder.record([entry])).rejects.toThrow(IndexUnavailable);
			if (index.requests > before) asked.push(second);
		}
		expect(asked).toEqual([0, 1, 3, 7, 11, 15, 19]);
	});
});
