// Which places of a value a document marks as sensitive, and what is to become of them: JSONPaths for masking.
import { isRecord, type JsonSchema, memberOf } from "#libs/functions/schema.ts";
import { isNamed, type MaskAction, strictest } from "#libs/masking/action.ts";
import { resolveRef } from "./resolve-ref.ts";

export const markKeyword = "x-callgate-mask";
/** JSONPaths (RFC 9535) with what their values become. */
export type MarkedPlaces = Readonly<Record<string, MaskAction>>;

/** Most places that are walked; schemas that refer to each other often have more places than anyone could list. */
const placesMax = 10_000;
/** Masking takes paths up to this long and deep (libs/masking/selector.ts). */
const pathCharsMax = 512;
const stepsMax = 32;
/** Beside those that a policy may name. */
export const markedMax = 256;

/**
 * Everything marked `x-callgate-mask: …`, or, and then to be redacted, `writeOnly`, `x-callgate-sensitive` or `format: password`. Where schemas
 * refer to themselves, or have too many places to list, the marked names are covered at every depth (`$..name`), and where there are too many
 * of them too, the whole value: rather too much masked than too little.
 *
 * @param resolve the schema that a `$ref` names, undefined where there is none
 */
export function markedPlaces(schemas: readonly unknown[], resolve: (ref: string) => unknown): MarkedPlaces {
	const walk = new Walk(resolve);
	for (const schema of schemas) walk.visit(schema, "$", []);
	if (walk.everywhere || walk.places.size > markedMax) for (const schema of schemas) walk.addNames(schema);
	if (walk.places.size <= markedMax) return Object.fromEntries([...walk.places].sort(([one], [other]) => (one < other ? -1 : 1)));
	return { $: "redact" };
}

/** As {@link markedPlaces}, of a schema that stands alone: what people see of its values always shows that there is one. */
export function markedArguments(schema: JsonSchema): MarkedPlaces {
	const places = markedPlaces([schema], (ref) => memberOf(memberOf(schema, "$defs"), ref.slice("#/$defs/".length)));
	return Object.fromEntries(Object.entries(places).map(([place, action]) => [place, action === "last4" ? action : "redact"]));
}

/** As {@link markedPlaces}, of schemas that lead into their document. */
export function markedAnswers(document: unknown, schemas: readonly unknown[]): MarkedPlaces {
	return markedPlaces(schemas, (ref) => {
		const found = resolveRef(document, ref);
		return found.ok ? found.value : undefined;
	});
}

function actionOf(schema: unknown): MaskAction | undefined {
	const said = memberOf(schema, markKeyword);
	if (isNamed(said)) return said;
	const isSensitive = memberOf(schema, "writeOnly") === true || memberOf(schema, "x-callgate-sensitive") === true;
	return isSensitive || memberOf(schema, "format") === "password" || said !== undefined ? "redact" : undefined;
}

class Walk {
	readonly places = new Map<string, MaskAction>();
	everywhere = false;
	private readonly resolve: (ref: string) => unknown;
	private visits = 0;

	constructor(resolve: (ref: string) => unknown) {
		this.resolve = resolve;
	}

	visit(schema: unknown, path: string, refs: readonly string[], steps = 0): void {
		if (!isRecord(schema) || this.everywhere) return;
		if (++this.visits > placesMax || path.length > pathCharsMax || steps > stepsMax) {
			this.everywhere = true;
			return;
		}
		const action = actionOf(schema);
		if (action !== undefined) {
			this.add(path, action);
			return;
		}
		const ref = memberOf(schema, "$ref");
		if (typeof ref === "string") {
			if (refs.includes(ref)) this.everywhere = true;
			else this.visit(this.resolve(ref), path, [...refs, ref], steps);
		}
		for (const { schema: part, step } of partsOf(schema)) this.visit(part, path + step, refs, steps + (step === "" ? 0 : 1));
	}

	/** `$..name` for every member anywhere whose schema, or a schema it refers to or is made of, is marked. */
	addNames(root: unknown): void {
		const seen = new Set<unknown>();
		const pending: unknown[] = [root];
		while (pending.length > 0) {
			const schema = pending.pop();
			if (!isRecord(schema) || seen.has(schema)) continue;
			seen.add(schema);
			const ref = memberOf(schema, "$ref");
			if (typeof ref === "string") pending.push(this.resolve(ref));
			for (const part of partsOf(schema)) {
				const action = part.name === undefined ? undefined : this.markOf(part.schema);
				if (part.name !== undefined && action !== undefined) this.add(`$.${stepTo(part.name).replace(/^\[/, ".[")}`, action);
				pending.push(part.schema);
			}
		}
	}

	private add(path: string, action: MaskAction): void {
		const known = this.places.get(path);
		this.places.set(path, known === undefined ? action : strictest(known, action));
	}

	/** What a schema itself (not a named member inside it) is to become, or something that it is made of. */
	private markOf(root: unknown): MaskAction | undefined {
		const marks: MaskAction[] = [];
		const seen = new Set<unknown>();
		const pending: unknown[] = [root];
		while (pending.length > 0) {
			const schema = pending.pop();
			if (!isRecord(schema) || seen.has(schema)) continue;
			seen.add(schema);
			marks.push(...[actionOf(schema)].filter((one) => one !== undefined));
			const ref = memberOf(schema, "$ref");
			if (typeof ref === "string") pending.push(this.resolve(ref));
			for (const part of partsOf(schema)) if (part.name === undefined) pending.push(part.schema);
		}
		return marks.length === 0 ? undefined : marks.reduce(strictest);
	}
}

/** The schemas inside a schema and the step that leads to what they describe. */
function partsOf(schema: Record<string, unknown>): { readonly schema: unknown; readonly step: string; readonly name?: string }[] {
	const parts: { schema: unknown; step: string; name?: string }[] = [];
	for (const [name, member] of entriesOf(schema.properties)) parts.push({ schema: member, step: stepTo(name), name });
	for (const [, member] of entriesOf(schema.patternProperties)) parts.push({ schema: member, step: ".*" });
	for (const [, member] of entriesOf(schema.dependentSchemas)) parts.push({ schema: member, step: "" });
	for (const keyword of ["additionalProperties", "unevaluatedProperties"]) parts.push({ schema: schema[keyword], step: ".*" });
	for (const keyword of ["items", "contains", "unevaluatedItems"]) parts.push({ schema: schema[keyword], step: "[*]" });
	for (const member of listOf(schema.prefixItems)) parts.push({ schema: member, step: "[*]" });
	for (const keyword of ["allOf", "anyOf", "oneOf"]) for (const member of listOf(schema[keyword])) parts.push({ schema: member, step: "" });
	for (const keyword of ["if", "then", "else"]) parts.push({ schema: schema[keyword], step: "" });
	return parts;
}

function entriesOf(value: unknown): [string, unknown][] {
	return isRecord(value) ? Object.entries(value) : [];
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

function stepTo(name: string): string {
	return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `['${name.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}']`;
}
