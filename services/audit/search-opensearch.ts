// Reading the record on OpenSearch, by a user that can only search.
import { emailKey } from "#libs/contracts/email.ts";
import { type Place, recordMappings, recordStream } from "#libs/contracts/index-template.ts";
import type { OpenSearchConnection } from "./connect-opensearch.ts";
import { IndexUnavailable, type PageEnd, type RecordedEvent, type RecordQuery, type RecordReader } from "./ports.ts";
import { allOf, anyOf, askIndex, countMax, filterOf, searchWords } from "./query-opensearch.ts";
import { recordedEvent } from "./recorded-event.ts";

/** Ids in one look-up: far below the window, and a request of about 250 KB. */
const idsPerRequest = 2_000;
/** A call has a dozen events; one with thousands of votes and reminders is still told whole. */
const storyEventsMax = 5_000;
const storyPage = 1_000;

const words = searchWords(recordMappings);

/** Reads with the user that may only search. */
export function createRecordReader(connection: OpenSearchConnection, stream = recordStream): RecordReader {
	const ask = (body: Record<string, unknown>) => askIndex(connection, stream, body);
	return {
		wordsMax: words.max,
		async search(query, size, after) {
			const { hits, total } = await ask({
				size,
				query: { bool: { filter: filtersOf(query) } },
				sort: [{ "@timestamp": "desc" }, { position: "desc" }, { item: "desc" }],
				...(after && { search_after: after }),
				track_total_hits: countMax,
			});
			const end = hits.length === size ? pageEndOf(hits.at(-1)?.sort) : undefined;
			return { events: hits.map(({ _source }) => recordedEvent(_source)), ...(end && { end }), total };
		},
		async stretch(query, size, { after, upTo, except }) {
			const own = except && { "data.reader.issuer": except.issuer, "data.reader.subject": except.subject, type: "control.record.read" };
			const { hits, total } = await ask({
				size,
				query: {
					bool: {
						filter: [...filtersOf(query), { range: { position: { lte: upTo } } }, behind(after)],
						must_not: own ? [allOf(own)] : [],
					},
				},
				sort: [{ position: "asc" }, { item: "asc" }],
				track_total_hits: countMax,
			});
			return {
				events: hits.map(({ _source }) => recordedEvent(_source)),
				left: { value: total.value - hits.length, exact: total.exact },
			};
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
				events.push(...hits.map(({ _source }) => recordedEvent(_source)));
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
			return hits[0] ? recordedEvent(hits[0]._source).position : 0;
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
	if (q !== undefined) filters.push(words.lookFor(q));
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
	filters.push(...where.map((condition) => filterOf(condition)));
	return filters;
}

function behind({ position, item }: Place): Record<string, unknown> {
	const inMessage = { bool: { filter: [{ term: { position } }, { range: { item: { gt: item } } }] } };
	return { bool: { should: [{ range: { position: { gt: position } } }, inMessage], minimum_should_match: 1 } };
}

/** Events of a call, and those about it: a note that one was parked names it too. */
function ofCall(call: string): Record<string, unknown> {
	return anyOf({ "data.call": call, subject: call });
}

function pageEndOf(sort: unknown[] | undefined): PageEnd | undefined {
	const [time, position, item] = sort ?? [];
	return typeof time === "number" && typeof position === "number" && typeof item === "number" ? [time, position, item] : undefined;
}
