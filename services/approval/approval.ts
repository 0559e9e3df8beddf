// A held call in people's hands: which states there are and how events lead from one to the next. Pure and total; what is on the stream is the truth.
import type { Position, StoredEvent } from "#libs/bus/bus.ts";
import type { Caller } from "#libs/contracts/call.ts";
import type { Event } from "#libs/contracts/events.ts";

/** What was asked, without what only the executor may open: that is read back from the stream when it is needed. */
export type Asked = Omit<Event<"approval.asked">["data"], "sealed" | "hold">;
export type Delivered = Omit<Event<"approval.delivered">["data"], "call">;
export type Vote = Omit<Event<"approval.voted">["data"], "call" | "digest"> & { readonly at: Date };

/** A question to people and what has happened to it so far. */
export interface Question {
	readonly asked: Asked;
	readonly askedAt: Date;
	readonly traceparent: string | undefined;
	readonly deliveries: readonly Delivered[];
	readonly votes: readonly Vote[];
	/** How many of the reminders were sent. */
	readonly reminders: number;
	/** Which steps of `terms.escalations` were taken; the first is 1. */
	readonly escalated: readonly number[];
}

/** `last` is the position of the newest event of this call: what a conditional write is conditional on. */
interface On {
	readonly last: Position;
}
export interface Absent extends On {
	readonly state: "absent";
}
/** Its beginning is no longer known, so nothing can be decided about it any more. */
export interface Forgotten extends On {
	readonly state: "forgotten";
}
/** Its callers gave it up before approval saw it. */
export interface WithdrawnEarly extends On {
	readonly state: "withdrawn-early";
	readonly callers: readonly Caller[];
	readonly at: Date;
}
export interface Waiting extends On {
	readonly state: "waiting";
	readonly question: Question;
}
export interface Granted extends On {
	readonly state: "granted";
	readonly question: Question;
	readonly by: readonly string[];
	readonly at: Date;
}
export interface Ended extends On {
	readonly state: "ended";
	/** Absent where the call was withdrawn before anyone was asked. */
	readonly question: Question | undefined;
	readonly ending: Event<"call.ended">["data"]["ending"];
	readonly by: readonly string[];
	readonly detail: string | undefined;
	readonly at: Date;
}
export type Approval = Absent | Forgotten | WithdrawnEarly | Waiting | Granted | Ended;

export const absent: Absent = { state: "absent", last: 0 };

/** The state after one more event of approval's own about this call. An event that does not fit changes nothing but `last`. */
export function apply(approval: Approval, { event, position }: StoredEvent): Approval {
	if (position <= approval.last) return approval;
	const at = new Date(event.time);
	switch (event.type) {
		case "approval.asked":
			return ask(approval, event, at, position);
		case "approval.withdrawn":
			return withdrawEarly(approval, event.data.caller, at, position);
		case "approval.delivered": {
			const { call: _, ...delivered } = event.data;
			return update(approval, position, (question) => ({ deliveries: [...question.deliveries, delivered] }));
		}
		case "approval.voted": {
			const { call: _, digest: __, ...vote } = event.data;
			return update(approval, position, (question) => ({ votes: [...question.votes, { ...vote, at }] }));
		}
		case "approval.reminded":
			return update(approval, position, ({ reminders }) => ({ reminders: Math.max(reminders, event.data.reminder) }));
		case "approval.escalated":
			return update(approval, position, ({ escalated }) => ({ escalated: [...escalated, event.data.step] }));
		case "call.granted":
			return approval.state === "waiting"
				? { state: "granted", question: approval.question, by: event.data.approvedBy ?? [], at, last: position }
				: moved(approval, position);
		case "call.ended":
			return end(approval, event, at, position);
		default:
			return moved(approval, position);
	}
}

function ask(approval: Approval, event: Event<"approval.asked">, askedAt: Date, last: Position): Approval {
	if (approval.state !== "absent" && approval.state !== "withdrawn-early") return moved(approval, last);
	const { sealed: _, hold: __, ...asked } = event.data;
	const question = { asked, askedAt, traceparent: event.traceparent, deliveries: [], votes: [], reminders: 0, escalated: [] };
	return { state: "waiting", question, last };
}

function withdrawEarly(approval: Approval, caller: Caller, at: Date, last: Position): Approval {
	if (approval.state === "absent") return { state: "withdrawn-early", callers: [caller], at, last };
	return approval.state === "withdrawn-early" ? { ...approval, callers: [...approval.callers, caller], last } : moved(approval, last);
}

function end(approval: Approval, { data }: Event<"call.ended">, at: Date, last: Position): Approval {
	// `absent`: a hold that could not be handled was ended without asking anyone.
	if (approval.state === "granted" || approval.state === "ended" || approval.state === "forgotten") return moved(approval, last);
	const question = approval.state === "waiting" ? approval.question : undefined;
	return { state: "ended", question, ending: data.ending, by: data.by ?? [], detail: data.detail, at, last };
}

function update(approval: Approval, last: Position, change: (question: Question) => Partial<Question>): Approval {
	if (approval.state !== "waiting") return moved(approval, last);
	return { ...approval, question: { ...approval.question, ...change(approval.question) }, last };
}

/** An event that leads nowhere. About a call that is not known it says that there was a beginning, which retention has dropped. */
function moved(approval: Approval, last: Position): Approval {
	return approval.state === "absent" ? { state: "forgotten", last } : { ...approval, last };
}

/** Whether its time is over, by this clock, whether or not a timer fired. A time that cannot be read is over. */
export function isOverdue({ asked }: Question, now: Date): boolean {
	return !(now.getTime() < Date.parse(asked.terms.expiresAt));
}
