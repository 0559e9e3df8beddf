// Every way a dial can fail, from a closed list, and whether a byte of the request may have left.
import type { AnswerMark } from "#libs/contracts/answer.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { ConnectErrorCode } from "#libs/outbound/connect-error.ts";

/**
 * The kinds of failure. The executor maps a code to a problem and never looks at a message.
 *
 * - those of {@link ConnectErrorCode}: no connection came about
 * - `headers_timeout`, `idle_timeout`, `total_timeout` the function is too slow, to begin its answer, to go on with it or to end it
 * - `headers_too_large`, `body_too_large` the answer breaks a bound
 * - `protocol_error` not its protocol as we accept it; with `sent: false` it is our own request that cannot be written safely
 * - `connection_reset` the peer went away before an answer · `body_truncated` it went away inside one
 * - `definition_changed` the function is no longer what was pinned: nothing was sent
 * - `aborted` the caller's signal, or `beforeFirstByte` threw (its error is the `cause`)
 */
export type DialErrorCode =
	| ConnectErrorCode
	| "headers_timeout"
	| "idle_timeout"
	| "total_timeout"
	| "body_too_large"
	| "headers_too_large"
	| "protocol_error"
	| "connection_reset"
	| "body_truncated"
	| "definition_changed"
	| "aborted";

/**
 * A dial that brought no answer.
 *
 * `sent` decides between the endings `failed` and `unknown`: `false` means that no byte of this request was handed to a connection,
 * so the function did not run; `true` means that it may have run. `answered` is there when an answer had begun: the function did run.
 * The message holds fixed words, host and port and system error codes: never a path, a query, a header value or a body. `told` is what the caller
 * and the record may hear beside the code: fixed words, numbers and names of ours. `changed`, of `definition_changed`, are the parts that are another by now.
 */
export class DialError extends ExpectedError {
	readonly code: DialErrorCode;
	readonly sent: boolean;
	readonly answered: AnswerMark | undefined;
	readonly told: string | undefined;
	readonly changed: readonly string[] | undefined;

	constructor(
		code: DialErrorCode,
		detail: string,
		at: {
			sent: boolean;
			answered?: AnswerMark | undefined;
			told?: string | undefined;
			changed?: readonly string[] | undefined;
			cause?: unknown;
		},
	) {
		super(`${code}: ${detail}`, at.cause === undefined ? undefined : { cause: at.cause });
		this.code = code;
		this.sent = at.sent;
		this.answered = at.answered;
		this.told = at.told;
		this.changed = at.changed;
	}
}
