// What undici, Node's net and Node's tls report of an exchange that failed, in the words of dial-error.ts.
import type { AnswerMark } from "#libs/contracts/answer.ts";
import { ConnectError } from "#libs/outbound/connect-error.ts";
import { DialError, type DialErrorCode } from "../dial-error.ts";

/** What had happened to an exchange when the library reported an error. */
export type ExchangeProgress = { sent: boolean; answered: AnswerMark | undefined };

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
	const gone: DialErrorCode = !progress.sent ? "connect_failed" : progress.answered === undefined ? "connection_reset" : "body_truncated";

	if (code === "UND_ERR_HEADERS_OVERFLOW") return make("headers_too_large", "the answer's header section is over the bound");
	if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") return make("protocol_error", "the request cannot be written");
	// undici counts before it asks its parser what is wrong: without a head it was not the body that was short.
	if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" && progress.answered !== undefined) {
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
