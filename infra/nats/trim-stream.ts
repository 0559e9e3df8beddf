// Keeps the stream short: removes whole ranges that everyone has read, the index has, and nobody may still ask for. Run by the operator: no service may remove an event.
import { EventsUnavailable, type Position } from "#libs/bus/bus.ts";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers } from "#libs/bus/permissions.ts";
import { parseSubject, streamName } from "#libs/contracts/subjects.ts";

export interface TrimTerms {
	readonly pools: readonly string[];
	/** Events younger than this stay: what a caller may still ask for, and claims for longer than any grant lives. */
	readonly keepMs: number;
	readonly now: Date;
}

export interface Trimmed {
	/** Everything before this position was looked at. */
	readonly before: Position;
	readonly removed: number;
}

/** Callers may ask for 24 hours; a grant lives for at most one. */
export const keepMsDefault = 25 * 3_600_000;
/**
 * Subjects by writer, in the order in which they are removed; approval's own go call by call. Grants go before claims: a claim that is gone while its grant can still be
 * delivered would let a call run twice, also if this process dies in between.
 */
const grantsFirst = [
	"callgate.*.*.policy.>",
	"callgate.*.*.ingress.>",
	"callgate.*.*.audit.>",
	"callgate.*.*.approval._.>",
	"callgate.*.*.executor.>",
];
/** Settled approvals removed in one run; the next run goes on. */
const approvalsMax = 5_000;

/**
 * Removes what is older than `keepMs` and acknowledged by every consumer, audit's included. Approvals that still wait keep all their events,
 * however old; settled ones go one by one, whole.
 *
 * @throws {EventsUnavailable} if NATS does not answer. Nothing is lost then: what was not removed stays.
 */
export async function trimStream(operator: Link, terms: TrimTerms): Promise<Trimmed> {
	const floors = await Promise.all(durableConsumers(terms.pools).map(({ name }) => ackFloorOf(operator, name)));
	const young = await firstSince(operator, new Date(terms.now.getTime() - terms.keepMs));
	// A consumer's floor is the last position below which it has acknowledged everything.
	const before = Math.min(young, ...floors.map((floor) => floor + 1));
	// Approval grants too: its settled calls are removed before the claims they led to.
	let removed = await removeSettledApprovals(operator, before);
	for (const filter of grantsFirst) removed += await purge(operator, filter, before);
	return { before, removed };
}

async function ackFloorOf(operator: Link, consumer: string): Promise<Position> {
	const info = await ask<{
		ack_floor: { stream_seq: number };
		num_ack_pending: number;
		num_pending: number;
		delivered: { stream_seq: number };
	}>(operator, `CONSUMER.INFO.${streamName}.${consumer}`, {});
	// With nothing pending the floor may lag behind positions that are not this consumer's: it has read as far as it was delivered.
	const idle = info.num_ack_pending === 0 && info.num_pending === 0;
	return idle ? Number.MAX_SAFE_INTEGER - 1 : info.ack_floor.stream_seq;
}

/** The first position that was stored at `since` or later; beyond the end if there is none. */
async function firstSince(operator: Link, since: Date): Promise<Position> {
	const body = { start_time: since.toISOString(), next_by_subj: ">" };
	const answer = await operator.request(`$JS.API.DIRECT.GET.${streamName}`, encode(body), 10_000);
	if (answer.ok) return Number(answer.reply.header("Nats-Sequence"));
	if (answer.fault !== "not_found") throw new EventsUnavailable(`NATS did not say what is young (${answer.fault})`);
	const { state } = await ask<{ state: { last_seq: number } }>(operator, `STREAM.INFO.${streamName}`, {});
	return state.last_seq + 1;
}

/** An approval is over with one of these; a call that was withdrawn before approval ever saw it has nothing else. */
const lastWords = ["call.granted", "call.ended", "approval.withdrawn"];

/** A settled approval's events are removed together, once its last word is old. */
async function removeSettledApprovals(operator: Link, before: Position): Promise<number> {
	let removed = 0;
	for (const type of lastWords) {
		const filter = `callgate.*.*.approval.*.${type}`;
		const { state } = await ask<{ state: { subjects?: Record<string, number> } }>(operator, `STREAM.INFO.${streamName}`, {
			subjects_filter: filter,
		});
		for (const subject of Object.keys(state.subjects ?? {}).slice(0, approvalsMax)) {
			const final = await operator.request(`$JS.API.DIRECT.GET.${streamName}.${subject}`, new Uint8Array(), 10_000);
			if (!final.ok || Number(final.reply.header("Nats-Sequence")) >= before) continue;
			const call = parseSubject(subject)?.key ?? "";
			removed += await purge(operator, `callgate.*.*.approval.${call}.>`, before);
		}
	}
	return removed;
}

async function purge(operator: Link, filter: string, before: Position): Promise<number> {
	const { purged } = await ask<{ purged: number }>(operator, `STREAM.PURGE.${streamName}`, { filter, seq: before });
	return purged;
}

async function ask<T>(operator: Link, verb: string, body: object): Promise<T> {
	const answer = await operator.request(`$JS.API.${verb}`, encode(body), 10_000);
	if (!answer.ok) throw new EventsUnavailable(`NATS does not answer ${verb} (${answer.fault})`);
	const parsed = JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as T & { error?: { description: string } };
	if (parsed.error) throw new EventsUnavailable(`NATS refuses ${verb}: ${parsed.error.description}`);
	return parsed;
}

function encode(body: object): Uint8Array {
	return new TextEncoder().encode(JSON.stringify(body));
}
