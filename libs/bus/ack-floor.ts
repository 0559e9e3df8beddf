// How far all who read by one consumer have acknowledged everything, asked seldom: what stands below it another was done with.
import type { Delivery, Position } from "./bus.ts";

/** An answer counts for this long: the floor only rises, unless the operator makes the consumer anew. */
const countsMs = 1_000;

export class AckFloor {
	private readonly ask: () => Promise<Position>;
	private readonly oldMs: number;
	private asked: { readonly atMs: number; readonly at: number; readonly floor: Promise<Position> } | undefined;

	/** @param oldMs what was stored more recently has not been given to two. */
	constructor(ask: () => Promise<Position>, oldMs: number) {
		this.ask = ask;
		this.oldMs = oldMs;
	}

	/**
	 * Whether another process is done with what this one has in hand as well: it was slow, stopped or asleep, and the server gave its message
	 * to the other one. What would keep it from doing the same a second time may be trimmed by now.
	 *
	 * @throws {EventsUnavailable} if the server does not say.
	 */
	async isDoneElsewhere({ position, storedAt }: Pick<Delivery, "position" | "storedAt">): Promise<boolean> {
		if (Date.now() - storedAt.getTime() < this.oldMs) return false;
		return position <= (await this.floor());
	}

	private async floor(): Promise<Position> {
		const { asked } = this;
		// By both clocks: while a machine is suspended, the one that only goes forward may stand still.
		const isNew = asked && performance.now() - asked.atMs < countsMs && Math.abs(Date.now() - asked.at) < countsMs;
		if (isNew) return await asked.floor;
		const floor = this.ask();
		const own = { atMs: performance.now(), at: Date.now(), floor };
		this.asked = own;
		return await floor.catch((error: unknown) => {
			if (this.asked === own) this.asked = undefined;
			throw error;
		});
	}
}
