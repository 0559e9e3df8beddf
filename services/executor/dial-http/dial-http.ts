// Calls HTTP functions, behind the dialer port: the request with its headers and credential goes out, the answer comes back without the credential.
import { addressPolicy } from "#libs/configuration/kinds/addresses.ts";
import { whyTooLarge } from "#libs/openapi/request-bounds.ts";
import { CannotRun } from "../cannot-run.ts";
import type { AnswerInPieces, Asked, Dialer, HttpFunctionAnswer } from "../ports.ts";
import { framingOf, readRecords } from "../read-records.ts";
import { createHttpClient, type HttpClient, type OutboundAnswer, type OutboundRequest, type OutboundStream } from "./http-client.ts";
import { Scrubbers, scrubAnswer, scrubHeaders, withCredential } from "./inject-credential.ts";
import { buildOutboundHeaders, type HeaderField } from "./outbound-headers.ts";
import type { Scrubber } from "./scrub-secret.ts";

const headerBytesMax = 64 * 1024;
const acceptDefault = "application/json, */*;q=0.5";

export function createHttpDialer(client: HttpClient = createHttpClient()): Dialer {
	const scrubbers = new Scrubbers();
	return {
		prepare: (asked, credential) => {
			const { request, scrub } = withCredential(requestOf(asked), httpOf(asked).transport.credential, credential, scrubbers);
			return {
				dial: async (beforeFirstByte) => wholeAnswer(await client.dial({ ...request, beforeFirstByte }), scrub),
				dialInPieces: async (beforeFirstByte) => {
					const accepting = { ...request, headers: acceptingPieces(request.headers), beforeFirstByte };
					const answer = await client.dialInPieces(accepting, (head) => framingOf(head) !== undefined);
					return "chunks" in answer ? await answerInPieces(answer, scrub) : await wholeAnswer(answer, scrub);
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

async function wholeAnswer(answer: OutboundAnswer, scrub: Scrubber): Promise<HttpFunctionAnswer> {
	const { status, headers, body } = await scrubAnswer(answer, scrub);
	return { protocol: "http", status, headers, body };
}

async function answerInPieces({ status, headers, chunks }: OutboundStream, scrub: Scrubber): Promise<AnswerInPieces> {
	const framing = framingOf({ status, headers }) ?? "lines";
	async function* records(): AsyncGenerator<string, void> {
		for await (const record of readRecords(chunks, framing, status)) yield await scrub.text(record);
	}
	// A stream has no length that holds once it is masked.
	const kept = headers.filter(([name]) => name !== "content-length" && name !== "content-encoding");
	const head = { protocol: "http", status, headers: await scrubHeaders(kept, scrub) } as const;
	return { ...head, framing, records: records(), leave: () => chunks.leave(), scrub: scrub.text };
}

/** Unless the caller says what it accepts, and the connection passes that on. */
function acceptingPieces(headers: readonly HeaderField[]): HeaderField[] {
	const wanted = "text/event-stream, application/x-ndjson, application/json;q=0.9, */*;q=0.5";
	return headers.map(([name, value]) => [name, name === "accept" && value === acceptDefault ? wanted : value]);
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
		["accept", acceptDefault],
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
