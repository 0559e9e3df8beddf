// An answer that comes in pieces goes on in pieces: each masked, sealed, numbered, and durable before the next is written, on the claim it was called under.
import { createHash } from "node:crypto";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import { EventsUnavailable, type Position } from "#libs/bus/bus.ts";
import type { AnswerPiece } from "#libs/contracts/answer.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import { answerBytesMax, pieceCharsMax, piecesMax } from "#libs/contracts/message-size.ts";
import type { Mask } from "#libs/masking/mask.ts";
import { MaskingError } from "#libs/masking/masking-error.ts";
import { cutView, maskedView } from "#libs/masking/view.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { AnswerWithheld } from "./answer-text.ts";
import { DialError } from "./dial-error.ts";
import { maskHeader } from "./mask-answer.ts";
import { RecordMasker } from "./mask-records.ts";
import type { AnswerInPieces, ExecutorPorts } from "./ports.ts";
import type { Granted, PreparedCall } from "./prepare-call.ts";
import { readRecords } from "./read-records.ts";

/** A piece is written so much after the last one at the earliest: what comes meanwhile is the next. Nobody reads faster, and the record stays small. */
const pieceEveryMs = 100;
/** Masking may make it longer than what the function may send; whoever wants it whole has it in memory. */
const wholeCharsMax = 2 * answerBytesMax;
/** What the record shows of an answer is cut from this much of its beginning; people are shown far less. */
const shownCharsMax = 16 * 1024;
/** A piece that cannot be stored is tried again at this pace, for as long as the function may take. */
const storeRetryMsDefault = 250;

/** So long others wait while records are masked. */
const turnMsMax = 5;

/** Another process has the call: nothing more can be stored of this answer. */
export class ClaimLost extends ExpectedError {
	constructor() {
		super("the call was taken over while its answer was passed on");
	}
}

/** How far it came. */
export interface PassedOn {
	/** The call's last word: what its ending follows. */
	readonly position: Position;
	readonly streamed?: NonNullable<Event<"call.ended">["data"]["streamed"]>;
	readonly result: JsonValue;
	readonly findings: Event<"call.received">["data"]["findings"];
	/** Why it is not whole: the function's fault, or an answer that cannot be masked. */
	readonly fault?: DialError | AnswerWithheld;
}

/** @throws {ClaimLost} */
export async function passOnPieces(
	ports: ExecutorPorts,
	granted: Granted,
	{ masks, keys, fn: { timeoutMs } }: PreparedCall,
	claim: Position,
	answer: AnswerInPieces,
): Promise<PassedOn> {
	const pieces = new Pieces({ ports, granted, untilMs: performance.now() + timeoutMs, failed: () => answer.leave() }, claim);
	const masker = new RecordMasker(masks, answer.framing, answer.scrub, keys);
	const fault = await passOn(answer, { masks, keys }, pieces, masker).catch((thrown: unknown) => {
		answer.leave();
		const error = pieces.fault ?? thrown;
		if (error instanceof DialError || error instanceof AnswerWithheld) return error;
		if (error instanceof MaskingError) return new AnswerWithheld(`it could not be masked (${error.fault})`);
		if (error instanceof ClaimLost) throw error;
		ports.failed(error, granted.data.call);
		return new AnswerWithheld("its answer could not be processed");
	});
	// What was masked before still leaves; of what is held back nothing follows.
	if (fault) await pieces.finish().catch(unlessWithheld);
	const { position, beginning } = pieces;
	const streamed = pieces.streamed();
	const { status, framing } = answer;
	const result = masks.view ? await viewOf(beginning, { status, framing }, masks.view) : cutView({ status, body: beginning });
	return { position, ...(streamed && { streamed }), result, findings: masker.findings(), ...(fault && { fault }) };
}

/** The record's own masks look at more than the caller's, and what they find may be cut over records, too. */
async function viewOf(beginning: string, { status, framing }: Pick<AnswerInPieces, "status" | "framing">, view: Mask): Promise<JsonValue> {
	const masker = new RecordMasker({ mask: view, byPlace: false }, framing, async (text) => text);
	async function* bytes(): AsyncGenerator<Uint8Array> {
		yield Buffer.from(beginning);
	}
	try {
		let body = "";
		for await (const record of readRecords(bytes(), framing, status)) body += await masker.add(record);
		return maskedView({ status, body: body + (await masker.end()) }, view).view;
	} catch (error) {
		// What cannot be masked is not shown.
		if (error instanceof MaskingError || error instanceof AnswerWithheld || error instanceof DialError) return { status };
		throw error;
	}
}

function unlessWithheld(error: unknown): void {
	if (!(error instanceof AnswerWithheld)) throw error;
}

async function passOn(
	answer: AnswerInPieces,
	{ masks: { mask }, keys }: Pick<PreparedCall, "masks" | "keys">,
	pieces: Pieces,
	masker: RecordMasker,
): Promise<undefined> {
	const { protocol, status } = answer;
	const headers = answer.headers.flatMap((field) => maskHeader(field, mask, keys));
	pieces.begin({ protocol, status, headers });
	let turnMs = performance.now();
	for await (const record of answer.records) {
		await pieces.add(await masker.add(record));
		// Records that came together would be masked in one turn of the event loop.
		if (performance.now() - turnMs < turnMsMax) continue;
		await setImmediate();
		turnMs = performance.now();
	}
	await pieces.add(await masker.end());
	await pieces.finish();
}

