// The auditors' API: search the record, and one call's whole story. Adds its routes to the process's HTTP server.
import type { FastifyInstance, FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { type Caller, CallId, endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { authorizationOf } from "#libs/identity/authorization-header.ts";
import type { RecordQuery } from "./ports.ts";
import { type ReadingParts, readCall, searchRecord } from "./read-record.ts";

export interface AuditApiParts extends ReadingParts {
	/** @throws {Refusal} `unauthenticated` */
	readonly authenticate: (authorization: readonly string[]) => Promise<Caller>;
}

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
		call: Type.Optional(CallId),
		type: Type.Optional(Type.Union(events.map(({ type }) => Type.Literal(type)))),
		caller: words(256),
		connection: words(63),
		function: words(128),
		ending: Type.Optional(Type.Union(endings.map((ending) => Type.Literal(ending)))),
		from: instant,
		to: instant,
		size: Type.Optional(Type.String({ pattern: "^[0-9]{1,3}$" })),
		cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9_-]+$" })),
	},
	{ additionalProperties: false },
);

type SearchQuery = Static<typeof SearchParameters>;

const search = Compile(SearchParameters);
const callId = Compile(CallId);

/** `GET /v1/audit/events` and `GET /v1/audit/calls/{id}`; both only for auditors, both on the record before they answer. */
export function addAuditApi(http: FastifyInstance, parts: AuditApiParts): void {
	// Who asks is settled before what they ask is looked at: without a token one learns nothing, not even which parameters exist.
	http.get("/v1/audit/events", async (request, reply) => {
		const caller = await parts.authenticate(authorizationOf(request.raw));
		const { size, cursor, ...asked } = checkedQuery(request.query);
		const answer = await searchRecord(parts, caller, { query: queryOf(asked), size: sizeOf(size), cursor });
		return neverStored(reply).send(answer);
	});

	http.get<{ Params: { id: string } }>("/v1/audit/calls/:id", async (request, reply) => {
		const caller = await parts.authenticate(authorizationOf(request.raw));
		const { id } = request.params;
		if (!callId.Check(id)) throw new Refusal("not_found", { detail: "that is no call's id" });
		const answer = await readCall(parts, caller, id);
		return neverStored(reply).send(answer);
	});
}

/** An unknown or repeated parameter is refused: ignoring it would answer another question than was asked. */
function checkedQuery(query: unknown): SearchQuery {
	if (search.Check(query)) return query;
	const errors = search.Errors(query).slice(0, 8);
	throw new Refusal("malformed_request", {
		detail: "a parameter cannot be read",
		errors: errors.map(({ instancePath, message }) => ({ pointer: instancePath, message })),
	});
}

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
