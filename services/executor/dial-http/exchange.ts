// One request and its answer on a connection that undici chose: deadlines, bounds, and the moment after which the function may have run.
import { performance } from "node:perf_hooks";
import type { AnswerMark } from "#libs/contracts/answer.ts";
import { DialError, type DialErrorCode } from "../dial-error.ts";
import { BodyChunks } from "./body-chunks.ts";
import { toDialError } from "./client-error.ts";
import type { HeaderField } from "./outbound-headers.ts";
import { BodyCollector } from "./read-body.ts";

/** Bounds of one dial. Times are milliseconds, all from the start of the dial except `headersTimeoutMs`. */
export type DialLimits = {
	/** Until the first byte can be written: waiting for a free connection, DNS, TCP and TLS together. */
	connectTimeoutMs: number;
	/** From the first byte of the request to the complete head of the answer; of an answer that is read while it comes, also between two parts of it. */
	headersTimeoutMs: number;
	/** Until the last byte of the answer. */
	totalTimeoutMs: number;
	/** Of the answer's body, as received and again as decompressed. */
	bodyBytesMax: number;
	/** Of the answer's header section (names and values; trailers count too). */
	headerBytesMax: number;
};

/** Milliseconds since the dial began: request's first byte, answer's head, answer's last byte. */
export type DialTimings = { firstByteMs: number; headersMs: number; endMs: number };

/** An answer as it came over the wire. Header names are lower-case, values Latin-1. */
export type RawAnswer = { status: number; headers: HeaderField[]; body: Uint8Array; timings: DialTimings };

/** Looks at an answer's body as it comes, each piece once; true as soon as nothing more of it is needed. */
export type Watch = (headers: readonly HeaderField[], piece: Uint8Array) => boolean;

/** How long a peer may take to end an answer of which nothing more is needed. */
const lingerMs = 1_000;

/** The head of an answer whose body is read while it comes. */
export type RawStream = { status: number; headers: HeaderField[]; chunks: BodyChunks };

/** The part of undici's DispatchController that is used here. */
export type ExchangeController = { abort(reason: Error): void; pause?(): void; resume?(): void; rawHeaders?: unknown };

/** Whether the body of an answer with this head is read while it comes. */
export type InPieces = (head: { readonly status: number; readonly headers: readonly HeaderField[] }) => boolean;

/**
 * The handler of one undici dispatch. `answer` settles exactly once; after that everything that still arrives is ignored, but for the body of an
 * answer that is read in pieces, which ends or fails by itself.
 * Only one exchange is on a connection at a time (no pipelining), so ending it may end the connection.
 */
export class Exchange {
	readonly answer: Promise<RawAnswer | RawStream>;
	/** Resolves when nothing more comes. */
	readonly over: Promise<void>;
	readonly #settle: { resolve: (answer: RawAnswer | RawStream) => void; reject: (error: DialError) => void; over: () => void };
	readonly #limits: DialLimits;
	readonly #beforeFirstByte: (() => void) | undefined;
	readonly #inPieces: InPieces | undefined;
	readonly #isHead: boolean;
	readonly #watch: Watch | undefined;
	readonly #startedAt = performance.now();
	readonly #body: BodyCollector;
	readonly #totalTimer: NodeJS.Timeout;
	#phaseTimer: NodeJS.Timeout;
	#controller: ExchangeController | undefined;
	#settled = false;
	#lingering: NodeJS.Timeout | undefined;
	#chunks: BodyChunks | undefined;
	#bytes = 0;
	#sent = false;
	#head: { status: number; headers: HeaderField[] } | undefined;
	#firstByteMs = 0;
	#headersMs = 0;

	constructor(
		limits: DialLimits,
		request: { method: string; beforeFirstByte?: (() => void) | undefined; watch?: Watch | undefined },
		inPieces?: InPieces,
	) {
		const { promise, resolve, reject } = Promise.withResolvers<RawAnswer | RawStream>();
		const over = Promise.withResolvers<void>();
		this.answer = promise;
		this.over = over.promise;
		this.#settle = { resolve, reject, over: over.resolve };
		this.#inPieces = inPieces;
		this.#limits = limits;
		this.#beforeFirstByte = request.beforeFirstByte;
		this.#isHead = request.method === "HEAD";
		this.#watch = request.watch;
		this.#body = new BodyCollector(limits.bodyBytesMax);
		this.#phaseTimer = setTimeout(() => this.fail("connect_timeout", "no usable connection in time"), limits.connectTimeoutMs);
		this.#totalTimer = setTimeout(() => this.fail("total_timeout", "the answer was not complete in time"), limits.totalTimeoutMs);
	}

	/** Ends the exchange without an answer; the first ending stands. */
	fail(code: DialErrorCode, detail: string, cause?: unknown): void {
		this.#end(new DialError(code, detail, { sent: this.#sent, answered: this.#mark(), cause }));
	}

