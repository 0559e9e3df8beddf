// Calls HTTP functions, behind the dialer port: the request with its headers and credential goes out, the answer comes back without the credential.
import { addressPolicy } from "#libs/configuration/kinds/addresses.ts";
import { whyTooLarge } from "#libs/openapi/request-bounds.ts";
import { CannotRun } from "../cannot-run.ts";
import type { Asked, Dialer } from "../ports.ts";
import { createHttpClient, type HttpClient, type OutboundRequest } from "./http-client.ts";
import { Scrubbers, scrubAnswer, withCredential } from "./inject-credential.ts";
import { buildOutboundHeaders, type HeaderField } from "./outbound-headers.ts";

const headerBytesMax = 64 * 1024;

export function createHttpDialer(client: HttpClient = createHttpClient()): Dialer {
	const scrubbers = new Scrubbers();
	return {
		prepare: (asked, credential) => {
			const { request, scrub } = withCredential(requestOf(asked), httpOf(asked).transport.credential, credential, scrubbers);
			return {
				dial: async (beforeFirstByte) => {
					const { status, headers, body } = await scrubAnswer(await client.dial({ ...request, beforeFirstByte }), scrub);
					return { protocol: "http", status, headers, body };
				},
			};
		},
		close: () => client.close(),
	};
}

function httpOf({ connection: { transport }, written }: Asked) {
	if (transport.protocol !== "http" || written.protocol !== "http") throw new Error("this dialer calls HTTP functions");
	return { transport, request: written.request };
}

/** The request without its credential. */
function requestOf(asked: Asked): OutboundRequest {
	const { fn, fields, idempotencyKey } = asked;
	const { transport, request } = httpOf(asked);
	const tooLarge = whyTooLarge({ ...request, bodyBytes: request.body?.length ?? 0 }, transport);
	if (tooLarge) throw new CannotRun(tooLarge.code, tooLarge.message);
	const own: HeaderField[] = Object.entries(request.headers);
	if (request.contentType !== undefined) own.push(["content-type", request.contentType]);
	const defaults: HeaderField[] = [
		["accept", "application/json, */*;q=0.5"],
		["user-agent", "callgate"],
	];
	if (idempotencyKey !== undefined) defaults.push(["idempotency-key", idempotencyKey]);
	const { limits } = transport;
	return {
		url: `${transport.url}${request.path}${request.query === "" ? "" : `?${request.query}`}`,
		method: request.method,
		headers: buildOutboundHeaders({
			caller: fields.map(([name, value]) => [name, value]),
			forward: transport.forward,
			own,
			defaults,
		}),
		...(request.body !== undefined && { body: request.body }),
		limits: {
			connectTimeoutMs: limits.connectTimeoutMs,
			headersTimeoutMs: Math.min(limits.headersTimeoutMs, fn.timeoutMs),
			totalTimeoutMs: fn.timeoutMs,
			bodyBytesMax: limits.responseBodyBytesMax,
			headerBytesMax,
		},
		addresses: addressPolicy(transport),
	};
}
