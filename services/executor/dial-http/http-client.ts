// Sends HTTP requests: one out, one bounded answer back, and nothing is ever sent twice.
import { createHash } from "node:crypto";
import type { SecureContext } from "node:tls";
import { Pool } from "undici";
import { dialBounds } from "#libs/openapi/request-bounds.ts";
import { connectorOf, trustAlso } from "#libs/outbound/connect-socket.ts";
import { isHeaderName, isHeaderValue } from "#libs/outbound/header-syntax.ts";
import type { AddressPolicy, Lookup } from "#libs/outbound/resolve-address.ts";
import { DialError } from "../dial-error.ts";
import type { BodyChunks } from "./body-chunks.ts";
import { type DialLimits, type DialTimings, Exchange, type InPieces, type Watch } from "./exchange.ts";
import { dropDialerOwned, dropHopByHop, type HeaderField } from "./outbound-headers.ts";
import { decodeBody } from "./read-body.ts";

/** One request to a function. Everything in it is final: the dialer adds `host`, `content-length` and `accept-encoding: identity`, no more. */
export type OutboundRequest = {
	/** Absolute http or https URL, already escaped; no user information. Dot segments are refused, not resolved. */
	url: string;
	method: string;
	headers: readonly HeaderField[];
	body?: Uint8Array;
	limits: DialLimits;
	/** Certificate authorities of this connection (PEM), trusted besides the system's. */
	caPem?: string;
	/** Instead of the dialer's own address policy, for this connection. */
	addresses?: AddressPolicy;
	/**
	 * Called once, in the same turn in which the first byte is written, on a connection that is open (TLS included).
	 * Throwing ends the dial as `aborted` with `sent: false` and the error as its cause.
	 */
	beforeFirstByte?: () => void;
	/** May end the answer before its peer does: of a stream that goes on, what was asked for may have come. */
	watch?: Watch;
};

/** What the function answered. Header names are lower-case; hop-by-hop fields and content-encoding are taken out, and so is content-length but of an answer to HEAD and of 304; the body is plain. */
export type OutboundAnswer = { status: number; headers: HeaderField[]; body: Uint8Array; timings: DialTimings };

/** An answer whose body is read while it comes. Reading may throw a DialError; whoever does not read it to its end must `leave` its chunks. */
export type OutboundStream = { status: number; headers: HeaderField[]; chunks: BodyChunks };

/** Dials HTTP functions; see {@link createHttpClient}. */
export type HttpClient = {
	/**
	 * One request, one answer; any status from 200 to 599 is an answer, redirects included.
	 * @throws DialError and nothing else
	 */
	dial(request: OutboundRequest, signal?: AbortSignal): Promise<OutboundAnswer>;
	/**
	 * As `dial`, of an answer that comes in pieces if `inPieces` says so of its head: then the deadlines and bounds of the request hold until the last.
	 * @throws DialError and nothing else
	 */
	dialInPieces(request: OutboundRequest, inPieces: InPieces): Promise<OutboundAnswer | OutboundStream>;
	/** Lets running dials finish, then closes every connection. */
	close(): Promise<void>;
};

/** Bounds and rules for all dials of one process. */
export type HttpClientOptions = AddressPolicy & {
	/** Open connections to one origin. Default 64. */
	connectionsPerOriginMax?: number;
	/** Dials to one origin at a time, waiting ones included; more fail at once as `connect_timeout`. Default 1024. */
	dialsPerOriginMax?: number;
	/** Origins with kept connections; the longest unused one is closed. Default 256. */
	originsMax?: number;
	/**
	 * How long an unused connection is kept, ms. Default 4000: Node's own server closes after 5000, and a request written into a
	 * connection that is just being closed ends as `unknown`.
	 */
	keepAliveMs?: number;
	/** Instead of the system's resolver. */
	lookup?: Lookup;
};

type Origin = { pool: Pool; dials: number };

/**
 * A dialer with a bounded pool of kept-alive HTTP/1.1 connections per origin. It follows no redirect, retries nothing, reads no proxy
 * variable, pipelines nothing and verifies TLS. A name is resolved when a connection is opened, and the addresses found then are checked
 * and connected to; a kept connection is the same peer.
 */
