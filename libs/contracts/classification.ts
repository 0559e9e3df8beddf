// Who may see a field: every field of every event has a class, and a field without one is a secret.
import type { TSchema } from "typebox";

/**
 * - `public`: may appear anywhere, logs included.
 * - `sensitive`: approvers, Slack and auditors may see it (it was masked at capture); logs may not.
 * - `secret`: only the sealed or signed form exists, and only its reader uses it; never logged, shown or indexed.
 */
export type FieldClass = "public" | "sensitive" | "secret";

/** How a field is indexed where its JSON type does not say it; `kept` is shown with its document and not looked into. */
export type IndexAs = "keyword" | "text" | "flat" | "date" | "kept";

interface Marks {
	readonly class?: FieldClass;
	readonly indexAs?: IndexAs;
}

/** Marks a schema as public. */
export function pub<T extends TSchema>(schema: T, indexAs?: IndexAs): T {
	return mark(schema, { class: "public", ...(indexAs && { indexAs }) });
}

/** Marks a schema as sensitive. */
export function sensitive<T extends TSchema>(schema: T, indexAs?: IndexAs): T {
	return mark(schema, { class: "sensitive", ...(indexAs && { indexAs }) });
}

function mark<T extends TSchema>(schema: T, marks: Marks): T {
	return { ...schema, ...marks };
}

export function marksOf(schema: TSchema): { class: FieldClass; indexAs: IndexAs | undefined } {
	const marks = schema as Marks;
	return { class: marks.class ?? "secret", indexAs: marks.indexAs };
}

const rank: Record<FieldClass, number> = { public: 0, sensitive: 1, secret: 2 };

/**
 * The part of `value` that a reader cleared up to `cleared` may see. An object's members each need a class of their own; an array's items
 * share the array's. Members the schema does not know are dropped: they have no class.
 */
export function redact(schema: TSchema, value: unknown, cleared: "public" | "sensitive"): unknown {
	const { class: fieldClass, indexAs } = marksOf(schema);
	const properties = propertiesOf(schema);
	if (properties && indexAs === undefined && typeof value === "object" && value !== null) {
		const seen: Record<string, unknown> = {};
		for (const [name, member] of Object.entries(properties)) {
			const inner = (value as Record<string, unknown>)[name];
			if (inner === undefined) continue;
			const shown = redact(member, inner, cleared);
			if (shown !== undefined) seen[name] = shown;
		}
		return seen;
	}
	const items = itemsOf(schema);
	if (items && propertiesOf(items) && Array.isArray(value)) return value.map((item) => redact(items, item, cleared));
	return rank[fieldClass] <= rank[cleared] ? value : undefined;
}

export function propertiesOf(schema: TSchema): Record<string, TSchema> | undefined {
	return (schema as { properties?: Record<string, TSchema> }).properties;
}

export function itemsOf(schema: TSchema): TSchema | undefined {
	return (schema as { items?: TSchema }).items;
}
