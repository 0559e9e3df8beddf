// Keeps the stream short: removes whole ranges that everyone has read, the index has, and nobody may still ask for. Run by the operator: no service may remove an event.
import { EventsUnavailable, type Position } from "#libs/bus/bus.ts";
import { streamMarks } from "#libs/bus/inspect-stream.ts";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers, durableOf } from "#libs/bus/permissions.ts";
import { bucketOf } from "#libs/bus/stores.ts";
import { parseSubject, readsOf, streamName } from "#libs/contracts/subjects.ts";

export interface TrimTerms {
	/** Pools that there must be. Those whose consumer the stream has count as well, named here or not. */
	readonly pools: readonly string[];
	/** Events younger than this stay: what a caller may still ask for, and claims for longer than any grant lives. */
	readonly keepMs: number;
	/** How much longer than what leads to it each thing stays that keeps it from happening twice. */
	readonly guardMs?: number;
	readonly now: Date;
}

export interface Trimmed {
	/** Nothing at or beyond this position was looked at. */
	readonly before: Position;
	readonly removed: number;
}

/** Callers may ask for 24 hours; a grant lives for at most one. */
export const keepMsDefault = 25 * 3_600_000;
/** As long as a grant may live: what was said a second time, up to an hour after the first, is gone before what guards against it. */
const guardMsDefault = 3_600_000;
/** Where a pool stands in a subject that has none. */
const noPool = "_";
/** Settled approvals removed in one run; the next run goes on. */
const approvalsMax = 5_000;

/**
 * Removes what is older than `keepMs`, acknowledged by every consumer, audit's included, and in the record's tree. Approvals that still wait keep all their events,
 * however old; settled ones go one by one, whole.
 *
 * What leads to something goes before what keeps it from happening twice, also if this process dies in between: a call that is received
 * before its denial, a hold before the question it led to, a grant before its claim. A claim that is gone while its grant can still be
 * delivered would let the call run twice. Each of them may be on the stream once more, said again by a service that died before it knew
 * that it had said it: so what guards also stays for `guardMs` longer than what leads to it, be that young or not acknowledged. And who is
 * slow may have one of them in hand that was delivered to another as well, and acknowledged by that one: so what guards also stays until
 * everyone had read that far for `guardMs`, and for `guardMs` longer than what stays for that. What was read when is remembered on the stream
 * ({@link streamMarks}).
 *
 * Nothing is removed of a pool that has no consumer: nobody knows how far its grants were read.
 *
 * @throws {EventsUnavailable} if NATS does not answer, or a consumer that must be there is not. What was not removed stays.
 */
export async function trimStream(operator: Link, terms: TrimTerms): Promise<Trimmed> {
	const { keepMs, guardMs = guardMsDefault, now } = terms;
	const pools = [...new Set([...terms.pools, ...(await poolsOf(operator))])];
	const { floor, settled } = await readByEveryone(operator, pools, { guardMs, nowMs: now.getTime() });
	// What was said again is as far from the first time as the guard allows: so what is not acknowledged yet counts like what is young.
	const since = Math.min(now.getTime() - keepMs, (await nextOf(operator, ">", floor))?.storedAtMs ?? Number.POSITIVE_INFINITY);
	const storedBefore = async (ms: number) => Math.min(floor, await firstSince(operator, new Date(since - ms)));
	const before = await storedBefore(0);
	let removed = 0;
	for (const filter of ["callgate.*.*.ingress.>", ...inEach(pools, "policy._.>"), "callgate.*.*.audit.>", "callgate.*.*.approval._.>"]) {
		removed += await purge(operator, filter, before);
	}
	const decided = Math.min(settled, await storedBefore(guardMs));
	for (const filter of inEach(pools, "policy.>")) removed += await purge(operator, filter, decided);
	const approvals = await removeSettledApprovals(operator, pools, decided);
	removed += approvals.removed;
	// Approvals' grants are among what is left: the claims they led to wait with them for the next run.
	if (!approvals.isAll) return { before, removed };
	// Of grants those are left that are young, and those behind what is settled: of either a claim may be for a guard's time before.
	const unsettledMs = (await nextOf(operator, ">", settled))?.storedAtMs ?? Number.POSITIVE_INFINITY;
	const guardedSince = Math.min(since - 2 * guardMs, unsettledMs - guardMs);
	const guarded = Math.min(settled, floor, await firstSince(operator, new Date(guardedSince)));
	for (const filter of inEach(pools, "executor.>")) removed += await purge(operator, filter, guarded);
	return { before, removed };
}

