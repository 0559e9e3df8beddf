// The declared events → the OpenSearch index template of the record, and an event → its document. Both read the classes: a secret has no field to go to.
import type { TSchema } from "typebox";
import { itemsOf, marksOf, propertiesOf, redact } from "./classification.ts";
import { type AnyDeclaration, type CallgateEvent, declarationOf, events } from "./events.ts";
import { cutToTerm, documentIdOf, fitFlat } from "./index-terms.ts";

/** The data stream that holds the record. */
export const recordStream = "callgate-events";

/** An OpenSearch field mapping: an object with members, or a leaf. */
export type FieldMapping = { readonly type?: never; readonly properties: Mappings } | LeafMapping;
type LeafMapping = {
	readonly type: LeafType;
	readonly properties?: never;
	readonly ignore_malformed?: true;
	readonly fields?: object;
	readonly enabled?: false;
};
export interface Mappings {
	[name: string]: FieldMapping;
}
type LeafType = "keyword" | "text" | "flat_object" | "date" | "long" | "double" | "boolean" | "object";

const keyword = { type: "keyword" } as const;
/** What JSON can say and an index cannot hold (a date that is none, an integer beyond 64 bits) stays readable instead of refusing the document. */
const date = { type: "date", ignore_malformed: true } as const;
/** Found by word, and whole: 8,191 UTF-16 units are at most 32,764 bytes, the longest term Lucene takes being 32,766. */
const text = { type: "text", fields: { keyword: { type: "keyword", ignore_above: 8191 } } } as const;

const leaves: Record<LeafType, FieldMapping> = {
	keyword,
	text,
	date,
	flat_object: { type: "flat_object" },
	long: { type: "long", ignore_malformed: true },
	double: { type: "double", ignore_malformed: true },
	boolean: { type: "boolean" },
	object: { type: "object", enabled: false },
};

/** What every event has beside its data. The position in the stream is what the order of a story rests on: services' clocks differ. */
const envelopeMappings: Mappings = {
	"@timestamp": { type: "date" },
	id: keyword,
	source: keyword,
	type: keyword,
	subject: keyword,
	traceparent: keyword,
	traceId: keyword,
	position: { type: "long" },
	item: { type: "long" },
};

/** Two events, or one event and itself, say different things about one field. Found when the template is made, before anything is indexed. */
export class MappingConflict extends Error {
	constructor(message: string) {
		super(message);
		this.name = "MappingConflict";
	}
}

/**
 * The fields of all events, by path; fields a reader cleared for "sensitive" may not see do not exist in it.
 *
 * @throws {MappingConflict} if one path has two types, or a field's type does not tell how to index it.
 */
export function mappingsOf(declarations: readonly Pick<AnyDeclaration, "type" | "data">[]): Mappings {
	const data: Mappings = {};
	for (const declaration of declarations) mergeInto(data, membersOf(declaration.data, `${declaration.type} data`), "data");
	return { ...envelopeMappings, data: { properties: data } };
}

/** The fields of a document that is one object. @throws {MappingConflict} as {@link mappingsOf} */
export function mappingsOfObject(schema: TSchema, name: string): Mappings {
	return membersOf(schema, name);
}

/** Walks a schema exactly as `redact` walks a value: what one shows, the other has a field for. */
function mappingOf(schema: TSchema, path: string): FieldMapping | undefined {
	const { class: fieldClass, indexAs } = marksOf(schema);
	if (propertiesOf(schema) && indexAs === undefined) return objectOf(schema, path);
	const items = itemsOf(schema);
	if (items && propertiesOf(items) && indexAs === undefined) return mappingOf(items, path);
	if (fieldClass === "secret") return undefined;
	if (indexAs === "flat") return leaves.flat_object;
	if (indexAs === "kept") return leaves.object;
	return leaves[indexAs ?? leafTypeOf(schema, path)];
}

function objectOf(schema: TSchema, path: string): FieldMapping | undefined {
	const properties = membersOf(schema, path);
	return Object.keys(properties).length > 0 ? { properties } : undefined;
}

function membersOf(schema: TSchema, path: string): Mappings {
	const members: Mappings = {};
	for (const [name, member] of Object.entries(propertiesOf(schema) ?? {})) {
		const mapping = mappingOf(member, `${path}.${name}`);
		if (mapping) members[name] = mapping;
	}
	return members;
}

