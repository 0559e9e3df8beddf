// Limits of allow rules: what a window has counted is kept durably and changed by one replica at a time.
import { createHash } from "node:crypto";
import { EventsUnavailable, Unprocessable } from "#libs/bus/bus.ts";
import type { Decision, LimitCharge } from "#libs/policy/decide.ts";
import { charge, emptyLimit, type LimitState, refund, uncharge } from "#libs/policy/limits.ts";
import type { PolicyPorts } from "./ports.ts";

type Stores = Pick<PolicyPorts, "bus">;

/** Replicas that charge one account at once try again; more conflicts than this is a store that does not work. */
const attemptsMax = 50;

/** A call whose limits are charged: its id, its pool, and when the stream stored it. */
export interface ChargedCall {
	readonly call: string;
	readonly pool: string;
	/** One clock for all. By a replica of ingress whose clock is ahead, one call would take everyone's charges out of the window for good. */
	readonly storedAt: Date;
}

/** What is kept of a call that limits decided. */
type Kept = Decision & {
	readonly pool?: string;
	/** Milliseconds since 1970, by which it was charged. */
	readonly at?: number;
	/** It did not run: its charges are being taken back, or were. */
	readonly returned?: "begun" | "done";
};

/**
 * Charges every limit of a grant, or turns it into a denial. What came of it is kept: a call that is decided again, after whatever else was
 * charged or given back meanwhile, gets the same answer, so it is never both denied and granted.
 *
 * Replicas that decide one call at once share its charges, so none takes one back before the call's entry says that it is denied: until
 * then another one may still grant it.
 */
export async function chargeLimits(ports: Stores, { call, pool, storedAt }: ChargedCall, decision: Decision): Promise<Decision> {
	const { limits = [] } = decision;
	if (limits.length === 0) return decision;
	const at = storedAt.getTime();
	const decided = await read(ports, call);
	if (decided) return await settled(ports, call, decided.kept, limits);
	const over = await firstExceeded(ports, call, at, limits);
	const kept: Kept = { ...(over ? exceeded(decision, over) : decision), pool, at };
	if ((await ports.bus.store("limits").write(entryOf(call), JSON.stringify(kept), 0)).won) return await settled(ports, call, kept, limits);
	// Another replica decided the same call at the same moment: the first word counts.
	const first = await read(ports, call);
	if (!first) throw new EventsUnavailable("a decision about a limit was written and cannot be read");
	return await settled(ports, call, first.kept, limits);
}

/**
 * Gives back what limits counted for a call that ended without having run. Each charge is taken back once, whoever hears of it how often and
 * whichever replica dies at which step: the call's entry says that it is given back before any account is touched, and each account
 * remembers which calls were.
 *
 * @throws {Unprocessable} if someone else than the call's own pool says that it did not run
 */
export async function giveBack(ports: Stores, { call, pool }: Pick<ChargedCall, "call" | "pool">): Promise<void> {
	for (let attempt = 0; attempt < attemptsMax; attempt++) {
		const known = await read(ports, call);
		if (!known || known.kept.returned === "done") return;
		if (known.kept.pool !== pool) throw new Unprocessable("the call was charged for another pool");
		if (known.kept.returned === "begun") await refundAll(ports, call, known.kept);
		const next: Kept = { ...known.kept, returned: known.kept.returned === "begun" ? "done" : "begun" };
		await ports.bus.store("limits").write(entryOf(call), JSON.stringify(next), known.version);
	}
	throw new EventsUnavailable("a limit could not be given back: too many changes at once");
}

/**
 * A call as its entry has it. One that is denied, or was given back, is charged nowhere: whoever charged it, before the entry was written or
 * because it did not see it, takes that back here, and so does who hears of the call after that one died.
 */
async function settled(ports: Stores, call: string, kept: Kept, asked: readonly LimitCharge[]): Promise<Decision> {
	if (kept.returned) await refundAll(ports, call, kept);
	if (kept.effect === "deny") for (const limit of asked) await change(ports, limit, (state) => uncharge(state, call));
	return kept;
}

function entryOf(call: string): string {
	return `call.${call}`;
}

async function read({ bus }: Stores, call: string): Promise<{ readonly kept: Kept; readonly version: number } | undefined> {
	const entry = await bus.store("limits").get(entryOf(call));
	return entry && { kept: JSON.parse(entry.value) as Kept, version: entry.version };
}

/** Charges a call once per limit, up to the first that it would exceed. */
async function firstExceeded(ports: Stores, call: string, at: number, limits: readonly LimitCharge[]): Promise<LimitCharge | undefined> {
	for (const limit of limits) {
		const ok = await change(ports, limit, (state) => {
			const result = charge(state, limit, at, call);
			if (!result.ok) return undefined;
			return result.repeated ? state : result.state;
		});
		if (!ok) return limit;
	}
	return undefined;
}

async function refundAll(ports: Stores, call: string, { limits = [], at }: Pick<Kept, "limits" | "at">): Promise<void> {
	if (at === undefined) return;
	for (const { amount, windowMs, ...limit } of limits) await change(ports, limit, (state) => refund(state, { call, at, amount, windowMs }));
}

function exceeded(decision: Decision, { rule, max }: LimitCharge): Decision {
	const message = `The limit of rule ${rule} (${max}) would be exceeded.`;
	return { effect: "deny", rules: [rule], reasons: [{ code: "limit_exceeded", rule, message }], message: decision.message ?? message };
}

/** Whether the account is as `next` wants it; false where that refuses. What it returns unchanged is not written. */
async function change({ bus }: Stores, { key }: Pick<LimitCharge, "key">, next: (state: LimitState) => LimitState | undefined) {
	const store = bus.store("limits");
	const entry = createHash("sha256").update(key).digest("hex");
	for (let attempt = 0; attempt < attemptsMax; attempt++) {
		const known = await store.get(entry);
		const before = known ? (JSON.parse(known.value) as LimitState) : emptyLimit;
		const after = next(before);
		if (!after) return false;
		if (after === before) return true;
		if ((await store.write(entry, JSON.stringify(after), known?.version ?? 0)).won) return true;
	}
	throw new EventsUnavailable("a limit could not be counted: too many changes at once");
}
