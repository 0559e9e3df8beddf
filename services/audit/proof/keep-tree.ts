// Keeps the record's tree: reads the whole stream in its order, puts every event's own bytes into the tree, and signs how far it has come.
import { setTimeout as delay } from "node:timers/promises";
import type { Bus, StoredMessage } from "#libs/bus/bus.ts";
import { keyText } from "#libs/merkle/signed-note.ts";
import { digestOf, type Era, entryText, isSameEra } from "#libs/proof/entry.ts";
import { splitMessage } from "#libs/proof/split-message.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { StreamLost } from "#libs/service/guard-stream.ts";
import type { Witnesses } from "./ask-witnesses.ts";
import { Lease } from "./hold-lease.ts";
import { ProofBroken, type ProofLog, type ProofMetrics } from "./ports.ts";
import { OtherWriter, RecordTree, type TreeParts } from "./record-tree.ts";

export interface TreeTerms {
	/** What has come is signed this long after it came, at the latest. */
	readonly signWithinMs: number;
	/** Where nothing comes, that is signed this often. */
	readonly signEveryMs: number;
	readonly leaseMs: number;
	/** From one turn of reading to the next. */
	readonly readEveryMs: number;
}

export interface KeeperParts extends TreeParts {
	readonly bus: Pick<Bus, "stream" | "store" | "readAll">;
	readonly terms: TreeTerms;
	readonly now: () => Date;
	readonly elapsedMs?: () => number;
	readonly log: ProofLog;
	readonly metrics: ProofMetrics;
	/** Asked to sign the last checkpoint, as often as one is signed where nothing happens. Nothing waits for them. */
	readonly witnesses: Pick<Witnesses, "ask">;
}

export interface TreeKeeper {
	/** Throws with the reason unless the tree grows, here or in another process. */
	checkReady(): Promise<void>;
	/** Resolves once the stream proves to be shorter than the tree. */
	readonly lost: Promise<StreamLost>;
	/** Signs what was read and lets another go on. */
	stop(): Promise<void>;
}

/** A checkpoint at least every so many events. */
const eventsMax = 1_000;
/** Events of one segment lie in memory until it is stored. One event alone may be larger. */
const segmentBytesMax = 8 * 1024 * 1024;
/** Of many checkpoints in a row not each has tiles of its own: they follow from the segments, and are a dozen files to sync. */
const deriveEveryMs = 1_000;
/** A tree of which no checkpoint was heard for this many times the longest pause is not growing. */
const pausesMax = 3;

export function keepTree(parts: KeeperParts): TreeKeeper {
	const { terms, log, metrics, elapsedMs = () => performance.now() } = parts;
	const lease = new Lease({ store: parts.bus.store("recorded"), leaseMs: terms.leaseMs, elapsedMs });
	const lost = Promise.withResolvers<StreamLost>();
	const stopping = Promise.withResolvers<void>();
	let isStopping = false;
	let trouble: string | undefined;

	const writeOnce = async (): Promise<void> => {
		if (!(await lease.take())) {
			trouble = undefined;
			return;
		}
		const writing = new Writing(parts, lease, elapsedMs);
		try {
			await writing.begin();
			metrics.isWriter(true);
			log.began({ size: writing.size, checkpoint: writing.number });
			trouble = undefined;
			await Promise.race([writing.over, stopping.promise]);
		} finally {
			metrics.isWriter(false);
			await writing.end(isStopping);
		}
	};
	const loop = (async () => {
		while (!isStopping) {
			try {
				await writeOnce();
			} catch (error) {
				if (error instanceof StreamLost) lost.resolve(error);
				// Who was overtaken has nothing to tell: the other one writes.
				if (!(error instanceof OtherWriter)) {
					trouble = error instanceof Error ? error.message : "failed";
					metrics.failed();
					log.ended({ error });
				}
			}
			await Promise.race([delay(terms.leaseMs / 5, undefined, { ref: false }), stopping.promise]);
		}
	})();
	return {
		lost: lost.promise,
		async checkReady() {
			if (trouble !== undefined) throw new ProofBroken(`the record's tree does not grow: ${trouble}`);
			const quietMs = lease.quietMs();
			if (quietMs > pausesMax * terms.signEveryMs)
				throw new ProofBroken(`no checkpoint of the record's tree was heard of for ${Math.round(quietMs / 1_000)} s`);
		},
		async stop() {
			isStopping = true;
			stopping.resolve();
			await loop;
		},
	};
}

/** One time of holding the lease. */
class Writing {
	private readonly parts: KeeperParts;
	private readonly lease: Lease;
	private readonly elapsedMs: () => number;
	private tree: RecordTree | undefined;
	private era: Era = { identity: "" };
	/** The position that comes next. */
	private next = 1;
	private signedAtMs = 0;
	private renewedAtMs = 0;
	private derivedAtMs = Number.NEGATIVE_INFINITY;
	private askedAtMs = Number.NEGATIVE_INFINITY;
	private waitingSinceMs: number | undefined;
	private reading: { stop(): Promise<void> } | undefined;
	private timer: NodeJS.Timeout | undefined;
	/** One thing at a time: a turn of reading, or a look at the clock. */
	private last: Promise<void> = Promise.resolve();
	private readonly failure = Promise.withResolvers<never>();
	private isOver = false;

	constructor(parts: KeeperParts, lease: Lease, elapsedMs: () => number) {
		this.parts = parts;
		this.lease = lease;
		this.elapsedMs = elapsedMs;
		this.failure.promise.catch(() => undefined);
	}

	/** Rejects when this process cannot go on writing. */
	get over(): Promise<never> {
		return this.failure.promise;
	}