/** The leaf type of a JSON Schema: its `type`, that of its items, or the one that all its alternatives share. */
function leafTypeOf(schema: TSchema, path: string): LeafType {
	const { type, anyOf, enum: values } = schema as { type?: string; anyOf?: TSchema[]; enum?: unknown[] };
	const items = itemsOf(schema);
	if (type === "array" && items) return leafTypeOf(items, path);
	if (anyOf && anyOf.length > 0) {
		const types = new Set(anyOf.map((alternative) => leafTypeOf(alternative, path)));
		const [only] = types;
		if (only && types.size === 1) return only;
		throw new MappingConflict(`${path} has alternatives of different types: say how it is indexed`);
	}
	if (type === "string" || values?.every((value) => typeof value === "string")) return "keyword";
	if (type === "integer") return "long";
	if (type === "number") return "double";
	if (type === "boolean") return "boolean";
	throw new MappingConflict(`${path} does not say how it is indexed: mark it as keyword, text, flat or date`);
}

function mergeInto(all: Mappings, more: Mappings, path: string): void {
	for (const [name, mapping] of Object.entries(more)) {
		const known = all[name];
		if (known === undefined) {
			all[name] = structuredClone(mapping);
		} else if (known.properties && mapping.properties) {
			mergeInto(known.properties, mapping.properties, `${path}.${name}`);
		} else if (JSON.stringify(known) !== JSON.stringify(mapping)) {
			throw new MappingConflict(
				`${path}.${name} is ${typeName(known)} in one event and ${typeName(mapping)} in another: one name, one type`,
			);
		}
	}
}

function typeName(mapping: FieldMapping): string {
	return mapping.properties ? "an object" : mapping.type;
}

/** The fields of the record. */
export const recordMappings: Mappings = mappingsOf(events);

/** Full paths of the record's fields that have one of `types`. */
export function pathsOf(types: readonly LeafType[], mappings: Mappings = recordMappings, prefix = ""): string[] {
	return Object.entries(mappings).flatMap(([name, mapping]) => {
		if (mapping.properties) return pathsOf(types, mapping.properties, `${prefix}${name}.`);
		return types.includes(mapping.type) ? [`${prefix}${name}`] : [];
	});
}

export interface TemplateOptions {
	/** 0 on a single node, 1 where the loss of a node must not lose the index. The stream can always be indexed again while it is kept. */
	readonly replicas: 0 | 1;
}

/** The body of `PUT /_index_template/callgate-events`. */
export function indexTemplate({ replicas }: TemplateOptions) {
	return {
		index_patterns: [recordStream],
		data_stream: { timestamp_field: { name: "@timestamp" } },
		// Above any catch-all template an operator may have.
		priority: 500,
		template: {
			settings: {
				index: {
					// One shard: an id is unique within a shard's index only, and the record is written in one order.
					number_of_shards: 1,
					number_of_replicas: replicas,
					// Auditors read the newest first.
					sort: { field: ["@timestamp"], order: ["desc"] },
				},
			},
			mappings: {
				// A field nobody declared has no class, so it must not be stored.
				dynamic: "strict",
				properties: recordMappings,
			},
		},
		_meta: { description: "The record of Callgate: generated from libs/contracts/events.ts" },
	};
}

/** Where an event stands in the stream. */
export interface Place {
	readonly position: number;
	readonly item: number;
}

export interface RecordDocument {
	/** The event's own id, or its digest where it is longer than the 512 bytes OpenSearch allows. */
	readonly id: string;
	readonly document: Readonly<Record<string, unknown>>;
}

/** Exactly what is indexed of an event: what a reader cleared for "sensitive" may see, each value within what its field can hold. */
export function documentOf(event: CallgateEvent, at: Place): RecordDocument {
	const { id, source, type, subject, time, traceparent, data } = event;
	const declaration = declarationOf(type);
	if (!declaration) throw new Error(`no event is called ${type}`);
	const shown = fitTo(
		{ properties: (recordMappings.data as { properties: Mappings }).properties },
		redact(declaration.data, data, "sensitive"),
		"data",
	);
	const document = {
		"@timestamp": time,
		id: id.toWellFormed(),
		source,
		type,
		subject: subject.toWellFormed(),
		...(traceparent && { traceparent, traceId: traceparent.split("-")[1] }),
		position: at.position,
		item: at.item,
		data: shown,
	};
	return { id: documentIdOf(id), document };
}

/** Makes a value fit its field: strings cut where a term ends, and what has no field left out. */
function fitTo(mapping: FieldMapping, value: unknown, path: string): unknown {
	if (Array.isArray(value) && (mapping.properties || mapping.type !== "flat_object"))
		return value.map((item) => fitTo(mapping, item, path));
	if (mapping.properties) {
		if (typeof value !== "object" || value === null) return undefined;
		const fitted: Record<string, unknown> = {};
		for (const [name, inner] of Object.entries(value)) {
			const field = mapping.properties[name];
			if (field) fitted[name] = fitTo(field, inner, `${path}.${name}`);
		}
		return fitted;
	}
	if (mapping.type === "flat_object") return fitFlat(value, path);
	if (typeof value !== "string") return value;
	return mapping.type === "keyword" ? cutToTerm(value) : value.toWellFormed();
}
