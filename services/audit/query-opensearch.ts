// What is asked of OpenSearch about events and about stories alike: filters, words, and an answer that is whole.
import { type Mappings, pathsOf } from "#libs/contracts/index-template.ts";
import { type Fields, kindOfField, recordFields, timeField } from "#libs/contracts/record-fields.ts";
import { type OpenSearchConnection, RequestRefused } from "./connect-opensearch.ts";
import { type Condition, IndexUnavailable } from "./ports.ts";

/** OpenSearch counts no further (`track_total_hits`), and gives no more than this in one answer (`index.max_result_window`). */
export const countMax = 10_000;

/** @throws {IndexUnavailable} also where it searched only a part */
export async function askIndex(connection: OpenSearchConnection, index: string, body: Record<string, unknown>): Promise<Answer> {
	try {
		return answerOf(await connection.request({ method: "POST", path: `/${index}/_search`, body }));
	} catch (error) {
		// What we ask is built here, so a query that is refused is not the auditor's fault but an index of another version.
		if (error instanceof RequestRefused) throw new IndexUnavailable("outdated", error.message);
		throw error;
	}
}

/** @param fields those of events, or those of stories */
export function filterOf(condition: Condition, fields: Fields = recordFields): Record<string, unknown> {
	const name = condition.field === "time" ? timeField : condition.field;
	if (condition.operator === "exists") return { exists: { field: name } };
	const { operator, value } = condition;
	const kind = kindOfField(condition.field, fields);
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

export function allOf(terms: Readonly<Record<string, string>>): Record<string, unknown> {
	return { bool: { filter: Object.entries(terms).map(([field, value]) => ({ term: { [field]: value } })) } };
}

export interface SearchWords {
	/** How many words one query may have. */
	readonly max: number;
	lookFor(q: string): Record<string, unknown>;
}

/** Words are looked for in all text of an index. Numbers, booleans and dates have their own parameters or none. */
export function searchWords(mappings: Mappings): SearchWords {
	const fields = pathsOf(["keyword", "text", "flat_object"], mappings);
	return {
		// Each word becomes a clause for each field, and OpenSearch takes 1,024 clauses (`indices.query.bool.max_clause_count`).
		max: Math.floor(1_000 / fields.length),
		lookFor: (q) => ({
			simple_query_string: {
				query: q,
				fields,
				default_operator: "and",
				// A number in the words is no error in a field that holds none.
				lenient: true,
				// No FUZZY, NEAR or SLOP: their cost grows with what is stored.
				flags: "AND|OR|NOT|PHRASE|PREFIX|PRECEDENCE|ESCAPE|WHITESPACE",
			},
		}),
	};
}

export function anyOf(terms: Readonly<Record<string, string>>): Record<string, unknown> {
	return { bool: { should: Object.entries(terms).map(([field, value]) => ({ term: { [field]: value } })), minimum_should_match: 1 } };
}

interface Hit {
	readonly _id: string;
	readonly _source?: Record<string, unknown>;
	readonly sort?: unknown[];
}

export interface Answer {
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
