// Limits of allow rules: what a window has counted is kept durably and changed by one replica at a time.
import { createHash } from "node:crypto";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { Decision, LimitCharge } from "#libs/policy/decide.ts";
import { charge, emptyLimit, type LimitState, refund } from "#libs/policy/limits.ts";
import type { PolicyPorts } from "./ports.ts";

/** Replicas that charge one account at once try again; more conflicts than this is a store that does not work. */
const attemptsMax = 50;

/**
 * Charges every limit of a grant, or turns it into a denial. A call is charged once however often it is decided; of several limits, those
 * charged before one is exceeded are given back.
 */
export async function chargeLimits(ports: PolicyPorts, call: string, receivedAt: string, decision: Decision): Promise<Decision> {
	const charged: LimitCharge[] = [];
	for (const limit of decision.limits ?? []) {
		const ok = await update(ports, limit, (state) => {
			const result = charge(state, limit, Date.parse(receivedAt), call);
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
