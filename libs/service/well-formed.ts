// A request is refused before anything of it is believed if two readers could take it for two things: codings, expectations, addresses, bodies.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "#libs/contracts/problems.ts";

declare module "fastify" {
	interface FastifyContextConfig {
		/** A route of any method that says itself what becomes of a body. */
		readonly judgesBody?: boolean;
	}
}

/** Of path and query. Below what the parser takes for address and header fields together, so that it can be told apart. */
export const addressBytesMax = 16_384;

/** Methods whose body has no meaning of its own (RFC 9110 section 9.3). */
const withoutBody = new Set(["GET", "HEAD", "DELETE"]);

/**
 * Adds the checks that every route has. Bodies of all methods are read to their end before a handler runs, also where none is expected: a
 * message whose end is broken has then done nothing.
 */
export function refuseIllFormed(http: FastifyInstance): void {
	for (const method of ["GET", "HEAD"]) http.addHttpMethod(method, { hasBody: true, overrideExisting: true });
	http.addHook("onRequest", ({ raw }, _reply, next) => {
		next(faultOf(raw));
	});
	http.addHook("preValidation", (request, _reply, next) => {
		next(isUnasked(request) ? new Refusal("malformed_request", { detail: "this address takes no body" }) : undefined);
	});
}

function isUnasked({ body, method, is404, routeOptions }: FastifyRequest): boolean {
	return body !== undefined && withoutBody.has(method) && !is404 && routeOptions.config.judgesBody !== true;
}

function faultOf({ headers, httpVersion, url = "" }: FastifyRequest["raw"]): Refusal | undefined {
	if (url.length > addressBytesMax) return new Refusal("uri_too_long", { detail: `path and query may have ${addressBytesMax} bytes` });
	if (headers.host === undefined && httpVersion === "1.1") return malformed("HTTP/1.1 needs the Host header");
	const coding = headers["transfer-encoding"];
	// RFC 9112 sections 6.1 and 7: whoever does not know a coding cannot know where the message ends, and HTTP/1.0 knows none.
	if (coding !== undefined && (httpVersion === "1.0" || !isOnly(coding, "chunked")))
		return malformed("the only transfer coding is chunked");
	const { expect } = headers;
	if (expect !== undefined && !isContinue(expect))
		return new Refusal("expectation_failed", { detail: "only 100-continue can be expected" });
	const encoding = headers["content-encoding"];
	// A reader in front may honour what is ignored here, and see another call.
	if (encoding !== undefined && !encoding.split(",").every((one) => isOnly(one, "identity")))
		return new Refusal("unsupported_media_type", { detail: "the body must come without a content coding" });
	return undefined;
}

export function isContinue(expect: string | undefined): boolean {
	return expect !== undefined && isOnly(expect, "100-continue");
}

function malformed(detail: string): Refusal {
	return new Refusal("malformed_request", { detail });
}

function isOnly(value: string, token: string): boolean {
	return value.trim().toLowerCase() === token;
}
