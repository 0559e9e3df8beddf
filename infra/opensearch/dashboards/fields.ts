// The record's fields as an index pattern of Dashboards lists them, and the one field that is computed when it is asked for.
import { pathsOf } from "#libs/contracts/index-template.ts";

/** A field of an index pattern, in Dashboards' own words. */
export interface PatternField {
	readonly name: string;
	readonly type: "string" | "number" | "date" | "boolean" | "unknown";
	readonly esTypes?: readonly string[];
	readonly count: 0;
	readonly scripted: boolean;
	readonly searchable: boolean;
	readonly aggregatable: boolean;
	readonly readFromDocValues: boolean;
	readonly subType?: { readonly multi: { readonly parent: string } };
	readonly script?: string;
	readonly lang?: "painless";
}

const typeNames = {
	keyword: "string",
	text: "string",
	date: "date",
	long: "number",
	double: "number",
	boolean: "boolean",
	// Dashboards has no name for it: its members are searched, not counted.
	flat_object: "unknown",
} as const;

/**
 * Seconds between the receipt of a call and the event: on a grant after an approval that is how long people took, on any other how long policy did.
 * Endings and votes do not say when their call was received, so they have none.
 */
export const secondsSinceReceived = "secondsSinceReceived";

const computed: PatternField = {
	name: secondsSinceReceived,
	type: "number",
	count: 0,
	scripted: true,
	searchable: true,
	aggregatable: true,
	readFromDocValues: false,
	lang: "painless",
	script:
		"if (doc['data.receivedAt'].size() == 0) { return null; } " +
		"return (doc['@timestamp'].value.toInstant().toEpochMilli() - doc['data.receivedAt'].value.toInstant().toEpochMilli()) / 1000.0;",
};

function fieldsOf(esType: keyof typeof typeNames): PatternField[] {
	return pathsOf([esType]).flatMap((name) =>
		esType === "text"
			? [patternField(name, "text"), { ...patternField(`${name}.keyword`, "keyword"), ...within(name) }]
			: [patternField(name, esType)],
	);
}

const within = (parent: string): Pick<PatternField, "subType"> => ({ subType: { multi: { parent } } });

function patternField(name: string, esType: keyof typeof typeNames): PatternField {
	const hasDocValues = esType !== "text" && esType !== "flat_object";
	return {
		...{ name, type: typeNames[esType], esTypes: [esType], count: 0, scripted: false },
		...{ searchable: true, aggregatable: hasDocValues, readFromDocValues: hasDocValues },
	};
}

export const patternFields: readonly PatternField[] = [
	...(Object.keys(typeNames) as (keyof typeof typeNames)[]).flatMap(fieldsOf).sort((a, b) => (a.name < b.name ? -1 : 1)),
	computed,
];
