// The safety net under the timetable: every second this replica looks itself for calls whose time has come, so an end never depends on Redis.
import { setTimeout as delay } from "node:timers/promises";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { decideDue } from "./decide-approval.ts";
import { jobsOf } from "./plan-jobs.ts";
import type { Parts } from "./ports.ts";
import { settleCall } from "./settle-call.ts";

/** Calls that are settled side by side: a few writes in flight, not thousands. */
const atOnce = 32;

/** Settles each call for which something is due. Resolves with how many there were. */
export async function expireCalls(parts: Parts): Promise<number> {
	const due: string[] = [];
	const [now, groups] = [parts.now(), parts.groups()];
	for (const [call, approval] of parts.approvals.waiting()) {
		if (decideDue(approval, now, groups).kind === "write") due.push(call);
	}
	// One that cannot be settled does not keep the others waiting.
	for (let start = 0; start < due.length; start += atOnce) {
		await Promise.all(due.slice(start, start + atOnce).map((call) => settleOrWarn(parts, call)));
	}
	return due.length;
}

async function settleOrWarn(parts: Parts, call: string): Promise<void> {
	try {
		crashPoint("after-timer-before-event");
		await settleCall(parts, call);
	} catch (error) {
		if (!(error instanceof EventsUnavailable)) throw error;
		parts.log.warn({ ...parts.approvals.about(call), error }, "a call that is due cannot be settled now; it is tried again");
	}
}

/** Puts everything that is to be done on the timetable again: what it still knows is not added twice. */
export async function planAgain({ approvals, groups, now, timetable }: Parts): Promise<void> {
	const at = now();
	const current = groups();
	const jobs = [];
	for (const [call, approval] of approvals.entries()) jobs.push(...jobsOf(call, approval, current, at));
	await timetable.plan(jobs);
}

export interface Rhythm {
	readonly sweepEveryMs: number;
	readonly planEveryMs: number;
	/** How long a settled call is kept in memory. */
	readonly keepSettledMs: number;
}

/** Looks and plans in this rhythm until the signal; each round waits for the one before. */
export async function keepTime(parts: Parts, { sweepEveryMs, planEveryMs, keepSettledMs }: Rhythm, signal: AbortSignal): Promise<void> {
	const every = async (pauseMs: number, round: () => Promise<unknown>) => {
		while (!signal.aborted) {
			try {
				await round();
			} catch (error) {
				parts.log.error({ error }, "a round of looking for due calls failed");
			}
			await delay(pauseMs, undefined, { signal }).catch(() => undefined);
		}
	};
	await Promise.all([
		every(sweepEveryMs, () => expireCalls(parts)),
		every(planEveryMs, async () => {
			parts.approvals.forget(new Date(parts.now().getTime() - keepSettledMs));
			await planAgain(parts);
		}),
	]);
}
