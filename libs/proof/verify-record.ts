// Verifies an export of the record, line by line: recomputes every digest and the whole tree, and names the first record that is wrong, and how.
import { type Checkpoint, openCheckpoint, readCheckpoint } from "#libs/merkle/checkpoint.ts";
import { GrowingTree } from "#libs/merkle/growing-tree.ts";
import { leafHash } from "#libs/merkle/hash.ts";
import { type NoteKey, readKeyText } from "#libs/merkle/signed-note.ts";
import { digestOf, type Entry, type Era, isSameEra, readEntry } from "./entry.ts";
import { type CheckpointLine, eventOf, exportHead, type LeafLine } from "./export-record.ts";

export type Fault =
	/** A line is no line of an export. */
	| "malformed"
	/** An event is not what its entry has the digest of, or leaves are not those that were signed. */
	| "changed"
	| "removed"
	| "inserted"
	| "reordered"
	/** What stands at the end is signed by no checkpoint. */
	| "cut-off"
	/** A checkpoint that is known to have been signed is not of this record. */
	| "fork"
	| "wrong-key"
	| "wrong-signature"
	/** A checkpoint that is known to have been signed is beyond the end. */
	| "rolled-back"
	/** The last checkpoint is older than it should be. */
	| "stale";

/** The first thing that is wrong. `index` is the leaf's, from 0; position and item are an event's place in the stream. */
export interface Finding {
	readonly fault: Fault;
	readonly message: string;
	readonly index?: number;
	readonly position?: number;
	readonly item?: number;
}

/** What was not wrong and should be known: what the tree itself says was lost, or when nobody signed. */
export interface Notice {
	readonly kind: "missing" | "silence" | "new-stream" | "new-key";
	readonly message: string;
}

export interface Verified {
	readonly finding?: Finding;
	readonly leaves: number;
	readonly events: number;
	readonly checkpoints: number;
	/** RFC 3339, by the writer's clock. */
	readonly from?: string;
	readonly to?: string;
	/** Base64, of the last checkpoint that held. */
	readonly root?: string;
	readonly notices: readonly Notice[];
	/** How many notices there were in all: only so many are kept. */
	readonly noticesTotal: number;
}

export interface VerifyTerms {
	readonly origin: string;
	/** Keys that are trusted from the beginning. One that the record itself names, under a checkpoint that held, is trusted from there on. */
	readonly keys: readonly NoteKey[];
	/** Checkpoints that somebody kept: this record must be what they signed. Signed notes. */
	readonly known?: readonly string[];
	/** The last checkpoint may be at most so much older than `now`; undefined: its age is not looked at. */
	readonly age?: { readonly now: Date; readonly maxMs: number } | undefined;
	/** A longer time between two checkpoints is told. */
	readonly silenceMs?: number;
}

/** A checkpoint comes each minute; a restart of everything takes less than three. */
export const silenceDefaultMs = 180_000;
const noticesMax = 100;

/** Thrown within, once something is wrong: nothing after it is looked at. */
class Found extends Error {
	readonly finding: Finding;
	constructor(finding: Finding) {
		super(finding.message);
		this.finding = finding;
	}
}

interface Place {
	readonly position: number;
	readonly item: number;
}

export class RecordVerifier {
	private readonly terms: VerifyTerms;
	private readonly tree = new GrowingTree();
	private readonly trusted: NoteKey[];
	/** Named by the record, and not yet under a checkpoint that held. */
	private readonly named: NoteKey[] = [];
	private readonly known: { readonly note: string; readonly says: Checkpoint | undefined; isOther?: true }[];
	private finding: Finding | undefined;
	private lines = 0;
	private events = 0;
	private checkpoints = 0;
	private notices: Notice[] = [];
	private noticesTotal = 0;
	private era: Era | undefined;
	/** The last event's place; undefined before the first of an era. */
	private place: Place | undefined;
	private from: string | undefined;
	private time: Extract<Entry, { kind: "time" }> | undefined;
	private isTimeLast = false;
	/** Leaves under the last checkpoint that held, and its root. */
	private signed = 0;
	private root: string | undefined;
	/** Hashes since then, for saying which leaf it is. */
	private hashes: Buffer[] = [];

	constructor(terms: VerifyTerms) {
		this.terms = terms;
		this.trusted = [...terms.keys];
		this.known = (terms.known ?? []).map((note) => ({ note, says: readCheckpoint(note) }));
	}

	/** One line of an export, without its end. Nothing after the first finding is looked at. */
	line(text: string): void {
		if (this.finding) return;
		this.lines++;
		try {
			this.read(text);
		} catch (error) {
			if (!(error instanceof Found)) throw error;
			this.finding = error.finding;
		}
	}

	/** Whether anything is wrong already: the rest need not be read. */
	get isOver(): boolean {
		return this.finding !== undefined;
	}

	/** Leaves since the last checkpoint that held, by index: to compare with tiles, where a checkpoint did not hold. */
	unsigned(): { readonly first: number; readonly hashes: readonly Buffer[] } {
		return { first: this.signed, hashes: this.hashes };
	}

