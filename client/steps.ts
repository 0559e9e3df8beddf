// A call's steps as they become durable, told once each, whatever connections break in between.
import { readEvents } from "./event-stream.ts";

/** A step of a call: received, asked, voted, granted, started, ended. */
export interface Step {
	/** `call.received`, `approval.asked`, `call.ended`, …; the types are in Callgate's docs/reference/events.md. */
	readonly type: string;
	/** What a caller may know of it: `call`, `time`, and what the type adds. */
	readonly data: Readonly<Record<string, unknown>>;
}

/** Callgate sends something every 15 seconds. */
const silenceMsMax = 45_000;
/** A stream that broke this often without a new word between is not coming back. */
const failuresMax = 5;
const pauseMs = 1_000;

/**
 * Ends after the step `call.ended`.
 *
 * @param open one connection to the stream of steps, which begins with the first step each time
 * @param isFinal whether there is no sense in trying again after what `open` threw
 * @throws what `open` threw, if that is final or after five attempts in a row; the signal's reason.
 */
export async function* followSteps(
	open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array | string>>,
	signal: AbortSignal,
	isFinal: (error: unknown) => boolean,
): AsyncGenerator<Step, void> {
	const told = new Set<string>();
	for (let failures = 0; ; ) {
		const silence = new AbortController();
		const timer = setTimeout(() => silence.abort(new Error("the stream of steps is silent")), silenceMsMax);
		try {
			for await (const { event: type, data } of readEvents(heard(await open(AbortSignal.any([signal, silence.signal])), timer))) {
				const key = `${type} ${data}`;
				if (told.has(key)) continue;
				told.add(key);
				// Each connection begins with what was told before: that alone is no way forward.
				failures = 0;
				yield { type, data: membersOf(JSON.parse(data)) };
				if (type === "call.ended") return;
			}
		} catch (error) {
			signal.throwIfAborted();
			if (isFinal(error) || ++failures >= failuresMax) throw error;
		} finally {
			clearTimeout(timer);
		}
		await pause(pauseMs, signal);
	}
}

function membersOf(value: unknown): Step["data"] {
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Step["data"];
	throw new TypeError("a step of the call is no object");
}

async function* heard<T>(chunks: AsyncIterable<T>, timer: NodeJS.Timeout): AsyncGenerator<T> {
	for await (const chunk of chunks) {
		timer.refresh();
		yield chunk;
	}
}

/** @throws the signal's reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
	signal.throwIfAborted();
	await new Promise<void>((resolve) => {
		const over = () => {
			clearTimeout(timer);
			signal.removeEventListener("abort", over);
			resolve();
		};
		const timer = setTimeout(over, ms);
		signal.addEventListener("abort", over, { once: true });
	});
	signal.throwIfAborted();
}
