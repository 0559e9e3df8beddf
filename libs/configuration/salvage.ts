// What of a document that does not fit its schema can be judged all the same, so that one mistake does not hide the others: its other members, with
// the way back to their places.
import type { TSchema } from "typebox";
import { checkShape } from "./check-shape.ts";
import type { DocumentPath, Fault } from "./configuration-error.ts";

export interface Salvaged {
	/** Fits the schema. Nothing of it is ever activated: the document has mistakes. */
	readonly value: unknown;
	/** Mistakes of form that the misspelt name of a member hid, at their places in the document. */
	readonly faults: readonly Fault[];
	/** Where in the document something of `value` stands; undefined where what is found there may follow from what was left out. */
	placeOf(path: DocumentPath): DocumentPath | undefined;
}

/** Each round leaves something out, or ends it; a document that needs more is too broken to be judged. */
const roundsMax = 8;

/** Leaves out what `checkShape` refuses, and reads a misspelt member as the one that was probably meant. Undefined where not enough is left. */
export function salvage(schema: TSchema, document: unknown): Salvaged | undefined {
	const rest = new Rest(structuredClone(document));
	for (let round = 0; round < roundsMax; round++) {
		const faults = checkShape(schema, rest.value);
		if (faults.length === 0) return rest;
		// The first ones are known to whoever asked. Later ones stand in members that had another name before.
		if (round > 0) rest.note(faults);
		if (faults.some(({ path }) => path.length === 0)) return undefined;
		rest.leaveOut(faults);
	}
	return undefined;
}

type Container = Record<string | number, unknown>;

class Rest implements Salvaged {
	readonly value: unknown;
	readonly faults: Fault[] = [];
	/** In the document's own places. */
	private readonly removed: DocumentPath[] = [];
	/** By mapping or list: which name or index a member has in the document, where it is another one. */
	private readonly origins = new Map<unknown, Map<string | number, string | number>>();

	constructor(value: unknown) {
		this.value = value;
	}

	placeOf(path: DocumentPath): DocumentPath | undefined {
		const place = this.origin(path);
		// What is said at the name is said of the whole document.
		const about = place.length === 1 && place[0] === "name" ? [] : place;
		return this.removed.some((one) => about.every((name, at) => name === one[at])) ? undefined : place;
	}

	note(faults: readonly Fault[]): void {
		for (const fault of faults) {
			const path = this.placeOf(fault.path);
			if (path !== undefined) this.faults.push({ ...fault, path });
		}
	}

	leaveOut(faults: readonly Fault[]): void {
		const lists = new Map<unknown[], Set<number>>();
		for (const { path, meant } of faults) {
			const parent = this.at(path.slice(0, -1)) as Container | undefined;
			const name = path.at(-1);
			if (parent === undefined || name === undefined || !Object.hasOwn(parent, name)) continue;
			if (meant !== undefined && !Object.hasOwn(parent, meant)) {
				this.rename(parent, meant, name);
				continue;
			}
			this.removed.push(this.origin(path));
			if (!Array.isArray(parent)) delete parent[name];
			else lists.set(parent, (lists.get(parent) ?? new Set()).add(Number(name)));
		}
		for (const [list, gone] of lists) this.shorten(list, gone);
	}

	private shorten(list: unknown[], gone: ReadonlySet<number>): void {
		const kept = [...list.keys()].filter((index) => !gone.has(index));
		const origins = new Map(kept.map((index, at) => [at, this.origins.get(list)?.get(index) ?? index]));
		const items = kept.map((index) => list[index]);
		list.splice(0, list.length, ...items);
		this.origins.set(list, origins);
	}

	private rename(parent: Container, now: string | number, before: string | number): void {
		const known = this.origins.get(parent) ?? new Map<string | number, string | number>();
		this.origins.set(parent, known.set(now, known.get(before) ?? before));
		parent[now] = parent[before];
		delete parent[before];
	}

	private origin(path: DocumentPath): DocumentPath {
		return path.map((name, at) => this.origins.get(this.at(path.slice(0, at)))?.get(name) ?? name);
	}

	private at(path: DocumentPath): unknown {
		return path.reduce<unknown>((node, name) => (node as Container | undefined)?.[name], this.value);
	}
}
