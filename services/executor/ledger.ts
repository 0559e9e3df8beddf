// The ledger of a pool: claims, take-overs and endings of many calls in few messages, each written only where all that others wrote was read. docs/decisions/the-ledger.md
import type { Bus, Conditional, EventsUnavailable, LedgerWriter, Position, StoredEvent } from "#libs/bus/bus.ts";
import { LookBack } from "#libs/bus/look-back.ts";
import { FilterReading } from "#libs/bus/reading.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import type { Clock } from "#libs/service/clock.ts";
import { type Claimed, claimedBy, type History, type Told } from "./history.ts";
import type { LeaseTerms } from "./ports.ts";

/** What was said of one that was forgotten, or that was claimed before this process began, is read again. */
const rememberedMaxDefault = 50_000;
/** Answers of reading again, remembered until the call is done with. */
const readAgainMax = 1_000;

export interface LedgerParts {
	readonly bus: Pick<Bus, "follow" | "lastOf" | "ledger">;
	readonly pool: string;
	/** Who this is, on the record. */
	readonly name: string;
	readonly clock: Clock;
	readonly lease: LeaseTerms;
	/** Calls remembered at once; see the default above. */
	readonly rememberedMax?: number;
	/** Told of each try to store an ending that failed. */
	readonly failed: (error: EventsUnavailable) => void;
}

interface Known {
	readonly claimed: Claimed;
	ended?: Told["ended"];
}

/** A call that this process claimed or took, until it has ended it. */
interface Own {
	readonly position: Position;
	isLost: boolean;
}

export class Ledger {
	private readonly parts: LedgerParts;
	private readonly claims: FilterReading;
	private readonly takings: FilterReading;
	private readonly claimWriter: LedgerWriter;
	private readonly endingWriter: LedgerWriter;
	private readonly olderClaims: LookBack;
	private readonly endings: LookBack;
	/** The last word on each call, oldest first. */
	private readonly known = new Map<string, Known>();
	/** Of calls whose last word stands before this, nothing is remembered. */
	private knownSince: Position;
	private readonly readAgain = new Map<string, { readonly known: Known | undefined; readonly through: Position }>();
	private readonly own = new Map<string, Own>();

	private constructor(parts: LedgerParts, begun: Position) {
		const { bus, pool, failed } = parts;
		const { claims, takings, endings } = ledgerOf(pool);
		this.parts = parts;
		this.claims = new FilterReading(claims, begun);
		this.takings = new FilterReading(takings, begun);
		this.claimWriter = bus.ledger({ reading: this.claims });
		this.endingWriter = bus.ledger({ reading: this.takings, forSure: failed });
		this.olderClaims = new LookBack(bus, claims);
		this.endings = new LookBack(bus, endings);
		this.knownSince = begun + 1;
	}

	/** Begins to read. Following ends with the bus. @throws {EventsUnavailable} */
	static async open(parts: LedgerParts): Promise<Ledger> {
		let ledger: Ledger | undefined;
		const early: StoredEvent[] = [];
		const following = await parts.bus.follow({
			filter: ledgerOf(parts.pool).claims,
			from: "now",
			handle: (stored) => (ledger ? ledger.hear(stored) : void early.push(stored)),
			passed: (subject, position) => ledger?.pass(subject, position),
		});
		ledger = new Ledger(parts, following.position());
		for (const stored of early) ledger.hear(stored);
		await following.caughtUp;
		return ledger;
	}

	/** What was said of a call, of which nothing was said before `since`. */
	of(since: Position): History {
		return {
			told: (granted) => this.told(granted.data.call, since),
			claim: (started, after) => this.claim(started, after, since),
			end: (ended, claim) => this.end(ended, claim),
			endOthers: (ended, after) => this.endOthers(ended, after, since),
		};
	}

	private hear({ event, position }: StoredEvent): void {
		if (event.type !== "call.started" && event.type !== "call.taken") return;
		const { call, executor } = event.data;
		const own = this.own.get(call);
		if (own && position > own.position) own.isLost = true;
		if (position <= (this.known.get(call)?.claimed.position ?? 0)) return;
		this.remember(call, { claimed: claimedBy(event, position) });
		// Also one whose acknowledgement never came.
		if (executor === this.parts.name) this.own.set(call, { position, isLost: false });
	}

	private pass(subject: string, position: Position): void {
		this.claims.heard(position);
		if (subject.endsWith(".call.taken")) this.takings.heard(position);
	}

	private remember(call: string, known: Known): void {
		this.readAgain.delete(call);
		this.known.delete(call);
		this.known.set(call, known);
		const { rememberedMax = rememberedMaxDefault } = this.parts;
		for (const [oldest, { claimed }] of this.known) {
			if (this.known.size <= rememberedMax) break;
			this.known.delete(oldest);
			this.knownSince = Math.max(this.knownSince, claimed.position + 1);
		}
	}

