// Reading the stories of calls on OpenSearch, by the user that can only search.
import { emailKey } from "#libs/contracts/email.ts";
import { storyFields } from "#libs/contracts/record-fields.ts";
import { type Story, storyIndex, storyMappings } from "#libs/contracts/story.ts";
import type { OpenSearchConnection } from "./connect-opensearch.ts";
import type { StoryQuery, StoryReader } from "./ports.ts";
import { anyOf, askIndex, countMax, filterOf, searchWords } from "./query-opensearch.ts";

const words = searchWords(storyMappings);

export function createStoryReader(connection: OpenSearchConnection, index = storyIndex): StoryReader {
	return {
		wordsMax: words.max,
		async calls(query, size, after) {
			const { hits, total } = await askIndex(connection, index, {
				size,
				query: { bool: { filter: filtersOf(query) } },
				// A call's id begins with its time.
				sort: [{ call: "desc" }],
				...(after !== undefined && { search_after: [after] }),
				track_total_hits: countMax,
			});
			const stories = hits.map(({ _source }) => _source as unknown as Story);
			const last = stories.at(-1);
			return { stories, ...(last && stories.length === size && { end: last.call }), total };
		},
	};
}

function filtersOf({ q, caller, connection, function: name, ending, state, call, from, to, where = [] }: StoryQuery) {
	const exact = { call, connection, function: name, ending, state };
	return [
		// The index has one document that is no story: how far they have been built.
		{ exists: { field: "call" } },
		...(q === undefined ? [] : [words.lookFor(q)]),
		...(caller === undefined ? [] : [anyOf({ "caller.subject": caller, "caller.email": emailKey(caller) })]),
		...Object.entries(exact).flatMap(([field, value]) => (value === undefined ? [] : [{ term: { [field]: value } }])),
		...(from === undefined && to === undefined ? [] : [{ range: { receivedAt: { ...(from && { gte: from }), ...(to && { lt: to }) } } }]),
		...where.map((condition) => filterOf(condition, storyFields)),
	];
}
