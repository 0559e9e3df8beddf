// Whether clients were told what the record says, and whether one idempotency key is one call.
import type { Find, Joined } from "./check-rows.ts";
import type { ClientCall, Evidence } from "./evidence.ts";

const endings = new Set(["denied", "rejected", "expired", "cancelled", "completed", "failed", "unknown"]);

/** The endings that a problem's code can stand for. */
function endingsOf(code: string): readonly string[] {
	if (endings.has(code)) return [code];
	// Sent, and no answer came: what the function did is not known.
	if (code === "outcome_unknown" || code === "function_timeout") return ["unknown", "failed"];
	return ["failed"];
}

/** Codes that say nothing about an ending. */
const noEnding = new Set(["events_unavailable", "not_ready", "too_many_requests"]);

export function checkAnswers(calls: ReadonlyMap<string, Joined>, evidence: Evidence, find: Find): void {
	const endingOf = (call: string) => String(calls.get(call)?.events.find(({ type }) => type === "call.ended")?.data.ending ?? "none");
	for (const client of evidence.calls) {
		for (const { call, status, state, code } of client.requests) {
			if (call === undefined || (code !== undefined && noEnding.has(code))) continue;
			if (!calls.get(call)?.events.some(({ type }) => type === "call.received")) {
				find("vanished", `${call} was answered with ${status} ${state ?? code}`);
				continue;
			}
			const told = code !== undefined ? endingsOf(code) : state !== undefined && endings.has(state) ? [state] : undefined;
			const ending = endingOf(call);
			if (told && !told.includes(ending)) find("answers differ", `${call}: told ${status} ${state ?? code}, ended ${ending}`);
		}
		if (client.later && client.later.state !== endingOf(client.later.call)) {
			find("answers differ", `${client.later.call}: shown as ${client.later.state}, ended ${endingOf(client.later.call)}`);
		}
	}
	checkKeys(calls, evidence.calls, find);
}

/** A request is one call; all equal requests under one key are one call as well. */
function checkKeys(calls: ReadonlyMap<string, Joined>, clients: readonly ClientCall[], find: Find): void {
	const onStream = Map.groupBy(calls.values(), ({ client }) => client?.plan.reference);
	for (const { plan, requests } of clients) {
		const known = new Set((onStream.get(plan.reference) ?? []).map(({ call }) => call));
		for (const { call } of requests) if (call !== undefined) known.add(call);
		if (known.size > 1) find("key broken", `${plan.reference} (${plan.key ?? "no key"}) is ${[...known].join(" and ")}`);
	}
}
