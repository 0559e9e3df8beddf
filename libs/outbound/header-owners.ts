// Header fields that belong to somebody, and what follows: which may be passed on, carry a credential, or be an argument. The one list of headers.

/**
 * - `forward`: a connection passes the caller's on
 * - `credential`: a connection puts its credential there
 * - `argument`: a function's document makes it an argument
 */
type Use = "forward" | "credential" | "argument";

interface Owner {
	/** Why the uses that are not here are none. */
	readonly why: string;
	readonly uses: readonly Use[];
}

const connection: Owner = { why: "it belongs to one connection and goes no further", uses: [] };
const dialer: Owner = { why: "the executor writes it from the URL, the body and its own rules", uses: [] };
const body: Owner = { why: "it describes the body, which the executor writes", uses: [] };
const cookie: Owner = { why: "a cookie is a session, and Callgate passes none on in either direction", uses: [] };
const callgate: Owner = { why: "it is Callgate's own", uses: [] };
const credential: Owner = { why: "it is a credential, and those of functions come from the vault", uses: ["credential", "argument"] };
const asker: Owner = { why: "it says who asks, and a function hears that from Callgate alone", uses: ["credential"] };
/** Of an answer: about the credential that the executor shows, which is not the caller's. */
const challenge: Owner = { why: "it is about the credential of whoever asks", uses: [] };
const idempotency: Owner = { why: "Callgate reads it, and gives a key to functions that are declared idempotent", uses: ["argument"] };
/** The executor writes one where neither the caller nor the function's document brings it. */
const byDefault: Owner = { why: "the executor writes one of its own", uses: ["forward", "argument"] };

const named: ReadonlyMap<string, Owner> = new Map([
	// RFC 9110 section 7.6.1
	["connection", connection],
	["keep-alive", connection],
	["proxy-connection", connection],
	["proxy-authenticate", connection],
	["proxy-authorization", connection],
	["proxy-authentication-info", connection],
	["te", connection],
	["trailer", connection],
	["transfer-encoding", connection],
	["upgrade", connection],
	["http2-settings", connection],
	["host", dialer],
	["content-length", dialer],
	["expect", dialer],
	["accept-encoding", dialer],
	["content-type", body],
	["content-encoding", body],
	["cookie", cookie],
	["cookie2", cookie],
	["set-cookie", cookie],
	["set-cookie2", cookie],
	["authorization", credential],
	["x-api-key", credential],
	["www-authenticate", challenge],
	["authentication-info", challenge],
	["forwarded", asker],
	["via", asker],
	["x-real-ip", asker],
	["x-client-ip", asker],
	["true-client-ip", asker],
	["cf-connecting-ip", asker],
	["idempotency-key", idempotency],
	["accept", byDefault],
	["user-agent", byDefault],
]);

/** The browser writes `sec-`, proxies write the others. */
const prefixed: readonly (readonly [prefix: string, owner: Owner])[] = [
	["proxy-", connection],
	["x-forwarded-", asker],
	["sec-", asker],
	["callgate-", callgate],
];

function ownerOf(name: string): Owner | undefined {
	const lower = name.toLowerCase();
	return named.get(lower) ?? prefixed.find(([prefix]) => lower.startsWith(prefix))?.[1];
}

/** Why a header is not for this use; undefined if it is. */
export function whyNotHeader(name: string, use: Use): string | undefined {
	const owner = ownerOf(name);
	return owner === undefined || owner.uses.includes(use) ? undefined : owner.why;
}

/** Whether a field ends with its connection whatever the `Connection` field names (RFC 9110 section 7.6.1). */
export function isHopByHop(name: string): boolean {
	return named.get(name.toLowerCase()) === connection;
}

/** Whether the dialer alone sets it. */
export function isOfDialer(name: string): boolean {
	return named.get(name.toLowerCase()) === dialer;
}

/** Whether a field of a function's answer is not for the caller of Callgate: ingress says its own, or none. */
export function endsAtIngress(name: string): boolean {
	const owner = ownerOf(name);
	return isHopByHop(name) || owner === callgate || owner === challenge;
}

export function isCookie(name: string): boolean {
	return named.get(name.toLowerCase()) === cookie;
}
