// A stream is worked on only where nothing that is known of it from elsewhere speaks against it; a process that learns better later stops.
import { describe, expect, test, vi } from "vitest";
import type { ConsumerState, StreamState } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { faultOf, guardStream, type KnownStream, recordedKey, StreamLost } from "./guard-stream.ts";
import { createLogger } from "./logger.ts";

const state: StreamState = {
	...{ identity: "one", acceptedAt: undefined, last: 100, bytes: 1_000, bytesMax: 10_000 },
	...{ copies: 1, storage: "file", retention: "limits", discard: "new" },
};
const consumer: ConsumerState = { name: "policy", delivered: 100, pending: 0 };
const log = createLogger("test", "silent");

describe("a stream", () => {
	const sound: [note: string, state: StreamState, consumer: ConsumerState | "none", known: KnownStream][] = [
		["of which nothing is known", state, consumer, {}],
		["of a service that reads none of it for work", state, "none", {}],
		["that is the one it should be", state, consumer, { identity: "one" }],
		["as long as its record", state, consumer, { recorded: { identity: "one", position: 100 } }],
		["longer than it was", state, consumer, { seen: { identity: "one", last: 99 } }],
		[
			"shorter than its record, which an operator has accepted since",
			{ ...state, acceptedAt: "2026-01-02T00:00:00Z" },
			consumer,
			{ recorded: { identity: "another", position: 500 } },
		],
	];
	test.each(sound)("%s is worked on", (_note, found, own, known) => {
		expect(faultOf(found, own, known)).toBeUndefined();
	});

	const unsound: [note: string, state: StreamState, consumer: ConsumerState, known: KnownStream, says: RegExp][] = [
		["without an identity", { ...state, identity: undefined }, consumer, {}, /no identity/],
		["other than the setting says", state, consumer, { identity: "two" }, /another one \(one\) than CALLGATE_STREAM_IDENTITY says \(two\)/],
		["other than the recorded one", state, consumer, { recorded: { identity: "two", position: 1 } }, /than audit has recorded/],
		["other than before", state, consumer, { seen: { identity: "two", last: 1 } }, /than this process began with/],
		["shorter than the record", state, consumer, { recorded: { identity: "one", position: 101 } }, /ends at 100, and the record has 101/],
		["shorter than before", state, consumer, { seen: { identity: "one", last: 101 } }, /this process saw 101/],
		["shorter than what was read of it", state, { ...consumer, delivered: 101 }, {}, /its consumer was given 101/],
		[
			"shorter than before, accepted or not: who worked on the old one begins anew",
			{ ...state, acceptedAt: "2026-01-02T00:00:00Z" },
			consumer,
			{ seen: { identity: "one", last: 101 } },
			/this process saw 101/,
		],
		[
			"shorter than a record that was written after the loss was accepted",
			{ ...state, acceptedAt: "2026-01-02T00:00:00Z" },
			consumer,
			{ recorded: { identity: "one", acceptedAt: "2026-01-02T00:00:00Z", position: 101 } },
			/the record has 101/,
		],
	];
	test.each(unsound)("%s is never worked on again", (_note, found, own, known, says) => {
		expect(faultOf(found, own, known)).toEqual({ fault: expect.stringMatching(says), final: true });
	});

	test("that is missing, or has lost this service's consumer, is waited for", () => {
		expect(faultOf(undefined, undefined, { identity: "one" })).toMatchObject({ final: false, fault: expect.stringMatching(/missing/) });
		expect(faultOf(state, undefined, {})).toMatchObject({ final: false, fault: expect.stringMatching(/consumer of CALLGATE is missing/) });
	});
});

describe("a process", () => {
	const { last: _, bytes: __, ...kept } = state;
	async function running() {
		const stream = new MemoryStream();
		stream.kept = kept;
		const audit = createMemoryBus(stream, "audit");
		const guard = await guardStream(createMemoryBus(stream, "policy"), { identity: "one", log, everyMs: 5 });
		return { stream, guard, record: (text: string) => audit.store("recorded").put(recordedKey, text) };
	}

	test("does not start where the stream is missing, or audit's word cannot be read", async () => {
		const stream = new MemoryStream();
		const bus = createMemoryBus(stream, "policy");
		stream.kept = undefined;
		await expect(guardStream(bus, { identity: undefined, log })).rejects.toThrow(StreamLost);
		stream.kept = kept;
		await createMemoryBus(stream, "audit").store("recorded").put(recordedKey, "{");
		await expect(guardStream(bus, { identity: undefined, log })).rejects.toThrow("cannot be read");
	});

	test("is not ready while the stream is missing, and goes on when it is back", async () => {
		const { stream, guard } = await running();
		let broken = false;
		void guard.lost.then(() => (broken = true));
		stream.kept = undefined;
		await expect(guard.checkReady()).rejects.toThrow("the stream CALLGATE is missing");
		stream.kept = kept;
		await guard.checkReady();
		expect(broken).toBe(false);
		guard.stop();
	});

	test("must not go on where the stream became another one, or audit knows of more than it has", async () => {
		const first = await running();
		first.stream.kept = { ...kept, identity: "two" };
		expect((await first.guard.lost).message).toContain("another one (two)");
		const second = await running();
		await second.record(JSON.stringify({ identity: "one", position: 7 }));
		expect((await second.guard.lost).message).toContain("ends at 0, and the record has 7");
		for (const { guard } of [first, second]) guard.stop();
	});

	test("tells what is in force, and the slowest of the servers", async () => {
		const stream = new MemoryStream();
		stream.kept = kept;
		const bus = createMemoryBus(stream, "policy");
		for (const [told, shown] of [
			[[], "unknown"],
			[["always", "always"], "always"],
			[["always", 120_000, 500], "120s"],
		] as const) {
			vi.spyOn(bus.stream, "syncIntervals").mockResolvedValue(told);
			const guard = await guardStream(bus, { identity: undefined, log });
			expect(guard.durability()).toMatchObject({ syncInterval: shown, stream: { identity: "one", last: 0, storage: "file" } });
			guard.stop();
		}
	});
});
