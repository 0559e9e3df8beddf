// What is to be done about an approval, and when: worked out from its state alone, so that an emptied timetable can be filled again. Pure.
import type { Approval, Question } from "./approval.ts";
import { askedGroups } from "./eligibility.ts";
import type { Groups, Job, JobKind } from "./ports.ts";

/** How long after a settlement its messages are still brought up to date; the timetable remembers done jobs for longer. */
export const showOutcomeForMs = 30 * 60_000;

/** The channels in which approvers are asked, each once, in the order of the groups. */
export function channelsOf(question: Question, groups: Groups): string[] {
	return [...new Set(askedGroups(question).flatMap((name) => groups.get(name)?.slack ?? []))];
}

/** Everything that the state says is to be done, now or later. Jobs that were done already may be among them: they do nothing. */
export function jobsOf(call: string, approval: Approval, groups: Groups, now: Date): Job[] {
	const job = (kind: JobKind, nth: string | number, at: number): Job => ({ call, kind, nth: `${nth}`, at, after: approval.last });
	const soon = now.getTime();
	if (approval.state === "granted" || approval.state === "ended") {
		const isRecent = soon - approval.at.getTime() < showOutcomeForMs;
		return isRecent && approval.question && approval.question.deliveries.length > 0 ? [job("update", approval.state, soon)] : [];
	}
	if (approval.state !== "waiting") return [];
	const { question } = approval;
	const { terms } = question.asked;
	const delivered = new Set(question.deliveries.map(({ channel }) => channel));
	const progress = `${question.votes.length}-${question.escalated.length}`;
	return [
		...channelsOf(question, groups)
			.filter((channel) => !delivered.has(channel))
			.map((channel) => job("deliver", channel, soon)),
		...(delivered.size > 0 && progress !== "0-0" ? [job("update", progress, soon)] : []),
		...terms.remindAt.flatMap((at, index) => (index >= question.reminders ? [job("remind", index + 1, Date.parse(at))] : [])),
		...terms.escalations.flatMap(({ at }, index) =>
			question.escalated.includes(index + 1) ? [] : [job("escalate", index + 1, Date.parse(at))],
		),
		job("expire", 1, Date.parse(terms.expiresAt)),
	].filter(({ at }) => Number.isFinite(at));
}
