// Which headers may travel to a function, and which come back: a short list of names, and checks that leave no room for a second header.

/** One header field: name and value, in the order they are sent. */
export type HeaderField = [name: string, value: string];

/** RFC 9110 section 7.6.1: these belong to one connection, not to the message. `expect` and `content-length` are the dialer's own business. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
	"connection",
	"keep-alive",
	"proxy-connection",
	"proxy-authenticate",
	"proxy-authorization",
	"proxy-authentication-info",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
	"http2-settings",
]);

/** Set by the dialer alone, from the URL, the body and its own rules. */
const DIALER_OWNED: ReadonlySet<string> = new Set(["host", "content-length", "expect", "accept-encoding"]);

/** Say who the caller is, or claim to: the function must hear that from Callgate only (DESIGN invariant 5). */
const IDENTITY: ReadonlySet<string> = new Set([
	"authorization",
	"cookie",
	"cookie2",
	"set-cookie",
	"forwarded",
	"via",
	"x-real-ip",
	"x-client-ip",
	"true-client-ip",
	"cf-connecting-ip",
	"x-api-key",
]);

const IDENTITY_PREFIXES: readonly string[] = ["proxy-", "x-forwarded-", "callgate-", "sec-"];

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** RFC 9110 section 5.5 as Latin-1 code units. Anything above U+00FF would be cut to its low byte on the way out, and U+010A's is a line feed. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Is this a header name as RFC 9110 has it (at most 128 characters)? */
export const isHeaderName = (name: string): boolean => TOKEN.test(name);

/** Can this value be written without ending its line? */
export const isHeaderValue = (value: string): boolean => FIELD_VALUE.test(value);

/** May a configuration declare this caller's header as one that goes on to the function? */
export const isForwardableHeader = (name: string): boolean => {
	const lower = name.toLowerCase();
	if (!isHeaderName(lower) || HOP_BY_HOP.has(lower) || DIALER_OWNED.has(lower) || IDENTITY.has(lower)) return false;
	return !IDENTITY_PREFIXES.some((prefix) => lower.startsWith(prefix));
};

/**
 * Refuses a list of forwarded headers that holds a name which may never be forwarded; for the compiler of a configuration and for
 * the executor, which does not trust that the compiler did.
 * @throws RangeError that names each such header
 */
export const assertForwardableHeaders = (allowed: readonly string[]): void => {
	const refused = allowed.filter((name) => !isForwardableHeader(name));
	if (refused.length > 0) throw new RangeError(`headers that may never be forwarded to a function: ${refused.join(", ")}`);
};

/**
 * The headers of an outbound request: the caller's only where declared, then Callgate's own, which win over the caller's of the same name.
 * A caller's value that could not be written safely is dropped like an undeclared one; in `extra` it is an error.
 * @throws RangeError when `allowed` names a header that may never be forwarded, or `extra` holds an unwritable field
 */
export const buildOutboundHeaders = (
	callerHeaders: readonly HeaderField[],
	allowed: readonly string[],
	extra: readonly HeaderField[],
): HeaderField[] => {
	assertForwardableHeaders(allowed);
	for (const [name, value] of extra) {
		if (!isHeaderName(name) || !isHeaderValue(value))
			throw new RangeError(`header cannot be written: ${JSON.stringify(name.slice(0, 64))}`);
	}
	const declared = new Set(allowed.map((name) => name.toLowerCase()));
	for (const [name] of extra) declared.delete(name.toLowerCase());
	const forwarded = callerHeaders.filter(([name, value]) => declared.has(name.toLowerCase()) && isHeaderValue(value));
	return [
		...forwarded.map(([name, value]): HeaderField => [name.toLowerCase(), value]),
		...extra.map(([n, v]): HeaderField => [n.toLowerCase(), v]),
	];
};

/** Is this a name that the dialer writes as given, and neither drops nor sets itself? */
export const isSendableHeader = (name: string): boolean =>
	isHeaderName(name) && !HOP_BY_HOP.has(name.toLowerCase()) && !DIALER_OWNED.has(name.toLowerCase());

/** Without the hop-by-hop fields, and without those that a Connection field names. */
export const dropHopByHop = (headers: readonly HeaderField[]): HeaderField[] => {
	const named = new Set<string>();
	for (const [name, value] of headers) {
		if (name.toLowerCase() === "connection") for (const token of value.split(",")) named.add(token.trim().toLowerCase());
	}
	return headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()));
};

/** Without what the dialer sets itself. */
export const dropDialerOwned = (headers: readonly HeaderField[]): HeaderField[] =>
	headers.filter(([name]) => !DIALER_OWNED.has(name.toLowerCase()));
