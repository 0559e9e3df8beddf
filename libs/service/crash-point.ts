// Dangerous moments by name: where a fault test can kill this process for good. Unarmed, which is always in production, passing one costs a comparison.

import { writeSync } from "node:fs";

/** In the order in which a call meets them. */
export const crashPoints = [
	"after-accept-before-publish",
	"after-publish-before-reply",
	"after-decision-before-ack",
	"after-click-before-stored",
	"after-timer-before-event",
	"after-reading-before-writing",
	"after-lost-condition",
	"after-claim-before-first-byte",
	"after-first-byte-before-answer",
	"after-piece-before-next",
	"after-answer-before-ending",
	"after-ending-before-ack",
	"between-index-and-ack",
	"after-segment-before-tiles",
	"during-recovery-at-start",
] as const;
export type CrashPoint = (typeof crashPoints)[number];

interface Armed {
	readonly name: CrashPoint;
	/** How often it is still passed before it kills. */
	left: number;
	readonly kill: (name: CrashPoint) => void;
}

let armed: Armed | undefined;

/** The process is gone before this returns: nothing is finished, nobody is told but whoever reads its log. */
function killSelf(name: CrashPoint): void {
	writeSync(2, `${crashMark}${name}\n`);
	process.kill(process.pid, "SIGKILL");
}

/** What stands in the log before the name of the moment at which a process ended. */
export const crashMark = "callgate: killed by itself ";

/**
 * Arms one moment: `name`, or `name:nth` to be killed when it is passed for the nth time. Undefined disarms.
 *
 * @throws {RangeError} if it names no moment: a test that kills nowhere would prove nothing.
 */
export function armCrashPoint(text: string | undefined, kill: (name: CrashPoint) => void = killSelf): void {
	if (text === undefined) {
		armed = undefined;
		return;
	}
	const [wanted, nth = "1", ...rest] = text.split(":");
	const name = crashPoints.find((one) => one === wanted);
	if (name === undefined || rest.length > 0 || !/^[1-9]\d{0,5}$/.test(nth)) {
		throw new RangeError(`CALLGATE_CRASH_AT names no moment; expected one of ${crashPoints.join(", ")}, or one with :n`);
	}
	armed = { name, left: Number(nth), kill };
}

/** This moment is being passed. Kills this process if it is armed for it. */
export function crashPoint(name: CrashPoint): void {
	if (armed === undefined || armed.name !== name) return;
	armed.left--;
	if (armed.left === 0) armed.kill(name);
}

/** As {@link crashPoint}, for a moment that is over only when what this turn of the event loop wrote has left the process. */
export function crashPointAfterThisTurn(name: CrashPoint): void {
	if (armed === undefined || armed.name !== name) return;
	setImmediate(() => crashPoint(name));
}
