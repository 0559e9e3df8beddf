// Why no connection came about, from a closed list. Nothing was sent in any of these cases.
import { ExpectedError } from "#libs/contracts/expected-error.ts";

/**
 * - `dns_failed` the name has no address · `address_forbidden` it has one that the address policy refuses
 * - `connect_failed` refused, unreachable or reset · `connect_timeout` no usable connection in time
 * - `tls_failed` handshake or certificate
 */
export type ConnectErrorCode = "dns_failed" | "address_forbidden" | "connect_failed" | "connect_timeout" | "tls_failed";

/** The message holds fixed words, the host and system error codes. */
export class ConnectError extends ExpectedError {
	readonly code: ConnectErrorCode;

	constructor(code: ConnectErrorCode, detail: string) {
		super(detail);
		this.code = code;
	}
}
