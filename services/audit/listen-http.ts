// The auditors' API: search the record and the stories of calls, and all events of one call. Adds its routes to the process's HTTP server.
import type { FastifyInstance, FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { callIdPattern, endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { type Fields, recordFields, storyFields } from "#libs/contracts/record-fields.ts";
import { storyStates } from "#libs/contracts/story.ts";
import { authenticateFirst, type Doorkeeper } from "#libs/service/authenticate-first.ts";
import { describeApi, problemAnswers, security } from "#libs/service/describe-api.ts";
import { instantPattern, readCondition, readInstant } from "./conditions.ts";
import { type Following, followRecord } from "./follow-record.ts";
import type { Condition, RecordQuery, StoryQuery } from "./ports.ts";
import { type ReadingParts, readCall, searchCalls, searchRecord } from "./read-record.ts";

export interface AuditApiParts extends ReadingParts, Doorkeeper {
	readonly following: Following;
}

const sizeDefault = 50;
const sizeMax = 500;
/** Below what proxies take for a connection that died. */
const waitSecondsMax = 30;

/** No control characters: what is asked goes onto the record and from there to terminals. */
const writtenPattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
const words = (maxLength: number) => Type.Optional(Type.String({ minLength: 1, maxLength, pattern: writtenPattern }));
const instant = Type.Optional(Type.String({ pattern: instantPattern }));
const condition = Type.String({ minLength: 1, maxLength: 512, pattern: writtenPattern });

const narrowing = {
	q: words(256),
	call: Type.Optional(Type.String({ pattern: callIdPattern })),
	caller: words(256),
	connection: words(63),
	function: words(128),
	ending: Type.Optional(Type.Enum([...endings])),
	from: instant,
	to: instant,
	/** One, or several that all hold. */
	where: Type.Optional(Type.Union([condition, Type.Array(condition, { minItems: 1, maxItems: 8 })])),
	size: Type.Optional(Type.String({ pattern: "^[0-9]{1,3}$" })),
};
const narrowingEvents = {
	...narrowing,
	type: Type.Optional(Type.Enum(events.map(({ type }) => type))),
	cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9_-]+$" })),
};
const SearchParameters = Type.Object(narrowingEvents, { additionalProperties: false });
const FollowParameters = Type.Object(
	{
		...narrowingEvents,
		wait: Type.Optional(Type.String({ pattern: "^[0-9]{1,2}$", description: "seconds to wait where there is nothing yet" })),
	},
	{ additionalProperties: false },
);

const CallsParameters = Type.Object(
	{ ...narrowing, state: Type.Optional(Type.Enum([...storyStates])), cursor: Type.Optional(Type.String({ pattern: callIdPattern })) },
	{ additionalProperties: false },
);

type SearchQuery = Static<typeof SearchParameters>;
type CallsQuery = Static<typeof CallsParameters>;
type FollowQuery = Static<typeof FollowParameters>;

const CallParams = Type.Object({ id: Type.String({ description: "the call's id" }) });
const callId = new RegExp(callIdPattern);

/** `GET /v1/audit/events`, `…/events/follow`, `GET /v1/audit/calls` and `…/calls/{id}`: only for auditors, and on the record before they answer. */
export async function addAuditApi(http: FastifyInstance, parts: AuditApiParts): Promise<void> {
	// Who asks is settled before what they ask is looked at: without a token one learns nothing, not even which parameters exist.
	const { onRequest, callerOf } = authenticateFirst(parts);
	await describeApi(http, { title: "Callgate audit", description: "The record, for auditors. That they read it is on the record too." });

	http.get<{ Querystring: SearchQuery }>("/v1/audit/events", { schema: searchSchema, onRequest }, async (request, reply) => {
		const { size, cursor, ...asked } = request.query;
		const answer = await searchRecord(parts, callerOf(request), { query: queryOf(asked), size: sizeOf(size), cursor });
		return neverStored(reply).send(answer);
	});

	// Who waits is answered at once when this process stops.
	const stopping = new AbortController();
	http.addHook("preClose", async () => stopping.abort());
	http.get<{ Querystring: FollowQuery }>("/v1/audit/events/follow", { schema: followSchema, onRequest }, async (request, reply) => {
		const { size, cursor, wait = "0", ...asked } = request.query;
		const gone = new AbortController();
		reply.raw.once("close", () => gone.abort());
		const signal = AbortSignal.any([gone.signal, stopping.signal]);
		const waitMs = Math.min(Number(wait), waitSecondsMax) * 1_000;
		const answer = await followRecord(parts, callerOf(request), { query: queryOf(asked), size: sizeOf(size), cursor, waitMs, signal });
		return neverStored(reply).send(answer);
	});

	http.get<{ Querystring: CallsQuery }>("/v1/audit/calls", { schema: callsSchema, onRequest }, async (request, reply) => {
		const { size, cursor, ...asked } = request.query;
		const query: StoryQuery = queryOf(asked, storyFields);
		return neverStored(reply).send(await searchCalls(parts, callerOf(request), { query, size: sizeOf(size), cursor }));
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
const followSchema = {
	...described,
	summary: "What gets onto the record, in the order of the stream, without gaps: from now on, or from a time or a cursor",
	querystring: FollowParameters,
};
const callsSchema = {
	...described,
	summary: "Search the calls, newest first: a story each, of who asked what, how it was decided and by whom, and how it ended",
	querystring: CallsParameters,
};
const storySchema = { ...described, summary: "Everything on the record about one call, in its order", params: CallParams };

function neverStored(reply: FastifyReply): FastifyReply {
	return reply.header("cache-control", "no-store").type("application/json");
}

type Asked = Omit<SearchQuery & CallsQuery, "size" | "cursor">;

/** @param fields that conditions may name */
function queryOf({ from, to, where, ...rest }: Asked, fields: Fields = recordFields): RecordQuery & StoryQuery {
	return {
		...(rest as Pick<RecordQuery, "type">),
		...(from !== undefined && { from: instantOf(from, "/from") }),
		...(to !== undefined && { to: instantOf(to, "/to") }),
		...(where !== undefined && { where: [where].flat().map((text) => conditionOf(text, fields)) }),
	};
}

function sizeOf(size: string | undefined): number {
	const value = size === undefined ? sizeDefault : Number(size);
	if (value >= 1 && value <= sizeMax) return value;
	throw malformed("the size is out of bounds", "/size", `is 1 to ${sizeMax}`);
}

function instantOf(text: string, pointer: string): string {
	const instant = readInstant(text);
	if (instant !== undefined) return instant;
	throw malformed("a time cannot be read", pointer, "is no day or instant (RFC 3339)");
}

function conditionOf(text: string, fields: Fields): Condition {
	const condition = readCondition(text, fields);
	if ("fault" in condition) throw malformed("a condition cannot be read", "/where", condition.fault);
	return condition;
}

function malformed(detail: string, pointer: string, message: string): Refusal {
	return new Refusal("malformed_request", { detail, errors: [{ pointer, message }] });
}
