// Whether what ended as expired was at the end of its time, by some clock that approval had.
import type { Find, Joined } from "./check-rows.ts";
import { named } from "./check-story.ts";
import type { Evidence } from "./evidence.ts";

/** What a sweep saw may be written a while later, when its process goes on after a pause. */
const writtenWithinMs = 30_000;
/** Between the clocks of NATS and approval on one machine. */
const clockMs = 5;

export function checkExpiry({ call, events, forged }: Joined, { clocks }: Evidence, find: Find): void {
	const asked = events.find(({ type }) => type === "approval.asked");
	const expired = events.find(({ type, writer, data }) => type === "call.ended" && writer === "approval" && data.ending === "expired");
	if (forged || !asked || !expired) return;
	const { expiresAt } = (asked.data.terms ?? {}) as { expiresAt?: string };
	const aheadMs = clocks
		.filter(({ service, from, until }) => service === "approval" && from <= expired.at && expired.at <= until + writtenWithinMs)
		.reduce((most, { offMs }) => Math.max(most, offMs), 0);
	const missingMs = Date.parse(expiresAt ?? "") - clockMs - (expired.at + aheadMs);
	// Asked this way round, an end that is no time is not met.
	if (!(missingMs <= 0)) find("expired too early", `${call}: ${missingMs} ms before its time: ${named(expired)}`);
}