	/** The last word on a call as far as it is known without reading; `unread` where there may be one that is not. */
	private lastWord(call: string, since: Position): Known | "unread" | undefined {
		const known = this.known.get(call);
		if (known || since >= this.knownSince) return known;
		const again = this.readAgain.get(call);
		return again && again.through >= this.knownSince - 1 ? again.known : "unread";
	}

	private async read(call: string, since: Position): Promise<Known | undefined> {
		for (let word = this.lastWord(call, since); ; word = this.lastWord(call, since)) {
			if (word !== "unread") return word;
			const through = Math.max(this.claims.position(), this.knownSince - 1);
			const claims = (await this.olderClaims.find(call, since)).flatMap(({ event, position }) =>
				event.type === "call.started" || event.type === "call.taken" ? [claimedBy(event, position)] : [],
			);
			const last = claims.at(-1);
			this.readAgain.set(call, { known: last && { claimed: last }, through });
			for (const oldest of this.readAgain.keys()) {
				if (this.readAgain.size <= readAgainMax) break;
				this.readAgain.delete(oldest);
			}
		}
	}

	private async told(call: string, since: Position): Promise<Told> {
		const known = await this.read(call, since);
		if (known && !known.ended) known.ended = await this.endingSince(call, known.claimed.position);
		return known ?? {};
	}

	/** Final if nobody can end the call any more; else there may be one in a moment. */
	private async endingSince(call: string, position: Position): Promise<Told["ended"]> {
		const found = await this.endings.find(call, position);
		const ended = found.map(({ event }) => event).find((event) => event.type === "call.ended");
		return ended && { sent: ended.data.sent };
	}

	private async claim(started: Event<"call.started">, after: Position, since: Position): Promise<Conditional> {
		const taken = after === 0 ? undefined : await this.take(started, started.data.attempt - 1, after, since);
		if (taken?.won === false) return taken;
		return await this.writeClaim(started, taken?.position ?? 0, since);
	}

	/** Stored only if what was said of the call ends at `after`. From then on the call is this process' own, until it has ended it or another takes it. */
	private async writeClaim(event: Event<"call.started" | "call.taken">, after: Position, since: Position): Promise<Conditional> {
		const { call } = event.data;
		await this.read(call, since);
		const written = await this.claimWriter.write(event, () => {
			const word = this.lastWord(call, since);
			return word !== "unread" && !word?.ended && (word?.claimed.position ?? 0) === after;
		});
		if (!written.won) return written;
		if (event.type === "call.taken") this.takings.wrote(written.position);
		this.hear({ event, position: written.position });
		return written;
	}

	/** No ending of whoever had the call can be stored after this one is: so the endings before it are read to their end. */
	private async take(
		{ data, traceparent }: Event<"call.started" | "call.ended">,
		attempts: number,
		after: Position,
		since: Position,
	): Promise<Conditional> {
		const { call, connection, function: name, pool, digest, revision, caller } = data;
		const now = this.parts.clock.now();
		const { startWithinMs, settleWithinMs } = this.parts.lease;
		const leaseUntil = new Date(now.getTime() + startWithinMs + settleWithinMs).toISOString();
		const theCall = { call, connection, function: name, pool, digest, revision, caller };
		const taken = { ...theCall, executor: this.parts.name, attempts, leaseUntil };
		const event = newEvent("executor", "call.taken", taken, { at: now, nth: after, traceparent });
		const written = await this.writeClaim(event, after, since);
		if (!written.won || after === 0) return written;
		const ended = await this.endingSince(call, after);
		if (!ended) return written;
		const known = this.known.get(call);
		if (known) known.ended = ended;
		this.own.delete(call);
		return { won: false, last: written.position };
	}

	private async end(ended: Event<"call.ended">, claim: Position): Promise<Conditional> {
		const { call } = ended.data;
		const own = this.own.get(call);
		if (own?.position !== claim) return { won: false, last: this.claims.position() };
		const written = await this.endingWriter.write(ended, () => !own.isLost);
		const known = this.known.get(call);
		if (written.won && known) known.ended = { sent: ended.data.sent };
		this.own.delete(call);
		return written;
	}

	private async endOthers(ended: Event<"call.ended">, after: Position, since: Position): Promise<Conditional> {
		const attempts = (await this.read(ended.data.call, since))?.claimed.attempts ?? 0;
		const taken = await this.take(ended, attempts, after, since);
		return taken.won ? await this.end(ended, taken.position) : taken;
	}
}