	end(): Verified {
		this.finding ??= this.endFinding();
		const { finding, events, checkpoints, from, time, root, notices, noticesTotal } = this;
		return {
			...(finding && { finding }),
			...{ leaves: this.tree.size, events, checkpoints, notices, noticesTotal },
			...(from !== undefined && { from }),
			...(time && { to: time.at }),
			...(root !== undefined && { root }),
		};
	}

	private read(text: string): void {
		const value = parse(text, this.lines);
		if (this.lines === 1) {
			if (value.callgate !== exportHead.callgate || value.version !== exportHead.version)
				throw new Found({ fault: "malformed", message: "this is no export of the record: its first line says something else" });
			return;
		}
		if (typeof value.checkpoint === "string") {
			this.readCheckpoint((value as unknown as CheckpointLine).checkpoint);
			return;
		}
		if (typeof value.index !== "number" || typeof value.entry !== "string")
			throw new Found({ fault: "malformed", message: `line ${this.lines} is neither a leaf nor a checkpoint` });
		this.readLeaf(value as unknown as LeafLine);
	}

	private readLeaf(line: LeafLine): void {
		const expected = this.tree.size;
		const { index } = line;
		const entry = readEntry(line.entry);
		const place = entry?.kind === "event" ? { position: entry.position, item: entry.item } : {};
		if (index > expected)
			throw new Found({
				fault: "removed",
				index: expected,
				message: `record ${expected} is missing: record ${index} follows ${expected - 1}`,
			});
		if (index < expected)
			throw new Found({ fault: "reordered", index, ...place, message: `record ${index} stands where record ${expected} should be` });
		if (!entry) throw new Found({ fault: "malformed", index, message: `record ${index} has an entry that no writer makes` });
		this.isTimeLast = entry.kind === "time";
		switch (entry.kind) {
			case "event":
				this.readEvent(line, entry);
				break;
			case "stream":
				if (this.era !== undefined && !isSameEra(this.era, entry.era))
					this.notice("new-stream", `another stream begins at record ${index}`);
				if (!isSameEra(this.era, entry.era)) this.place = undefined;
				this.era = entry.era;
				break;
			case "missing":
				this.refuseJump(index, { position: entry.from, item: 0 });
				this.notice("missing", `the stream had lost positions ${entry.from} to ${entry.to} when the tree came to them (record ${index})`);
				this.place = { position: entry.to, item: 0 };
				break;
			case "key":
				this.readKey(entry.key);
				break;
			case "time":
				this.readTime(index, entry);
				break;
		}
		const hash = leafHash(Buffer.from(line.entry, "latin1"));
		this.tree.push(hash);
		this.hashes.push(hash);
		this.compareKnown();
	}

	private readEvent(line: LeafLine, entry: Extract<Entry, { kind: "event" }>): void {
		const { position, item } = entry;
		const where = { index: line.index, position, item };
		const event = eventOf(line);
		if (!event)
			throw new Found({
				fault: "removed",
				...where,
				message: `the event at position ${position}, item ${item} is missing, only its entry is there`,
			});
		if (digestOf(event) !== entry.digest)
			throw new Found({
				fault: "changed",
				...where,
				message: `the event at position ${position}, item ${item} was changed: its bytes are not those that were recorded`,
			});
		this.refuseJump(line.index, entry);
		this.place = entry;
		this.events++;
	}

	/** Positions leave none out, unless the tree itself says so. */
	private refuseJump(index: number, { position, item }: Place): void {
		const last = this.place ?? { position: 0, item: 0 };
		const isNext =
			(position === last.position && item === last.item + 1 && this.place !== undefined) || (position === last.position + 1 && item === 0);
		if (isNext) return;
		const where = { index, position, item };
		const isBack = position < last.position || (position === last.position && item <= last.item);
		if (isBack)
			throw new Found({
				fault: "reordered",
				...where,
				message: `position ${position}, item ${item} comes after ${last.position}, ${last.item}`,
			});
		throw new Found({
			fault: "removed",
			...where,
			message: `what lay between position ${last.position}, item ${last.item} and position ${position}, item ${item} is missing`,
		});
	}

	private readKey(text: string): void {
		const known = [...this.trusted, ...this.named].map(({ name, id }) => `${name}+${id.toString("hex")}`);
		if (known.some((start) => text.startsWith(`${start}+`))) return;
		try {
			this.named.push(readKeyText(text));
		} catch (error) {
			if (!(error instanceof RangeError)) throw error;
			throw new Found({ fault: "malformed", index: this.tree.size, message: `record ${this.tree.size} names a key that is none` });
		}
	}

	private readTime(index: number, entry: Extract<Entry, { kind: "time" }>): void {
		const before = this.time;
		if (before && entry.at < before.at)
			throw new Found({ fault: "reordered", index, message: `record ${index} is of ${entry.at}, before ${before.at} that precedes it` });
		const silence = before ? Date.parse(entry.at) - Date.parse(before.at) : 0;
		if (before && silence > (this.terms.silenceMs ?? silenceDefaultMs))
			this.notice("silence", `no checkpoint between ${before.at} and ${entry.at} (${Math.round(silence / 1_000)} s)`);
		if (isSameEra(entry.era, this.era) && entry.position !== (this.place?.position ?? 0))
			throw new Found({
				fault: "removed",
				index,
				message: `record ${index} says that everything up to position ${entry.position} is here, and the last is ${this.place?.position ?? 0}`,
			});
		this.from ??= entry.at;
		this.time = entry;
	}

