// Stories on OpenSearch: written by a user that may write them and nothing else, each on the condition that nobody wrote it meanwhile.
import { type Story, storyIndex } from "#libs/contracts/story.ts";
import { nameOf, type OpenSearchConnection, RequestRefused, unavailableOf } from "./connect-opensearch.ts";
import { chunksOf } from "./index-opensearch.ts";
import { type Built, IndexUnavailable, type Stories } from "./ports.ts";
import { isAsFar, mergeStories } from "./tell-story.ts";

/** As of the record: see index-opensearch.ts. */
const bulkBytesMax = 5 * 1024 * 1024;
const storiesPerLookUp = 500;
/** Replicas that tell of one call at once try again, and each time one of them is done; more than this is no coincidence. */
const triesMax = 20;
/** No call's id. */
const builtId = "built";

/** A story as it is stored, and what it is written on the condition of. */
interface Known {
	readonly story: Story;
	readonly if_seq_no: number;
	readonly if_primary_term: number;
}

interface Found {
	readonly _id: string;
	/** Absent where it could not be looked for. */
	readonly found?: boolean;
	readonly _source?: Story;
	readonly _seq_no: number;
	readonly _primary_term: number;
}

interface Line {
	readonly part: Story;
	readonly action: string;
	readonly source: string;
	readonly bytes: number;
}

type Outcome = "told" | "again" | "refused";

export function createOpenSearchStories(connection: OpenSearchConnection, index = storyIndex): Stories {
	/** Realtime: what was written a moment ago is there, whether search finds it already or not. */
	const lookUp = async (calls: readonly string[]): Promise<Map<string, Known>> => {
		const known = new Map<string, Known>();
		for (let at = 0; at < calls.length; at += storiesPerLookUp) {
			const ids = calls.slice(at, at + storiesPerLookUp);
			const { docs = [] } = (await ask(connection, `/${index}/_mget`, { ids })) as { docs?: readonly Found[] };
			if (docs.length !== ids.length || docs.some(({ found }) => found === undefined))
				throw new IndexUnavailable("busy", "OpenSearch's answer is not one story a call");
			for (const { _id, _source, _seq_no, _primary_term } of docs)
				if (_source) known.set(_id, { story: _source, if_seq_no: _seq_no, if_primary_term: _primary_term });
		}
		return known;
	};
	const write = async (lines: readonly Pick<Line, "action" | "source">[]): Promise<Outcome[]> => {
		const body = lines.flatMap(({ action, source }) => [action, source]);
		const answer = await ask(connection, `/${index}/_bulk`, body, "errors,items.*.status,items.*.error.type");
		const { items } = answer as { items?: Record<string, { status?: number; error?: { type?: unknown } }>[] };
		if (items?.length !== lines.length) throw new IndexUnavailable("busy", "OpenSearch's answer is not one result a story");
		return items.map((item) => outcomeOf(Object.values(item)[0] ?? {}));
	};
	return {
		async merge(parts) {
			let refused = 0;
			// Of most calls all is told at once: those are created without a look at whether they are there.
			let left = parts.map((part) => ({ part, isNew: part.steps[0]?.type === "call.received" }));
			for (let tries = 0; left.length > 0; tries++) {
				if (tries === triesMax) throw new IndexUnavailable("busy", "stories are written by others all the time");
				const known = await lookUp(left.flatMap(({ part, isNew }) => (isNew ? [] : [part.call])));
				const lines = left.flatMap(({ part }) => lineOf(part, known.get(part.call)) ?? []);
				const again: Story[] = [];
				for (const chunk of chunksOf(lines, bulkBytesMax)) {
					for (const [at, outcome] of (await write(chunk)).entries()) {
						if (outcome === "refused") refused++;
						if (outcome === "again") again.push((chunk[at] as Line).part);
					}
				}
				left = again.map((part) => ({ part, isNew: false }));
			}
			return { refused };
		},
		async built() {
			const { docs } = (await ask(connection, `/${index}/_mget`, { ids: [builtId] })) as {
				docs?: { found?: boolean; _source?: { built?: { to: Built } } }[];
			};
			if (docs?.[0]?.found === undefined) throw new IndexUnavailable("busy", "OpenSearch does not say how far stories are built");
			return docs[0]._source?.built?.to;
		},
		async setBuilt(to) {
			const [outcome] = await write([{ action: JSON.stringify({ index: { _id: builtId } }), source: JSON.stringify({ built: { to } }) }]);
			if (outcome !== "told") throw new IndexUnavailable("busy", "OpenSearch does not keep how far stories are built");
		},
	};
}

/** Undefined where the story has all of it already. */
function lineOf(part: Story, known: Known | undefined): Line | undefined {
	if (known && isAsFar(known.story, part)) return undefined;
	const condition = known && { if_seq_no: known.if_seq_no, if_primary_term: known.if_primary_term };
	const action = JSON.stringify(condition ? { index: { _id: part.call, ...condition } } : { create: { _id: part.call } });
	const source = JSON.stringify(known ? mergeStories(known.story, part) : part);
	return { part, action, source, bytes: Buffer.byteLength(action) + Buffer.byteLength(source) + 2 };
}

function outcomeOf({ status = 0, error }: { status?: number; error?: { type?: unknown } }): Outcome {
	if (status === 200 || status === 201) return "told";
	if (status === 409) return "again";
	const type = nameOf(error?.type);
	if (status === 404) throw new IndexUnavailable("outdated", `the index of stories is missing (${type}): run the provisioning`);
	if (type === "strict_dynamic_mapping_exception")
		throw new IndexUnavailable("outdated", "the index of stories lacks a field that this service declares: run the provisioning");
	const unavailable = unavailableOf(status, type);
	if (unavailable) throw unavailable;
	return "refused";
}

async function ask(
	connection: OpenSearchConnection,
	path: string,
	body: Record<string, unknown> | readonly string[],
	filter?: string,
): Promise<object> {
	try {
		const query = filter === undefined ? {} : { query: { filter_path: filter } };
		return (await connection.request({ method: "POST", path, body, ...query })) as object;
	} catch (error) {
		if (error instanceof RequestRefused) throw new IndexUnavailable("outdated", error.message);
		throw error;
	}
}