export const createHttpClient = (options: HttpClientOptions = {}): HttpClient => {
	const origins = new Map<string, Origin>();
	const closing = new Set<Promise<void>>();
	let closed = false;

	const retire = (key: string, origin: Origin): void => {
		origins.delete(key);
		const done = origin.pool.close().catch(() => {});
		closing.add(done);
		done.finally(() => closing.delete(done));
	};

	const originOf = (request: OutboundRequest, url: URL): Origin => {
		const key = originKey(request, url);
		const known = origins.get(key);
		const origin = known ?? { pool: openPool(request, url, options), dials: 0 };
		origins.delete(key); // and in again at the end: the map's order is the order of last use
		origins.set(key, origin);
		for (const [oldKey, old] of origins) {
			if (origins.size <= (options.originsMax ?? 256)) break;
			if (old.dials === 0 && old !== origin) retire(oldKey, old);
		}
		return origin;
	};

	const exchangeOnce = async (
		request: OutboundRequest,
		{ signal, inPieces }: { signal?: AbortSignal | undefined; inPieces?: InPieces },
	): Promise<OutboundAnswer | OutboundStream> => {
		const { url, headers } = checkRequest(request);
		if (closed) throw new DialError("aborted", "the dialer is closed", { sent: false });
		if (signal?.aborted === true) throw new DialError("aborted", "cancelled before it began", { sent: false, cause: signal.reason });
		const origin = originOf(request, url);
		if (origin.dials >= (options.dialsPerOriginMax ?? 1024)) {
			throw new DialError("connect_timeout", `too many dials to ${url.host} at once`, { sent: false });
		}
		const exchange = new Exchange(request.limits, request, inPieces);
		const onAbort = (): void => exchange.fail("aborted", "cancelled", signal?.reason);
		signal?.addEventListener("abort", onAbort, { once: true });
		origin.dials += 1;
		try {
			send(origin.pool, request, url, headers, exchange);
			const raw = await exchange.answer;
			if ("chunks" in raw) return { ...raw, headers: dropHopByHop(raw.headers) };
			const bodiless = request.method === "HEAD" || raw.status === 304;
			const plain = await decodeBody({ ...raw, headers: dropHopByHop(raw.headers), bodiless }, request.limits.bodyBytesMax);
			return { status: raw.status, headers: plain.headers, body: plain.body, timings: raw.timings };
		} finally {
			void exchange.over.then(() => {
				origin.dials -= 1;
				signal?.removeEventListener("abort", onAbort);
			});
		}
	};

	const dial = async (request: OutboundRequest, signal?: AbortSignal): Promise<OutboundAnswer> => {
		const answer = await exchangeOnce(request, { signal });
		if ("chunks" in answer) throw new Error("an answer came in pieces that nobody asked to come so");
		return answer;
	};
	const dialInPieces: HttpClient["dialInPieces"] = (request, inPieces) => exchangeOnce(request, { inPieces });

	const close = async (): Promise<void> => {
		closed = true;
		for (const [key, origin] of [...origins]) retire(key, origin);
		await Promise.all(closing);
	};

	return { dial, dialInPieces, close };
};

const openPool = (request: OutboundRequest, url: URL, options: HttpClientOptions): Pool => {
	const connectOptions = {
		addresses: request.addresses ?? options,
		lookup: options.lookup,
		connectTimeoutMs: request.limits.connectTimeoutMs,
		secureContext: request.caPem === undefined ? undefined : trust(request.caPem),
	};
	return new Pool(url.origin, {
		connections: options.connectionsPerOriginMax ?? 64,
		pipelining: 1, // one exchange a connection: a lost connection then concerns exactly one call
		allowH2: false, // undici's default is true since 8; one connection would carry many calls
		keepAliveTimeout: options.keepAliveMs ?? 4000,
		keepAliveMaxTimeout: options.keepAliveMs ?? 4000, // whatever the server's Keep-Alive field promises
		keepAliveTimeoutThreshold: 1000,
		maxHeaderSize: request.limits.headerBytesMax,
		headersTimeout: 0, // the exchange has its own deadlines: undici's have a resolution of a second
		bodyTimeout: 0,
		maxResponseSize: -1, // the exchange counts
		strictContentLength: true,
		connect: connectorOf(connectOptions),
	});
};

const trust = (caPem: string): SecureContext => {
	try {
		return trustAlso(caPem);
	} catch {
		throw new DialError("tls_failed", "the connection's certificate authority cannot be read", { sent: false });
	}
};

const send = (pool: Pool, request: OutboundRequest, url: URL, headers: readonly HeaderField[], exchange: Exchange): void => {
	pool.dispatch(
		{
			path: url.pathname + url.search,
			method: request.method,
			headers: [...headers, ["accept-encoding", "identity"]].flat(),
			body: request.body ?? null,
			idempotent: false,
			headersTimeout: 0,
			bodyTimeout: 0,
		},
		exchange,
	);
};

/** Connections are shared by requests that would have opened the same one: same peer, same trust, same checks, same bounds at connect. */
const originKey = (request: OutboundRequest, url: URL): string =>
	JSON.stringify([
		url.origin,
		request.limits.connectTimeoutMs,
		request.limits.headerBytesMax,
		request.addresses ?? null,
		request.caPem === undefined ? null : createHash("sha256").update(request.caPem).digest("base64"),
	]);

/** Refuses what could not be written as exactly one request (RFC 9112), before anything is resolved or connected. */
const checkRequest = (request: OutboundRequest): { url: URL; headers: HeaderField[] } => {
	const refuse = (detail: string): DialError => new DialError("protocol_error", detail, { sent: false });
	if (!/^[\x21-\x7e]+$/.test(request.url) || request.url.includes("\\")) throw refuse("the URL holds characters that must be escaped");
	if (request.url.length > dialBounds.urlBytesMax) throw refuse("the URL is too long");
	const url = URL.parse(request.url);
	if (url === null || !/^https?:$/.test(url.protocol)) throw refuse("the URL is not an absolute http or https URL");
	if (url.username !== "" || url.password !== "") throw refuse("the URL holds user information");
	// A path that the URL parser rewrites (".." in an argument, say) would reach another function than the one that was granted.
	const path = /^https?:\/\/[^/?#]*([^?#]*)/i.exec(request.url)?.[1];
	if (path !== url.pathname && !(path === "" && url.pathname === "/")) throw refuse("the URL's path is not in its normal form");
	if (!/^[A-Z]{1,32}$/.test(request.method) || request.method === "CONNECT" || request.method === "TRACE")
		throw refuse("the method is not allowed");
	let bytes = 0;
	for (const [name, value] of request.headers) {
		if (!isHeaderName(name)) throw refuse("a header's name is not a token (RFC 9110 section 5.6.2)");
		if (!isHeaderValue(value)) throw refuse(`the value of header ${name.toLowerCase()} cannot be written (RFC 9110 section 5.5)`);
		bytes += name.length + value.length + 4;
	}
	if (bytes > dialBounds.headerBytesMax) throw refuse("the request's headers are too large");
	return { url, headers: dropDialerOwned(dropHopByHop(request.headers)) };
};
