// The index on OpenSearch: bulk `create` into the data stream by a user that can do only that, every item's result looked at.
import { pathsOf, recordStream } from "#libs/contracts/index-template.ts";
import { nameOf, type OpenSearchConnection, RequestRefused, unavailableOf } from "./connect-opensearch.ts";
import { type Delivered, type Index, IndexUnavailable, type Outcome, type RecordReader } from "./ports.ts";

export interface OpenSearchIndexParts {
	/** The user that may only write. */
	readonly connection: OpenSearchConnection;
	/** Looks documents up with the user that may only read. */
	readonly recorded: RecordReader["recorded"];
	/** Names the backing indices of the data stream, those that are empty as well: see `readBackingIndices`. */
	readonly backing: () => Promise<readonly string[]>;
	/** For how long it counts what they were. */
	readonly backingAgeMaxMs?: number;
	readonly stream?: string;
	/** One bulk request's size: OpenSearch advises 5 to 15 MB, and holds it in memory as often as there are replicas of audit. */
	readonly bulkBytesMax?: number;
}

/** Not longer than it takes until search sees a document. */
const backingAgeDefaultMs = 1_000;
const bulkBytesDefault = 5 * 1024 * 1024;
/** The error's text is asked for because it names the field; nothing else of it is used. */
const answerFields = "errors,items.create._id,items.create._index,items.create.status,items.create.error.type,items.create.error.reason";

/**
 * An id is unique within one backing index, and a data stream gets a new one at each rollover. So that an event delivered again after a
 * rollover is not recorded twice, what may be there already is looked up in the whole stream first: what the bus says it delivers again,
 * and everything once the stream has more than one backing index (a broker that was killed forgets what it delivered, and a service that
 * was killed says the same event again). How many there are is asked for before a batch, at most once in `backingAgeMaxMs`; whoever may not
 * ask, or gets no answer, looks everything up.
 *
 * What that leaves open: OpenSearch knows no write that depends on the number of backing indices, and the writer may take nothing back. So an
 * event is recorded twice if its service says it again within `backingAgeMaxMs` after the stream's first rollover, or if it was recorded
 * within the second before any rollover (search sees a document about a second after it was created) and comes again within that second.
 */
export function createOpenSearchIndex({
	connection,
	recorded,
	backing,
	backingAgeMaxMs = backingAgeDefaultMs,
	stream = recordStream,
	bulkBytesMax = bulkBytesDefault,
}: OpenSearchIndexParts): Index {
	/** The backing index that took the last document: unknown after a start. */
	let generation: number | undefined;
	let askedAt = Number.NEGATIVE_INFINITY;
	let isFirstAlone = false;

	/** Whether the first backing index is the only one: then it finds by itself what it has already. */
	const isFirstOnly = async (): Promise<boolean> => {
		if (generation !== 1) return false;
		const now = performance.now();
		if (now - askedAt < backingAgeMaxMs) return isFirstAlone;
		const names = await backing().catch(() => []);
		isFirstAlone = names.length === 1 && generationOf(names[0]) === 1;
		askedAt = now;
		return isFirstAlone;
	};

	const createChunk = async (documents: readonly Line[]): Promise<Outcome[]> => {
		const body = documents.flatMap(({ action, source }) => [action, source]);
		try {
			const answer = await connection.request({ method: "POST", path: `/${stream}/_bulk`, query: { filter_path: answerFields }, body });
			const items = itemsOf(answer, documents);
			generation = items.map(({ _index }) => generationOf(_index)).findLast((known) => known !== undefined) ?? generation;
			return items.map(outcomeOf);
		} catch (error) {
			if (!(error instanceof RequestRefused)) throw error;
			if (error.status !== 413) throw new IndexUnavailable("outdated", error.message);
			// Larger than the cluster takes: halved until it fits, or until a single document is what does not.
			if (documents.length === 1) return [{ kind: "refused", fault: "larger than the index takes in one request" }];
			const half = Math.ceil(documents.length / 2);
			return [...(await createChunk(documents.slice(0, half))), ...(await createChunk(documents.slice(half)))];
		}
	};

	return {
		async create(documents) {
			const suspects = (await isFirstOnly()) ? documents.filter(({ again }) => again) : documents;
			const known = suspects.length > 0 ? await recorded(suspects.map(({ id }) => id)) : new Set<string>();
			const outcomes = new Map<Delivered, Outcome>();
			for (const document of documents) if (known.has(document.id)) outcomes.set(document, { kind: "exists" });
			const missing = documents.filter((document) => !outcomes.has(document));
			// One after the other: what is said about a call stays in order, and OpenSearch is asked for one thing at a time.
			for (const chunk of chunksOf(missing.map(lineOf), bulkBytesMax)) {
				const results = await createChunk(chunk);
				for (const [at, { document }] of chunk.entries()) outcomes.set(document, results[at] ?? neverTold());
			}
			return documents.map((document) => outcomes.get(document) ?? neverTold());
		},
	};
}

