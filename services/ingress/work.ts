// What ingress has done in another thread where the text is large: reading, checking, masking and writing it out. Nothing here holds a key.
import type { Configuration } from "#libs/configuration/configuration.ts";
import { type Answer, readAnswer } from "#libs/contracts/answer.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { patternWork } from "#libs/functions/check-arguments.ts";
import { argumentsFromRequest, type RawRequest, type RequestBody } from "#libs/openapi/arguments-from-request.ts";
import { job } from "#libs/service/aside-job.ts";
import { parseBody } from "#libs/service/parse-body.ts";
import { jsonText, type OpenedAnswer } from "./answer-call.ts";
import { functionOf, type PreparedArguments, prepareArguments } from "./prepare-arguments.ts";
import { calledTool } from "./tool-names.ts";

export interface Named {
	readonly connection: string;
	readonly function: string;
}

/** A body of `POST /v1/calls` whose arguments are prepared, or the outline of one that is none. */
export type ReadCall =
	| { readonly call: Named & { readonly reason?: JsonValue; readonly arguments: PreparedArguments } }
	| { readonly outline: JsonValue };

/** The body of `POST /v1/calls`. One of another shape comes back small: whoever refuses small ones of that shape refuses it. */
export const prepareCall = job((configuration, body: Uint8Array): ReadCall => {
	const read = parseBody(body) as JsonValue;
	const { connection, function: name, arguments: args, reason, ...unknown } = isJsonObject(read) ? read : {};
	const isNamed = connection === undefined || typeof connection === "string";
	if (!isNamed || typeof name !== "string" || !isJsonObject(args) || Object.keys(unknown).length > 0) return { outline: outlineOf(read) };
	const meant = connection === undefined ? calledTool(configuration, name, args) : { connection, function: name, arguments: args };
	return { call: { ...meant, ...(reason !== undefined && { reason }), arguments: prepared(configuration, meant, meant.arguments) } };
});

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

export interface LargeRequest extends Named {
	readonly request: Omit<RawRequest, "body">;
	readonly body: WrittenBody;
}

/** A body as it was sent, and how it is written. */
export interface WrittenBody extends Pick<RequestBody, "contentType" | "encoding"> {
	readonly bytes: Uint8Array;
}

/** A request of the proxy. */
export const prepareRequest = job((configuration, { request, body, ...named }: LargeRequest) => {
	const { fn } = functionOf(configuration, named);
	const read = argumentsFromRequest(fn.transport, { ...request, body: bodyOf(body) });
	if (!read.ok) throw new Refusal("invalid_arguments", { detail: "the request does not fit the function", errors: read.errors });
	return prepared(configuration, named, read.args as JsonObject);
});

/** The body as the function's document says it is written. */
export function bodyOf({ contentType, encoding, bytes }: WrittenBody): RequestBody {
	if (encoding === "form") return { contentType, encoding, text: Buffer.from(bytes).toString("latin1") };
	return { contentType, encoding, value: parseBody(bytes) };
}

/** Arguments that were read already: under another revision, or against patterns that are too dear where others wait. */
export const prepareText = job((configuration, { text, ...named }: Named & { readonly text: string }) =>
	prepared(configuration, named, JSON.parse(text) as JsonObject),
);

function prepared(configuration: Configuration, named: Named, args: JsonObject): PreparedArguments {
	const { connection, fn } = functionOf(configuration, named);
	const done = prepareArguments(configuration, connection, fn, args, patternWork.aside);
	if (!done) throw new Error("arguments are refused or prepared");
	return done;
}

/** A result that was opened: its body as text, and as it stands in a JSON answer. */
export const readResult = job((_configuration, text: string): OpenedAnswer | undefined => {
	const answer = readAnswer(JSON.parse(text) as Answer);
	if (!answer) return undefined;
	const { headers, body } = answer;
	const bodyJson = jsonText(headers, body);
	const written = body && "json" in body ? { text: JSON.stringify(body.json) } : body;
	return { ...answer, body: written, ...(bodyJson !== undefined && { bodyJson }) };
});
