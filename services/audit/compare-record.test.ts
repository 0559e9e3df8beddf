// Audit alone can compare the stream with the record: it refuses a stream that is shorter, tells the others, and indexes nothing before it has looked.
import { afterEach, expect, test, vi } from "vitest";
import type { Bus } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { documentOf } from "#libs/contracts/index-template.ts";
import { recordedKey, StreamLost } from "#libs/service/guard-stream.ts";
import { patience } from "../../test/support/patience.ts";
import { compareRecord } from "./compare-record.ts";
import { aReceived, callId } from "./events.test-support.ts";
import { MemoryIndex } from "./index-memory.ts";
import { IndexUnavailable } from "./ports.ts";

const delivered = (nth: number, position = nth) => ({ ...documentOf(aReceived(callId(nth)), { position, item: 0 }), again: false });
const stops: (() => void)[] = [];
afterEach(() => {
	for (const stop of stops.splice(0)) stop();
});

async function compare(index: MemoryIndex, stream: MemoryStream) {
	const bus = createMemoryBus(stream, "audit");
	const compared = await compareRecord({ bus, reader: index, index, everyMs: 5 });
	stops.push(compared.stop);
	return { ...compared, bus };
}

async function told(bus: Pick<Bus, "store">): Promise<unknown> {
	const entry = await bus.store("recorded").get(recordedKey);
	return entry && JSON.parse(entry.value);
}

async function streamOf(events: number): Promise<MemoryStream> {
	const stream = new MemoryStream();
	const ingress = createMemoryBus(stream, "ingress");
	for (let nth = 1; nth <= events; nth++) await ingress.publish(aReceived(callId(nth)));
	return stream;
}

test("a stream as long as the record is worked on, and all services learn how far the record has come", async () => {
	const index = new MemoryIndex();
	await index.create([delivered(1), delivered(2)]);
	const { index: compared, bus } = await compare(index, await streamOf(3));
	expect(await told(bus)).toEqual({ identity: "in-memory", position: 2 });
	await compared.create([delivered(3)]);
	await vi.waitFor(async () => expect(await told(bus)).toEqual({ identity: "in-memory", position: 3 }), patience);
});

test("a replica that is behind takes nothing back of what another has told", async () => {
	const stream = await streamOf(4);
	const ahead = new MemoryIndex();
	await ahead.create([delivered(1), delivered(4)]);
	const { bus } = await compare(ahead, stream);
	const behind = new MemoryIndex();
	await behind.create([delivered(1)]);
	const { index: compared } = await compare(behind, stream);
	await compared.create([delivered(2)]);
	expect(await told(bus)).toEqual({ identity: "in-memory", position: 4 });
});

test("a stream that is shorter is refused, also by every service that asks later", async () => {
	const index = new MemoryIndex();
	await index.create([delivered(1), delivered(2)]);
	const stream = await streamOf(1);
	await expect(compare(index, stream)).rejects.toThrow(StreamLost);
	await expect(compare(index, stream)).rejects.toThrow("ends at 1, and the record has 2");
	expect(await told(createMemoryBus(stream, "executor"))).toEqual({ identity: "in-memory", position: 2 });
});

test("what was recorded before an operator accepted the loss counts no more, what was after does", async () => {
	const index = new MemoryIndex();
	await index.create([delivered(1), delivered(9)]);
	const stream = await streamOf(1);
	if (!stream.kept) throw new Error("the stream is not kept");
	stream.kept = { ...stream.kept, acceptedAt: "2999-01-01T00:00:00.000Z" };
	const { bus } = await compare(index, stream);
	expect(await told(bus)).toEqual({ identity: "in-memory", acceptedAt: "2999-01-01T00:00:00.000Z", position: 0 });
	stream.kept = { ...stream.kept, acceptedAt: "2000-01-01T00:00:00.000Z" };
	await expect(compare(index, stream)).rejects.toThrow("the record has 9");
});

test("an index that is away is waited for: nothing is indexed before the comparison, and a shorter stream then breaks the process", async () => {
	const index = new MemoryIndex();
	await index.create([delivered(1), delivered(2)]);
	index.trouble = new IndexUnavailable("away", "not there");
	const { index: compared, lost } = await compare(index, await streamOf(1));
	await expect(compared.create([delivered(3)])).rejects.toThrow("not there");
	index.trouble = undefined;
	expect((await lost).message).toContain("ends at 1, and the record has 2");
	const requests = index.requests;
	await expect(compared.create([delivered(3)])).rejects.toThrow(StreamLost);
	expect(index.requests).toBe(requests);
});
