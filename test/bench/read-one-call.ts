// One call's events as they lie in the stream: what a bench makes a million others from.
import { setTimeout as delay } from "node:timers/promises";
import type { Link } from "#libs/bus/nats-link.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import { floorEvents } from "./floor-plan.ts";
import { BenchFailed } from "./measure-lane.ts";

export interface OneCall {
	readonly call: string;
	/** In the order of its life: each event's JSON and the subject it came on. */
	readonly events: readonly { readonly subject: string; readonly text: string }[];
}

const foundWithinMs = 10_000;
const types = floorEvents.map((event) => `call.${event}`);

/** The first call that has all its events at `from` or later. @throws {BenchFailed} where there is none. */
export async function readOneCall(operator: Link, from: number): Promise<OneCall> {
	const calls = new Map<string, Map<string, { subject: string; text: string }>>();
	let found: OneCall | undefined;
	let next = from;
	const stop = operator.readOrdered(streamName, "callgate.>", {
		next: () => next,
		onEmpty: () => undefined,
		onMessage: ({ position, subject, bytes }) => {
			next = position + 1;
			for (const event of JSON.parse(new TextDecoder().decode(bytes)) as { type: string; subject: string }[]) {
				const known = calls.get(event.subject) ?? new Map<string, { subject: string; text: string }>();
				calls.set(event.subject, known.set(event.type, { subject, text: JSON.stringify(event) }));
				const events = types.flatMap((type) => known.get(type) ?? []);
				if (events.length === types.length) found ??= { call: event.subject, events };
			}
		},
	});
	for (const until = performance.now() + foundWithinMs; found === undefined && performance.now() < until; ) await delay(10);
	await stop();
	if (!found) throw new BenchFailed("the stream has no whole call");
	return found;
}
