// The index and its reader in memory: for tests that need no server, as strict as OpenSearch about fields, sizes and ids. Passes index-contract.ts.
import { emailKey } from "#libs/contracts/email.ts";
import { type FieldMapping, type Mappings, type Place, recordMappings } from "#libs/contracts/index-template.ts";
import { termBytesMax } from "#libs/contracts/index-terms.ts";
import { type Fields, kindOfField, recordFields, valuesAt } from "#libs/contracts/record-fields.ts";
import {
	type Condition,
	type Delivered,
	type Index,
	IndexUnavailable,
	type Outcome,
	type PageEnd,
	type RecordedEvent,
	type RecordQuery,
	type RecordReader,
	type Stretch,
} from "./ports.ts";
import { recordedEvent } from "./recorded-event.ts";

type Source = Readonly<Record<string, unknown>>;

export class MemoryIndex implements Index, RecordReader {
	/** Backing indices, oldest first: an id is unique within one of them. */
	readonly generations: Map<string, Source>[] = [new Map()];
	readonly wordsMax = 16;
	readonly mappings: Mappings;
	/** While set, every request fails with it. */
	trouble: IndexUnavailable | undefined;
	/** While set, what is created is found only after the next refresh. */
	isLate = false;
	private readonly hidden = new Set<string>();
	/** How often documents were given. */
	requests = 0;

	constructor(mappings: Mappings = recordMappings) {
		this.mappings = mappings;
	}

	rollOver(): void {
		this.generations.push(new Map());
	}

	/** Every document, as often as it is there. */
	documents(): [string, Source][] {
		return this.generations.flatMap((generation) => [...generation]);
	}

	async create(documents: readonly Delivered[]): Promise<readonly Outcome[]> {
		this.requests++;
		if (this.trouble) throw this.trouble;
		let outdated: IndexUnavailable | undefined;
		const outcomes = documents.map((given): Outcome => {
			// What crosses the wire is JSON: members that are undefined do not.
			const source = JSON.parse(JSON.stringify(given.document)) as Source;
			if (this.generations.some((generation) => generation.has(given.id))) return { kind: "exists" };
			const fault = faultOf({ properties: this.mappings }, source, "");
			if (this.isLate) this.hidden.add(given.id);
			if (fault === undefined) this.generations.at(-1)?.set(given.id, source);
			else if (fault.type === "strict_dynamic_mapping_exception") outdated = new IndexUnavailable("outdated", `no field ${fault.field}`);
			return fault ? { kind: "refused", fault: `${fault.type} at ${fault.field}` } : { kind: "created" };
		});
		if (outdated) throw outdated;
		return outcomes;
	}

	async search(query: RecordQuery, size: number, after?: PageEnd) {
		if (this.trouble) throw this.trouble;
		const matching = this.events()
			.filter((event) => matches(event, query))
			.sort((one, other) => compare(endOf(other), endOf(one)));
		const events = matching.filter((event) => !after || compare(endOf(event), after) < 0).slice(0, size);
		const last = events.at(-1);
		return { events, ...(last && events.length === size && { end: endOf(last) }), total: { value: matching.length, exact: true } };
	}

	async stretch(query: RecordQuery, size: number, { after, upTo, except }: Stretch) {
		if (this.trouble) throw this.trouble;
		const isOwn = ({ type, data }: RecordedEvent) => {
			const { issuer, subject } = (data.reader ?? {}) as Record<string, unknown>;
			return type === "control.record.read" && issuer === except?.issuer && subject === except?.subject;
		};
		const matching = this.events()
			.filter((event) => matches(event, query) && !isOwn(event) && event.position <= upTo && inStream(event, after) > 0)
			.sort(inStream);
		const events = matching.slice(0, size);
		return { events, left: { value: matching.length - events.length, exact: true } };
	}

	async story(call: string) {
		if (this.trouble) throw this.trouble;
		return this.events()
			.filter((event) => matches(event, { call }))
			.sort(inStream);
	}

	async refresh() {
		if (this.trouble) throw this.trouble;
		this.hidden.clear();
	}

	async recorded(ids: readonly string[]) {
		if (this.trouble) throw this.trouble;
		return new Set(ids.filter((id) => this.generations.some((generation) => generation.has(id))));
	}

	async furthest(since = "") {
		if (this.trouble) throw this.trouble;
		return Math.max(0, ...this.events().flatMap(({ time, position }) => (time >= since ? [position] : [])));
	}

	private events(): RecordedEvent[] {
		const found = this.documents().filter(([id]) => !this.hidden.has(id));
		return found.map(([, document]) => recordedEvent(document));
	}
}

interface Fault {
	readonly type: "strict_dynamic_mapping_exception" | "mapper_parsing_exception" | "illegal_argument_exception";
	readonly field: string;
}

