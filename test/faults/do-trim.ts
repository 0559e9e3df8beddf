// Trims the stream while calls flow, with the operator's own trimmer: after each removal the stream is asked what is gone, and the trimmer may die in between.
import { setTimeout as delay } from "node:timers/promises";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { Link } from "#libs/bus/nats-link.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import { localPool } from "../../infra/local/key-ring.ts";
import { trimStream } from "../../infra/nats/trim-stream.ts";
import { retention } from "./configuration.ts";
import type { FaultParts } from "./fault-parts.ts";
import type { Fault } from "./plan-faults.ts";

const caughtUpWithinMs = 20_000;
/** A grant whose executor died is not read before its lease is over. */
const claimsGoneWithinMs = 90_000;
/** In which more than one call was claimed. */
const someClaimsMs = 5_000;

/** A trimmer that was killed before it removed what was next. */
class TrimmerDied extends Error {
	constructor() {
		super("the trimmer died");
		this.name = "TrimmerDied";
	}
}

export async function trimWhileItFlows(parts: FaultParts, fault: Extract<Fault, { kind: "trim" }>): Promise<void> {
	if (fault.when !== "claims-are-old") return await trimOnce(parts, fault);
	await claimsAreOld(parts.kept);
	// Nothing goes that somebody has not read yet, and on a busy machine somebody is behind.
	const until = performance.now() + claimsGoneWithinMs;
	for (;;) {
		await trimOnce(parts, fault);
		if (isClaimGone(parts.kept) || performance.now() > until) break;
		await delay(1_000);
	}
	if (!isClaimGone(parts.kept)) parts.effects.none.push("trimming: no claim was old enough and read by everyone");
}

function isClaimGone({ events, removals }: FaultParts["kept"]): boolean {
	const claims = new Set(events.filter(({ type }) => type === "call.started").map(({ sequence }) => sequence));
	return removals.some(({ sequence }) => claims.has(sequence));
}

async function trimOnce(parts: FaultParts, { diesBefore }: Extract<Fault, { kind: "trim" }>): Promise<void> {
	const { operator, kept, effects } = parts;
	// What is removed must have been seen, and what callers were told about it asked for: later nobody can.
	const { last } = await operator.streamState();
	const until = performance.now() + caughtUpWithinMs;
	while (kept.reached() < last && performance.now() < until) await delay(20);
	if (kept.reached() < last) return void effects.none.push("trimming: the harness did not keep up with the stream");
	await parts.askAboutEnded();

	let purges = 0;
	let filter = "";
	const look = async (at: number) => kept.note(await operator.streamState(), at);
	const request: Link["request"] = async (subject, payload, timeoutMs, head) => {
		if (subject !== `$JS.API.STREAM.PURGE.${streamName}`) return await operator.link.request(subject, payload, timeoutMs, head);
		const next = stageOf(payload);
		// Approvals go one by one: between two of them there is nothing to see.
		if (next !== filter) {
			if (purges++ === diesBefore) throw new TrimmerDied();
			filter = next;
			await look(startedAt);
			startedAt = Date.now();
		}
		return await operator.link.request(subject, payload, timeoutMs, head);
	};
	let startedAt = Date.now();
	const link: Link = Object.assign(Object.create(operator.link), { request });
	try {
		await trimStream(link, { pools: [localPool], keepMs: retention.keepMs, guardMs: retention.guardMs, now: new Date() });
	} catch (error) {
		// Where NATS does not answer it gives up, half-way or not: the next one goes on.
		if (!(error instanceof TrimmerDied || error instanceof EventsUnavailable)) throw error;
	} finally {
		await look(startedAt);
	}
}

/** Some of the run's first claims have stood for as long as they must. */
async function claimsAreOld({ events }: FaultParts["kept"]): Promise<void> {
	const first = events.find(({ type }) => type === "call.started")?.at ?? Date.now();
	await delay(Math.max(0, first + retention.keepMs + 2 * retention.guardMs + someClaimsMs - Date.now()));
}

/** The filter of a purge; of one approval or one pool after the other, that of all. */
function stageOf(payload: Uint8Array): string {
	const { filter = "" } = JSON.parse(new TextDecoder().decode(payload)) as { filter?: string };
	return filter.replace(/\.approval\.[0-9a-f-]{36}\./, ".approval.*.").replace(/^callgate\.\*\.[^.]+\./, "callgate.*.*.");
}
