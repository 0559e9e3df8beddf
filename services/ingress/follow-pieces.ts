// An answer that comes in pieces, as its caller reads it: each piece once it is durable, in order, and never more in memory than a reader who is slow has left.
import { createHash } from "node:crypto";
import { EventsUnavailable, type Following, type Position } from "#libs/bus/bus.ts";
import type { Answer, AnswerPiece } from "#libs/contracts/answer.ts";
import type { Event } from "#libs/contracts/events.ts";
import { SealBroken } from "#libs/contracts/sealed.ts";
import type { Ended } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";

/** Seals that are read ahead of whoever takes them. Beyond it reading stops, and goes on from there when they are taken. */
const aheadCharsMax = 256 * 1024;
/** Messages that are on their way when it stops come all the same: at most so many. */
const aheadMessages = 2;
/** Whoever has not read an answer by then reads it no more: a function takes fifteen minutes at most. */
const readMsMax = 3_600_000;
/** Of those who wait at a replica: what is read ahead is more than a connection. */
const places = 10;

export type PiecePorts = Pick<IngressPorts, "bus" | "pending" | "sealingKeys">;

/** Why there is no ending: this replica lets its callers go, or the caller left. The call goes on, and its pieces can be read elsewhere. */
export type Left = "left";

/**
 * What follows the stream for one call with subjects of its own. All its executors said of it stands in one order: pieces, then an ending.
 */
export class Pieces {
	private readonly ports: PiecePorts;
	private readonly call: string;
	private readonly pool: string;
	private readonly wait: ReturnType<IngressPorts["pending"]["listen"]>;
	private readonly late: NodeJS.Timeout;
	private readonly gone = new AbortController();
	private readonly firstCame = Promise.withResolvers<"pieces">();
	private readonly digest = createHash("sha256");
	private queue: (Event<"call.streamed"> | Ended)[] = [];
	private queuedChars = 0;
	private last: Position = 0;
	private following: Following | undefined;
	/** Resolves once what was full takes no more. */
	private stopping: Promise<void> | undefined;
	private wake: () => void = () => undefined;
	private taken = 0;
	/** Known once the last piece was taken. */
	ended: Ended | Left | undefined;

	private constructor(ports: PiecePorts, { call, pool }: { readonly call: string; readonly pool: string }) {
		this.ports = ports;
		this.call = call;
		this.pool = pool;
		this.wait = ports.pending.listen(call, pool, places);
		this.late = setTimeout(() => this.leave(), readMsMax);
		// A replica that stops lets go of all who wait.
		void this.wait.ended(readMsMax, this.gone.signal).then((ended) => ended ?? this.leave());
	}

	/**
	 * Begins to read, from the first piece. Must be left.
	 *
	 * @throws {EventsUnavailable}
	 * @throws {Refusal} `too_many_requests`
	 */
	static async follow(ports: PiecePorts, own: { readonly call: string; readonly pool: string }): Promise<Pieces> {
		const pieces = new Pieces(ports, own);
		try {
			await pieces.read();
		} catch (error) {
			pieces.leave();
			throw error;
		}
		return pieces;
	}

	/** Resolves when there is a piece; never, where there is none. */
	get begun(): Promise<"pieces"> {
		return this.firstCame.promise;
	}

	leave(): void {
		if (this.gone.signal.aborted) return;
		this.gone.abort();
		clearTimeout(this.late);
		this.wait.cancel();
		void this.following?.stop();
		this.wake();
	}

	/**
	 * The pieces in order; afterwards `ended` says why there are no more.
	 *
	 * @throws {SealBroken} where they are not those that the ending is about
	 * @throws {EventsUnavailable}
	 */
	async *[Symbol.asyncIterator](): AsyncGenerator<AnswerPiece, void> {
		for (let event = await this.next(); event; event = await this.next()) {
			if (event.type === "call.ended") {
				this.checkWhole(event);
				this.ended = event;
				return;
			}
			yield this.open(event);
		}
		this.ended = "left";
	}

	private async read(): Promise<void> {
		const filter = `callgate.*.${this.pool}.executor.${this.call}.call.>`;
		const from = this.last === 0 ? "beginning" : this.last + 1;
		this.following = undefined;
		const following = await this.ports.bus.follow({
			...{ filter, from, ahead: aheadMessages },
			handle: ({ event, position }) => {
				if (position <= this.last || (event.type !== "call.streamed" && event.type !== "call.ended")) return;
				this.last = position;
				this.queue.push(event);
				this.queuedChars += event.data.sealed?.length ?? 0;
				if (event.type === "call.streamed") this.firstCame.resolve("pieces");
				if (this.queuedChars > aheadCharsMax) this.stopping ??= this.following?.stop();
				this.wake();
			},
		});
		this.following = following;
		if (this.gone.signal.aborted) void following.stop();
		else if (this.queuedChars > aheadCharsMax) this.stopping ??= following.stop();
	}

	private async next(): Promise<Event<"call.streamed"> | Ended | undefined> {
		for (;;) {
			if (this.gone.signal.aborted) return undefined;
			const event = this.queue.shift();
			if (event) {
				this.queuedChars -= event.data.sealed?.length ?? 0;
				return event;
			}
			if (this.stopping) {
				await this.stopping;
				this.stopping = undefined;
				if (!this.gone.signal.aborted && this.queue.length === 0) await this.read();
				continue;
			}
			const { promise, resolve } = Promise.withResolvers<void>();
			this.wake = resolve;
			await promise;
		}
	}

	private open({ data: { call, pool, piece, sealed } }: Event<"call.streamed">): AnswerPiece {
		const opened = this.ports.sealingKeys.open(pool, call, "piece", sealed);
		this.taken++;
		if (piece !== this.taken || opened.piece !== piece) throw new SealBroken("it is not the piece that follows");
		this.digest.update(`${sealed}\n`);
		return opened;
	}

	private checkWhole({ data: { streamed, ending } }: Ended): void {
		if (!streamed && ending !== "completed") return;
		if (streamed?.pieces !== this.taken || streamed.digest !== this.digest.digest("hex"))
			throw new SealBroken("its pieces are not those that the ending is about");
	}
}

/** What an answer in pieces comes to that ended a while ago: pieces are read back. @throws {EventsUnavailable} where that takes long */
export async function wholeOf(ports: PiecePorts, { data }: Ended, withinMs = 10_000): Promise<Answer> {
	const pieces = await Pieces.follow(ports, data);
	const late = setTimeout(() => pieces.leave(), withinMs);
	let head: AnswerPiece["head"];
	const texts: string[] = [];
	try {
		for await (const piece of pieces) {
			head ??= piece.head;
			texts.push(piece.text);
		}
	} finally {
		clearTimeout(late);
		pieces.leave();
	}
	if (pieces.ended === "left" || !head) throw new EventsUnavailable("the pieces of the answer could not be read in time");
	return { ...head, body: { text: texts.join("") } };
}