/** What belongs to no pool, and to each of these. */
function inEach(pools: readonly string[], rest: string): string[] {
	return [noPool, ...pools].map((pool) => `callgate.*.${pool}.${rest}`);
}

/** The pools whose durable consumer the stream has. A consumer that only bears such a name, a replica's own, does not read as they do. */
async function poolsOf(operator: Link): Promise<string[]> {
	const prefix = durableOf("executor", "");
	const pools: string[] = [];
	for (let offset = 0; ; ) {
		const page = await ask<{
			total: number;
			consumers: { name: string; config: { durable_name?: string; filter_subject?: string } }[] | null;
		}>(operator, `CONSUMER.LIST.${streamName}`, { offset });
		const consumers = page.consumers ?? [];
		for (const { name, config } of consumers) {
			const pool = name.slice(prefix.length);
			const isDurable = name.startsWith(prefix) && config.durable_name === name;
			if (isDurable && config.filter_subject === readsOf("executor", pool)) pools.push(pool);
		}
		offset += consumers.length;
		if (consumers.length === 0 || offset >= page.total) return pools;
	}
}

/** Each run remembers how far everyone had read, unless another did a moment ago: this many in the time of a guard. */
const looksPerGuard = 4;

interface Look {
	readonly atMs: number;
	readonly floor: Position;
}

/** The positions below which everyone has read everything, now and since `guardMs` or longer. */
async function readByEveryone(
	operator: Link,
	pools: readonly string[],
	{ guardMs, nowMs }: { readonly guardMs: number; readonly nowMs: number },
): Promise<{ floor: Position; settled: Position }> {
	// What is said from here on is not read yet, as far as this run knows.
	const { config, state } = await ask<StreamInfo>(operator, `STREAM.INFO.${streamName}`, {});
	const readers = await Promise.all(durableConsumers(pools).map(({ name }) => readerOf(operator, name)));
	const proven = await provenUpTo(operator, config.metadata ?? {});
	// A consumer's floor is the last position below which it has acknowledged everything.
	const floor = Math.min(state.last_seq, proven, ...readers.map((reader) => reader.floor)) + 1;
	// One that was made anew reads everything again: what was seen of the one before counts no more.
	const madeAtMs = Math.max(...readers.map((reader) => reader.madeAtMs));
	const mark = config.metadata?.[streamMarks.read];
	// Who reads something again that was read once has it in hand now.
	const looks = looksIn(mark, madeAtMs).map((look) => ({ ...look, floor: Math.min(look.floor, floor) }));
	const known = looks.filter(({ atMs }) => atMs <= nowMs);
	if (nowMs - (known.at(-1)?.atMs ?? 0) >= guardMs / looksPerGuard) known.push({ atMs: nowMs, floor });
	const last = known.findLastIndex(({ atMs }) => nowMs - atMs >= guardMs);
	const said = [madeAtMs, ...known.slice(Math.max(0, last)).map((look) => `${look.atMs}:${look.floor}`)].join(" ");
	if (said !== mark) {
		const metadata = { ...config.metadata, [streamMarks.read]: said };
		await ask(operator, `STREAM.UPDATE.${streamName}`, { ...config, metadata });
	}
	return { floor, settled: known[last]?.floor ?? 0 };
}

/** What earlier runs saw, oldest first; nothing of other consumers, and nothing that is not understood. */
function looksIn(mark: string | undefined, madeAtMs: number): Look[] {
	const [of, ...looks] = (mark ?? "").split(" ");
	if (Number(of) !== madeAtMs) return [];
	return looks
		.map((look) => look.split(":").map(Number))
		.map(([atMs = Number.NaN, floor = Number.NaN]) => ({ atMs, floor }))
		.filter(({ atMs, floor }) => Number.isSafeInteger(atMs) && Number.isSafeInteger(floor));
}

interface StreamInfo {
	readonly config: { readonly metadata?: Readonly<Record<string, string>> };
	readonly state: { readonly last_seq: number };
}

