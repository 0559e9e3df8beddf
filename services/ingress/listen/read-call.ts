// The body of `POST /v1/calls` where it is large: read and prepared in one go, in another thread.
import type { Configuration } from "#libs/configuration/configuration.ts";
import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { parseBody } from "#libs/service/parse-body.ts";
import { type Named, type PreparedArguments, prepareNamed } from "../prepare-arguments.ts";
import { calledTool } from "../tool-names.ts";

/** A body of `POST /v1/calls` whose arguments are prepared, or the outline of one that is none. */
export type ReadCall =
	| { readonly call: Named & { readonly reason?: JsonValue; readonly arguments: PreparedArguments } }
	| { readonly outline: JsonValue };

/** The body of `POST /v1/calls`. One of another shape comes back small: whoever refuses small ones of that shape refuses it. */
export function readCall(configuration: Configuration, body: Uint8Array): ReadCall {
	const read = parseBody(body) as JsonValue;
	const { connection, function: name, arguments: args, reason, ...unknown } = isJsonObject(read) ? read : {};
	const isNamed = connection === undefined || typeof connection === "string";
	if (!isNamed || typeof name !== "string" || !isJsonObject(args) || Object.keys(unknown).length > 0) return { outline: outlineOf(read) };
	const meant = connection === undefined ? calledTool(configuration, name, args) : { connection, function: name, arguments: args };
	return { call: { ...meant, ...(reason !== undefined && { reason }), arguments: prepareNamed(configuration, meant, meant.arguments) } };
}

const outlineMembersMax = 20;

/** A value of the same shape without what is inside. */
function outlineOf(value: JsonValue): JsonValue {
	const hollow = (one: JsonValue): JsonValue => (Array.isArray(one) ? [] : isJsonObject(one) ? {} : one);
	if (!isJsonObject(value)) return hollow(value);
	return Object.fromEntries(
		Object.entries(value)
			.slice(0, outlineMembersMax)
			.map(([name, member]) => [name, hollow(member)]),
	);
}
