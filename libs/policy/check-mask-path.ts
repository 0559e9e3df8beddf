// Whether a path that is masked can lead anywhere in the values of a schema.
import { nearest } from "#libs/configuration/nearest.ts";
import type { Segment } from "#libs/masking/selector.ts";
import { lookUp, type ValueType } from "./value-type.ts";

/** Types that a `..` goes through; where there are more, somewhere among them may be what is looked for. */
const belowMax = 2_000;

/** How far a path led, and why no further. */
export interface NoPlace {
	readonly depth: number;
	readonly why: string;
}

/** Why nothing that fits the type has such a place; undefined where something may. */
export function whyNoPlace(path: readonly Segment[], type: ValueType): NoPlace | undefined {
	let here: ReadonlySet<ValueType> = new Set([type]);
	for (const [depth, segment] of path.entries()) {
		const from = segment.descendants ? below(here) : here;
		if (from === undefined) return undefined;
		const next = new Set([...from].flatMap((one) => childrenOf(one, segment)));
		if (next.size === 0) return { depth, why: `the schema has no ${spoken(segment)} there${hint([...from], segment)}` };
		here = next;
	}
	return undefined;
}

function childrenOf(type: ValueType, segment: Segment): ValueType[] {
	const items = type.kinds.has("list") ? [type.items()].filter(({ kinds }) => kinds.size > 0) : [];
	if (segment.kind === "index") return items;
	if (!type.kinds.has("map")) return segment.kind === "all" ? items : [];
	if (segment.kind === "all") return [...items, ...membersOf(type)];
	const { found } = lookUp(type, segment.name);
	return found ? [found] : [];
}

/** Types of all members: those that are named, and of those that may come beside them. */
function membersOf({ members }: ValueType): ValueType[] {
	const names = members.names();
	const other = members.of(unlikelyName);
	return [...[...names].flatMap((name) => members.of(name)?.type ?? []), ...(other ? [other.type] : [])];
}

/** A name that no schema has: what is said of it is said of every other. */
const unlikelyName = "\u0000";

function below(from: ReadonlySet<ValueType>): ReadonlySet<ValueType> | undefined {
	const seen = new Set(from);
	for (const type of seen) {
		if (seen.size > belowMax) return undefined;
		for (const child of childrenOf(type, { kind: "all", descendants: false })) seen.add(child);
	}
	return seen;
}

function spoken(segment: Segment): string {
	if (segment.kind === "all") return "members or items";
	return segment.kind === "index" ? "list" : `member ${JSON.stringify(segment.name)}`;
}

function hint(from: readonly ValueType[], segment: Segment): string {
	if (segment.kind !== "name") return "";
	const near = nearest(segment.name, new Set(from.flatMap(({ members }) => [...members.names()])));
	return near === undefined ? "" : `; did you mean "${near}"?`;
}
