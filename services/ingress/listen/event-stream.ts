// The steps of a call as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import { Readable } from "node:stream";
import type { OwnCall } from "../show-call.ts";
import type { StepPorts, StepStreams } from "../stream-steps.ts";

/** Proxies close what is silent for a minute. */
const heartbeatMs = 15_000;

/**
 * A stream that is closed before the ending was shown is one that clients of server-sent events connect again for.
 *
 * Pieces of an answer have their number for an id: who connects again says the last one it has (`Last-Event-ID`), and is shown what follows.
 *
 * @param after that number
 * @param gone aborted when the caller closed the connection, perhaps before there is anything to close.
 * @throws {Refusal} `too_many_requests`; {@link EventsUnavailable}
 */
export async function eventStream(
	streams: StepStreams,
	ports: StepPorts,
	own: OwnCall,
	gone: AbortSignal,
	after?: number,
): Promise<Readable> {
	let drained = Promise.withResolvers<void>();
	const out = new Readable({ read: () => drained.resolve() });
	let over = false;
	/** Whether there is room for more. */
	const push = (chunk: string | null): boolean => over || out.destroyed || out.push(chunk);
	const leave = (): void => void out.destroy();
	const watch = streams.watch(
		ports,
		own,
		{
			show: ({ type, data }) => void push(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`),
			piece: async ({ type, data }, piece) => {
				if (push(`event: ${type}\nid: ${piece}\ndata: ${JSON.stringify(data)}\n\n`)) return;
				drained = Promise.withResolvers();
				await drained.promise;
			},
			end: (why) => {
				push(null);
				over = true;
				if (why === "left") leave();
			},
		},
		after,
	);
	const heartbeat = setInterval(() => push(": still here\n\n"), heartbeatMs);
	out.once("close", () => {
		drained.resolve();
		clearInterval(heartbeat);
		gone.removeEventListener("abort", leave);
		watch.leave();
	});
	gone.addEventListener("abort", leave);
	try {
		await watch.begun;
	} catch (error) {
		leave();
		throw error;
	}
	if (gone.aborted) leave();
	return out;
}