	private readCheckpoint(note: string): void {
		const opened = openCheckpoint(note, this.trusted);
		const at = `the checkpoint on line ${this.lines}`;
		if (!opened.ok) {
			if (opened.fault === "malformed") throw new Found({ fault: "malformed", message: `${at} is none` });
			if (opened.fault === "wrong-signature")
				throw new Found({ fault: "wrong-signature", message: `${at} was changed: its signature is not that of its text` });
			throw new Found({
				fault: "wrong-key",
				message: `${at} is signed by no key that is trusted${opened.fault === "other-origin" ? " for this record" : ""}`,
			});
		}
		const { origin, size, root } = opened.checkpoint;
		if (origin !== this.terms.origin)
			throw new Found({ fault: "wrong-key", message: `${at} is of ${origin}, expected ${this.terms.origin}` });
		const between = `between record ${this.signed} and record ${Math.max(size, this.tree.size) - 1}`;
		if (size > this.tree.size)
			throw new Found({
				fault: "removed",
				index: this.tree.size,
				message: `${at} is over ${size} records, and only ${this.tree.size} are here: some are missing ${between}`,
			});
		if (size < this.signed)
			throw new Found({ fault: "reordered", message: `${at} is over ${size} records, and one over ${this.signed} precedes it` });
		if (size < this.tree.size)
			throw new Found({
				fault: "inserted",
				index: size,
				message: `${at} is over ${size} records, and ${this.tree.size} are here: some were inserted ${between}`,
			});
		if (Buffer.compare(root, this.tree.root()) !== 0)
			throw new Found({
				fault: "changed",
				index: this.signed,
				message: `${at} signs other records than are here: one was changed, removed, inserted or moved ${between}`,
			});
		if (!this.isTimeLast) throw new Found({ fault: "malformed", index: size - 1, message: `${at} does not follow a record of the time` });
		this.accept(opened.checkpoint);
	}

	private accept({ size, root }: Checkpoint): void {
		for (const key of this.named.splice(0)) {
			this.trusted.push(key);
			this.notice(
				"new-key",
				`the record names another key that signs from here on (record ${size - 1}): ${key.name}+${key.id.toString("hex")}`,
			);
		}
		this.checkpoints++;
		this.signed = size;
		this.root = Buffer.from(root).toString("base64");
		this.hashes = [];
	}

	/** What is kept of others counts at the end, when all keys are known that may have signed it. */
	private compareKnown(): void {
		for (const known of this.known) {
			if (known.says?.size === this.tree.size && Buffer.compare(known.says.root, this.tree.root()) !== 0) known.isOther = true;
		}
	}

	private knownFinding(): Finding | undefined {
		for (const { note, says, isOther } of this.known) {
			const opened = openCheckpoint(note, this.trusted);
			if (!opened.ok || says === undefined || opened.checkpoint.origin !== this.terms.origin) {
				const fault = !opened.ok && opened.fault === "wrong-signature" ? "wrong-signature" : "wrong-key";
				return { fault, message: "a checkpoint that was given to compare with is not signed for this record by a key that is trusted" };
			}
			const { size } = says;
			if (isOther)
				return {
					fault: "fork",
					message: `another record was signed as well: the known checkpoint over ${size} records has another root than these have`,
				};
			if (size > this.tree.size)
				return {
					fault: "rolled-back",
					index: this.tree.size,
					message: `a checkpoint over ${size} records is known, and the record ends with ${this.tree.size}`,
				};
		}
		return undefined;
	}

	private endFinding(): Finding | undefined {
		if (this.checkpoints === 0) return { fault: "cut-off", message: "there is no checkpoint: nothing proves anything" };
		if (this.tree.size > this.signed)
			return {
				fault: "cut-off",
				index: this.signed,
				message: `the end is cut off: no checkpoint follows record ${this.signed}, the first of ${this.tree.size - this.signed} that none signs`,
			};
		const other = this.knownFinding();
		if (other) return other;
		const { age } = this.terms;
		if (age && this.time && age.now.getTime() - Date.parse(this.time.at) > age.maxMs)
			return {
				fault: "stale",
				index: this.tree.size - 1,
				message: `the last checkpoint is of ${this.time.at}, older than ${Math.round(age.maxMs / 1_000)} s: what came after it may have been removed`,
			};
		return undefined;
	}

	private notice(kind: Notice["kind"], message: string): void {
		this.noticesTotal++;
		if (this.notices.length < noticesMax) this.notices.push({ kind, message });
	}
}

function parse(text: string, line: number): Record<string, unknown> {
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
	} catch {
		// Told below, as for any other line that is none of an export.
	}
	throw new Found({ fault: "malformed", message: `line ${line} is not an object in JSON` });
}