interface Line {
	readonly document: Delivered;
	readonly action: string;
	readonly source: string;
	readonly bytes: number;
}

function lineOf(document: Delivered): Line {
	const action = JSON.stringify({ create: { _id: document.id } });
	const source = JSON.stringify(document.document);
	return { document, action, source, bytes: Buffer.byteLength(action) + Buffer.byteLength(source) + 2 };
}

/** Groups lines so that each group is within the bound; a single line beyond it is a group of its own. */
export function chunksOf<Line extends { readonly bytes: number }>(lines: readonly Line[], bytesMax: number): Line[][] {
	const chunks: Line[][] = [];
	let bytes = Number.POSITIVE_INFINITY;
	for (const line of lines) {
		if (bytes + line.bytes > bytesMax) {
			chunks.push([]);
			bytes = 0;
		}
		chunks.at(-1)?.push(line);
		bytes += line.bytes;
	}
	return chunks;
}

interface BulkItem {
	readonly _id: string;
	readonly _index?: unknown;
	readonly status: number;
	readonly error?: { readonly type?: unknown; readonly reason?: unknown };
}

/** The results of a bulk answer, if it answers for exactly what was sent, in order. */
function itemsOf(answer: unknown, sent: readonly Line[]): BulkItem[] {
	const { items } = (answer ?? {}) as { items?: { create?: BulkItem }[] };
	if (!Array.isArray(items) || items.length !== sent.length)
		throw new IndexUnavailable("busy", "OpenSearch's answer is not one result a document");
	return items.map(({ create }, at) => {
		if (typeof create?.status !== "number" || create._id !== sent[at]?.document.id) throw missingOutcome();
		return create;
	});
}

/** @throws {IndexUnavailable} if this one document makes the whole batch come again. */
function outcomeOf({ status, error }: BulkItem): Outcome {
	if (status === 200 || status === 201) return { kind: "created" };
	const type = nameOf(error?.type);
	if (status === 409 && type === "version_conflict_engine_exception") return { kind: "exists" };
	if (status === 404) throw new IndexUnavailable("outdated", `the data stream is missing (${type}): run the provisioning`);
	// Documents hold only declared fields, so one that is unknown means an index older than this service. Waiting loses nothing.
	if (type === "strict_dynamic_mapping_exception") {
		throw new IndexUnavailable("outdated", "the index lacks a field that this service declares: run the provisioning");
	}
	const unavailable = unavailableOf(status, type);
	if (unavailable) throw unavailable;
	if (status !== 400) throw new IndexUnavailable("busy", `OpenSearch answers ${status} ${type} for a document`);
	const field = fieldNamedBy(error?.reason);
	return { kind: "refused", fault: field ? `${type} at ${field}` : type };
}

const knownPaths = new Set(pathsOf(["keyword", "text", "flat_object", "date", "long", "double", "boolean"]));

/** The field an error's text names; only a declared one counts, because the text quotes values as well. */
function fieldNamedBy(reason: unknown): string | undefined {
	const named = typeof reason === "string" ? /field \[([\w@.]{1,128})\]/.exec(reason)?.[1] : undefined;
	return named && knownPaths.has(named) ? named : undefined;
}

/** `.ds-callgate-events-000002` → 2. */
function generationOf(index: unknown): number | undefined {
	const digits = typeof index === "string" ? /-(\d{6,})$/.exec(index)?.[1] : undefined;
	return digits === undefined ? undefined : Number(digits);
}

function neverTold(): never {
	throw missingOutcome();
}

function missingOutcome(): IndexUnavailable {
	return new IndexUnavailable("busy", "OpenSearch's answer does not say what became of a document");
}