	get size(): number {
		return this.tree?.size ?? 0;
	}

	get number(): number {
		return this.tree?.number ?? -1;
	}

	async begin(): Promise<void> {
		const { bus, signers, terms } = this.parts;
		const tree = await RecordTree.open(this.parts);
		this.refuseRolledBack(tree);
		this.tree = tree;
		const state = await bus.stream.state();
		if (!state?.identity) throw new ProofBroken("the stream is missing, or has no identity (provision)");
		this.era = { identity: state.identity, ...(state.acceptedAt !== undefined && { acceptedAt: state.acceptedAt }) };
		const { last } = tree;
		if (last && isSameEra(last.era, this.era)) {
			if (state.last < last.position) throw new StreamLost(`the stream ends at ${state.last}, and the record's tree has ${last.position}`);
			this.next = last.position + 1;
		}
		tree.add({ entry: entryText({ kind: "stream", era: this.era }) });
		for (const signer of signers) tree.add({ entry: entryText({ kind: "key", key: keyText(signer) }) });
		await this.sign();
		this.reading = bus.readAll({
			from: this.next,
			waitMs: terms.readEveryMs,
			handle: (messages) => this.oneAtATime(() => this.take(messages)),
		});
		const tick = () => {
			// What it throws ends the writing, which tells it.
			this.oneAtATime(() => this.look()).catch(() => undefined);
		};
		this.timer = setInterval(tick, Math.min(1_000, terms.signWithinMs / 2)).unref();
	}

	/** The storage may have been set back; what the last writer said lies elsewhere. */
	private refuseRolledBack(tree: RecordTree): void {
		const { mark } = this.lease;
		if (!mark) return;
		if (mark.number > tree.number)
			throw new ProofBroken(
				`the storage ends with checkpoint ${tree.number}, and checkpoint ${mark.number} was written: it was rolled back, or is another storage`,
			);
		if (mark.size > tree.size || (mark.size === tree.size && Buffer.from(tree.root).toString("base64") !== mark.root))
			throw new ProofBroken(`the storage has another tree of ${tree.size} leaves than was written: it was changed, or is another storage`);
	}

	private async oneAtATime(work: () => Promise<void>): Promise<void> {
		const before = this.last;
		const run = async () => {
			await before.catch(() => undefined);
			if (this.isOver) throw new OtherWriter();
			try {
				await work();
			} catch (error) {
				this.isOver = true;
				this.failure.reject(error);
				throw error;
			}
		};
		this.last = run();
		await this.last;
	}

	private async take(messages: readonly StoredMessage[]): Promise<void> {
		const tree = this.grown();
		for (const { position, subject, bytes } of messages) {
			const items = splitMessage(bytes);
			const { waiting } = tree;
			if (waiting.events > 0 && (waiting.events + items.length > eventsMax || waiting.bytes + bytes.length > segmentBytesMax))
				await this.sign();
			if (position > this.next) this.tellMissing(this.next, position - 1);
			for (const [item, event] of items.entries())
				tree.add({ entry: entryText({ kind: "event", position, item, subject, digest: digestOf(event) }), event });
			this.next = position + 1;
			this.waitingSinceMs ??= this.elapsedMs();
		}
		if (tree.waiting.events >= eventsMax) await this.sign();
	}

	private tellMissing(from: number, to: number): void {
		this.grown().add({ entry: entryText({ kind: "missing", from, to }) });
		this.parts.log.missing({ from, to });
	}

	private async look(): Promise<void> {
		const { terms } = this.parts;
		const nowMs = this.elapsedMs();
		const isDue = this.waitingSinceMs !== undefined && nowMs - this.waitingSinceMs >= terms.signWithinMs;
		if (isDue || nowMs - this.signedAtMs >= terms.signEveryMs) return await this.sign();
		await this.derive();
		if (nowMs - this.renewedAtMs >= terms.leaseMs / 3) await this.renew();
	}

	private async derive(): Promise<void> {
		const nowMs = this.elapsedMs();
		if (nowMs - this.derivedAtMs < deriveEveryMs) return;
		if (!(await this.grown().derive())) return;
		this.derivedAtMs = nowMs;
		if (nowMs - this.askedAtMs < this.parts.terms.signEveryMs / 2) return;
		this.askedAtMs = nowMs;
		void this.parts.witnesses.ask();
	}

	private async sign(): Promise<void> {
		const tree = this.grown();
		const { events } = tree.waiting;
		const position = this.next - 1;
		await tree.checkpoint(this.parts.now(), position, this.era);
		this.signedAtMs = this.elapsedMs();
		this.waitingSinceMs = undefined;
		this.parts.metrics.signed({ events, size: tree.size });
		const root = Buffer.from(tree.root).toString("base64");
		crashPoint("after-segment-before-tiles");
		await this.derive();
		await this.renew({ number: tree.number, size: tree.size, root, era: this.era, position });
	}

	private async renew(mark = this.lease.mark): Promise<void> {
		if (!(await this.lease.renew(mark))) throw new OtherWriter();
		this.renewedAtMs = this.elapsedMs();
	}

	private grown(): RecordTree {
		if (!this.tree) throw new ProofBroken("the tree was not opened");
		return this.tree;
	}

	/** @param inOrder what was read is signed, and another may go on at once */
	async end(inOrder: boolean): Promise<void> {
		clearInterval(this.timer);
		await this.reading?.stop();
		await this.last.catch(() => undefined);
		if (inOrder && !this.isOver && this.tree) {
			if (this.tree.waiting.events > 0) await this.sign();
			await this.tree.derive();
		}
		// Where it cannot be said, the lease runs out.
		await this.lease.release().catch(() => undefined);
	}
}
