// The call happens: claimed once on the record, dialled within its lease, masked, and ended on the record before anyone hears of it.
import { setTimeout as delay } from "node:timers/promises";
import { type Conditional, EventsUnavailable, NotYet, type Position } from "#libs/bus/bus.ts";
import { answerMark } from "#libs/contracts/answer.ts";
import { MalformedEvent, newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { sealedCharsMax } from "#libs/contracts/message-size.ts";
import type { ProblemCode } from "#libs/contracts/problems.ts";
import { findingsMax } from "#libs/masking/findings.ts";
import { crashPoint, crashPointAfterThisTurn } from "#libs/service/crash-point.ts";
import { AsideTooSlow, hereCharsMax, hereKeyedCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { analyseAnswer, type MaskedText } from "./analyse-answer.ts";
import { AnswerWithheld } from "./answer-text.ts";
import { CannotRun } from "./cannot-run.ts";
import { DialError } from "./dial-error.ts";
import { type Claimed, type History, OwnSubjects } from "./history.ts";
import { type LargeAnswer, type LargeMasked, maskAnswer } from "./mask-answer.ts";
import { Notices } from "./pass-on-notices.ts";
import { ClaimLost, passOnPieces } from "./pass-on-pieces.ts";
import { type AnswerInPieces, type ExecutorPorts, type FunctionAnswer, leaseTermsDefault } from "./ports.ts";
import { type Granted, type PreparedCall, prepareCall } from "./prepare-call.ts";

/** Attempts at a function that is declared idempotent. */
const attemptsMax = 3;
/** An ending that cannot be stored is tried again at this pace; the answer is in hand and must not be lost. */
const storeRetryMsDefault = 250;
/** A claim that was lost to another's, which cannot be read yet: a copy of the stream may lag behind. */
const unreadClaimMs = 1_000;
/** No claim keeps others away for longer, whatever it says. */
const leaseMsMax = 3_600_000;

type Ended = Pick<Event<"call.ended">["data"], "ending"> &
	Partial<Pick<Event<"call.ended">["data"], "sent" | "answer" | "durationMs" | "result" | "findings" | "sealed" | "streamed">> & {
		code?: ProblemCode;
		detail?: string;
	};

interface Claim {
	/** Of the last word under it: each piece of the answer is one. */
	position: Position;
	readonly attempt: number;
	/** Milliseconds of the monotonic clock: one that is set back changes nothing. */
	readonly claimedAtMs: number;
	readonly claimedAt: Date;
}

/** A grant that is delivered again while the call is in work here. */
const inWorkMs = 5_000;

function elapsedMs({ elapsedMs: own }: ExecutorPorts): number {
	return own ? own() : performance.now();
}

/**
 * Executes one granted call, or brings one to its end that another executor left.
 *
 * The claim is the event `call.started`, written only if nothing was said of the call before: exactly one executor gets it, and it is on
 * the record before the first byte. A grant that comes again finds it.
 */
export async function executeCall(ports: ExecutorPorts, granted: Granted): Promise<void> {
	const prepared = await prepareCall(ports, granted).catch((error: unknown) => {
		if (error instanceof CannotRun) return error;
		throw error;
	});
	const working = ports.claims.workAlone(granted.data.call, async () => {
		if (prepared instanceof CannotRun) {
			return await endUnclaimed(ports, granted, { ending: "failed", code: prepared.code, detail: prepared.message, sent: false });
		}
		const claim = await claimCall(ports, granted, prepared, 0, 1);
		if (claim) await runClaimed(ports, granted, prepared, claim);
		else await finishForeign(ports, granted, prepared);
	});
	if (!working) throw new NotYet("this executor is at work on the call", inWorkMs);
	await working;
}

/** Where the word on a call is written: its grant says it, and whoever signed that. */
function historyOf({ bus, ledger }: ExecutorPorts, { data: { since } }: Granted): History {
	return since === undefined ? new OwnSubjects(bus) : ledger.of(since);
}

async function claimCall(
	ports: ExecutorPorts,
	granted: Granted,
	prepared: PreparedCall,
	after: Position,
	attempt: number,
): Promise<Claim | undefined> {
	const { call, connection, function: name, pool, digest, revision, caller } = granted.data;
	const claimedAtMs = elapsedMs(ports);
	const now = ports.clock.now();
	const data = {
		...{ call, connection, function: name, pool, digest, revision, caller },
		grantId: prepared.grantId,
		executor: ports.name,
		attempt,
		leaseUntil: new Date(now.getTime() + leaseMs(ports, prepared)).toISOString(),
		...(prepared.credential !== undefined && { credential: prepared.credential }),
		...(prepared.detokenized.length > 0 && { detokenized: [...prepared.detokenized] }),
	};
	const event = newEvent("executor", "call.started", data, { at: now, nth: attempt, traceparent: granted.traceparent });
	try {
		const claimed = await historyOf(ports, granted).claim(event, after);
		// This one is dialled on: an earlier one that was not heard of was not stored.
		if (claimed.won) ports.claims.takeUnheard(call, attempt);
		return claimed.won ? { position: claimed.position, attempt, claimedAtMs, claimedAt: now } : undefined;
	} catch (error) {
		ports.claims.rememberUnheard(call, attempt, claimedAtMs);
		throw error;
	}
}

function leaseMs(
	{ lease = leaseTermsDefault }: Pick<ExecutorPorts, "lease">,
	{ fn, analyzer }: { readonly fn: Pick<PreparedCall["fn"], "timeoutMs"> } & Pick<PreparedCall, "analyzer">,
): number {
	return lease.startWithinMs + fn.timeoutMs + (analyzer?.timeoutMs ?? 0) + lease.settleWithinMs;
}

async function runClaimed(ports: ExecutorPorts, granted: Granted, prepared: PreparedCall, claim: Claim): Promise<void> {
	const ended = await dial(ports, granted, prepared, claim);
	crashPoint("after-answer-before-ending");
	if (!ended) return await finishForeign(ports, granted, prepared);
	const durationMs = Math.max(0, Math.round(elapsedMs(ports) - claim.claimedAtMs));
	const { won } = await endForSure(ports, granted, claim.position, { ...ended, durationMs });
	crashPoint("after-ending-before-ack");
	if (won) return await settled(ports, granted, ended, durationMs);
	// Lost only if this process was away for longer than its lease: another ended the call, or claimed it anew and may yet die.
	await finishForeign(ports, granted, prepared);
}

/** Undefined where another took the call while its answer was passed on in pieces. */
async function dial(ports: ExecutorPorts, granted: Granted, prepared: PreparedCall, claim: Claim): Promise<Ended | undefined> {
	const { attempt, claimedAtMs, claimedAt } = claim;
	const { startWithinMs } = ports.lease ?? leaseTermsDefault;
	const beforeFirstByte = () => {
		if (elapsedMs(ports) - claimedAtMs > startWithinMs) throw new LeaseLost();
		// A clock that only goes forward may stand still while a virtual machine is suspended; others' clocks went on.
		if (!(ports.clock.now().getTime() - claimedAt.getTime() <= startWithinMs)) throw new LeaseLost();
		crashPoint("after-claim-before-first-byte");
		crashPointAfterThisTurn("after-first-byte-before-answer");
	};
	// Whose word stands in the ledger has nobody who follows it; what an analyzer is asked about must be whole.
	const streams = prepared.fn.streams && granted.data.since === undefined && !prepared.analyzer;
	if (streams && prepared.dialWithNotices) return await endNoticed(ports, granted, prepared, claim, beforeFirstByte);
	const inPieces = streams && prepared.dialInPieces;
	let answer: FunctionAnswer | AnswerInPieces;
	try {
		answer = await (inPieces ? inPieces(beforeFirstByte) : prepared.dial(beforeFirstByte));
	} catch (error) {
		return unanswered(ports, granted, error, attempt);
	}
	return "records" in answer
		? await endStreamed(ports, granted, prepared, claim, answer)
		: await endAnswered(ports, granted, prepared, answer);
}

/** As any call; what its function says meanwhile is the caller's before the answer is. */
async function endNoticed(
	ports: ExecutorPorts,
	granted: Granted,
	prepared: PreparedCall,
	claim: Claim,
	beforeFirstByte: () => void,
): Promise<Ended | undefined> {
	const notices = new Notices(ports, granted, prepared, claim.position);
	const dialled = prepared.dialWithNotices?.(beforeFirstByte, (notice) => notices.add(notice)) ?? prepared.dial(beforeFirstByte);
	const ended = await dialled.then(
		(answer) => endAnswered(ports, granted, prepared, answer),
		(error: unknown) => unanswered(ports, granted, error, claim.attempt),
	);
	try {
		const { position, streamed, findings } = await notices.finish();
		claim.position = position;
		// As many as one event may carry: what was found in notices comes after what was found in the answer.
		const all = [...(ended.findings ?? []), ...findings].slice(0, findingsMax);
		return { ...ended, ...(streamed && { streamed }), ...(all.length > 0 && { findings: all }) };
	} catch (error) {
		if (error instanceof ClaimLost) return undefined;
		throw error;
	}
}

function unanswered(ports: ExecutorPorts, { data }: Granted, error: unknown, attempt: number): Ended {
	const { call, connection, function: name, revision } = data;
	if (error instanceof DialError) {
		if (error.changed) ports.quarantine.note({ connection, function: name, revision, changed: [...error.changed] });
		return undialled(error, attempt);
	}
	ports.failed(error, call);
	return { ending: "failed", code: "outcome_unknown", detail: "the dial failed in a way that tells nothing" };
}

async function endAnswered(ports: ExecutorPorts, granted: Granted, prepared: PreparedCall, answer: FunctionAnswer): Promise<Ended> {
	const { call, pool } = granted.data;
	try {
		const masked = await maskedOf(ports, granted, prepared, answer);
		const sealed = ports.sealingKeys.sealText(pool, call, "result", masked.text);
		if (sealed.length > sealedCharsMax)
			throw new AnswerWithheld(`masked it is larger than can be passed on (${sealedCharsMax} characters sealed)`);
		return { ending: "completed", answer: answerMark(answer), result: masked.view, findings: masked.findings, sealed };
	} catch (error) {
		if (!(error instanceof AnswerWithheld)) ports.failed(error, call);
		const detail = error instanceof AnswerWithheld ? error.message : "its answer could not be processed";
		return { ending: "failed", code: "function_answer_unusable", detail, answer: answerMark(answer) };
	}
}

async function endStreamed(
	ports: ExecutorPorts,
	granted: Granted,
	prepared: PreparedCall,
	claim: Claim,
	answer: AnswerInPieces,
): Promise<Ended | undefined> {
	const mark = { answer: answerMark(answer) };
	try {
		const { position, fault, ...told } = await passOnPieces(ports, granted, prepared, claim.position, answer);
		claim.position = position;
		const unusable = { ending: "failed", code: "function_answer_unusable" } as const;
		if (fault instanceof DialError) return { ...undialled(fault, claim.attempt), ...mark, ...told };
		return fault ? { ...unusable, detail: fault.message, ...mark, ...told } : { ending: "completed", ...mark, ...told };
	} catch (error) {
		if (error instanceof ClaimLost) return undefined;
		throw error;
	}
}

/** Masked by pattern, and by whom the connection asks beside. @throws {AnswerWithheld} */
async function maskedOf(ports: ExecutorPorts, granted: Granted, prepared: PreparedCall, answer: FunctionAnswer): Promise<MaskedText> {
	const masked = await maskedByPattern(ports, granted, prepared, answer);
	const { analyzer, masks } = prepared;
	return analyzer ? await analyseAnswer(ports.recogniser, analyzer, masked, masks) : masked;
}

/** A large answer is masked in another thread. @throws {AnswerWithheld} */
async function maskedByPattern(
	{ aside }: ExecutorPorts,
	{ data: { connection, function: name, caller } }: Granted,
	{ configuration, masks, keys }: PreparedCall,
	answer: FunctionAnswer,
): Promise<MaskedText> {
	if (answer.body.length <= (masks.isKeyed ? hereKeyedCharsMax : hereCharsMax)) {
		const { result, view, findings } = maskAnswer(answer, masks, keys);
		return { text: JSON.stringify(result), view, findings };
	}
	const input: LargeAnswer = { connection, function: name, answer, keys };
	const masked = await aside.run<LargeAnswer, LargeMasked>("maskLarge", turnOf(configuration, caller), input).catch((error: unknown) => {
		throw error instanceof AsideTooSlow ? new AnswerWithheld("masking it took too long") : error;
	});
	if ("withheld" in masked) throw new AnswerWithheld(masked.withheld);
	return masked;
}

class LeaseLost extends ExpectedError {
	constructor() {
		super("this executor was away for too long after its claim");
	}
}

/** What a dial without an answer means: whether the function may have run is told by the dialer, never guessed. */
function undialled({ code, sent, answered, told }: DialError, attempt: number): Ended {
	const why = told === undefined ? code : `${code}: ${told}`;
	// Of a second attempt nobody knows what the first did.
	if (!sent)
		return {
			ending: "failed",
			code: code === "definition_changed" ? "function_changed" : "function_unreachable",
			detail: `nothing was sent (${why})`,
			...(attempt === 1 && { sent }),
		};
	// An answer had begun: the function did run.
	if (answered !== undefined) {
		return {
			ending: "failed",
			code: "function_answer_unusable",
			detail: `its answer broke off or broke a bound (${why})`,
			answer: answered,
		};
	}
	// The ending `unknown` is for a claim whose executor died; here the executor lives and knows what it does not know: the code says it.
	const late = code === "headers_timeout" || code === "total_timeout";
	return {
		ending: "failed",
		code: late ? "function_timeout" : "outcome_unknown",
		detail: `the request was sent, no answer came (${why})`,
	};
}

/** @throws {MalformedEvent} where it cannot be said. */
function endingOf({ clock }: ExecutorPorts, granted: Granted, { detail, ...ended }: Ended): Event<"call.ended"> {
	const { call, connection, function: name, pool, digest, revision, caller, rules, reasons } = granted.data;
	const data = {
		call,
		connection,
		function: name,
		pool,
		digest,
		revision,
		caller,
		rules,
		reasons,
		...ended,
		...(detail && { detail: detail.slice(0, 1_024) }),
	};
	return newEvent("executor", "call.ended", data, { at: clock.now(), traceparent: granted.traceparent });
}

/** The function has run: its ending is stored however long the stream is away. Only the death of this process can lose it, and then the ending is `unknown`. */
async function endForSure(ports: ExecutorPorts, granted: Granted, claim: Position, ended: Ended): Promise<Conditional> {
	let word = ended;
	for (;;) {
		try {
			return await historyOf(ports, granted).end(endingOf(ports, granted, word), claim);
		} catch (error) {
			ports.failed(error, granted.data.call);
			if (error instanceof EventsUnavailable) await delay(ports.storeRetryMs ?? storeRetryMsDefault);
			// What cannot be said is not said; that the function ran is.
			else if (error instanceof MalformedEvent && word === ended)
				word = { ending: "failed", code: "function_answer_unusable", detail: "its answer could not be recorded" };
			else throw error;
		}
	}
}

/** Ends a call that this process did not claim: without having run, unless another claimed it, which then tells what became of it. */
async function endUnclaimed(ports: ExecutorPorts, granted: Granted, ended: Ended): Promise<void> {
	const { won } = await historyOf(ports, granted).endOthers(endingOf(ports, granted, ended), 0);
	if (won) await settled(ports, granted, ended, 0);
	else await finishForeign(ports, granted, undefined, ended);
}

async function settled(ports: ExecutorPorts, granted: Granted, ended: Ended, durationMs: number): Promise<void> {
	ports.ended(granted, ended.ending, ended.code, durationMs / 1_000);
	await tellUnspent(ports, granted, ended);
}

/** Once the ending is durable. Said again, under the same id, whenever the grant comes again: whoever ended the call may have died before it. */
async function tellUnspent(
	ports: ExecutorPorts,
	{ data, traceparent }: Granted,
	{ sent }: { readonly sent?: boolean | undefined },
): Promise<void> {
	if (sent !== false || !data.charged) return;
	const { call, connection, function: name, pool, digest, revision, caller } = data;
	const unspent = { call, connection, function: name, pool, digest, revision, caller };
	await ports.bus.publish(newEvent("executor", "call.unspent", unspent, { at: ports.clock.now(), traceparent }));
}

/**
 * The call was claimed before: by an executor that is still at work, that ended it, or that died. Only when a whole lease has passed under
 * this process's own eyes is it taken for dead; then an idempotent function is tried again, and any other call ends as `unknown`.
 */
async function finishForeign(ports: ExecutorPorts, granted: Granted, prepared: PreparedCall | undefined, undone?: Ended): Promise<void> {
	const history = historyOf(ports, granted);
	const { claimed, ended } = await history.told(granted);
	if (ended) return await tellUnspent(ports, granted, ended);
	if (!claimed) throw new NotYet("another executor's claim cannot be read yet", unreadClaimMs);
	const { position, attempts } = claimed;
	const own = ownClaim(ports, granted, claimed);
	if (own && prepared) return await runClaimed(ports, granted, prepared, own);
	// Of a second attempt nobody knows what the first did.
	if (own && undone && attempts === 1) return await endOwn(ports, granted, own, undone);
	refuseWithinLease(ports, claimed);
	const mayRun = attempts === 0 || (prepared?.fn.idempotent && attempts < attemptsMax && !claimed.hasPieces);
	if (prepared && mayRun) {
		const claim = await claimCall(ports, granted, prepared, position, attempts + 1);
		if (!claim) throw overtaken();
		return await runClaimed(ports, granted, prepared, claim);
	}
	const detail = claimed.hasPieces
		? "the executor that passed its answer on died; the function ran, and what it answered is not whole"
		: "the executor that claimed it died; whether the function ran is not known";
	const word: Ended = attempts === 0 && undone ? undone : { ending: "unknown", code: "outcome_unknown", detail };
	const { won } = await history.endOthers(endingOf(ports, granted, word), position);
	if (!won) throw overtaken();
	await settled(ports, granted, word, 0);
	ports.claims.forgetForeign(position);
}

/**
 * The claim is this process's own: stored, but its acknowledgement was lost in an outage, or came while the process was stopped. Nothing was
 * dialled on it, and this is the one who may.
 */
function ownClaim({ claims, name }: ExecutorPorts, { data: { call } }: Granted, claimed: Claimed): Claim | undefined {
	const { type, attempts: attempt, executor, position, claimedAt } = claimed;
	const claimedAtMs = type === "call.started" && executor === name ? claims.takeUnheard(call, attempt) : undefined;
	return claimedAtMs === undefined ? undefined : { position, attempt, claimedAtMs, claimedAt };
}

/** Ends a call that was claimed here and can no longer run: nothing was sent. */
async function endOwn(ports: ExecutorPorts, granted: Granted, { position }: Claim, ended: Ended): Promise<void> {
	const { won } = await endForSure(ports, granted, position, ended);
	if (won) return await settled(ports, granted, ended, 0);
	await finishForeign(ports, granted, undefined);
}

/** Another did something about the call a moment ago. The grant is done with only when there is an ending: whoever was faster may die before it. */
function overtaken(): NotYet {
	return new NotYet("another executor was faster", unreadClaimMs);
}

/** The lease is as long as whoever claimed the call said, by its own clock at both ends: its revision and its settings may not be ours. */
function refuseWithinLease(ports: ExecutorPorts, { leaseMs: declaredMs, position: claim }: Claimed): void {
	const { startWithinMs, settleWithinMs } = ports.lease ?? leaseTermsDefault;
	// Of one that cannot be read the longest counts: a comparison with no number would wait for nothing.
	const lease = Math.min(Math.max(Number.isFinite(declaredMs) ? declaredMs : leaseMsMax, startWithinMs + settleWithinMs), leaseMsMax);
	const now = elapsedMs(ports);
	const left = ports.claims.foreignSince(claim, now) + lease - now;
	if (left > 0) throw new NotYet("another executor may still be at work on this call", Math.ceil(left));
}

/** The last word about a grant that could not be processed. @throws {NotYet} while another executor may be at work on the call. */
export async function endUnprocessed(ports: ExecutorPorts, granted: Granted): Promise<void> {
	await endUnclaimed(ports, granted, { ending: "failed", code: "internal", detail: "the grant could not be processed", sent: false });
}
