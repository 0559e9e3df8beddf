// Is the stream there, the one that we know, and as long as it was? A process that works on less than was acknowledged could run a call twice: it stops.
import { type Bus, type ConsumerState, EventsUnavailable, type Position, type StreamState } from "#libs/bus/bus.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import type { Logger } from "./logger.ts";

/** The entry of the store `recorded`, written by audit alone. */
export const recordedKey = "stream";

/** What audit knows of the stream that nobody else can know: how far the record in OpenSearch has come. */
export interface Recorded {
	readonly identity: string;
	/** Of the stream, when this was written: what was known before a loss was accepted counts no more. */
	readonly acceptedAt?: string;
	/** The furthest that the record has. */
	readonly position: Position;
}

/** The stream is missing, another, or shorter than what is known of it. The message holds names and numbers only. */
export class StreamLost extends ExpectedError {
	constructor(fault: string) {
		super(`${fault}: read "When the stream was lost" in docs/operations.md`);
	}
}

/** What is known of the stream from elsewhere. */
export interface KnownStream {
	/** By the setting `CALLGATE_STREAM_IDENTITY`. */
	readonly identity?: string | undefined;
	readonly recorded?: Recorded | undefined;
	/** What this process itself saw last. */
	readonly seen?: Pick<StreamState, "identity" | "last"> | undefined;
}

/** `final`: no answer that comes later can mend it, so a process that runs must not go on. */
export interface StreamFault {
	readonly fault: string;
	readonly final: boolean;
}

/** What is wrong with the stream as it stands. What is known must have been read before it: positions only grow. */
export function faultOf(
	state: StreamState | undefined,
	consumer: ConsumerState | "none" | undefined,
	known: KnownStream,
): StreamFault | undefined {
	// It may come back: JetStream recovers, an operator restores. Nothing can be published meanwhile.
	if (!state) return { fault: `the stream ${streamName} is missing`, final: false };
	const fault = otherThan(state, known) ?? shorterThan(state, consumer, known);
	if (fault !== undefined) return { fault, final: true };
	if (!consumer) return { fault: `this service's consumer of ${streamName} is missing (provision)`, final: false };
	return undefined;
}

function otherThan({ identity, acceptedAt }: StreamState, known: KnownStream): string | undefined {
	if (identity === undefined) return `the stream ${streamName} has no identity (provision)`;
	const other = (than: string, from: string) => `the stream ${streamName} is another one (${identity}) than ${from} (${than})`;
	if (known.identity !== undefined && known.identity !== identity) return other(known.identity, "CALLGATE_STREAM_IDENTITY says");
	if (known.seen?.identity !== undefined && known.seen.identity !== identity) return other(known.seen.identity, "this process began with");
	const recorded = heeded(known.recorded, acceptedAt);
	return recorded && recorded.identity !== identity ? other(recorded.identity, "audit has recorded") : undefined;
}

function shorterThan(
	{ last, acceptedAt }: StreamState,
	consumer: ConsumerState | "none" | undefined,
	known: KnownStream,
): string | undefined {
	const shorter = (position: Position, who: string) =>
		position > last ? `the stream ${streamName} ends at ${last}, and ${who} ${position}: events are lost` : undefined;
	const recorded = heeded(known.recorded, acceptedAt);
	return (
		shorter(known.seen?.last ?? 0, "this process saw") ??
		shorter(recorded?.position ?? 0, "the record has") ??
		shorter(typeof consumer === "object" ? consumer.delivered : 0, "its consumer was given")
	);
}

function heeded(recorded: Recorded | undefined, acceptedAt: string | undefined): Recorded | undefined {
	return recorded?.acceptedAt === acceptedAt ? recorded : undefined;
}

export interface StreamGuard {
	/** Throws {@link StreamLost} or {@link EventsUnavailable} with the reason unless the stream is there, ours and whole. */
	checkReady(): Promise<void>;
	/** Resolves once the process must not go on. */
	readonly lost: Promise<StreamLost>;
	/** What is in force, for `/readyz`: names and numbers of the servers, and nothing that is secret. */
	durability(): StreamDurability;
	stop(): void;
}

/** As read back from the servers. */
export interface StreamDurability {
	/** When the slowest NATS server brings to its disk what it acknowledges: `always` (before), after so many seconds, or `unknown`: it does not say. */
	readonly syncInterval: string;
	readonly stream: StreamState;
	/** Undefined: a service without one. */
	readonly consumer?: ConsumerState;
}

interface GuardOptions {
	readonly identity: string | undefined;
	readonly log: Logger;
	readonly everyMs?: number;
}

const everyMsDefault = 2_000;
/** How the servers keep things changes with their restart; asked of them every so many looks. */
const serversEvery = 15;

/** Resolves when the stream was looked at and found whole. @throws {StreamLost} @throws {EventsUnavailable} */
export async function guardStream(bus: LookedAt, { identity, log, everyMs = everyMsDefault }: GuardOptions): Promise<StreamGuard> {
	let syncInterval = weakestOf(await bus.stream.syncIntervals());
	let seen = await look(bus, { identity });
	if (seen.fault || !seen.state) throw new StreamLost(seen.fault?.fault ?? "unreachable");
	let { state } = seen;
	if (syncInterval !== "always") log.warn({ syncInterval }, "NATS ACKNOWLEDGES BEFORE IT WRITES TO ITS DISK: a power cut can lose events");

	const lost = Promise.withResolvers<StreamLost>();
	const check = async (): Promise<void> => {
		const now = await look(bus, { identity, seen: state });
		if (now.fault?.final) lost.resolve(new StreamLost(now.fault.fault));
		if (now.fault) throw new StreamLost(now.fault.fault);
		seen = now;
		state = now.state ?? state;
	};
	let looks = 0;
	const timer = setInterval(() => {
		// What it throws is told by /readyz, which looks itself.
		check().catch(() => undefined);
		if (++looks % serversEvery === 0) void bus.stream.syncIntervals().then((told) => (syncInterval = weakestOf(told)));
	}, everyMs).unref();
	return {
		checkReady: check,
		lost: lost.promise,
		durability: () => ({ syncInterval, stream: state, ...(typeof seen.consumer === "object" && { consumer: seen.consumer }) }),
		stop: () => clearInterval(timer),
	};
}

type LookedAt = Pick<Bus, "stream" | "store">;

/** In this order: what is known of the stream first, then the stream, which only grows meanwhile. */
async function look(bus: LookedAt, known: Omit<KnownStream, "recorded">) {
	const recorded = await recordedIn(bus);
	const consumer = await bus.stream.consumer();
	const state = await bus.stream.state();
	return { state, consumer, fault: faultOf(state, consumer, { ...known, recorded }) };
}

/** @throws {EventsUnavailable} also where the entry cannot be understood: then nobody knows. */
async function recordedIn(bus: LookedAt): Promise<Recorded | undefined> {
	const entry = await bus.store("recorded").get(recordedKey);
	if (!entry) return undefined;
	try {
		return JSON.parse(entry.value) as Recorded;
	} catch (error) {
		throw new EventsUnavailable("what audit has recorded cannot be read", { cause: error });
	}
}

/** The slowest of the servers that answered. */
function weakestOf(intervals: readonly ("always" | number)[]): string {
	if (intervals.length === 0) return "unknown";
	const slowest = intervals.reduce<number>((most, interval) => Math.max(most, interval === "always" ? 0 : interval), 0);
	return slowest === 0 ? "always" : `${slowest / 1_000}s`;
}
