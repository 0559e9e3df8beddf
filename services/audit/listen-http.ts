// The auditors' API: search the record, and one call's whole story. Adds its routes to the process's HTTP server.
import type { FastifyInstance, FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { callIdPattern, endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { authenticateFirst, type Doorkeeper } from "#libs/service/authenticate-first.ts";
import { describeApi, problemAnswers, security } from "#libs/service/describe-api.ts";
import type { RecordQuery } from "./ports.ts";
import { type ReadingParts, readCall, searchRecord } from "./read-record.ts";

export interface AuditApiParts extends ReadingParts, Doorkeeper {}

const sizeDefault = 50;
const sizeMax = 500;

/** No control characters: what is asked goes onto the record and from there to terminals. */
const words = (maxLength: number) =>
	Type.Optional(Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" }));
/** A day, or an instant with its zone (RFC 3339). */
const instant = Type.Optional(
	Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d))?$" }),
);

const SearchParameters = Type.Object(
	{
		q: words(256),
		call: Type.Optional(Type.String({ pattern: callIdPattern })),
		type: Type.Optional(Type.Enum(events.map(({ type }) => type))),
		caller: words(256),
		connection: words(63),
		function: words(128),
		ending: Type.Optional(Type.Enum([...endings])),
		from: instant,
		to: instant,
		size: Type.Optional(Type.String({ pattern: "^[0-9]{1,3}$" })),
		cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9_-]+$" })),
	},
	{ additionalProperties: false },
);

type SearchQuery = Static<typeof SearchParameters>;

const CallParams = Type.Object({ id: Type.String({ description: "the call's id" }) });
const callId = new RegExp(callIdPattern);

/** `GET /v1/audit/events` and `GET /v1/audit/calls/{id}`; both only for auditors, both on the record before they answer. */
export async function addAuditApi(http: FastifyInstance, parts: AuditApiParts): Promise<void> {
	// Who asks is settled before what they ask is looked at: without a token one learns nothing, not even which parameters exist.
	const { onRequest, callerOf } = authenticateFirst(parts);
	await describeApi(http, { title: "Callgate audit", description: "The record, for auditors. That they read it is on the record too." });

	http.get<{ Querystring: SearchQuery }>("/v1/audit/events", { schema: searchSchema, onRequest }, async (request, reply) => {
		const { size, cursor, ...asked } = request.query;
		const answer = await searchRecord(parts, callerOf(request), { query: queryOf(asked), size: sizeOf(size), cursor });
		return neverStored(reply).send(answer);
	});

	http.get<{ Params: { id: string } }>("/v1/audit/calls/:id", { schema: storySchema, onRequest }, async (request, reply) => {
		const { id } = request.params;
		if (!callId.test(id)) throw new Refusal("not_found", { detail: "that is no call's id" });
		return neverStored(reply).send(await readCall(parts, callerOf(request), id));
	});
}

const described = { security, response: problemAnswers };
/** An unknown or repeated parameter is refused: ignoring it would answer another question than was asked. */
const searchSchema = { ...described, summary: "Search the record, newest first", querystring: SearchParameters };
const storySchema = { ...described, summary: "Everything on the record about one call, in its order", params: CallParams };

function neverStored(reply: FastifyReply): FastifyReply {
	return reply.header("cache-control", "no-store").type("application/json");
}

function queryOf({ from, to, type, ...rest }: Omit<SearchQuery, "size" | "cursor">): RecordQuery {
	return {
		...rest,
		...(type !== undefined && { type }),
		...(from !== undefined && { from: instantOf(from, "/from") }),
		...(to !== undefined && { to: instantOf(to, "/to") }),
	};
}

function sizeOf(size: string | undefined): number {
	const value = size === undefined ? sizeDefault : Number(size);
	if (value >= 1 && value <= sizeMax) return value;
	throw new Refusal("malformed_request", {
		detail: "the size is out of bounds",
		errors: [{ pointer: "/size", message: `is 1 to ${sizeMax}` }],
	});
}

function instantOf(text: string, pointer: string): string {
	const instant = new Date(text);
	if (!Number.isNaN(instant.getTime())) return instant.toISOString();
	throw new Refusal("malformed_request", {
		detail: "a time cannot be read",
		errors: [{ pointer, message: "is no day or instant (RFC 3339)" }],
	});
}
