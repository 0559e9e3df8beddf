// What is known of a value before there is a call: its kinds, its values, its members. What a type leaves out cannot happen; what it has may happen.
import { nearest } from "#libs/configuration/nearest.ts";

/** CEL's types. JSON numbers are `double`; whole numbers written in a condition are `int`. */
export type Kind = "bool" | "int" | "double" | "string" | "list" | "map" | "null" | "timestamp" | "duration";
export type Scalar = string | number | boolean;

export interface Member {
	readonly type: ValueType;
	/** `declared`: named by the schema. `allowed`: the schema says that more may come. `tolerated`: it does not say that none may. */
	readonly standing: "declared" | "allowed" | "tolerated";
}

/** The members of objects. */
interface Members {
	/** Those that the schema names. */
	readonly names: () => ReadonlySet<string>;
	/** Undefined where an object of this type never has it. */
	readonly of: (name: string) => Member | undefined;
}

export interface ValueType {
	readonly kinds: ReadonlySet<Kind>;
	/** A kind that stands here has only these values. */
	readonly values: ReadonlyMap<Kind, ReadonlySet<Scalar>>;
	/** Of numbers. */
	readonly min: number;
	readonly max: number;
	/** Whether a text or a number of it can be this one: its pattern, length, wholeness. */
	readonly allows: (value: Scalar) => boolean;
	/** Asked only when they are needed: a schema may contain itself. */
	readonly items: () => ValueType;
	readonly members: Members;
}

const jsonKinds: readonly Kind[] = ["bool", "double", "string", "list", "map", "null"];

function anyMembers(type: () => ValueType): Members {
	return { names: () => new Set(), of: () => ({ type: type(), standing: "allowed" }) };
}

function made(kinds: Iterable<Kind>, more: Partial<ValueType> = {}): ValueType {
	return {
		kinds: new Set(kinds),
		values: new Map(),
		min: Number.NEGATIVE_INFINITY,
		max: Number.POSITIVE_INFINITY,
		allows: () => true,
		items: () => anything,
		members: anyMembers(() => anything),
		...more,
	};
}

/** Any JSON value. */
export const anyJson: ValueType = made(jsonKinds, { items: () => anyJson, members: anyMembers(() => anyJson) });
/** Nothing is known, not even that it came as JSON. */
export const anything: ValueType = made([...jsonKinds, "int", "timestamp", "duration"]);
/** There is no such value. */
export const nothing: ValueType = made([]);
/** Yes or no, and which of them is not known. */
export const bool: ValueType = made(["bool"]);

export function typeOf(kinds: readonly Kind[], more: Partial<ValueType> = {}): ValueType {
	return made(kinds, more);
}

/** The type of one value that is written out. */
export function literal(kind: Kind, value: Scalar): ValueType {
	const range = typeof value === "number" ? { min: value, max: value } : {};
	return made([kind], { values: new Map([[kind, new Set([value])]]), ...range });
}

/** An object with these members and no others. */
export function closedObject(names: ReadonlySet<string>): ValueType {
	return made(["map"], {
		members: { names: () => names, of: (name) => (names.has(name) ? { type: anything, standing: "declared" } : undefined) },
	});
}

/** What is of one type or of the other. */
export function either(one: ValueType, other: ValueType): ValueType {
	if (one === other || other === nothing) return one;
	if (one === nothing) return other;
	const values = new Map<Kind, ReadonlySet<Scalar>>();
	for (const kind of new Set([...one.values.keys(), ...other.values.keys()])) {
		const both = [one, other].flatMap((type) => (type.kinds.has(kind) ? [type.values.get(kind)] : []));
		if (both.every((set) => set !== undefined)) values.set(kind, new Set(both.flatMap((set) => [...(set ?? [])])));
	}
	const numbers = [one, other].filter(hasNumbers);
	return made([...one.kinds, ...other.kinds], {
		values,
		min: Math.min(...numbers.map(({ min }) => min)),
		max: Math.max(...numbers.map(({ max }) => max)),
		allows: (value) => [one, other].some((type) => kindsOfValue(value).some((kind) => type.kinds.has(kind)) && type.allows(value)),
		items: once(() => joined([one, other].filter(({ kinds }) => kinds.has("list")).map(({ items }) => items()))),
		members: eitherMembers([one, other].filter(({ kinds }) => kinds.has("map")).map(({ members }) => members)),
	});
}

