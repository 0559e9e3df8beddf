// What the transports of functions have to say about arguments, asked in one way whatever the protocol.
import { type McpMessage, messageOf, whyNoMessage } from "#libs/mcp/build-message.ts";
import type { McpDestination } from "#libs/mcp/mcp-transport.ts";
import { withBodyType } from "#libs/openapi/body-type.ts";
import { buildRequest, type HttpRequest, whyNoRequest } from "#libs/openapi/build-request.ts";
import type { HttpDestination } from "#libs/openapi/http-transport.ts";
import type { Transport } from "./function.ts";
import type { ArgumentError } from "./schema.ts";

/** Where a connection's functions are reached, and how much they may be sent: a union by protocol. */
export type Destination = HttpDestination | McpDestination;

/** Why arguments that fit their schema cannot be sent. `tooLarge`: they could, and are more than would be sent. */
export interface NotSent {
	readonly errors: readonly ArgumentError[];
	readonly tooLarge?: "invalid_arguments" | "body_too_large";
}

/**
 * What the schema cannot say: text that has no place where it is to go, or more than the destination is sent. Undefined where nothing is wrong.
 * @param charsMax what the arguments have as JSON text, if that is known: it spares measuring what is small
 */
export function whyNotSent(
	transport: Transport,
	args: Readonly<Record<string, unknown>>,
	to?: Destination,
	charsMax?: number,
): NotSent | undefined {
	switch (transport.protocol) {
		case "http":
			return whyNoRequest(transport, args, to && "url" in to ? to : undefined, charsMax);
		case "mcp":
			return whyNoMessage(transport, args, to, charsMax);
	}
}

/** The arguments with everything written out that decides what is sent: policy, approvers and the digest see it, and no rule is got around. */
export function writtenOut<Args extends Readonly<Record<string, unknown>>>(transport: Transport, args: Args): Args {
	switch (transport.protocol) {
		case "http":
			return withBodyType(transport, args);
		case "mcp":
			return args;
	}
}

/** What is sent of arguments, before anybody knows where and with which credential: a union by protocol. Plain data. */
export type Written =
	| { readonly protocol: "http"; readonly request: HttpRequest }
	| { readonly protocol: "mcp"; readonly message: McpMessage };

/** Arguments should have passed `compileArguments`; whatever {@link whyNotSent} refuses of its own is refused here too. */
export function written(
	transport: Transport,
	args: Readonly<Record<string, unknown>>,
): Written | { readonly errors: readonly ArgumentError[] } {
	switch (transport.protocol) {
		case "http": {
			const built = buildRequest(transport, args);
			return built.ok ? { protocol: "http", request: built.request } : { errors: built.errors };
		}
		case "mcp":
			return { protocol: "mcp", message: messageOf(transport, args) };
	}
}
