// What must never be found, and what each check is given: one call as all logs together tell it.
import type { ClientCall, Permission, StreamEvent } from "./evidence.ts";

/** Rows that must be empty. */
export const forbidden = {
	lost: "accepted and never ended",
	vanished: "answered with a call id that the stream does not know",
	"ended twice": "more than one ending",
	"executed twice": "more requests at the bank than the call may cause",
	"executed before the record": "a request at the bank without a claim that was durable before it",
	"executed without permission": "a request at the bank that nobody granted, or that people did not approve",
	"executed although refused": "a request at the bank for a call that was denied, rejected, expired or cancelled",
	"completed without the bank": "an ending `completed` for which the bank saw nothing, or never gave a whole answer",
	"unknown without a death": "an ending `unknown` although its executor lived",
	"digests differ": "the call that was asked for is not the call that was decided, shown, granted, executed or recorded",
	"wrong credential": "a request at the bank with anything but the bank's own key",
	"illegal sequence": "events of one call in an order that cannot be",
	"decided twice": "two different decisions about one call",
	"vote that cannot count": "a vote of someone who is no approver, or of the requester",
	"answers differ": "a client was told something else than the record says",
	"key broken": "one idempotency key, or one request that attached to what waits, two calls",
	"shown to the caller": "an answer with something in it that had to be masked",
	"Slack differs": "a message in Slack that says something else came of its call",
	"expired too early": "an approval that ended as expired before its time, by every clock that approval had",
	"not settled in time": "an approval that had to expire or could not be decided while Valkey was away",
	"record missing": "an event that the index does not have",
	"record doubled": "an event that the index has twice",
	"record differs": "a document that is not what its event says, or of no event",
	"record unproven": "an event that the record's tree has not once, in its own bytes, or a tree that does not verify",
	"poison not handled": "a bad message that was not parked, or a forged call that did not end as failed",
	"parked without reason": "a good message that was parked",
	retention: "something that keeps a call from happening twice was removed while what could make it happen was there or could still run",
	"stream differs": "a message of the stream that changed, or went, and nobody trimmed it",
	"stored while full": "an event that a full stream or a full disk took",
	"refused without advice": "a 503 that does not say when to ask again",
	"fault without effect": "a fault that did not do what it is there for: this run says nothing about it",
	"secrets stored": "a secret where it may not be",
	"crashed by itself": "a process that ended because nobody caught an error",
	"not finished": "something was still in work when the time was over",
} as const;
export type Row = keyof typeof forbidden;

/** One call as all of them tell it. */
export interface Joined {
	readonly call: string;
	/** In the order of the stream; what may be said again, once. */
	readonly events: readonly StreamEvent[];
	/** Everything about it, also what was said again. */
	readonly said: readonly StreamEvent[];
	/** Undefined where nobody we know asked for it. */
	readonly client: ClientCall | undefined;
	readonly permissions: readonly Permission[];
	readonly forged: boolean;
}

export type Find = (row: Row, line: string) => void;
