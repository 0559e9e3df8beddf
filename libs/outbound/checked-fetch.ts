// Fetches a small document from, or asks a small question at, an address that the configuration, or a document it led to, names: the same checks as for a function, at the socket too.
import { Agent, request, type RequestInit as UndiciInit, fetch as undiciFetch } from "undici";
import { connectorOf } from "./connect-socket.ts";
import type { AddressPolicy, Lookup } from "./resolve-address.ts";

export interface CheckedFetchOptions {
	readonly addresses: AddressPolicy;
	readonly connectTimeoutMs: number;
	/** Of the answer's body. */
	readonly bodyBytesMax: number;
	/** Instead of the system's resolver. */
	readonly lookup?: Lookup;
}

/** A GET, in the form in which jose's `customFetch` is called; with a body a POST of JSON. */
export type CheckedFetch = (
	url: string,
	how?: { readonly headers?: Headers; readonly signal?: AbortSignal; readonly body?: string },
) => Promise<Response>;

/**
 * A fetch that follows no redirect (3xx is an answer), asks no proxy, accepts no content coding, keeps no connection, and has read the whole body
 * before it answers.
 * @throws {ConnectError} when there is no connection, `address_forbidden` among the codes; undici's errors for all else, a body over the bound included
 */
export function createCheckedFetch({ addresses, connectTimeoutMs, bodyBytesMax, lookup }: CheckedFetchOptions): CheckedFetch {
	const dispatcher = new Agent({
		connect: connectorOf({ addresses, connectTimeoutMs, lookup }),
		pipelining: 0, // one request a connection: what is fetched this way is fetched once in minutes
		allowH2: false,
		maxResponseSize: bodyBytesMax,
	});
	return async (url, { headers, signal, body: asked } = {}) => {
		const answer = await request(url, {
			dispatcher,
			...(asked !== undefined && { method: "POST" as const, body: asked }),
			headers: {
				"accept-encoding": "identity",
				...(asked !== undefined && { "content-type": "application/json" }),
				...(headers && Object.fromEntries(headers)),
			},
			...(signal && { signal }),
		});
		const body = await answer.body.bytes();
		const { statusCode: status } = answer;
		return new Response(status === 204 || status === 205 || status === 304 ? null : Buffer.from(body), { status });
	};
}

/**
 * The same checks for a library that brings its own `fetch`: any method, bodies that are streams, and still no redirect that is followed, no proxy and
 * no address that is not allowed.
 */
export function createCheckedLibraryFetch({ addresses, connectTimeoutMs, bodyBytesMax, lookup }: CheckedFetchOptions): typeof fetch {
	const dispatcher = new Agent({
		connect: connectorOf({ addresses, connectTimeoutMs, lookup }),
		allowH2: false,
		maxResponseSize: bodyBytesMax,
	});
	const checked = (url: string | URL, init: UndiciInit = {}) => undiciFetch(url, { ...init, dispatcher, redirect: "manual" });
	return checked as unknown as typeof fetch;
}
