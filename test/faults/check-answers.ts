// Whether clients were told what the record says, and whether one idempotency key is one call.
import { answerMarkOf } from "#libs/contracts/answer.ts";
import type { Find, Joined } from "./check-rows.ts";
import type { ClientCall, ClientRequest, Evidence, StreamEvent } from "./evidence.ts";

const endings = new Set(["denied", "rejected", "expired", "cancelled", "completed", "failed", "unknown"]);

/** What a caller is told of an ending that has no answer: the code on the record, else the ending's own name. */
function codeOf(ended: StreamEvent | undefined): string {
	return String(ended?.data.code ?? ended?.data.ending ?? "none");
}

/** Codes that say nothing about an ending. */
const noEnding = new Set(["events_unavailable", "not_ready", "too_many_requests"]);

export function checkAnswers(calls: ReadonlyMap<string, Joined>, evidence: Evidence, find: Find): void {
	const endedOf = (call: string) => calls.get(call)?.events.find(({ type }) => type === "call.ended");
	const endingOf = (call: string) => String(endedOf(call)?.data.ending ?? "none");
	for (const client of evidence.calls) {
		for (const request of client.requests) {
			const { call, status, state, code } = request;
			if (request.shows) find("shown to the caller", `${client.plan.reference}: ${request.shows.join(", ")}`);
			checkProxied(client, request, endedOf, find);
			if (call === undefined || (code !== undefined && noEnding.has(code))) continue;
			if (!calls.get(call)?.events.some(({ type }) => type === "call.received")) {
				find("vanished", `${call} was answered with ${status} ${state ?? code}`);
				continue;
			}
			const ending = endingOf(call);
			const isRight =
				code !== undefined ? code === codeOf(endedOf(call)) && ending !== "completed" : !endings.has(state ?? "") || state === ending;
			if (!isRight) find("answers differ", `${call}: told ${status} ${state ?? code}, ended ${ending} (${codeOf(endedOf(call))})`);
		}
		if (client.later && client.later.state !== endingOf(client.later.call)) {
			find("answers differ", `${client.later.call}: shown as ${client.later.state}, ended ${endingOf(client.later.call)}`);
		}
	}
	checkKeys(calls, evidence.calls, find);
	for (const { call, word } of evidence.outcomes) {
		const shown = word === undefined ? undefined : outcomes[word];
		const came = outcomeOf(calls.get(call)?.events ?? []);
		if (word !== undefined && shown !== came) find("Slack differs", `${call}: ${word}, but it was ${came}`);
	}
}

/** The words of a settled card. */
const outcomes: Readonly<Record<string, string>> = {
	Approved: "granted",
	Rejected: "rejected",
	Expired: "expired",
	Cancelled: "cancelled",
	Ended: "failed",
};

/** What approval said came of a call. */
function outcomeOf(events: readonly StreamEvent[]): string {
	const settled = events.find(({ type, writer }) => writer === "approval" && (type === "call.granted" || type === "call.ended"));
	return settled === undefined ? "nothing" : settled.type === "call.granted" ? "granted" : String(settled.data.ending);
}

/** Behaviours of the bank that are a whole answer; the others answer something that cannot be passed on, or not this. */
const wholeAnswers = new Set(["ok", "slow", "drip"]);

/** The proxy names the call, and what it passes on is the function's answer: its status, its body but for what was masked. */
function checkProxied(
	{ plan }: ClientCall,
	{ call, status, proxied }: ClientRequest,
	endedOf: (call: string) => StreamEvent | undefined,
	find: Find,
): void {
	if (!proxied) return;
	const about = `${call ?? plan.reference}: proxied ${status}`;
	if (proxied.header !== call || (proxied.own && call === undefined))
		find("answers differ", `${about}, Callgate-Call is ${proxied.header}`);
	if (!proxied.own || call === undefined) return;
	const recorded = answerMarkOf(endedOf(call)?.data ?? {})?.http?.status;
	if (recorded !== status) find("answers differ", `${about}, the function answered ${recorded}`);
	if (wholeAnswers.has(plan.behaviour) && !proxied.whole) find("answers differ", `${about}, the body is not the function's`);
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
