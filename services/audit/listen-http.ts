// The auditors' API: search the record and the stories of calls, and all events of one call. Adds its routes to the process's HTTP server.
import type { FastifyInstance, FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { callIdPattern } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { storyFields } from "#libs/contracts/record-fields.ts";
import { authenticateFirst, type Doorkeeper } from "#libs/service/authenticate-first.ts";
import { describeApi, problemAnswers, security } from "#libs/service/describe-api.ts";
import { CallsParameters, narrowingEvents, queryOf, SearchParameters, sizeOf } from "./asked-query.ts";
import { type Following, followRecord } from "./follow-record.ts";
import type { StoryQuery } from "./ports.ts";
import { type ReadingParts, readCall, searchCalls, searchRecord } from "./read-record.ts";

export interface AuditApiParts extends ReadingParts, Doorkeeper {
	readonly following: Following;
}

/** Below what proxies take for a connection that died. */
const waitSecondsMax = 30;

const FollowParameters = Type.Object(
	{
		...narrowingEvents,
		wait: Type.Optional(Type.String({ pattern: "^[0-9]{1,2}$", description: "seconds to wait where there is nothing yet" })),
	},
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
