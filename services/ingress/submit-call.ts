// One request for a call, from checked to answered: published, waited for as long as the caller asked, else kept so that it can be asked about.
import { v7 as uuidv7 } from "uuid";
import { EventsUnavailable, type Position } from "#libs/bus/bus.ts";
import { madeAt } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { type CheckedCall, checkCall, publishCall } from "./accept-call.ts";
import { Pieces } from "./follow-pieces.ts";
import { findAttachment, type KeptCall, keepCall, keptCall, offerAttachment, useKey } from "./kept-calls.ts";
import type { Ended, Wait } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";
import { stateOf } from "./show-call.ts";

export interface SubmitOptions {
	/** 0: answer at once with the call's address. */
	readonly waitMs: number;
	/** Aborted when the caller is gone. Nothing is cancelled by that. */
	readonly gone: AbortSignal;
	/** An equal request attaches to a call that is still pending, as the transparent proxy promises. */
	readonly attach: boolean;
	/** An answer that comes in pieces is wanted so. */
	readonly inPieces?: boolean;
}

export type Submitted =
	| { readonly call: string; readonly ended: Ended }
	| { readonly call: string; readonly ended: undefined; readonly state: "received" | "held" | "started" };

/** Its answer has begun. The pieces must be left. */
export interface Begun {
	readonly call: string;
	readonly pieces: Pieces;
	/** To be told when all of it went to the caller. */
	answered(): Promise<void>;
}

/** A proxied call that takes longer than this may be repeated by a client that lost patience: from then on a repeat attaches. */
const attachableAfterMs = 1_000;

export async function submitCall(
	ports: IngressPorts,
	checked: CheckedCall,
	asked: SubmitOptions & { readonly inPieces?: false },
): Promise<Submitted>;
export async function submitCall(ports: IngressPorts, checked: CheckedCall, asked: SubmitOptions): Promise<Submitted | Begun>;
export async function submitCall(ports: IngressPorts, checked: CheckedCall, asked: SubmitOptions): Promise<Submitted | Begun> {
	// Who names its calls by keys says itself which are the same: equal arguments under another key are another call.
	const options = { ...asked, attach: asked.attach && checked.asked.idempotencyKey === undefined };
	const attached = options.attach ? await attachToPending(ports, checked, options) : undefined;
	if (attached) return attached;
	// Without options the library never goes back behind the highest time it saw: one jump of the clock would date every later call.
	const newCall = uuidv7({ msecs: ports.clock.now().getTime() });
	const key = checked.asked.idempotencyKey;
	const use = key === undefined ? undefined : await useKey(ports, key, checked, newCall);
	const call = use?.call ?? newCall;
	const kept = keptOf(checked, call, isOrdinary(checked, options) ? ports.ended.since() : undefined);
	const wait = ports.pending.listen(call, kept.pool);
	try {
		if (use?.mine === false) return await awaitKnown(ports, checked, kept, wait, options);
		// Taken over from a request that may have published it before it died: what was decided once must not be, perhaps by another revision.
		if (use && call !== newCall && (await stateOf(ports, kept)).state !== "received") {
			await use.confirm();
			return await awaitKnown(ports, checked, kept, wait, options);
		}
		// The address is durable before anyone learns it; a call that is answered with its ending needs none, unless its caller named it.
		if (options.waitMs === 0 || key !== undefined || checked.fn.streams) await keepCall(ports.bus, kept);
		crashPoint("after-accept-before-publish");
		await publishCall(ports, call, use?.mine ? await checkedUnder(ports, use.revision, checked) : checked, kept.since);
		crashPoint("after-publish-before-reply");
		// The call is durable, whether or not that can be written down now: who finds it unconfirmed publishes the same call again.
		await use?.confirm().catch(passUnavailable);
		return await awaitEnding(ports, checked, kept, wait, options);
	} finally {
		wait.cancel();
	}
}

/**
 * It most likely ends while its caller waits, and nobody asks about it again: its executors may claim and end it with others, in their ledger. A
 * call that may be asked about by name has subjects of its own.
 */
function isOrdinary({ asked, fn }: CheckedCall, { waitMs }: SubmitOptions): boolean {
	// What is said of it in pieces is said on its own subjects.
	if (fn.streams) return false;
	return asked.idempotencyKey === undefined && waitMs > 0 && waitMs >= fn.timeoutMs;
}

/** The same call as its first request checked it: by another revision it could be decided, and end, a second time. */
async function checkedUnder({ configuration, aside, scopes }: IngressPorts, revision: string, checked: CheckedCall): Promise<CheckedCall> {
	if (revision === checked.configuration.revision) return checked;
	const known = await configuration.at(revision);
	if (!known) throw new Refusal("not_ready", { detail: `the call was first asked for under ${revision}, which is not known here` });
	return await checkCall({ aside, scopes, configuration: { current: () => known } }, checked.asked);
}

