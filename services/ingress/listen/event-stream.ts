// The steps of a call as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import { Readable } from "node:stream";
import type { IngressPorts } from "../ports.ts";
import type { OwnCall } from "../show-call.ts";
import type { StepStreams } from "../stream-steps.ts";

/** Proxies close what is silent for a minute. */
const heartbeatMs = 15_000;

/**
 * A stream that is closed before the ending was shown is one that clients of server-sent events connect again for.
 *
 * @param gone aborted when the caller closed the connection, perhaps before there is anything to close.
 * @throws {Refusal} `too_many_requests`; {@link EventsUnavailable}
 */
export async function eventStream(
	streams: StepStreams,
	ports: Pick<IngressPorts, "bus" | "pending" | "ended">,
	own: OwnCall,
	gone: AbortSignal,
): Promise<Readable> {
	const out = new Readable({ read: () => undefined });
	let over = false;
	const push = (chunk: string | null): void => {
		if (!over && !out.destroyed) out.push(chunk);
	};
	const leave = (): void => void out.destroy();
	const watch = streams.watch(ports, own, {
		show: ({ type, data }) => push(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`),
		end: (why) => {
			push(null);
			over = true;
			if (why === "left") leave();
		},
	});
	const heartbeat = setInterval(() => push(": still here\n\n"), heartbeatMs);
	out.once("close", () => {
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