/** What is of one of these types. */
export function joined(types: readonly ValueType[]): ValueType {
	return types.length === 0 ? nothing : types.reduce(either);
}

/** What is of both types. */
export function both(one: ValueType, other: ValueType): ValueType {
	// So that a schema which contains itself leads back to the same type.
	if (one === other || other === anyJson) return one;
	if (one === anyJson) return other;
	const kinds = new Set([...one.kinds].filter((kind) => other.kinds.has(kind)));
	const values = new Map<Kind, ReadonlySet<Scalar>>();
	for (const kind of kinds) {
		const [first, second] = [one.values.get(kind), other.values.get(kind)];
		const shared = first && second ? new Set([...first].filter((value) => second.has(value))) : (first ?? second);
		if (shared) values.set(kind, shared);
		if (shared?.size === 0) kinds.delete(kind);
	}
	return made(kinds, {
		values,
		min: Math.max(one.min, other.min),
		max: Math.min(one.max, other.max),
		allows: (value) => one.allows(value) && other.allows(value),
		items: once(() => both(one.items(), other.items())),
		members: bothMembers(one.members, other.members),
	});
}

function kindsOfValue(value: Scalar): readonly Kind[] {
	return typeof value === "string" ? ["string"] : typeof value === "boolean" ? ["bool"] : ["int", "double"];
}

function eitherMembers(all: readonly Members[]): Members {
	const [only] = all;
	if (all.length === 1 && only) return only;
	return {
		names: once(() => new Set(all.flatMap(({ names }) => [...names()]))),
		of: remembered((name) => {
			const found = all.flatMap(({ of }) => of(name) ?? []);
			const type = joined(found.map(({ type }) => type));
			return found.length === 0 ? undefined : { type, standing: firstOf(["declared", "allowed", "tolerated"], found) };
		}),
	};
}

function bothMembers(one: Members, other: Members): Members {
	return {
		names: once(() => new Set([...one.names(), ...other.names()])),
		of: remembered((name) => {
			const [first, second] = [one.of(name), other.of(name)];
			if (!first || !second) return undefined;
			return { type: both(first.type, second.type), standing: firstOf(["declared", "tolerated", "allowed"], [first, second]) };
		}),
	};
}

function firstOf(order: readonly Member["standing"][], found: readonly Member[]): Member["standing"] {
	return order.find((standing) => found.some((one) => one.standing === standing)) ?? "tolerated";
}

export function hasNumbers({ kinds }: ValueType): boolean {
	return kinds.has("double") || kinds.has("int");
}

/** Shorter names are near to too many others. */
const misspeltMin = 4;

/** A member of an object, or why there is none: a name beside one that the schema has counts as misspelt unless the schema says that more may come. */
export function lookUp(container: ValueType, name: string): { found: ValueType | undefined; missing: string } {
	const member = container.members.of(name);
	const near = member === undefined || member.standing === "tolerated" ? nearest(name, container.members.names()) : undefined;
	if (member && (near === undefined || name.length < misspeltMin)) return { found: member.type, missing: "" };
	const hint = near === undefined ? "" : `; did you mean "${near}"?`;
	const remedy = member ? ` (if not, the schema must name it, or say additionalProperties: true)` : "";
	return { found: undefined, missing: hint + remedy };
}

/** A type as a message says it: `string or null`. */
export function spokenType({ kinds }: ValueType): string {
	if (jsonKinds.every((kind) => kinds.has(kind))) return "anything";
	const said = [...kinds].filter((kind) => kind !== "int" || !kinds.has("double"));
	return said.map((kind) => (kind === "double" ? "number" : kind)).join(" or ") || "nothing";
}

/** A yes-or-no answer that is known before there is a call. */
export function answered(value: boolean): ValueType {
	return literal("bool", value);
}

/** What a type says for sure of a yes-or-no answer. */
export function surelyIs(value: boolean, { kinds, values }: ValueType): boolean {
	const known = values.get("bool");
	return kinds.size === 1 && known?.size === 1 && known.has(value);
}

function once<T>(make: () => T): () => T {
	let kept: { readonly value: T } | undefined;
	return () => {
		kept ??= { value: make() };
		return kept.value;
	};
}

/** Schemas share their parts: what was asked before is not worked out again. */
export function remembered<T>(make: (name: string) => T): (name: string) => T {
	const kept = new Map<string, T>();
	return (name) => {
		if (kept.has(name)) return kept.get(name) as T;
		const value = make(name);
		kept.set(name, value);
		return value;
	};
}
