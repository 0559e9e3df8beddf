// Is the stream as long as the record? The record lies elsewhere, so it knows what a stream that was lost or cut does not; every service learns it from here.
import type { Bus } from "#libs/bus/bus.ts";
import { type Recorded, recordedKey, StreamLost } from "#libs/service/guard-stream.ts";
import { type Index, IndexUnavailable, type RecordReader } from "./ports.ts";

interface Parts {
	readonly bus: Pick<Bus, "stream" | "store">;
	readonly reader: Pick<RecordReader, "furthest">;
	readonly index: Index;
	readonly everyMs?: number;
}

export interface ComparedRecord {
	/** The index, which takes nothing before the stream was compared with it. */
	readonly index: Index;
	/** Resolves once the stream proves to be shorter than the record. */
	readonly lost: Promise<StreamLost>;
	stop(): void;
}

/** What the others know of the record is at most this old. */
const everyMsDefault = 2_000;

/**
 * Compares once, and from then on writes down how far the record has come, for all services. Where the index is away the comparison waits for
 * it, and so does all that would be indexed.
 *
 * @throws {StreamLost} where the stream is shorter than the record; the other services know it then, too.
 */
export async function compareRecord({ bus, reader, index, everyMs = everyMsDefault }: Parts): Promise<ComparedRecord> {
	const lost = Promise.withResolvers<StreamLost>();
	let furthest: number | undefined;
	let told = -1;

	const compare = async (): Promise<void> => {
		if (furthest !== undefined) return;
		const position = await reader.furthest((await bus.stream.state())?.acceptedAt);
		// After the record: the stream only grows meanwhile.
		const state = await bus.stream.state();
		await write(bus, position);
		if (state && state.last < position) throw new StreamLost(`the stream ends at ${state.last}, and the record has ${position}`);
		furthest = Math.max(position, furthest ?? 0);
		told = position;
	};
	const compareOrBreak = async (): Promise<void> => {
		try {
			await compare();
		} catch (error) {
			if (error instanceof StreamLost) lost.resolve(error);
			throw error;
		}
	};
	await compare().catch((error: unknown) => {
		if (!(error instanceof IndexUnavailable)) throw error;
	});
	const timer = setInterval(() => {
		const tell = async () => {
			await compareOrBreak();
			const position = furthest ?? 0;
			if (position > told) await write(bus, position);
			told = position;
		};
		// What it throws is known: an index or a stream that is away is told by readiness, a stream that was lost breaks the process.
		tell().catch(() => undefined);
	}, everyMs).unref();
	return {
		index: {
			async create(documents) {
				await compareOrBreak();
				const outcomes = await index.create(documents);
				for (const { document } of documents) furthest = Math.max(furthest ?? 0, Number(document.position));
				return outcomes;
			},
		},
		lost: lost.promise,
		stop: () => clearInterval(timer),
	};
}

async function write(bus: Parts["bus"], position: number): Promise<void> {
	const state = await bus.stream.state();
	if (state?.identity === undefined) return;
	const { identity, acceptedAt } = state;
	const recorded: Recorded = { identity, ...(acceptedAt !== undefined && { acceptedAt }), position };
	const store = bus.store("recorded");
	for (;;) {
		const told = await store.get(recordedKey);
		// A replica that is behind takes nothing back of what another has told.
		if (told && isAsFar(JSON.parse(told.value) as Recorded, recorded)) return;
		if ((await store.write(recordedKey, JSON.stringify(recorded), told?.version ?? 0)).won) return;
	}
}

function isAsFar(told: Recorded, { identity, acceptedAt, position }: Recorded): boolean {
	return told.identity === identity && told.acceptedAt === acceptedAt && told.position >= position;
}