interface PiecesParts {
	readonly ports: ExecutorPorts;
	readonly granted: Granted;
	/** By the monotonic clock: a piece that cannot be stored by then is given up. */
	readonly untilMs: number;
	/** Told when no more can be stored. */
	readonly failed: () => void;
}

/** Texts on their way to a caller, as `call.streamed` events on the claim of their call. */
export class Pieces {
	private readonly parts: PiecesParts;
	private readonly digest = createHash("sha256");
	private head: AnswerPiece["head"];
	private text = "";
	private written = 0;
	private chars = 0;
	private writing: Promise<void> | undefined;
	fault: unknown;
	private readonly lastComes = Promise.withResolvers<void>();
	position: Position;
	beginning = "";

	constructor(parts: PiecesParts, claim: Position) {
		this.parts = parts;
		this.position = claim;
	}

	/** The first piece says how the answer begins, and does not wait for more of it. */
	begin(head: NonNullable<AnswerPiece["head"]>): void {
		this.head = head;
		this.write();
	}

	/** Resolves at once, unless as much waits as a piece may hold: then the function waits, too. Rejects where an earlier piece could not be stored. */
	async add(text: string): Promise<void> {
		this.text += text;
		if (text !== "") this.write();
		while (this.text.length >= pieceCharsMax && this.writing) await this.writing;
		if (this.fault) throw this.fault;
	}

	/** Resolves when everything that was added is durable. */
	async finish(): Promise<void> {
		this.lastComes.resolve();
		while (this.writing) await this.writing;
		if (this.fault) throw this.fault;
	}

	streamed(): PassedOn["streamed"] {
		if (this.written === 0) return undefined;
		return { pieces: this.written, chars: this.chars, digest: this.digest.copy().digest("hex") };
	}

	private write(): void {
		if (this.writing || this.fault) return;
		const failed = (error: unknown) => {
			this.fault = error;
			this.parts.failed();
		};
		this.writing = this.writeAll()
			.catch(failed)
			.finally(() => {
				this.writing = undefined;
				if (this.text !== "") this.write();
			});
	}

	private async writeAll(): Promise<void> {
		for (let isFirst = this.written === 0; isFirst || this.text !== ""; isFirst = false) {
			const text = beginningOf(this.text);
			this.text = this.text.slice(text.length);
			await this.store(text);
			await Promise.race([delay(pieceEveryMs, undefined, { ref: false }), this.lastComes.promise]);
		}
	}

	private async store(text: string): Promise<void> {
		const { ports, granted } = this.parts;
		if (this.chars + text.length > wholeCharsMax) throw new AnswerWithheld(`masked it has more than ${wholeCharsMax} characters`);
		if (this.written >= piecesMax) throw new AnswerWithheld(`it has more than ${piecesMax} pieces`);
		const { call, connection, function: name, pool, digest, revision, caller } = granted.data;
		const piece = this.written + 1;
		const sealed = ports.sealingKeys.seal(pool, call, "piece", { piece, ...(piece === 1 && this.head && { head: this.head }), text });
		const theCall = { call, connection, function: name, pool, digest, revision, caller };
		const data = { ...theCall, executor: ports.name, piece, chars: text.length, sealed };
		const saying = { at: ports.clock.now(), nth: piece, traceparent: granted.traceparent };
		const event = newEvent("executor", "call.streamed", data, saying);
		this.position = await this.storeEvent(event);
		crashPoint("after-piece-before-next");
		this.written = piece;
		this.chars += text.length;
		this.digest.update(`${sealed}\n`);
		if (this.beginning.length < shownCharsMax) this.beginning += text.slice(0, shownCharsMax - this.beginning.length);
	}

	private async storeEvent(event: Event<"call.streamed">): Promise<Position> {
		const { ports, untilMs } = this.parts;
		const { bus, storeRetryMs = storeRetryMsDefault, failed } = ports;
		for (;;) {
			try {
				const stored = await bus.publishAfter(event, this.position);
				if (stored.won) return stored.position;
				const { call, pool, sealed } = event.data;
				// An earlier try of which nothing was heard may be what stands there now.
				const last = await bus.last("call.streamed", "executor", call, pool);
				if (last?.event.data.sealed === sealed) return last.position;
				throw new ClaimLost();
			} catch (error) {
				if (!(error instanceof EventsUnavailable)) throw error;
				failed(error, event.data.call);
				if (performance.now() > untilMs) throw new AnswerWithheld("it could not be stored while the function might take");
				await delay(storeRetryMs);
			}
		}
	}
}

/** As much as a piece may hold, with no pair of surrogates parted. */
function beginningOf(text: string): string {
	if (text.length <= pieceCharsMax) return text;
	const code = text.charCodeAt(pieceCharsMax - 1);
	return text.slice(0, code >= 0xd800 && code <= 0xdbff ? pieceCharsMax - 1 : pieceCharsMax);
}
