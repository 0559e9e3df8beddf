// Which event leads to which verb, and what runs beside the events: the timetable's jobs and the look for calls whose time has come.
import type { Bus } from "#libs/bus/bus.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { keepTime, type Rhythm } from "./expire-calls.ts";
import { giveUpCall, holdCall } from "./hold-call.ts";
import type { Parts, WorkingTimetable } from "./ports.ts";
import { createJobs } from "./reach-approvers.ts";
import { withdrawCall } from "./withdraw-call.ts";

export async function handle(parts: Parts, event: CallgateEvent): Promise<void> {
	switch (event.type) {
		case "call.held":
			return await holdCall(parts, event);
		case "call.withdrawn":
			return await withdrawCall(parts, event);
		default:
			return;
	}
}

interface Around {
	readonly bus: Pick<Bus, "consume" | "follow">;
	readonly timetable: Pick<WorkingTimetable, "startWork" | "stop">;
	readonly rhythm: Rhythm;
}

/** Resolves when every approval is known and work has begun; votes may be taken from then on. */
export async function startApproval(parts: Parts, { bus, timetable, rhythm }: Around): Promise<{ stop(): Promise<void> }> {
	await parts.approvals.follow(bus);
	const consumption = await bus.consume((event) => handle(parts, event), {
		onParked: async (event, fault) => {
			parts.log.error({ event: event.id, fault }, "an event could not be handled and is parked");
			if (event.type === "call.held") await giveUpCall(parts, event);
		},
	});
	timetable.startWork(createJobs(parts));
	const stopping = new AbortController();
	const keeping = keepTime(parts, rhythm, stopping.signal);
	return {
		stop: async () => {
			stopping.abort();
			await Promise.all([consumption.stop(), timetable.stop(), keeping]);
			await parts.approvals.stop();
		},
	};
}