async function awaitEnding(
	ports: IngressPorts,
	checked: CheckedCall,
	kept: KeptCall,
	wait: Wait,
	options: SubmitOptions,
): Promise<Submitted | Begun> {
	const { call } = kept;
	if (options.waitMs === 0) {
		// Nobody will be here to offer it later, and the client repeats the request to learn what came of it.
		if (options.attach) await offerAttachment(ports, checked, call);
		return { call, ended: undefined, state: "received" };
	}
	const patience = options.attach ? Math.min(attachableAfterMs, options.waitMs) : options.waitMs;
	const take = async () => void (options.attach && (await (await findAttachment(ports, checked, call))?.take()));
	const listening = { ports, checked, kept, wait, options };
	return await hear(listening, take, async (within) => {
		const heard = await within(patience);
		if (heard || !options.attach) return heard;
		await keepCall(ports.bus, kept);
		await offerAttachment(ports, checked, call);
		const late = await within(options.waitMs - patience);
		if (late && late !== "pieces" && !options.gone.aborted) await take();
		return late;
	});
}

interface Listening {
	readonly ports: IngressPorts;
	readonly checked: CheckedCall;
	readonly kept: KeptCall;
	readonly wait: Wait;
	readonly options: SubmitOptions;
}
type Heard = Ended | "pieces" | undefined;

/** What one who waits for a call hears first: its ending, or, where that is wanted, that its answer begins. */
async function hear(
	{ ports, checked: { fn }, kept, wait, options: { inPieces, gone } }: Listening,
	answered: () => Promise<void>,
	listen: (within: (waitMs: number) => Promise<Heard>) => Promise<Heard>,
): Promise<Submitted | Begun> {
	const { call } = kept;
	const pieces = inPieces && fn.streams && kept.since === undefined ? await Pieces.follow(ports, kept) : undefined;
	let isTaken = false;
	try {
		const heard = await listen((ms) => (pieces ? Promise.race([pieces.begun, wait.ended(ms, gone)]) : wait.ended(ms, gone)));
		if (heard === "pieces" && pieces) {
			isTaken = true;
			return { call, pieces, answered };
		}
		return heard && heard !== "pieces" ? { call, ended: heard } : await answerLater(ports, kept);
	} finally {
		if (!isTaken) pieces?.leave();
	}
}

async function answerLater(ports: IngressPorts, kept: KeptCall): Promise<Submitted> {
	await keepCall(ports.bus, kept);
	return { call: kept.call, ...(await stateOf(ports, kept)) };
}

/** The call exists; it may have ended before this request began to listen. */
async function awaitKnown(
	ports: IngressPorts,
	checked: CheckedCall,
	kept: KeptCall,
	wait: Wait,
	options: SubmitOptions,
): Promise<Submitted | Begun> {
	const already = (await stateOf(ports, kept)).ended;
	if (already) return { call: kept.call, ended: already };
	return await hear(
		{ ports, checked, kept, wait, options },
		async () => undefined,
		(within) => within(options.waitMs),
	);
}

/**
 * An equal request while the call is pending is answered with its ending. One that comes after the ending is, too, as long as no request was
 * answered with it yet; from then on an equal request is a new call.
 */
async function attachToPending(ports: IngressPorts, checked: CheckedCall, options: SubmitOptions): Promise<Submitted | Begun | undefined> {
	const attachment = await findAttachment(ports, checked);
	if (!attachment) return undefined;
	const { call } = attachment;
	// Older versions offer calls that they do not keep, all with subjects of their own.
	const kept = (await keptCall(ports.bus, call)) ?? keptOf(checked, call);
	const wait = ports.pending.listen(call, kept.pool);
	try {
		const already = (await stateOf(ports, kept)).ended;
		if (already) return options.gone.aborted || (await attachment.take()) ? { call, ended: already } : undefined;
		const take = async () => void (await attachment.take());
		const submitted = await hear({ ports, checked, kept, wait, options }, take, (within) => within(options.waitMs));
		if ("ended" in submitted && submitted.ended && !options.gone.aborted) await take();
		return submitted;
	} finally {
		wait.cancel();
	}
}

function passUnavailable(error: unknown): void {
	if (!(error instanceof EventsUnavailable)) throw error;
}

function keptOf({ asked, connection, fn }: CheckedCall, call: string, since?: Position): KeptCall {
	const { issuer, subject } = asked.caller;
	const { name, pool } = connection;
	return { call, caller: { issuer, subject }, connection: name, function: fn.name, pool, receivedAt: madeAt(call).toISOString(), since };
}
