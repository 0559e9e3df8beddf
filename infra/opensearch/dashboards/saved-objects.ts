// Dashboards and their panels → saved objects of OpenSearch Dashboards, as its export writes them: one a line, what is referred to before who refers.
import { recordStream } from "#libs/contracts/index-template.ts";
import { openSearchVersion } from "../../local/opensearch-parts.ts";
import { patternFields } from "./fields.ts";
import type { Aggregation, Chooser, Listing, Panel, Visualization } from "./panels.ts";

export interface Dashboard {
	/** Stands in the ids, so that importing again replaces it. */
	readonly name: string;
	readonly title: string;
	readonly says: string;
	/** How far back it looks when it is opened: `24h`. */
	readonly since: string;
	readonly panels: readonly Panel[];
}

interface Reference {
	readonly name: string;
	readonly type: SavedObject["type"];
	readonly id: string;
}

export interface SavedObject {
	readonly type: "index-pattern" | "visualization" | "search" | "dashboard";
	readonly id: string;
	readonly attributes: Readonly<Record<string, unknown>>;
	readonly references: readonly Reference[];
	/** The version of Dashboards whose shape this is: it brings older ones to its own, and refuses newer ones. */
	readonly migrationVersion: Readonly<Record<string, string>>;
}

const gridWidth = 48;
const patternId = recordStream;
const sourceReference: Reference = { name: "kibanaSavedObjectMeta.searchSourceJSON.index", type: "index-pattern", id: patternId };

/** Everything, as a file to import. */
export function savedObjectsText(dashboards: readonly Dashboard[]): string {
	const all = [indexPattern, ...dashboards.flatMap(objectsOf)];
	return all.map((object) => `${JSON.stringify(object)}\n`).join("");
}

const indexPattern: SavedObject = {
	type: "index-pattern",
	id: patternId,
	attributes: { title: recordStream, timeFieldName: "@timestamp", fields: JSON.stringify(patternFields) },
	references: [],
	migrationVersion: { "index-pattern": "7.6.0" },
};

function objectsOf({ name, title, says, since, panels }: Dashboard): SavedObject[] {
	const objects = panels.map((panel) => objectOf(panel, `callgate-${name}-${panel.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`));
	const placed = place(panels).map((gridData, at) => ({
		version: openSearchVersion,
		gridData,
		panelIndex: gridData.i,
		embeddableConfig: {},
		panelRefName: `panel_${at}`,
	}));
	const attributes = {
		...{ title: `Callgate: ${title}`, description: says, hits: 0, version: 1 },
		...{ panelsJSON: JSON.stringify(placed), optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }) },
		...{ timeRestore: true, timeFrom: `now-${since}`, timeTo: "now", refreshInterval: { pause: true, value: 0 } },
		kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify({ query: lucene(""), filter: [] }) },
	};
	const references = objects.map(({ type, id }, at) => ({ name: `panel_${at}`, type, id }));
	return [...objects, { type: "dashboard", id: `callgate-${name}`, attributes, references, migrationVersion: { dashboard: "7.9.3" } }];
}

/** Rows from left to right; a panel that does not fit begins the next. */
function place(panels: readonly Panel[]): { x: number; y: number; w: number; h: number; i: string }[] {
	let [x, y, rowHeight] = [0, 0, 0];
	return panels.map(({ size: { w, h } }, at) => {
		if (x + w > gridWidth) [x, y, rowHeight] = [0, y + rowHeight, 0];
		const placed = { x, y, w, h, i: String(at + 1) };
		x += w;
		rowHeight = Math.max(rowHeight, h);
		return placed;
	});
}

function objectOf(panel: Panel, id: string): SavedObject {
	switch (panel.kind) {
		case "visualization":
			return visualization(id, panel.title, visStateOf(panel), searchSource(panel.query), [sourceReference]);
		case "chooser":
			return visualization(id, panel.title, chooserState(panel), {}, [{ ...sourceReference, name: chooserReference }]);
		case "search":
			return search(id, panel);
	}
}

const lucene = (query: string) => ({ query, language: "lucene" });
const searchSource = (query: string) => ({ query: lucene(query), filter: [], indexRefName: sourceReference.name });

function visualization(id: string, title: string, visState: object, source: object, references: readonly Reference[]): SavedObject {
	const meta = { searchSourceJSON: JSON.stringify(source) };
	const attributes = {
		...{ title, description: "", version: 1, visState: JSON.stringify({ title, ...visState }), uiStateJSON: "{}" },
		kibanaSavedObjectMeta: meta,
	};
	return { type: "visualization", id, attributes, references, migrationVersion: { visualization: "7.10.0" } };
}

function visStateOf({ type, params, aggregations }: Visualization): object {
	const numbered = (aggregation: Aggregation, at: number) => ({ id: String(at + 1), enabled: true, ...aggregation });
	return { type, params, aggs: aggregations.map(numbered) };
}

const chooserReference = "control_0_index_pattern";

function chooserState({ title, field }: Chooser): object {
	// Dynamic: the list is asked for anew with each letter, for there are more calls than a list shows.
	const options = { type: "terms", multiselect: false, dynamicOptions: true, size: 20, order: "desc" };
	const control = { id: field, indexPatternRefName: chooserReference, fieldName: field, parent: "", label: title, type: "list", options };
	return {
		type: "input_control_vis",
		params: { controls: [control], updateFiltersOnChange: true, useTimeFilter: true, pinFilters: false },
		aggs: [],
	};
}

function search(id: string, { title, query, columns, sort }: Listing): SavedObject {
	const meta = { searchSourceJSON: JSON.stringify({ ...searchSource(query), highlightAll: false, version: true }) };
	const attributes = { title, description: "", hits: 0, version: 1, columns, sort, kibanaSavedObjectMeta: meta };
	return { type: "search", id, attributes, references: [sourceReference], migrationVersion: { search: "7.9.3" } };
}
