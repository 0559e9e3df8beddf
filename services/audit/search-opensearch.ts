// Reading the record on OpenSearch, by a user that can only search.
import { emailKey } from "#libs/contracts/email.ts";
import type { EventType } from "#libs/contracts/events.ts";
import { pathsOf, recordStream } from "#libs/contracts/index-template.ts";
import { kindOfField, timeField } from "#libs/contracts/record-fields.ts";
import { type OpenSearchConnection, RequestRefused } from "./connect-opensearch.ts";
import { type Condition, IndexUnavailable, type PageEnd, type RecordedEvent, type RecordQuery, type RecordReader } from "./ports.ts";

/** OpenSearch counts no further (`track_total_hits`), and gives no more than this in one answer (`index.max_result_window`). */
const countMax = 10_000;
/** Ids in one look-up: far below the window, and a request of about 250 KB. */
const idsPerRequest = 2_000;
/** A call has a dozen events; one with thousands of votes and reminders is still told whole. */
const storyEventsMax = 5_000;
const storyPage = 1_000;

/** Words are looked for here. Numbers, booleans and dates have their own parameters or none. */
const searchedFields = pathsOf(["keyword", "text", "flat_object"]);
/** Each word becomes a clause for each field, and OpenSearch takes 1,024 clauses (`indices.query.bool.max_clause_count`). */
const wordsMax = Math.floor(1_000 / searchedFields.length);

/** Reads with the user that may only search. */
export function createRecordReader(connection: OpenSearchConnection, stream = recordStream): RecordReader {
	const ask = async (body: Record<string, unknown>): Promise<Answer> => {
		try {
			return answerOf(await connection.request({ method: "POST", path: `/${stream}/_search`, body }));
		} catch (error) {
			// What we ask is built here, so a query that is refused is not the auditor's fault but an index of another version.
			if (error instanceof RequestRefused) throw new IndexUnavailable("outdated", error.message);
			throw error;
		}
	};
	return {
		wordsMax,
		async search(query, size, after) {
			const { hits, total } = await ask({
				size,
				query: { bool: { filter: filtersOf(query) } },
				sort: [{ "@timestamp": "desc" }, { position: "desc" }, { item: "desc" }],
				...(after && { search_after: after }),
				track_total_hits: countMax,
			});
			const end = hits.length === size ? pageEndOf(hits.at(-1)?.sort) : undefined;
			return { events: hits.map(eventOf), ...(end && { end }), total };
		},
		async stretch(query, size, { after, upTo, except }) {
			const own = { "data.reader.issuer": except.issuer, "data.reader.subject": except.subject, type: "control.record.read" };
			const { hits } = await ask({
				size,
				query: {
					bool: { filter: [...filtersOf(query), { range: { position: { gte: after.position, lte: upTo } } }], must_not: [allOf(own)] },
				},
				sort: [{ position: "asc" }, { item: "asc" }],
				search_after: [after.position, after.item],
				track_total_hits: false,
			});
			return hits.map(eventOf);
		},
		async story(call) {
			const events: RecordedEvent[] = [];
			let after: unknown[] | undefined;
			while (events.length < storyEventsMax) {
				const { hits } = await ask({
					size: storyPage,
					query: { bool: { filter: [ofCall(call)] } },
					sort: [{ position: "asc" }, { item: "asc" }],
					...(after && { search_after: after }),
				});
				events.push(...hits.map(eventOf));
				after = hits.at(-1)?.sort;
				if (hits.length < storyPage) break;
			}
			return events;
		},
		async refresh() {
			const answer = await connection.request({ method: "POST", path: `/${stream}/_refresh` });
			const { _shards: shards } = (answer ?? {}) as { _shards?: { failed?: number } };
			if (shards?.failed !== 0) throw new IndexUnavailable("busy", "OpenSearch refreshed only a part of the record");
		},
		async recorded(ids) {
			const found = new Set<string>();
			for (let at = 0; at < ids.length; at += idsPerRequest) {
				const values = ids.slice(at, at + idsPerRequest);
				// The same id may be there in two backing indices if a look-up once came too early: room for both.
				const { hits } = await ask({ size: values.length * 2, query: { ids: { values } }, _source: false, track_total_hits: false });
				for (const { _id } of hits) found.add(_id);
			}
			return found;
		},
		async furthest(since) {
			const { hits } = await ask({
				size: 1,
				query: { bool: { filter: filtersOf(since === undefined ? {} : { from: since }) } },
				sort: [{ position: "desc" }],
				track_total_hits: false,
			});
			return hits[0] ? eventOf(hits[0]).position : 0;
		},
	};
}

/** The names of the data stream's backing indices, from the state of the cluster: one is there as soon as a rollover made it, also while it is empty. */
export async function readBackingIndices(connection: Pick<OpenSearchConnection, "request">, stream = recordStream): Promise<string[]> {
	const path = `/${stream}/_settings/index.number_of_replicas`;
	return Object.keys((await connection.request({ method: "GET", path })) ?? {});
}

