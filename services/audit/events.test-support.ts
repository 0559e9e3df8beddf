// Events of tests: complete, and small where it does not matter.
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";

const digest = `sha256:${"a".repeat(64)}`;
const when = new Date("2026-01-01T00:00:00.000Z");

export function callId(n: number): string {
	return `01890000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

const theCall = { connection: "payments", function: "createTransfer", pool: "default", digest, revision: digest };
const caller = { issuer: "https://idp.example", subject: "robin", groups: ["staff"] };

/** What ingress says of a call; `sealed` holds a word to look for where it must not be. */
export function aReceived(call: string, data: Partial<Event<"call.received">["data"]> = {}, at = when): Event<"call.received"> {
	const rest = {
		caller,
		via: "calls" as const,
		receivedAt: at.toISOString(),
		arguments: { amount: 5 },
		findings: [],
		sealed: "sealed.RAWSECRET",
	};
	return newEvent("ingress", "call.received", { ...theCall, call, ...rest, ...data }, { at });
}

export function anEnded(call: string, data: Partial<Event<"call.ended">["data"]> = {}, at = when): Event<"call.ended"> {
	const rest = { caller, ending: "denied" as const, code: "denied", rules: ["never"], reasons: [] };
	return newEvent("policy", "call.ended", { ...theCall, call, ...rest, ...data }, { at });
}
