// The kinds of panels that the dashboards are made of: each builder gives what a panel looks for, how it counts it, and how large it is.

/** Lucene's query syntax, which Dashboards hands to OpenSearch as it is. */
type Query = string;

/** One aggregation, in the words of Dashboards' `visState`. Buckets lie in each other in their order; metrics are of the innermost. */
export interface Aggregation {
	readonly type: "count" | "cardinality" | "max" | "percentiles" | "terms" | "range" | "date_histogram";
	readonly schema: "metric" | "segment" | "group" | "bucket";
	readonly params: Readonly<Record<string, unknown>>;
}

/** On the grid of Dashboards, which is 48 wide. */
interface Size {
	readonly w: 8 | 12 | 16 | 24 | 32 | 48;
	readonly h: number;
}

export interface Visualization {
	readonly kind: "visualization";
	readonly title: string;
	readonly type: "metric" | "table" | "pie" | "histogram";
	readonly query: Query;
	readonly aggregations: readonly Aggregation[];
	readonly params: object;
	readonly size: Size;
}

/** A list to choose from, which then holds for the whole dashboard. */
export interface Chooser {
	readonly kind: "chooser";
	readonly title: string;
	readonly field: string;
	readonly size: Size;
}

/** The events themselves, one a row. */
export interface Listing {
	readonly kind: "search";
	readonly title: string;
	readonly query: Query;
	readonly columns: readonly string[];
	readonly sort: readonly (readonly [field: string, order: "asc" | "desc"])[];
	readonly size: Size;
}

export type Panel = Visualization | Chooser | Listing;

const count: Aggregation = { type: "count", schema: "metric", params: {} };

/** How many different values there are. */
export const distinct = (field: string): Aggregation => ({ type: "cardinality", schema: "metric", params: { field } });
export const newest = (field: string): Aggregation => ({ type: "max", schema: "metric", params: { field } });
export const median = (field: string): Aggregation => ({ type: "percentiles", schema: "metric", params: { field, percents: [50, 95] } });

/** The most frequent values. `1` is the count, which every panel with buckets has first. */
function terms(field: string, schema: Aggregation["schema"], size: number): Aggregation {
	return { type: "terms", schema, params: { field, size, order: "desc", orderBy: "1", otherBucket: false, missingBucket: false } };
}

/** Spans of a number: `[10, 60]` are up to 10, 10 to 60, and from 60. */
export function spans(field: string, bounds: readonly number[]): Aggregation {
	const ranges = [undefined, ...bounds].map((from, at) => ({
		...(from !== undefined && { from }),
		...(bounds[at] !== undefined && { to: bounds[at] }),
	}));
	return { type: "range", schema: "bucket", params: { field, ranges } };
}

/** One number. */
export function number(title: string, query: Query, metric: Aggregation = count): Visualization {
	return { kind: "visualization", title, type: "metric", query, aggregations: [metric], params: metricLook, size: { w: 12, h: 8 } };
}

/** Bars over time, each divided by the values of `field`. */
export function overTime(title: string, query: Query, field: string): Visualization {
	const time: Aggregation = {
		type: "date_histogram",
		schema: "segment",
		params: { field: "@timestamp", interval: "auto", min_doc_count: 1, extended_bounds: {}, drop_partials: false },
	};
	const aggregations = [count, time, terms(field, "group", 12)];
	return { kind: "visualization", title, type: "histogram", query, aggregations, params: barsLook, size: { w: 24, h: 14 } };
}

/** Shares of a whole, from the inner ring to the outer. */
export function shares(title: string, query: Query, fields: readonly string[]): Visualization {
	const aggregations = [count, ...fields.map((field) => terms(field, "segment", 10))];
	return { kind: "visualization", title, type: "pie", query, aggregations, params: pieLook, size: { w: 24, h: 14 } };
}

interface Counting {
	/** Further columns of buckets, behind the fields. */
	readonly by?: readonly Aggregation[];
	/** What is told of each row beside how many there are. */
	readonly metrics?: readonly Aggregation[];
}

/** A table: a row for each combination of the fields' values, the most frequent first. */
export function ranking(title: string, query: Query, fields: readonly string[], { by = [], metrics = [] }: Counting = {}): Visualization {
	const aggregations = [count, ...fields.map((field) => terms(field, "bucket", 50)), ...by, ...metrics];
	return { kind: "visualization", title, type: "table", query, aggregations, params: tableLook, size: { w: 24, h: 14 } };
}

export function chooser(title: string, field: string): Chooser {
	return { kind: "chooser", title, field, size: { w: 24, h: 8 } };
}

/** From new to old. */
export function listing(title: string, query: Query, columns: readonly string[]): Listing {
	return { kind: "search", title, query, columns, sort: [["@timestamp", "desc"]], size: { w: 48, h: 18 } };
}

/** In the order of the stream, as it happened: clocks of services differ. */
export function story(title: string, query: Query, columns: readonly string[]): Listing {
	const sort = [
		["position", "asc"],
		["item", "asc"],
	] as const;
	return { ...listing(title, query, columns), sort, size: { w: 48, h: 30 } };
}

// How each type looks. Dashboards asks for all of it and takes none of it from its own defaults.

const metricLook = {
	...{ type: "metric", addTooltip: true, addLegend: false },
	metric: {
		...{ percentageMode: false, useRanges: false, invertColors: false, colorSchema: "Green to Red", metricColorMode: "None" },
		colorsRange: [{ from: 0, to: 10_000 }],
		labels: { show: true },
		style: { bgFill: "#000", bgColor: false, labelColor: false, subText: "", fontSize: 36 },
	},
};

const tableLook = {
	perPage: 10,
	showPartialRows: false,
	showMetricsAtAllLevels: false,
	showTotal: false,
	totalFunc: "sum",
	percentageCol: "",
};

const pieLook = {
	...{ type: "pie", addTooltip: true, addLegend: true, legendPosition: "right", isDonut: true },
	labels: { show: true, values: true, last_level: true, truncate: 100 },
};

const barsLook = {
	...{ type: "histogram", addTooltip: true, addLegend: true, legendPosition: "right", addTimeMarker: false, times: [] },
	...{ grid: { categoryLines: false }, labels: { show: false } },
	thresholdLine: { show: false, value: 10, width: 1, style: "full", color: "#E7664C" },
	categoryAxes: [
		{
			...{ id: "CategoryAxis-1", type: "category", position: "bottom", show: true, style: {}, title: {}, scale: { type: "linear" } },
			labels: { show: true, filter: true, truncate: 100 },
		},
	],
	valueAxes: [
		{
			...{ id: "ValueAxis-1", name: "LeftAxis-1", type: "value", position: "left", show: true, style: {}, title: { text: "Events" } },
			...{ scale: { type: "linear", mode: "normal" }, labels: { show: true, rotate: 0, filter: false, truncate: 100 } },
		},
	],
	seriesParams: [
		{
			...{ show: true, type: "histogram", mode: "stacked", valueAxis: "ValueAxis-1", data: { id: "1", label: "Events" } },
			...{ drawLinesBetweenPoints: true, lineWidth: 2, showCircles: true },
		},
	],
};