	/**
	 * undici calls this in the same turn in which it writes the request, on a connection that is open: throwing here means that nothing is
	 * written and the connection stays usable.
	 */
	onRequestStart(controller: ExchangeController): void {
		if (this.#settled) throw new DialError("aborted", "the dial was over before its connection was ready", { sent: false });
		// undici requeues what it believes was not written. Whatever it believes: a request goes out once.
		if (this.#sent) throw new DialError("connection_reset", "the connection was lost after the request was written", { sent: true });
		try {
			this.#beforeFirstByte?.();
		} catch (error) {
			this.fail("aborted", "refused at the last moment", error);
			throw error;
		}
		this.#sent = true;
		this.#controller = controller;
		this.#firstByteMs = this.#elapsed();
		clearTimeout(this.#phaseTimer);
		this.#phaseTimer = setTimeout(() => this.fail("headers_timeout", "no answer in time"), this.#limits.headersTimeoutMs);
	}

	onResponseStart(controller: ExchangeController, status: number): void {
		if (this.#settled || status < 200) return; // interim answers (RFC 9110 section 15.2) say nothing yet
		clearTimeout(this.#phaseTimer);
		this.#headersMs = this.#elapsed();
		const headers = readHeaders(controller.rawHeaders);
		this.#head = { status, headers };
		if (status > 599) this.fail("protocol_error", "the answer's status is none");
		else if (headers.some(([, value]) => FORBIDDEN_IN_VALUE.test(value)))
			this.fail("protocol_error", "an answer's header holds control characters");
		else if (
			headers.some(([name, value]) => name === "content-length" && Number(value) > this.#limits.bodyBytesMax && this.#expectsBody(status))
		) {
			this.fail("body_too_large", "the answer announces a body over the bound");
		} else if (this.#expectsBody(status) && this.#inPieces?.(this.#head)) this.#begin(this.#head, controller);
	}

	/** From now on the body is its reader's, who may be slower than the function. */
	#begin(head: { status: number; headers: HeaderField[] }, controller: ExchangeController): void {
		this.#chunks = new BodyChunks({
			pause: () => {
				clearTimeout(this.#phaseTimer);
				controller.pause?.();
			},
			resume: () => {
				if (this.#settled) return;
				this.#awaitMore();
				controller.resume?.();
			},
			leave: () => this.fail("aborted", "nobody reads the answer any more"),
		});
		this.#awaitMore();
		this.#settle.resolve({ ...head, chunks: this.#chunks });
	}

	#awaitMore(): void {
		clearTimeout(this.#phaseTimer);
		this.#phaseTimer = setTimeout(() => this.fail("idle_timeout", "no more of the answer in time"), this.#limits.headersTimeoutMs);
	}

	onResponseData(_controller: ExchangeController, chunk: Uint8Array): void {
		if (this.#settled) return;
		this.#bytes += chunk.byteLength;
		if (this.#bytes > this.#limits.bodyBytesMax) {
			this.fail("body_too_large", "the body is over the bound");
			return;
		}
		if (this.#chunks) {
			this.#awaitMore();
			this.#chunks.add(chunk);
			return;
		}
		this.#body.add(chunk);
		if (!this.#head || this.#watch?.(this.#head.headers, chunk) !== true) return;
		this.#answered(this.#head);
		// A peer that has nothing more to say ends within moments, and its connection can be used again.
		this.#lingering = setTimeout(() => this.#controller?.abort(new DialError("aborted", "the answer was whole", { sent: true })), lingerMs);
	}

	onResponseEnd(): void {
		clearTimeout(this.#lingering);
		if (this.#settled || this.#head === undefined) return;
		if (this.#chunks) {
			this.#finish();
			this.#chunks.end();
			return;
		}
		this.#answered(this.#head);
	}

	#answered(head: { status: number; headers: HeaderField[] }): void {
		const timings = { firstByteMs: this.#firstByteMs, headersMs: this.#headersMs, endMs: this.#elapsed() };
		const answer = { ...head, body: this.#body.bytes(), timings };
		this.#finish();
		this.#settle.resolve(answer);
	}

	onResponseError(_controller: unknown, error: unknown): void {
		clearTimeout(this.#lingering);
		this.#end(toDialError(error, { sent: this.#sent, answered: this.#mark() }));
	}

	#end(error: DialError): void {
		if (this.#settled) return;
		this.#finish();
		if (this.#chunks) this.#chunks.end(error);
		else this.#settle.reject(error);
		this.#controller?.abort(error);
	}

	#finish(): void {
		this.#settled = true;
		this.#settle.over();
		clearTimeout(this.#phaseTimer);
		clearTimeout(this.#totalTimer);
	}

	/** Of an answer that has begun. */
	#mark(): AnswerMark | undefined {
		return this.#head && { http: { status: this.#head.status } };
	}

	#elapsed(): number {
		return performance.now() - this.#startedAt;
	}

	#expectsBody(status: number): boolean {
		return status !== 204 && status !== 304 && !this.#isHead;
	}
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN_IN_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/** undici hands over the head as one flat list of buffers: name, value, name, value. */
const readHeaders = (raw: unknown): HeaderField[] => {
	const fields: HeaderField[] = [];
	if (!Array.isArray(raw)) return fields;
	for (let index = 0; index + 1 < raw.length; index += 2) fields.push([text(raw[index]).toLowerCase(), text(raw[index + 1])]);
	return fields;
};

const text = (part: unknown): string => (Buffer.isBuffer(part) ? part.toString("latin1") : String(part));
