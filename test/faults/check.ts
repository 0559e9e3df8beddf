// The checker: joins what clients, function, stream, Slack and index say, and finds every invariant that does not hold. Pure.
import { checkAnswers } from "./check-answers.ts";
import { checkExecution } from "./check-execution.ts";
import { checkExpiry } from "./check-expiry.ts";
import { checkRecord } from "./check-record.ts";
import { checkOutages, checkRetention } from "./check-retention.ts";
import { type Find, forbidden, type Joined, type Row } from "./check-rows.ts";
import { checkStory } from "./check-story.ts";
import { grantTtlMs } from "./configuration.ts";
import type { ClientCall, ClientRequest, Evidence, Outage } from "./evidence.ts";

export type Report = {
	readonly counts: Readonly<Record<string, number>>;
	/** What was found, by row; each is a line that names the call and the events. */
	readonly violations: Readonly<Record<Row, readonly string[]>>;
};

export function check(evidence: Evidence): Report {
	const violations = Object.fromEntries(Object.keys(forbidden).map((row) => [row, [] as string[]])) as Record<Row, string[]>;
	const find: Find = (row, line) => void violations[row].push(line);
	const calls = join(evidence);
	for (const call of calls.values()) checkStory(call, evidence, find);
	checkExecution(calls, evidence, find);
	checkAnswers(calls, evidence, find);
	checkRecord(calls, evidence, find);
	for (const call of calls.values()) checkExpiry(call, evidence, find);
	checkRetention(calls, evidence, grantTtlMs, find);
	checkOutages(evidence, find);
	for (const late of evidence.unsettled) find("not settled in time", late);
	for (const leak of evidence.leaks) find("secrets stored", leak);
	for (const crash of evidence.crashes) find("crashed by itself", crash);
	for (const left of evidence.unfinished) find("not finished", left);
	return { counts: count(calls, evidence), violations };
}

function join({ stream, calls, permissions, poison }: Evidence): Map<string, Joined> {
	const byReference = new Map(calls.map((client) => [client.plan.reference, client]));
	const forged = new Set(poison.map(({ call }) => call));
	const permissionsOf = Map.groupBy(permissions, ({ call }) => call);
	const joined = new Map<string, Joined>();
	for (const [call, all] of Map.groupBy(stream, ({ data }) => data.call)) {
		if (typeof call !== "string") continue;
		const seen = new Set<string>();
		const once = (id: string) => !seen.has(id) && seen.add(id) !== undefined;
		// Claims, take-overs and endings are written on a condition, and no harness copies them: a second one is a violation, not a repetition.
		const events = all.filter(
			({ id, type }) => /^call\.(started|taken|ended)$/.test(type) || (/^(call|approval)\./.test(type) && once(id)),
		);
		if (events.length === 0) continue;
		const received = events.find(({ type }) => type === "call.received");
		const reference = (received?.data.arguments as { reference?: unknown } | undefined)?.reference;
		const isForged = forged.has(call);
		const client = isForged ? undefined : byReference.get(String(reference));
		joined.set(call, { call, events, said: all, client, permissions: permissionsOf.get(call) ?? [], forged: isForged });
	}
	return joined;
}

function count(calls: ReadonlyMap<string, Joined>, evidence: Evidence): Record<string, number> {
	const own = [...calls.values()].filter(({ forged }) => !forged);
	const requests = evidence.calls.flatMap((call) => call.requests);
	const failures = Map.groupBy(
		requests.flatMap(({ failure }) => (failure === undefined ? [] : [failure])),
		(failure) => failure,
	);
	const endings = Map.groupBy(
		own.flatMap(({ events }) => events.filter(({ type }) => type === "call.ended")),
		({ data }) => String(data.ending),
	);
	const removed = new Set(evidence.removals.map(({ sequence }) => sequence));
	const outages = Map.groupBy(evidence.outages, ({ kind }) => kind);
	return {
		"calls planned": evidence.calls.length,
		"requests sent": requests.length,
		"requests without an answer": requests.filter(({ status }) => status === undefined).length,
		...Object.fromEntries([...failures].sort().map(([failure, all]) => [`  ${failure}`, all.length])),
		"requests through the proxy": requestsOf("proxy", evidence),
		"requests for tools": requestsOf("mcp", evidence),
		"requests answered 503": requests.filter(({ status }) => status === 503).length,
		"calls accepted": own.filter(({ events }) => events.some(({ type }) => type === "call.received")).length,
		...Object.fromEntries([...endings].sort().map(([ending, all]) => [`ended ${ending}`, all.length])),
		"requests at the bank": evidence.bank.length,
		"calls claimed in the ledger": own.filter(({ events }) =>
			events.some(({ type, lane }) => type === "call.started" && lane !== undefined),
		).length,
		"claims that shared a message": sum(claimGroups(own).map(({ length }) => length)),
		"  messages of which some calls were dialled, and others never": claimGroups(own).filter(
			(group) => new Set(group.map((call) => wasDialled(call, evidence))).size > 1,
		).length,
		"pieces of answers": own.flatMap(({ events }) => events.filter(({ type }) => type === "call.streamed")).length,
		"calls taken over": own.filter(({ events }) => events.some(({ type }) => type === "call.taken")).length,
		"events on the stream": evidence.stream.length,
		"events of another version": evidence.stream.filter(({ data }) => data.release !== undefined).length,
		"clocks moved": evidence.clocks.length,
		...Object.fromEntries([...outages].map(([kind, all]) => [`requests answered 503 while ${kind}`, refusedIn(requests, all)])),
		"messages trimmed": evidence.removals.length,
		"claims trimmed": evidence.stream.filter(({ type, sequence }) => type === "call.started" && removed.has(sequence)).length,
		"documents in the index": evidence.documents.length,
		"messages copied": evidence.copies.length,
		"messages poisoned": evidence.poison.length,
	};
}

/** Calls that were claimed in one message, where they were several. */
function claimGroups(calls: readonly Joined[]): Joined[][] {
	const claims = calls.flatMap((joined) =>
		joined.events.filter(({ type }) => type === "call.started").map(({ sequence }) => ({ sequence, joined })),
	);
	const groups = [...Map.groupBy(claims, ({ sequence }) => sequence).values()];
	return groups.filter(({ length }) => length > 1).map((group) => group.map(({ joined }) => joined));
}

function wasDialled({ client }: Joined, { bank }: Evidence): boolean {
	return bank.some(({ reference }) => reference === client?.plan.reference);
}

function requestsOf(via: ClientCall["plan"]["via"], { calls }: Evidence): number {
	return sum(calls.map(({ plan, requests }) => (plan.via === via ? requests.filter(({ proxied }) => proxied).length : 0)));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** How many were told in the middle of an outage that events cannot be stored. */
function refusedIn(requests: readonly ClientRequest[], outages: readonly Outage[]): number {
	return requests.filter(
		({ status, at, answeredAt }) => status === 503 && outages.some(({ from, until }) => at >= from && answeredAt <= until),
	).length;
}