/** Filters alone: nothing is scored, so nothing of the order depends on what else is in the index. */
function filtersOf(query: RecordQuery): Record<string, unknown>[] {
	const { q, call, type, caller, connection, function: name, ending, from, to, where = [] } = query;
	const filters: Record<string, unknown>[] = [];
	if (q !== undefined) filters.push(wordsOf(q));
	if (call !== undefined) filters.push(ofCall(call));
	if (caller !== undefined)
		filters.push(
			anyOf({
				"data.caller.subject": caller,
				"data.caller.email": emailKey(caller),
				"data.reader.subject": caller,
				"data.reader.email": emailKey(caller),
			}),
		);
	const exact = { type, "data.connection": connection, "data.function": name, "data.ending": ending };
	for (const [field, value] of Object.entries(exact)) if (value !== undefined) filters.push({ term: { [field]: value } });
	if (from !== undefined || to !== undefined) {
		filters.push({ range: { "@timestamp": { ...(from && { gte: from }), ...(to && { lt: to }) } } });
	}
	filters.push(...where.map(filterOf));
	return filters;
}

function filterOf(condition: Condition): Record<string, unknown> {
	const name = condition.field === "time" ? timeField : condition.field;
	if (condition.operator === "exists") return { exists: { field: name } };
	const { operator, value } = condition;
	const kind = kindOfField(condition.field);
	// A text is found whole in the keyword beside its words, and an instant within its millisecond.
	const field = kind === "text" ? `${name}.keyword` : name;
	const equal = kind === "instant" ? { range: { [field]: { gte: value, lte: value } } } : { term: { [field]: value } };
	switch (operator) {
		case "=":
			return equal;
		case "!=":
			return { bool: { must_not: [equal] } };
		default:
			return { range: { [field]: { [rangeWords[operator]]: value } } };
	}
}

const rangeWords = { "<": "lt", "<=": "lte", ">": "gt", ">=": "gte" } as const;

function allOf(terms: Readonly<Record<string, string>>): Record<string, unknown> {
	return { bool: { filter: Object.entries(terms).map(([field, value]) => ({ term: { [field]: value } })) } };
}

function wordsOf(q: string): Record<string, unknown> {
	return {
		simple_query_string: {
			query: q,
			fields: searchedFields,
			default_operator: "and",
			// A number in the words is no error in a field that holds none.
			lenient: true,
			// No FUZZY, NEAR or SLOP: their cost grows with what is stored.
			flags: "AND|OR|NOT|PHRASE|PREFIX|PRECEDENCE|ESCAPE|WHITESPACE",
		},
	};
}

/** Events of a call, and those about it: a note that one was parked names it too. */
function ofCall(call: string): Record<string, unknown> {
	return anyOf({ "data.call": call, subject: call });
}

function anyOf(terms: Readonly<Record<string, string>>): Record<string, unknown> {
	return { bool: { should: Object.entries(terms).map(([field, value]) => ({ term: { [field]: value } })), minimum_should_match: 1 } };
}

interface Hit {
	readonly _id: string;
	readonly _source?: Record<string, unknown>;
	readonly sort?: unknown[];
}

interface Answer {
	readonly hits: readonly Hit[];
	readonly total: { readonly value: number; readonly exact: boolean };
}

/** A search that saw only part of the index answers 200 all the same: for a record that is no answer. */
function answerOf(body: unknown): Answer {
	const {
		timed_out: timedOut,
		_shards: shards,
		hits,
	} = (body ?? {}) as {
		timed_out?: boolean;
		_shards?: { failed?: number };
		hits?: { total?: { value: number; relation: string }; hits?: Hit[] };
	};
	if (timedOut !== false || shards?.failed !== 0 || !Array.isArray(hits?.hits)) {
		throw new IndexUnavailable("busy", "OpenSearch searched only a part of the record");
	}
	return { hits: hits.hits, total: { value: hits.total?.value ?? hits.hits.length, exact: hits.total?.relation !== "gte" } };
}

function eventOf({ _source }: Hit): RecordedEvent {
	const { "@timestamp": time, traceId: _, id, source, type, subject, traceparent, position, item, data } = _source ?? {};
	return {
		id: String(id),
		source: String(source),
		type: type as EventType,
		subject: String(subject),
		time: String(time),
		...(typeof traceparent === "string" && { traceparent }),
		position: Number(position),
		item: Number(item),
		data: (data ?? {}) as Record<string, unknown>,
	};
}

function pageEndOf(sort: unknown[] | undefined): PageEnd | undefined {
	const [time, position, item] = sort ?? [];
	return typeof time === "number" && typeof position === "number" && typeof item === "number" ? [time, position, item] : undefined;
}
