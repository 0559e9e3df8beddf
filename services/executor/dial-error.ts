// Every way a dial can fail, from a closed list, and whether a byte of the request may have left.
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { ConnectError, type ConnectErrorCode } from "#libs/outbound/connect-error.ts";

/**
 * The kinds of failure. The executor maps a code to a problem and never looks at a message.
 *
 * - those of {@link ConnectErrorCode}: no connection came about
 * - `headers_timeout`, `total_timeout` the function is too slow
 * - `headers_too_large`, `body_too_large` the answer breaks a bound
 * - `protocol_error` not HTTP/1.1 as we accept it; with `sent: false` it is our own request that cannot be written safely
 * - `connection_reset` the peer went away before an answer · `body_truncated` it went away inside one
 * - `aborted` the caller's signal, or `beforeFirstByte` threw (its error is the `cause`)
 */
export type DialErrorCode =
	| ConnectErrorCode
	| "headers_timeout"
	| "total_timeout"
	| "body_too_large"
	| "headers_too_large"
	| "protocol_error"
	| "connection_reset"
	| "body_truncated"
	| "aborted";

/**
 * A dial that brought no answer.
 *
 * `sent` decides between the endings `failed` and `unknown`: `false` means that no byte of this request was handed to a connection,
 * so the function did not run; `true` means that it may have run. `status` is there when the head of an answer had arrived.
 * The message holds fixed words, host and port and system error codes: never a path, a query, a header value or a body.
 */
export class DialError extends ExpectedError {
	readonly code: DialErrorCode;
	readonly sent: boolean;
	readonly status: number | undefined;

	constructor(code: DialErrorCode, detail: string, at: { sent: boolean; status?: number | undefined; cause?: unknown }) {
		super(`${code}: ${detail}`, at.cause === undefined ? undefined : { cause: at.cause });
		this.code = code;
		this.sent = at.sent;
		this.status = at.status;
	}
}

/** What had happened to an exchange when the library reported an error. */
export type ExchangeProgress = { sent: boolean; status: number | undefined };

/**
 * Turns what undici, Node's net or Node's tls reported into a {@link DialError}. The original is not kept as `cause`:
 * undici's parser errors carry bytes of the answer, and those must not reach a log.
 */
export const toDialError = (error: unknown, progress: ExchangeProgress): DialError => {
	if (error instanceof DialError) {
		return new DialError(error.code, error.message.slice(error.code.length + 2), { ...progress, cause: error.cause });
	}
	if (error instanceof ConnectError) return new DialError(error.code, error.message, progress);
	const { code, name, message, endedEarly } = readError(error);
	const make = (kind: DialErrorCode, detail: string): DialError => new DialError(kind, detail, progress);
	const gone: DialErrorCode = !progress.sent ? "connect_failed" : progress.status === undefined ? "connection_reset" : "body_truncated";

	if (code === "UND_ERR_HEADERS_OVERFLOW") return make("headers_too_large", "the answer's header section is over the bound");
	if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") return make("protocol_error", "the request cannot be written");
	// undici counts before it asks its parser what is wrong: without a head it was not the body that was short.
	if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" && progress.status !== undefined) {
		return make("body_truncated", "the body is shorter than its Content-Length");
	}
	if (name === "HTTPParserError" || code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
		// No offending bytes: the stream ended inside a message. For the parser an error, for us a peer that went away.
		return endedEarly
			? make(gone, "the peer closed the connection inside its answer")
			: make("protocol_error", "the answer is not HTTP/1.1");
	}
	// undici reports an unasked 100, 101 or second answer with the code of a lost socket and tells them apart by these two fixed words only.
	// A test holds us to them; with other words the call would end as `connection_reset`, which has the same ending.
	if (code === "UND_ERR_SOCKET" && (message === "bad response" || message === "bad upgrade")) {
		return make("protocol_error", "the answer switches protocols or continues what was not asked for");
	}
	return make(gone, `the connection was lost (${code})`);
};

const readError = (error: unknown): { code: string; name: string; message: string; endedEarly: boolean } => {
	if (!(error instanceof Error)) return { code: "unknown", name: "", message: "", endedEarly: false };
	const code = "code" in error && typeof error.code === "string" && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : "unknown";
	return { code, name: error.name, message: error.message, endedEarly: "data" in error && error.data === "" };
};
