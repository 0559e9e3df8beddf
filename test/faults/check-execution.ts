// Whether what the bank saw was allowed to happen, once, and after it was on the record.
import type { Find, Joined } from "./check-rows.ts";
import { named, storyOf } from "./check-story.ts";
import type { BankRequest, Evidence, StreamEvent } from "./evidence.ts";
import { bodyDigestOf } from "./load-client.ts";
import { approversFor } from "./plan-calls.ts";

/** NATS tells nanoseconds, the bank's clock only whole milliseconds of the same machine. */
const clockMs = 5;

/** Between the look at a grant and its claim on the stream: an executor that takes longer does not dial. */
const claimedWithinMs = 2_000;

/** Behaviours of the bank that no bound of the configuration lets pass as an answer. */
const neverWhole = new Set(["hang", "drop", "reset", "endless", "lie", "bomb"]);

export function checkExecution(calls: ReadonlyMap<string, Joined>, evidence: Evidence, find: Find): void {
	const byReference = Map.groupBy(evidence.bank, ({ reference }) => reference);
	const callsOf = Map.groupBy(calls.values(), ({ client }) => client?.plan.reference);
	for (const [reference, requests] of byReference) {
		const [joined, ...more] = callsOf.get(reference) ?? [];
		if (!joined?.client) {
			// A body that broke off with its executor names nobody; it is held against the number of claims below.
			if (reference !== "") find("executed without permission", `the bank saw ${reference}, which the stream does not know`);
			continue;
		}
		if (more.length === 0) checkOne(joined, requests, evidence, find);
	}
	for (const request of evidence.bank) {
		if (request.credential !== evidence.bankCredential) find("wrong credential", `${request.path} of ${request.reference}`);
	}
	const claims = [...calls.values()].flatMap(({ events }) => startsOf(events)).length;
	if (evidence.bank.length > claims) find("executed twice", `the bank saw ${evidence.bank.length} requests, there are ${claims} claims`);
	for (const { call, client, events, forged } of calls.values()) {
		const seen = byReference.get(client?.plan.reference ?? "")?.length ?? 0;
		const completed = events.find(({ type, data }) => type === "call.ended" && data.ending === "completed");
		if (!completed || forged) continue;
		if (seen === 0) find("completed without the bank", `${call}: ${named(completed)}`);
		const behaviour = client?.plan.behaviour ?? "ok";
		if (neverWhole.has(behaviour))
			find("completed without the bank", `${call}: ${named(completed)}, and the bank's answer was ${behaviour}`);
	}
}

function checkOne(joined: Joined, requests: readonly BankRequest[], evidence: Evidence, find: Find): void {
	const { call, client, events } = joined;
	if (!client) return;
	const starts = startsOf(events);
	const story = () => `${client.plan.reference}: ${requests.length} at the bank; ${storyOf(joined, evidence)}`;
	const idempotent = client.plan.function === "payOnce";
	if (requests.length > (idempotent ? starts.length : 1)) find("executed twice", story());
	if (idempotent && new Set(requests.map(({ idempotencyKey }) => idempotencyKey ?? "none")).size > 1) {
		find("executed twice", `${story()}; under different idempotency keys`);
	}
	const ordered = [...requests].sort((one, other) => one.at - other.at);
	for (const [nth, request] of ordered.entries()) {
		const start = starts[idempotent ? 0 : nth];
		if (!start || start.at > request.at + clockMs) find("executed before the record", story());
		if (request.bodyDigest !== "" && request.bodyDigest !== bodyDigestOf(client.plan)) find("digests differ", `${call}: the bank's body`);
	}
	const why = refusalOf(joined, evidence);
	if (why !== undefined) find("executed without permission", `${why}; ${story()}`);
	const refused = events.find(
		({ type, data }) => type === "call.ended" && /^(denied|rejected|expired|cancelled)$/.test(String(data.ending)),
	);
	if (refused) find("executed although refused", story());
}

function startsOf(events: readonly StreamEvent[]): StreamEvent[] {
	return events.filter(({ type }) => type === "call.started");
}

/** By how much an executor's clock was behind when it may have looked at a grant. */
function behindMs(clocks: Evidence["clocks"], at: number): number {
	const behind = clocks.filter(
		({ service, from, until, offMs }) => service === "executor" && offMs < 0 && from <= at && at <= until + claimedWithinMs,
	);
	return Math.max(0, ...behind.map(({ offMs }) => -offMs));
}

/** Why this call had no right to be executed, by the rules as plan-calls.ts says them. */
function refusalOf({ client, events, permissions }: Joined, { clocks }: Evidence): string | undefined {
	const [start] = startsOf(events);
	const granted = events.find(({ type }) => type === "call.granted");
	if (!client || !start || !granted) return "nothing was granted";
	if (granted.sequence > start.sequence) return "it was granted after it was claimed";
	const valid = permissions.filter(({ sequence, fault }) => fault === undefined && sequence < start.sequence);
	if (valid.length === 0) return "no valid grant is on the stream";
	const lateMs = claimedWithinMs + behindMs(clocks, start.at);
	if (!valid.some(({ expiresAt }) => expiresAt !== undefined && expiresAt + lateMs > start.at)) return "every grant had expired";
	const { amount } = client.plan;
	const wanted = approversFor(amount);
	if (granted.writer === "policy") return wanted === 0 && amount <= 1_000 ? undefined : "policy granted what it may not";
	const votes = events.filter(({ type, sequence }) => type === "approval.voted" && sequence < granted.sequence);
	if (votes.some(({ data }) => data.verdict === "reject")) return "someone had rejected it";
	const people = new Set(votes.map(({ data }) => data.voter));
	return people.size >= wanted && wanted > 0 ? undefined : `${people.size} people approved, ${wanted} are needed`;
}
