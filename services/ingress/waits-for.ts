// For whom a held call waits, how many votes it has and until when: from what approval said about it.
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { approvalStepsOf } from "#libs/bus/permissions.ts";
import { groupsAsked } from "#libs/contracts/approval-terms.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";

export interface WaitsFor {
	/** Each must be met. */
	readonly requirements: readonly {
		readonly rule: string;
		/** Members of any of these may vote, those it was escalated to included. */
		readonly groups: readonly string[];
		/** How many people must approve, and how many did. Approval counts those who are members still. */
		readonly quorum: number;
		readonly votes: number;
	}[];
	/** RFC 3339: nobody can approve it later. */
	readonly expiresAt: string;
}

/** An answer goes without it rather than wait for a stream that has nothing more to say. */
const readWithinMs = 2_000;

/** Undefined where approval did not ask anyone yet, or nobody can tell now. */
export async function waitsForOf(bus: Pick<Bus, "follow">, call: string): Promise<WaitsFor | undefined> {
	const said: CallgateEvent[] = [];
	try {
		const following = await bus.follow({ filter: approvalStepsOf(call), from: "beginning", handle: ({ event }) => void said.push(event) });
		const late = Promise.withResolvers<void>();
		const timer = setTimeout(late.resolve, readWithinMs);
		await Promise.race([following.caughtUp, late.promise]);
		clearTimeout(timer);
		void following.stop();
	} catch (error) {
		if (!(error instanceof EventsUnavailable)) throw error;
	}
	return foldSaid(said);
}

function foldSaid(said: readonly CallgateEvent[]): WaitsFor | undefined {
	const asked = said.find((event) => event.type === "approval.asked");
	if (!asked) return undefined;
	const { terms } = asked.data;
	const escalated = said.flatMap((event) => (event.type === "approval.escalated" ? [event.data.step] : []));
	const approvals = said.flatMap((event) => (event.type === "approval.voted" && event.data.verdict === "approve" ? [event.data] : []));
	const requirements = terms.requirements.map((requirement) => {
		const groups = groupsAsked(terms, escalated, requirement);
		const votes = approvals.filter((vote) => vote.groups.some((name) => groups.includes(name))).length;
		return { rule: requirement.rule, groups, quorum: requirement.quorum, votes };
	});
	return { requirements, expiresAt: terms.expiresAt };
}

const soonSeconds = 2;
const lateSeconds = 60;

/**
 * When to ask again (RFC 9110 section 10.2.3): people are slower than functions, so the longer there is time the less often; and not later
 * than just after the deadline, when there is an ending.
 */
export function retryAfterSeconds(waitsFor: WaitsFor | undefined, now: Date): number {
	if (!waitsFor) return soonSeconds;
	const left = Math.ceil((Date.parse(waitsFor.expiresAt) - now.getTime()) / 1_000);
	return Math.max(1, Math.min(left + 1, Math.max(soonSeconds, Math.min(Math.floor(left / 20), lateSeconds))));
}
