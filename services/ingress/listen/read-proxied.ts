// A proxied request's body as its function's document says it is written; where it is large, read and prepared in one go, in another thread.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { argumentsFromRequest, type RawRequest, type RequestBody } from "#libs/openapi/arguments-from-request.ts";
import { parseBody } from "#libs/service/parse-body.ts";
import { functionOf, type Named, type PreparedArguments, prepareNamed } from "../prepare-arguments.ts";

export interface LargeRequest extends Named {
	readonly request: Omit<RawRequest, "body">;
	readonly body: WrittenBody;
}

/** A body as it was sent, and how it is written. */
export interface WrittenBody extends Pick<RequestBody, "contentType" | "encoding"> {
	readonly bytes: Uint8Array;
}

/** @throws {Refusal} `invalid_arguments`, and what {@link prepareNamed} throws */
export function readProxied(configuration: Configuration, { request, body, ...named }: LargeRequest): PreparedArguments {
	const { transport } = functionOf(configuration, named).fn;
	if (transport.protocol !== "http") throw new Refusal("function_unknown");
	const read = argumentsFromRequest(transport, { ...request, body: bodyOf(body) });
	if (!read.ok) throw new Refusal("invalid_arguments", { detail: "the request does not fit the function", errors: read.errors });
	return prepareNamed(configuration, named, read.args as JsonObject);
}

/** The body as the function's document says it is written. */
export function bodyOf({ contentType, encoding, bytes }: WrittenBody): RequestBody {
	if (encoding === "form") return { contentType, encoding, text: Buffer.from(bytes).toString("latin1") };
	return { contentType, encoding, value: parseBody(bytes) };
}