async function readerOf(operator: Link, consumer: string): Promise<{ floor: Position; madeAtMs: number }> {
	const info = await ask<{
		created: string;
		ack_floor: { stream_seq: number };
		num_ack_pending: number;
		num_pending: number;
	}>(operator, `CONSUMER.INFO.${streamName}.${consumer}`, {});
	// With nothing pending the floor may lag behind positions that are not this consumer's: it has read all there is.
	const idle = info.num_ack_pending === 0 && info.num_pending === 0;
	return { floor: idle ? Number.MAX_SAFE_INTEGER - 1 : info.ack_floor.stream_seq, madeAtMs: Date.parse(info.created) };
}

/** Up to where everything of this stream is in the record's tree, signed, as its writer said last (services/audit/proof); 0 if it said nothing. */
async function provenUpTo(operator: Link, marks: Readonly<Record<string, string>>): Promise<Position> {
	const bucket = bucketOf("recorded");
	const answer = await operator.request(`$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.tree`, new Uint8Array(), 10_000);
	if (!answer.ok && answer.fault === "not_found") return 0;
	if (!answer.ok) throw new EventsUnavailable(`NATS did not say how far the record's tree has come (${answer.fault})`);
	// What was removed left a marker without content.
	const { mark } = JSON.parse(new TextDecoder().decode(answer.reply.bytes) || "{}") as {
		mark?: { position: Position; era: { identity: string; acceptedAt?: string } };
	};
	const isOfThis = mark?.era.identity === marks[streamMarks.identity] && mark?.era.acceptedAt === marks[streamMarks.acceptedAt];
	if (!mark || !isOfThis) return 0;
	// Whoever may write there may say what it likes: a bound that is no number would be none at all.
	if (!Number.isSafeInteger(mark.position)) throw new EventsUnavailable("what the record's tree is said to have come to is no position");
	return mark.position;
}

/** The first position that was stored at `since` or later; beyond the end if there is none. */
async function firstSince(operator: Link, since: Date): Promise<Position> {
	const body = { start_time: since.toISOString(), next_by_subj: ">" };
	const answer = await operator.request(`$JS.API.DIRECT.GET.${streamName}`, encode(body), 10_000);
	if (answer.ok) return Number(answer.reply.header("Nats-Sequence"));
	if (answer.fault !== "not_found") throw new EventsUnavailable(`NATS did not say what is young (${answer.fault})`);
	const { state } = await ask<StreamInfo>(operator, `STREAM.INFO.${streamName}`, {});
	return state.last_seq + 1;
}

/** An approval is over with one of these; a call that was withdrawn before approval ever saw it has nothing else. */
const lastWords = ["call.granted", "call.ended", "approval.withdrawn"];

/** A settled approval's events are removed together, once its last word is old. `isAll` unless some are left for another run. */
async function removeSettledApprovals(
	operator: Link,
	pools: readonly string[],
	before: Position,
): Promise<{ removed: number; isAll: boolean }> {
	let removed = 0;
	let settled = 0;
	for (const type of lastWords) {
		for (let next = 1; ; ) {
			const last = await nextOf(operator, `callgate.*.*.approval.*.${type}`, next);
			if (!last || last.position >= before) break;
			next = last.position + 1;
			const { key: call, pool } = parseSubject(last.subject) ?? {};
			if (call === undefined || pool === undefined || (pool !== noPool && !pools.includes(pool))) continue;
			if (settled++ >= approvalsMax) return { removed, isAll: false };
			removed += await purge(operator, `callgate.*.*.approval.${call}.>`, before);
		}
	}
	return { removed, isAll: true };
}

/** The first message of a filter at `from` or later. */
async function nextOf(
	operator: Link,
	filter: string,
	from: Position,
): Promise<{ position: Position; subject: string; storedAtMs: number } | undefined> {
	const answer = await operator.request(`$JS.API.DIRECT.GET.${streamName}`, encode({ seq: from, next_by_subj: filter }), 10_000);
	if (!answer.ok && answer.fault === "not_found") return undefined;
	if (!answer.ok) throw new EventsUnavailable(`NATS did not say what comes next (${answer.fault})`);
	const { reply } = answer;
	const storedAtMs = Date.parse(reply.header("Nats-Time-Stamp") ?? "");
	if (Number.isNaN(storedAtMs)) throw new EventsUnavailable("NATS did not say when a message was stored");
	return { position: Number(reply.header("Nats-Sequence")), subject: reply.header("Nats-Subject") ?? "", storedAtMs };
}

async function purge(operator: Link, filter: string, before: Position): Promise<number> {
	// Nothing is before the first position; NATS 2.12 would take that for no bound at all.
	if (!(before > 1)) return 0;
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
