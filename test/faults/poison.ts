// Messages that nobody honest would send, put on the stream in somebody's name: copies of real ones, changed where it hurts.
import { v7 as uuidv7 } from "uuid";
import type { KeyRing } from "../../infra/local/key-ring.ts";
import type { Poison } from "./evidence.ts";
import { forgeGrants, forgeReceived } from "./forge.ts";
import type { Operator, StoredMessage } from "./operator.ts";

const receivedSubject = "callgate.policy._.ingress._.call.received";
const heldSubject = "callgate.approval._.policy._.call.held";
const grantedSubject = "callgate.executor.default.policy._.call.granted";

type Json = Record<string, unknown>;
interface Dose {
	readonly kind: string;
	readonly expects: Poison["expects"];
	readonly reader: Poison["reader"];
	readonly subject: string;
	readonly bytes: Uint8Array;
	readonly call?: string;
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** Puts one of each kind on the stream; those that need a real message to change are left out while there is none. */
export async function poisonStream(operator: Operator, keys: KeyRing, seen: readonly StoredMessage[], pick: number): Promise<Poison[]> {
	const given: Poison[] = [];
	for (const { subject, bytes, ...about } of [...dosesFrom(seen, pick), ...(await forgeries(keys, seen, pick))]) {
		given.push({ ...about, sequence: await operator.publish(subject, bytes) });
	}
	return given;
}

function dosesFrom(seen: readonly StoredMessage[], pick: number): Dose[] {
	const parked = { expects: "parked" } as const;
	const doses: Dose[] = [
		{ kind: "not JSON", ...parked, reader: "policy", subject: receivedSubject, bytes: encode("{ this is not") },
		{ kind: "no list", ...parked, reader: "executor", subject: grantedSubject, bytes: encode({ type: "call.granted" }) },
		{ kind: "not UTF-8", ...parked, reader: "approval", subject: heldSubject, bytes: Uint8Array.of(0xff, 0xfe, 0x00, 0x80) },
		{ kind: "oversized", ...parked, reader: "policy", subject: receivedSubject, bytes: encode("x".repeat(2 * 1024 * 1024)) },
	];
	const received = realEvent(seen, receivedSubject, pick);
	if (received) doses.push(...fromReceived(received));
	const granted = realEvent(seen, grantedSubject, pick);
	if (granted) doses.push(forgedGrant(granted));
	return doses;
}

function fromReceived(received: Json): Dose[] {
	const other = uuidv7();
	return [
		{
			kind: "unknown version",
			expects: "parked",
			reader: "policy",
			subject: receivedSubject,
			bytes: encode([{ ...received, specversion: "2.0" }]),
		},
		{
			kind: "unknown type",
			expects: "parked",
			reader: "policy",
			subject: receivedSubject,
			bytes: encode([{ ...received, type: "call.imagined" }]),
		},
		{ kind: "another's subject", expects: "parked", reader: "executor", subject: grantedSubject, bytes: encode([received]) },
		// Sealed arguments of another call, which nobody can open under this name.
		{
			kind: "digest mismatch",
			expects: "refused",
			reader: "policy",
			subject: receivedSubject,
			call: other,
			bytes: encode([renamed(received, other)]),
		},
	];
}

async function forgeries(keys: KeyRing, seen: readonly StoredMessage[], pick: number): Promise<Dose[]> {
	const granted = realEvent(seen, grantedSubject, pick);
	const received = realEvent(seen, receivedSubject, pick);
	const grants = granted ? await forgeGrants(keys, granted) : [];
	const calls = received ? [await forgeReceived(keys, received)] : [];
	return [
		...grants.map(
			({ event, ...about }): Dose => ({ ...about, expects: "failed", reader: "executor", subject: grantedSubject, bytes: encode([event]) }),
		),
		...calls.map(
			({ event, ...about }): Dose => ({ ...about, expects: "refused", reader: "policy", subject: receivedSubject, bytes: encode([event]) }),
		),
	];
}

/** A real grant, on another call. */
function forgedGrant(granted: Json): Dose {
	const other = uuidv7();
	return {
		...{ kind: "grant of another call", expects: "failed", reader: "executor", subject: grantedSubject, call: other },
		bytes: encode([renamed(granted, other)]),
	};
}

function renamed(event: Json, call: string): Json {
	const { id, data } = event;
	return { ...event, subject: call, id: `${call}${String(id).slice(36)}`, data: { ...(data as Json), call } };
}

/** One real event from a subject, its message's first. */
function realEvent(seen: readonly StoredMessage[], subject: string, pick: number): Json | undefined {
	const candidates = seen.filter((message) => message.subject === subject);
	const message = candidates[pick % Math.max(1, candidates.length)];
	const [first] = (message && eventsIn(message)) ?? [];
	return first;
}

function eventsIn({ bytes }: StoredMessage): Json[] | undefined {
	try {
		const items: unknown = JSON.parse(new TextDecoder().decode(bytes));
		return Array.isArray(items) ? (items as Json[]) : undefined;
	} catch {
		return undefined;
	}
}
