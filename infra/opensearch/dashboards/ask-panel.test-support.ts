// What Dashboards would ask OpenSearch for each panel, read from the text of the saved objects alone, and what of an answer shows nothing.
import type { PatternField } from "./fields.ts";
import type { Aggregation } from "./panels.ts";
import type { SavedObject } from "./saved-objects.ts";

interface Bucket {
	readonly doc_count: number;
	readonly [aggregation: string]: unknown;
}
/** What OpenSearch answers to one aggregation: buckets, one value, or some. */
interface Counted {
	readonly buckets?: readonly Bucket[];
	readonly value?: number | null;
	readonly values?: Readonly<Record<string, number | null>>;
}
export interface SearchAnswer {
	readonly hits: { readonly hits: readonly unknown[]; readonly total: { readonly value: number } };
	readonly aggregations?: Readonly<Record<string, unknown>>;
}

export interface PanelRequest {
	/** The saved object's id. */
	readonly panel: string;
	/** The body of `POST /<index>/_search`. */
	readonly body: object;
	/** Every field that it names, and those that it counts by. */
	readonly fields: readonly string[];
	readonly counted: readonly string[];
	/** What of it shows nothing: empty where all is well. */
	emptyIn(answer: SearchAnswer): readonly string[];
}

type Numbered = Aggregation & { readonly id: string };
// biome-ignore lint/suspicious/noExplicitAny: JSON in JSON, as Dashboards stores it
const inner = (object: SavedObject, path: string): any => {
	const meta = object.attributes.kibanaSavedObjectMeta as { searchSourceJSON: string };
	return JSON.parse(path === "searchSourceJSON" ? meta.searchSourceJSON : String(object.attributes[path]));
};

export const parseObjects = (text: string): SavedObject[] =>
	text
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as SavedObject);

export function patternFieldsOf(objects: readonly SavedObject[]): PatternField[] {
	return objects.filter(({ type }) => type === "index-pattern").flatMap((pattern) => inner(pattern, "fields") as PatternField[]);
}

/** A request for each panel of the dashboards, in their order. */
export function panelRequests(objects: readonly SavedObject[]): PanelRequest[] {
	const computed = new Map(patternFieldsOf(objects).flatMap((field) => (field.scripted ? [[field.name, field] as const] : [])));
	const panels = objects.filter(({ type }) => type === "dashboard").flatMap(({ references }) => references);
	return panels.map(({ type, id }) => {
		const panel = objects.find((object) => object.type === type && object.id === id);
		if (!panel) throw new Error(`no ${type} is called ${id}`);
		return type === "search" ? listingRequest(panel) : visualizationRequest(panel, computed);
	});
}

/** Dashboards gives Lucene's syntax to OpenSearch as it is, and everything where there is none. */
const queryOf = (query: string): object => (query === "" ? { match_all: {} } : { query_string: { query, analyze_wildcard: true } });
const fieldsIn = (query: string): string[] =>
	[...query.matchAll(/_exists_:([@\w.]+)|([@\w.]+):/g)].map(([, existing, compared]) => existing ?? compared ?? "");

function listingRequest(panel: SavedObject): PanelRequest {
	const { query } = inner(panel, "searchSourceJSON").query;
	const { columns, sort } = panel.attributes as { columns: string[]; sort: [string, "asc" | "desc"][] };
	const sorted = sort.map(([field]) => field);
	return {
		panel: panel.id,
		body: { size: 50, query: queryOf(query), sort: sort.map(([field, order]) => ({ [field]: { order, unmapped_type: "boolean" } })) },
		fields: [...fieldsIn(query), ...columns, ...sorted],
		counted: sorted,
		emptyIn: ({ hits }) => (hits.hits.length > 0 ? [] : ["no event"]),
	};
}

function visualizationRequest(panel: SavedObject, computed: ReadonlyMap<string, PatternField>): PanelRequest {
	const { aggs, params } = inner(panel, "visState");
	const query: string = inner(panel, "searchSourceJSON").query?.query ?? "";
	const aggregations: Numbered[] = [...aggs, ...(params.controls ?? []).map(aggregationOfControl)];
	const counted = aggregations.flatMap(({ params: { field } }) => (typeof field === "string" ? [field] : []));
	return {
		panel: panel.id,
		body: { size: 0, track_total_hits: true, query: queryOf(query), aggs: nested(aggregations, computed) },
		fields: [...fieldsIn(query), ...counted],
		counted,
		emptyIn: ({ hits, aggregations: answered = {} }) => (hits.total.value > 0 ? emptyBelow(aggregations, answered) : ["no event"]),
	};
}

function aggregationOfControl({ id, fieldName, options }: { id: string; fieldName: string; options: { size: number } }): Numbered {
	return { id, type: "terms", schema: "bucket", params: { field: fieldName, size: options.size } };
}

const isBucket = ({ schema }: Numbered): boolean => schema !== "metric";

/** Each bucket in the one before it; the metrics, except the count that OpenSearch gives unasked, in the last. */
function nested(aggregations: readonly Numbered[], computed: ReadonlyMap<string, PatternField>): object {
	const metrics = aggregations.filter((one) => !isBucket(one) && one.type !== "count");
	const innermost: Record<string, object> = Object.fromEntries(metrics.map((metric) => [metric.id, asked(metric, computed)]));
	return aggregations
		.filter(isBucket)
		.reduceRight<Record<string, object>>(
			(within, bucket) => ({ [bucket.id]: { ...asked(bucket, computed), ...(Object.keys(within).length > 0 && { aggs: within }) } }),
			innermost,
		);
}

function asked({ type, params }: Numbered, computed: ReadonlyMap<string, PatternField>): object {
	const field = String(params.field);
	const scripted = computed.get(field);
	const of = scripted ? { script: { source: scripted.script, lang: scripted.lang } } : { field };
	switch (type) {
		case "terms":
			return { terms: { ...of, size: params.size, order: { _count: "desc" } } };
		case "range":
			return { range: { ...of, ranges: params.ranges, keyed: false } };
		case "date_histogram":
			return { date_histogram: { ...of, fixed_interval: "30s", min_doc_count: params.min_doc_count } };
		case "percentiles":
			return { percentiles: { ...of, percents: params.percents } };
		default:
			return { [type]: of };
	}
}

function emptyBelow(aggregations: readonly Numbered[], answered: Readonly<Record<string, unknown>>): string[] {
	const [bucket] = aggregations.filter(isBucket);
	if (!bucket)
		return aggregations
			.filter(({ type }) => type !== "count")
			.flatMap(({ id, type }) => emptyMetric(type, answered[id] as Counted | undefined));
	const filled = (answered[bucket.id] as Counted).buckets?.filter(({ doc_count: events }) => events > 0) ?? [];
	const field = String(bucket.params.field);
	if (filled.length === 0) return [`no value of ${field}`];
	// One row that is whole is enough: not every event has every field.
	const rest = aggregations.filter((one) => one !== bucket);
	const below = filled.map((row) => emptyBelow(rest, row));
	return below.find((empty) => empty.length === 0) ?? below[0] ?? [];
}

function emptyMetric(type: string, counted: Counted | undefined): string[] {
	const values = counted?.values ? Object.values(counted.values) : [counted?.value];
	return values.every((value) => typeof value === "number") ? [] : [`no ${type}`];
}
