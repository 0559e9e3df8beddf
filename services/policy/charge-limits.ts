// Limits of allow rules: what a window has counted is kept durably and changed by one replica at a time.
import { createHash } from "node:crypto";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { Decision, LimitCharge } from "#libs/policy/decide.ts";
import { charge, emptyLimit, type LimitState, refund } from "#libs/policy/limits.ts";
import type { PolicyPorts } from "./ports.ts";

/** Replicas that charge one account at once try again; more conflicts than this is a store that does not work. */
const attemptsMax = 50;

/**
 * Charges every limit of a grant, or turns it into a denial. What came of it is kept: a call that is decided again, after whatever else was
 * charged or given back meanwhile, gets the same answer, so it is never both denied and granted.
 *
 * @param storedAt when the stream stored the call: one clock for all. By a replica of ingress whose clock is ahead, one call would take
 * everyone's charges out of the window for good.
 */
export async function chargeLimits(ports: PolicyPorts, call: string, storedAt: Date, decision: Decision): Promise<Decision> {
	if (!decision.limits?.length) return decision;
	const store = ports.bus.store("limits");
	const entry = `call.${call}`;
	const decided = await store.get(entry);
	if (decided) return JSON.parse(decided.value) as Decision;
	const charged = await chargeAll(ports, call, storedAt, decision);
	if ((await store.write(entry, JSON.stringify(charged), 0)).won) return charged;
	// Another replica decided the same call at the same moment: the first word counts.
	const first = await store.get(entry);
	if (!first) throw new EventsUnavailable("a decision about a limit was written and cannot be read");
	return JSON.parse(first.value) as Decision;
}

/** A call is charged once per limit; of several limits, those charged before one is exceeded are given back. */
async function chargeAll(ports: PolicyPorts, call: string, storedAt: Date, decision: Decision): Promise<Decision> {
	const charged: LimitCharge[] = [];
	for (const limit of decision.limits ?? []) {
		const ok = await update(ports, limit, (state) => {
			const result = charge(state, limit, storedAt.getTime(), call);
			return result.ok ? { state: result.state, changed: !result.repeated } : undefined;
		});
		if (!ok) {
			for (const earlier of charged) await update(ports, earlier, (state) => ({ state: refund(state, call), changed: true }));
			return exceeded(decision, limit);
		}
		charged.push(limit);
	}
	return decision;
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