/** What OpenSearch would say about a value, or undefined if it takes it. */
export function faultOf(mapping: FieldMapping, value: unknown, field: string): Fault | undefined {
	if (value === null || value === undefined) return undefined;
	if (Array.isArray(value) && mapping.type !== "flat_object") {
		return value.map((item) => faultOf(mapping, item, field)).find((fault) => fault !== undefined);
	}
	if (mapping.properties) return objectFaultOf(mapping.properties, value, field);
	const malformed: Fault = { type: "mapper_parsing_exception", field };
	const tooLong: Fault = { type: "illegal_argument_exception", field };
	switch (mapping.type) {
		case "keyword":
			if (typeof value === "object") return malformed;
			return Buffer.byteLength(String(value)) > termBytesMax ? tooLong : undefined;
		case "text":
			return typeof value === "object" ? malformed : undefined;
		case "flat_object":
			if (typeof value !== "object" || Array.isArray(value)) return malformed;
			return longestTerm(value, `${field}.${field}`) > termBytesMax ? tooLong : undefined;
		case "date":
			return mapping.ignore_malformed || !Number.isNaN(Date.parse(String(value))) ? undefined : malformed;
		case "boolean":
			return typeof value === "boolean" ? undefined : malformed;
		case "object":
			return typeof value === "object" ? undefined : malformed;
		case "long":
		case "double":
			return mapping.ignore_malformed || typeof value === "number" ? undefined : malformed;
	}
}

function objectFaultOf(properties: Mappings, value: unknown, field: string): Fault | undefined {
	if (typeof value !== "object" || value === null) return { type: "mapper_parsing_exception", field };
	for (const [name, member] of Object.entries(value)) {
		const path = field === "" ? name : `${field}.${name}`;
		const mapping = properties[name];
		if (!mapping) return { type: "strict_dynamic_mapping_exception", field: path };
		const fault = faultOf(mapping, member, path);
		if (fault) return fault;
	}
	return undefined;
}

/** The bytes of the longest `root.root.path=value` of a flat object. */
function longestTerm(value: unknown, path: string): number {
	if (Array.isArray(value)) return Math.max(0, ...value.map((item) => longestTerm(item, path)));
	if (typeof value === "object" && value !== null) {
		return Math.max(0, ...Object.entries(value).map(([name, member]) => longestTerm(member, `${path}.${name}`)));
	}
	return Buffer.byteLength(`${path}=${String(value)}`);
}

function isNamed(who: Record<string, unknown> | undefined, name: string): boolean {
	return who?.subject === name || who?.email === emailKey(name);
}

function matches(event: RecordedEvent, query: RecordQuery): boolean {
	const { data } = event;
	const caller = data.caller as Record<string, unknown> | undefined;
	const reader = data.reader as Record<string, unknown> | undefined;
	const { q, call, type, connection, function: name, ending, from, to } = query;
	return (
		(q === undefined ||
			q
				.toLowerCase()
				.split(/\s+/)
				.every((word) => JSON.stringify(event).toLowerCase().includes(word))) &&
		(call === undefined || data.call === call || event.subject === call) &&
		(type === undefined || event.type === type) &&
		(query.caller === undefined || [caller, reader].some((who) => isNamed(who, query.caller ?? ""))) &&
		(connection === undefined || data.connection === connection) &&
		(name === undefined || data.function === name) &&
		(ending === undefined || data.ending === ending) &&
		(from === undefined || Date.parse(event.time) >= Date.parse(from)) &&
		(to === undefined || Date.parse(event.time) < Date.parse(to)) &&
		(query.where ?? []).every((condition) => holds(event, condition, recordFields))
	);
}

/** @param fields those of events, or those of stories */
export function holds(document: object, condition: Condition, fields: Fields): boolean {
	const kind = kindOfField(condition.field, fields);
	const found = valuesAt(document, condition.field);
	const values = kind === "flat" ? found.flatMap(leavesOf) : found;
	if (condition.operator === "exists") return values.length > 0;
	const { operator, value } = condition;
	const isMet = (found: unknown): boolean => {
		const [one, other] = kind === "instant" ? [Date.parse(String(found)), Date.parse(String(value))] : [found, value];
		switch (operator) {
			case "=":
			case "!=":
				return kind === "flat" ? String(one) === other : one === other;
			case "<":
				return Number(one) < Number(other);
			case "<=":
				return Number(one) <= Number(other);
			case ">":
				return Number(one) > Number(other);
			case ">=":
				return Number(one) >= Number(other);
		}
	};
	return operator === "!=" ? !values.some(isMet) : values.some(isMet);
}

/** All that is in a flat value, at any depth. */
function leavesOf(value: unknown): unknown[] {
	return typeof value === "object" && value !== null ? Object.values(value).flatMap(leavesOf) : [value];
}

function endOf({ time, position, item }: RecordedEvent): PageEnd {
	return [Date.parse(time), position, item];
}

function inStream(one: Place, other: Place): number {
	return one.position - other.position || one.item - other.item;
}

function compare(one: PageEnd, other: PageEnd): number {
	return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}
