// Limits of allow rules: what a window has counted is kept durably and changed by one replica at a time.
import { createHash } from "node:crypto";
import { EventsUnavailable, Unprocessable } from "#libs/bus/bus.ts";
import type { Decision, LimitCharge } from "#libs/policy/decide.ts";
import { charge, emptyLimit, type LimitState, refund } from "#libs/policy/limits.ts";
import type { PolicyPorts } from "./ports.ts";

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
 */
export async function chargeLimits(ports: PolicyPorts, { call, pool, storedAt }: ChargedCall, decision: Decision): Promise<Decision> {
	if (!decision.limits?.length) return decision;
	const at = storedAt.getTime();
	const decided = await read(ports, call);
	if (decided) return await settled(ports, call, decided.kept);
	const charged = await chargeAll(ports, call, at, decision);
	const kept: Kept = { ...charged, pool, at };
	if ((await ports.bus.store("limits").write(entryOf(call), JSON.stringify(kept), 0)).won) return charged;
	// Another replica decided the same call at the same moment: the first word counts.
	const first = await read(ports, call);
	if (!first) throw new EventsUnavailable("a decision about a limit was written and cannot be read");
	return await settled(ports, call, first.kept);
}

/**
 * Gives back what limits counted for a call that ended without having run. Each charge is taken back once, whoever hears of it how often and
 * whichever replica dies at which step: the call's entry says that it is given back before any account is touched, and each account
 * remembers which calls were.
 *
 * @throws {Unprocessable} if someone else than the call's own pool says that it did not run
 */
export async function giveBack(ports: PolicyPorts, { call, pool }: Pick<ChargedCall, "call" | "pool">): Promise<void> {
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

/** A call that was decided before. If it was given back meanwhile, what was charged again since goes back too. */
async function settled(ports: PolicyPorts, call: string, kept: Kept): Promise<Decision> {
	if (kept.returned) await refundAll(ports, call, kept);
	return kept;
}

function entryOf(call: string): string {
	return `call.${call}`;
}

async function read({ bus }: PolicyPorts, call: string): Promise<{ readonly kept: Kept; readonly version: number } | undefined> {
	const entry = await bus.store("limits").get(entryOf(call));
	return entry && { kept: JSON.parse(entry.value) as Kept, version: entry.version };
}

/** A call is charged once per limit; of several limits, those charged before one is exceeded are given back. */
async function chargeAll(ports: PolicyPorts, call: string, at: number, decision: Decision): Promise<Decision> {
	const charged: LimitCharge[] = [];
	for (const limit of decision.limits ?? []) {
		const ok = await update(ports, limit, (state) => {
			const result = charge(state, limit, at, call);
			return result.ok ? { state: result.state, changed: !result.repeated } : undefined;
		});
		if (!ok) {
			await refundAll(ports, call, { limits: charged, at });
			return exceeded(decision, limit);
		}
		charged.push(limit);
	}
	return decision;
}

async function refundAll(ports: PolicyPorts, call: string, { limits = [], at }: Pick<Kept, "limits" | "at">): Promise<void> {
	for (const limit of at === undefined ? [] : limits) {
		await update(ports, limit, (state) => {
			const after = refund(state, { call, at: at ?? 0, amount: limit.amount, windowMs: limit.windowMs });
			return { state: after, changed: after !== state };
		});
	}
}

function exceeded(decision: Decision, { rule, max }: LimitCharge): Decision {
	const message = `The limit of rule ${rule} (${max}) would be exceeded.`;
	return { effect: "deny", rules: [rule], reasons: [{ code: "limit_exceeded", rule, message }], message: decision.message ?? message };
}

type Change = (state: LimitState) => { state: LimitState; changed: boolean } | undefined;

/** Whether the change was made; false where `change` refuses. */
async function update({ bus }: PolicyPorts, { key }: LimitCharge, change: Change): Promise<boolean> {
	const store = bus.store("limits");
	const entry = createHash("sha256").update(key).digest("hex");
	for (let attempt = 0; attempt < attemptsMax; attempt++) {
		const known = await store.get(entry);
		const changed = change(known ? (JSON.parse(known.value) as LimitState) : emptyLimit);
		if (!changed) return false;
		if (!changed.changed) return true;
		if ((await store.write(entry, JSON.stringify(changed.state), known?.version ?? 0)).won) return true;
	}
	throw new EventsUnavailable("a limit could not be counted: too many changes at once");
}
