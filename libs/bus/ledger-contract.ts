// What the ledger of every bus must do: part of the suite in bus-contract.ts, which bus-memory.ts and bus-nats.ts both pass.
import { v7 as uuidv7 } from "uuid";
import { describe, expect, test, vi } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { ledgerOf, parseSubject } from "#libs/contracts/subjects.ts";
import { patience } from "../../test/support/patience.ts";
import { type Bus, type Conditional, EventsUnavailable, type LedgerWriter, type Position, type StoredEvent } from "./bus.ts";
import type { Meeting } from "./contract-meeting.ts";
import { followed } from "./permissions.ts";
import { FilterReading } from "./reading.ts";

const digest = `sha256:${"0".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "someone", groups: [] };
const theCall = (call: string, pool = "default") => ({ call, connection: "bank", function: "pay", pool, digest, revision: digest, caller });
const now = () => ({ at: new Date() });

function started(call: string, executor: string, pool = "default"): Event<"call.started"> {
	const data = { ...theCall(call, pool), grantId: "g", executor, attempt: 1, leaseUntil: new Date().toISOString() };
	return newEvent("executor", "call.started", data, now());
}

function taken(call: string, executor: string): Event<"call.taken"> {
	return newEvent("executor", "call.taken", { ...theCall(call), executor, attempts: 1, leaseUntil: new Date().toISOString() }, now());
}

function ended(call: string): Event<"call.ended"> {
	return newEvent("executor", "call.ended", { ...theCall(call), ending: "failed", rules: [], reasons: [] }, now());
}

const callsOf = (count: number) => Array.from({ length: count }, () => uuidv7());

/** Several writers' words on the calls of one pool, as a process that writes into its ledger reads them. */
class Rival {
	readonly name = uuidv7();
	readonly claims: FilterReading;
	readonly takings: FilterReading;
	/** Who has each call. */
	readonly owners = new Map<string, { readonly name: string; readonly position: Position }>();
	/** Told of each try that an ending could not be stored. */
	readonly failures: EventsUnavailable[] = [];
	private readonly claimWriter: LedgerWriter;
	private readonly endingWriter: LedgerWriter;
	private heldBack: (() => void)[] | undefined;

	private constructor(bus: Bus, begun: Position) {
		const { claims, takings } = ledgerOf("default");
		this.claims = new FilterReading(claims, begun);
		this.takings = new FilterReading(takings, begun);
		this.claimWriter = bus.ledger({ reading: this.claims });
		this.endingWriter = bus.ledger({ reading: this.takings, forSure: (error) => void this.failures.push(error) });
	}

	static async join(meeting: Meeting): Promise<Rival> {
		const bus = await meeting.connect("executor");
		const begun: { rival?: Rival } = {};
		const following = await bus.follow({
			filter: ledgerOf("default").claims,
			from: "now",
			handle: (stored) => begun.rival?.inTurn(() => begun.rival?.hear(stored)),
			passed: (subject, position) => begun.rival?.inTurn(() => begun.rival?.pass(subject, position)),
		});
		begun.rival = new Rival(bus, following.position());
		await following.caughtUp;
		return begun.rival;
	}

	private inTurn(read: () => void): void {
		if (this.heldBack) this.heldBack.push(read);
		else read();
	}

	/** From now on what others write is not read here. */
	holdReading(): void {
		this.heldBack = [];
	}

	readOn(): void {
		const held = this.heldBack ?? [];
		this.heldBack = undefined;
		for (const read of held) read();
	}

	private hear({ event, position }: StoredEvent): void {
		if (event.type === "call.started" || event.type === "call.taken")
			this.owners.set(event.subject, { name: event.data.executor, position });
	}

	private pass(subject: string, position: Position): void {
		this.claims.heard(position);
		if (subject.endsWith(".call.taken")) this.takings.heard(position);
	}

	/** Claims a call that nobody has. */
	async claim(call: string, holds = () => !this.owners.has(call)): Promise<Conditional> {
		const event = started(call, this.name);
		return this.wrote(event, await this.claimWriter.write(event, holds));
	}

	/** Takes a call from whoever has it. */
	async take(call: string): Promise<Conditional> {
		const event = taken(call, this.name);
		const written = this.wrote(event, await this.claimWriter.write(event, () => true));
		if (written.won) this.takings.wrote(written.position);
		return written;
	}

	/** Ends a call that this one has. */
	async end(call: string, holds = () => this.has(call)): Promise<Conditional> {
		return await this.endingWriter.write(ended(call), holds);
	}

	has(call: string): boolean {
		return this.owners.get(call)?.name === this.name;
	}

	private wrote(event: CallgateEvent, written: Conditional): Conditional {
		if (written.won) this.hear({ event, position: written.position });
		return written;
	}
}

/** What an observer with no part in it finds, by call. */
async function storedOf(meeting: Meeting, filter: string, calls: readonly string[]): Promise<StoredEvent[][]> {
	const bus = await meeting.connect("executor");
	const found = new Map<string, StoredEvent[]>(calls.map((call) => [call, []]));
	const following = await bus.follow({ filter, from: "beginning", handle: (stored) => void found.get(stored.event.subject)?.push(stored) });
	await following.caughtUp;
	await following.stop();
	return [...found.values()];
}

const positionsOf = (outcomes: readonly Conditional[]) => outcomes.map((outcome) => (outcome.won ? outcome.position : Number.NaN));

export function describeLedger(meetingOf: () => Meeting): void {
	const { claims, endings } = ledgerOf("default");

	describe("its ledger", () => {
		test("of several rivals for each of many calls exactly one wins, all are answered, and the others know who", async () => {
			const meeting = meetingOf();
			const rivals = await Promise.all([1, 2, 3].map(() => Rival.join(meeting)));
			const calls = callsOf(60);
			// In bursts, so that groups form, and each rival in an order of its own.
			const wins = await Promise.all(
				rivals.map(async (rival, nth) => {
					const mine = [...calls.slice(nth * 20), ...calls.slice(0, nth * 20)];
					const outcomes: [string, Conditional][] = [];
					for (let from = 0; from < mine.length; from += 12) {
						const burst = mine.slice(from, from + 12);
						const written = await Promise.all(burst.map((call) => rival.claim(call)));
						for (const [index, outcome] of written.entries()) outcomes.push([burst[index] ?? "", outcome]);
					}
					return outcomes;
				}),
			);
			const winnersOf = (call: string) =>
				wins.flatMap((outcomes, nth) => outcomes.flatMap(([asked, { won }]) => (asked === call && won ? [rivals[nth]?.name] : [])));
			const stored = await storedOf(meeting, claims, calls);
			for (const [index, call] of calls.entries()) {
				expect(winnersOf(call)).toHaveLength(1);
				const [only, ...more] = stored[index] ?? [];
				expect(more).toEqual([]);
				expect(only?.event.data).toMatchObject({ executor: winnersOf(call)[0] });
				for (const rival of rivals) expect(rival.owners.get(call)?.name).toBe(winnersOf(call)[0]);
			}
		});

		test("who has not read on is refused, reads on, and is told that it has lost; what it did not lose is written", async () => {
			const meeting = meetingOf();
			const [faster, slower] = [await Rival.join(meeting), await Rival.join(meeting)];
			const [contested, free] = [uuidv7(), uuidv7()];
			slower.holdReading();
			await faster.claim(contested);
			const asked: boolean[] = [];
			const holds = () => {
				asked.push(!slower.owners.has(contested));
				// Once the write is on its way on the strength of what was read before.
				queueMicrotask(() => slower.readOn());
				return asked.at(-1) ?? false;
			};
			const [lost, written] = await Promise.all([slower.claim(contested, holds), slower.claim(free)]);
			expect(asked).toEqual([true, false]);
			expect([lost.won, written.won]).toEqual([false, true]);
			expect((await storedOf(meeting, claims, [contested, free])).map(({ length }) => length)).toEqual([1, 1]);
			expect(slower.owners.get(contested)?.name).toBe(faster.name);
		});

		test("an ending does not wait for others' claims, only for take-overs: of its own call it is lost, of another it is written", async () => {
			const meeting = meetingOf();
			const [owner, other] = [await Rival.join(meeting), await Rival.join(meeting)];
			const [undisturbed, next, beside, lost] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
			await Promise.all([undisturbed, next, beside, lost].map((call) => owner.claim(call)));
			owner.holdReading();
			await Promise.all(callsOf(3).map((call) => other.claim(call)));
			const asked: string[] = [];
			const end = (call: string) =>
				owner.end(call, () => {
					asked.push(call);
					queueMicrotask(() => owner.readOn());
					return owner.has(call);
				});
			// Each at its first try, also after an ending of its own.
			expect([(await end(undisturbed)).won, (await end(next)).won]).toEqual([true, true]);
			expect(asked).toEqual([undisturbed, next]);

			owner.holdReading();
			expect((await other.take(lost)).won).toBe(true);
			const [kept, overtaken] = await Promise.all([end(beside), end(lost)]);
			expect([kept.won, overtaken.won]).toEqual([true, false]);
			expect(asked).toEqual([undisturbed, next, beside, lost, beside, lost]);
			// From here on it is the other's to end.
			expect((await other.end(lost)).won).toBe(true);
			const stored = await storedOf(meeting, endings, [undisturbed, next, beside, lost]);
			expect(stored.map(({ length }) => length)).toEqual([1, 1, 1, 1]);
		});

		test("what is ready while a message is on its way shares the next one, each event as its own; what does not hold is left out of it", async () => {
			const meeting = meetingOf();
			const rival = await Rival.join(meeting);
			const [alone, never, ...together] = callsOf(5) as [string, string, ...string[]];
			const before = rival.claim(alone);
			// In the turn after this one the first message is on its way.
			await new Promise((resolve) => setImmediate(resolve));
			const [refused, ...after] = await Promise.all([rival.claim(never, () => false), ...together.map((call) => rival.claim(call))]);
			expect(refused.won).toBe(false);
			expect(new Set(positionsOf(after)).size).toBe(1);
			expect(positionsOf(after)[0]).toBeGreaterThan(positionsOf([await before])[0] ?? Number.NaN);
			const stored = await storedOf(meeting, claims, [alone, never, ...together]);
			expect(stored.map((events) => events.map(({ position }) => position))).toEqual([
				positionsOf([await before]),
				[],
				...positionsOf(after).map((position) => [position]),
			]);
		});

		test("an ending reaches whoever follows endings, on a subject that names the pool and no call", async () => {
			const meeting = meetingOf();
			const rival = await Rival.join(meeting);
			const ingress = await meeting.connect("ingress");
			const call = uuidv7();
			const heard: string[] = [];
			const following = await ingress.follow({
				filter: followed.endings,
				from: "now",
				handle: ({ event }) => void heard.push(event.subject),
				passed: (subject) => void heard.push(parseSubject(subject)?.pool ?? "", `${subject.includes(call)}`),
			});
			await following.caughtUp;
			await rival.claim(call);
			await rival.end(call);
			await vi.waitFor(() => expect(heard).toEqual([call, "default", "false"]), patience);
			await following.stop();
		});

		test("while the stream is away a claim is refused in time, and an ending is tried until it is stored, once", async () => {
			const meeting = meetingOf();
			const rival = await Rival.join(meeting);
			const [call, late] = [uuidv7(), uuidv7()];
			await rival.claim(call);
			const comeBack = await meeting.goAway();
			const ending = rival.end(call);
			try {
				await expect(rival.claim(late)).rejects.toThrow(EventsUnavailable);
				await vi.waitFor(() => expect(rival.failures.length).toBeGreaterThan(1), patience);
			} finally {
				await comeBack();
			}
			expect((await ending).won).toBe(true);
			const stored = await storedOf(meeting, endings, [call]);
			expect(stored.map(({ length }) => length)).toEqual([1]);
		});

		test("nobody writes in a ledger but executors, and they in their pool's alone", async () => {
			const meeting = meetingOf();
			const executor = await meeting.connect("executor");
			const approval = await meeting.connect("approval");
			const reading = new FilterReading(claims, 0);
			const event = { ...ended(uuidv7()), source: "/callgate/approval" } as const;
			await expect(approval.ledger({ reading }).write(event, () => true)).rejects.toThrow("call.ended is not written in a ledger");
			const elsewhere = started(uuidv7(), "e", "elsewhere");
			await expect(executor.ledger({ reading }).write(elsewhere, () => true)).rejects.toThrow(EventsUnavailable);
		});
	});
}
