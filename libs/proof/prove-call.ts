// One call's proof: its events' own bytes, and for each the way from its leaf to the root that a checkpoint signs. Made from an export, checked by anyone.
import { openCheckpoint } from "#libs/merkle/checkpoint.ts";
import { GrowingTree } from "#libs/merkle/growing-tree.ts";
import { leafHash } from "#libs/merkle/hash.ts";
import { isIncluded, proveInclusion, rootsFromTiles } from "#libs/merkle/proofs.ts";
import type { NoteKey } from "#libs/merkle/signed-note.ts";
import { tilePath } from "#libs/merkle/tile-path.ts";
import { digestOf, readEntry } from "./entry.ts";
import { eventOf, type LeafLine } from "./export-record.ts";
import type { Finding } from "./verify-record.ts";

export interface CallProof {
	readonly callgate: "call-proof";
	readonly version: 1;
	readonly call: string;
	/** A signed note (C2SP tlog-checkpoint): all of the events are in its tree. */
	readonly checkpoint: string;
	/** In the record's order; `proof` has the hashes from the leaf's sibling up, in base64 (RFC 6962 section 2.1.1). */
	readonly events: readonly (LeafLine & { readonly proof: readonly string[] })[];
}

/** Gathers what one call's proof takes, while an export goes by that is verified beside it. */
export class CallProver {
	private readonly call: string;
	private readonly tree = new GrowingTree();
	private readonly tiles = new Map<string, Uint8Array>();
	private readonly found: LeafLine[] = [];
	private checkpoint: string | undefined;

	constructor(call: string) {
		this.call = call;
	}

	/** One line of an export that was verified up to here. */
	line(text: string): void {
		const value = JSON.parse(text) as Partial<LeafLine> & { checkpoint?: string };
		if (value.checkpoint !== undefined) this.checkpoint = value.checkpoint;
		if (value.entry === undefined) return;
		this.tree.push(leafHash(Buffer.from(value.entry, "latin1")));
		// An event names its call in its text; which events do is told by their JSON alone.
		if (value.event?.includes(this.call) && callIn(value.event) === this.call) this.found.push(value as LeafLine);
	}

	/** Undefined where the record has nothing of the call, or no checkpoint. The last line was a checkpoint: the export was verified. */
	async end(): Promise<CallProof | undefined> {
		const { call, checkpoint, tree, tiles } = this;
		if (this.found.length === 0 || checkpoint === undefined) return undefined;
		for (const tile of tree.takeTiles()) tiles.set(tilePath(tile), tile.bytes);
		const rootOf = rootsFromTiles(tree.size, async (tile) => tiles.get(tilePath(tile)));
		const events: CallProof["events"][number][] = [];
		for (const leaf of this.found) {
			const proof = await proveInclusion(leaf.index, tree.size, rootOf);
			events.push({ ...leaf, proof: proof.map((hash) => Buffer.from(hash).toString("base64")) });
		}
		return { callgate: "call-proof", version: 1, call, checkpoint, events };
	}
}

/** The call an event's text is about; undefined where it is no event. */
function callIn(text: string): unknown {
	try {
		return (JSON.parse(text) as { subject?: unknown } | null)?.subject;
	} catch {
		return undefined;
	}
}

/** The first thing that is wrong with a proof; undefined if nothing is. Whether the call had other events as well is not in it. */
export function findFaultInProof({ call, checkpoint, events }: CallProof, keys: readonly NoteKey[]): Finding | undefined {
	const opened = openCheckpoint(checkpoint, keys);
	if (!opened.ok) {
		const fault = opened.fault === "wrong-signature" ? "wrong-signature" : opened.fault === "malformed" ? "malformed" : "wrong-key";
		return { fault, message: `the checkpoint does not count: ${opened.fault}` };
	}
	const { size, root } = opened.checkpoint;
	for (const line of events) {
		const { index } = line;
		const entry = readEntry(line.entry);
		const event = eventOf(line);
		if (entry?.kind !== "event" || !event) return { fault: "malformed", index, message: `record ${index} is no event` };
		const { position, item } = entry;
		const where = { index, position, item };
		if (digestOf(event) !== entry.digest || callIn(event.toString()) !== call)
			return {
				fault: "changed",
				...where,
				message: `the event at position ${position}, item ${item} is not the one that was recorded of this call`,
			};
		const proof = line.proof.map((hash) => Buffer.from(hash, "base64"));
		if (!isIncluded(leafHash(Buffer.from(line.entry, "latin1")), index, size, proof, root))
			return {
				fault: "inserted",
				...where,
				message: `the event at position ${position}, item ${item} is not in the tree that the checkpoint signs`,
			};
	}
	return undefined;
}
