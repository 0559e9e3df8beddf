// What every dialer must do, whatever its protocol: the suite that each adapter runs against peers that mean well and peers that do not.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "#libs/vault/secret.ts";
import { CannotRun } from "./cannot-run.ts";
import { DialError } from "./dial-error.ts";
import type { Asked, Credential, Dialer, FunctionAnswer } from "./ports.ts";

/** How a peer answers each call from now on. */
export type Behaviour =
	| "answers with the note"
	/** With everything that was sent to it, and with the credential wherever its protocol has place for a text. */
	| "echoes"
	| "is silent"
	/** Begins an answer and never ends it, but goes on. */
	| "drips"
	/** With more than `answerBytesMax`. */
	| "answers too much"
	| "leaves before it answers"
	| "leaves within its answer"
	| "talks nonsense";

/** The largest answer that a peer's connection allows. */
export const answerBytesMax = 1_024;

/** A peer with one function, which takes the text `note` and is shown a credential. */
export interface Peer {
	/** @param timeoutMs of the function; absent: so long that no test waits for it */
	ask(note: string, timeoutMs?: number): Asked;
	behave(behaviour: Behaviour): void;
	/** What reached it of each call. */
	received(): readonly string[];
	/** All of calls that reached it, whole ones or not: what a protocol says before a call is none. */
	receivedBytes(): number;
	/** From now on nobody is there. */
	leave(): Promise<void>;
}

export interface DialBench {
	readonly dialer: Dialer;
	readonly peer: Peer;
	/** Everything in an answer, as text. */
	textOf(answer: FunctionAnswer): string;
	close(): Promise<void>;
}

const key = "sk-live/42+secret";
const credential: Credential = { name: "api-key", secret: new Secret(key) };
const soonMs = 300;
const pass = (): void => undefined;

/** Runs the contract; `open` gives a fresh dialer and a peer that answers. */
export function dialerContract(adapter: string, open: () => Promise<DialBench>): void {
	describe.each(["dial", "dialInPieces"] as const)(`${adapter} keeps the dialer's promises (%s)`, (way) => {
		let bench: DialBench;
		beforeEach(async () => {
			bench = await open();
		});
		afterEach(() => bench.close());

		const dial = async (note: string, beforeFirstByte = pass, timeoutMs?: number): Promise<FunctionAnswer> => {
			const prepared = bench.dialer.prepare(bench.peer.ask(note, timeoutMs), credential);
			const answer = await (prepared[way] ?? prepared.dial)(beforeFirstByte);
			// No peer here answers in a format that has records.
			if ("records" in answer) throw new Error("expected a whole answer, saw one in pieces");
			return answer;
		};
		const failing = async (note: string, beforeFirstByte?: () => void, timeoutMs?: number): Promise<DialError> => {
			const error = await dial(note, beforeFirstByte, timeoutMs).then(
				() => undefined,
				(thrown: unknown) => thrown,
			);
			if (!(error instanceof DialError)) throw new Error(`expected a DialError, saw ${String(error)}`);
			return error;
		};

		test("the arguments and the credential arrive, once, and the answer comes back", async () => {
			expect(bench.textOf(await dial("first note"))).toContain("first note");
			const [received, ...more] = bench.peer.received();
			expect(more).toEqual([]);
			expect(received).toContain("first note");
			expect(received).toContain(key);
		});

		test("preparing sends nothing, however long it is left", async () => {
			const prepared = bench.dialer.prepare(bench.peer.ask("first"), credential);
			await dial("second");
			expect(bench.peer.received()).toHaveLength(1);
			await (prepared[way] ?? prepared.dial)(pass);
			expect(bench.peer.received()).toHaveLength(2);
		});

		test("the gate is passed once, before the first byte", async () => {
			const seen: number[] = [];
			await dial("first", () => void seen.push(bench.peer.receivedBytes()));
			await dial("second", () => void seen.push(bench.peer.received().length));
			expect(seen).toEqual([0, 1]);
		});

		test.each(["on a first connection", "on a kept one"])("where the gate is shut nothing leaves: %s", async (where) => {
			if (where === "on a kept one") await dial("before");
			const [sentBefore, bytesBefore] = [bench.peer.received().length, bench.peer.receivedBytes()];
			const shut = new Error("shut");
			const refused = await failing("never to be sent", () => {
				expect(bench.peer.receivedBytes()).toBe(bytesBefore);
				throw shut;
			});
			expect(refused).toMatchObject({ code: "aborted", sent: false, answered: undefined, cause: shut });
			await dial("after");
			expect(bench.peer.received()).toHaveLength(sentBefore + 1);
			expect(bench.peer.received().join()).not.toContain("never to be sent");
		});

		test("the gate is not asked where nobody is there, and nothing was sent", async () => {
			await bench.peer.leave();
			let asked = 0;
			expect(await failing("first", () => void asked++)).toMatchObject({ sent: false, answered: undefined });
			expect(asked).toBe(0);
		});

		test.each<[Behaviour, { code?: unknown; answered: unknown }]>([
			["is silent", { code: expect.stringMatching(/^(?:headers|total)_timeout$/), answered: undefined }],
			["drips", { code: "total_timeout", answered: expect.anything() }],
			["answers too much", { code: "body_too_large", answered: expect.anything() }],
			["leaves before it answers", { code: "connection_reset", answered: undefined }],
			["leaves within its answer", { code: "body_truncated", answered: expect.anything() }],
			["talks nonsense", { code: "protocol_error", answered: undefined }],
		])(
			"of a peer that %s is told that the call was sent, and whether an answer had begun; it is not sent again",
			async (behaviour, told) => {
				await dial("before");
				bench.peer.behave(behaviour);
				const error = await failing("only once", pass, behaviour === "is silent" || behaviour === "drips" ? soonMs : undefined);
				expect(error).toMatchObject({ sent: true, ...told });
				expect(`${error.message} ${String(error.cause)}`).not.toMatch(/only once|sk-live/);
				bench.peer.behave("answers with the note");
				await dial("after");
				expect(bench.peer.received().filter((received) => received.includes("only once"))).toHaveLength(1);
			},
		);

		test("an answer as large as may be comes whole", async () => {
			const note = "n".repeat(answerBytesMax - 100);
			expect(bench.textOf(await dial(note))).toContain(note);
		});

		test("the credential does not come back, whatever the peer says", async () => {
			bench.peer.behave("echoes");
			const text = bench.textOf(await dial("echoed note"));
			expect(text).toContain("echoed note");
			for (const form of [key, encodeURIComponent(key), Buffer.from(key).toString("base64")]) expect(text).not.toContain(form);
		});

		test("calls at once each get their own answer", async () => {
			const notes = Array.from({ length: 40 }, (_, nth) => `note ${nth} of forty`);
			const answers = await Promise.all(notes.map((note) => dial(note)));
			for (const [nth, answer] of answers.entries()) expect(bench.textOf(answer)).toContain(notes[nth]);
			expect(bench.peer.received()).toHaveLength(40);
		});

		test("a credential that cannot be shown is found before anything is sent, and not told", () => {
			for (const value of ["q9!x", "zzz\nyyyyyyyyyy", "qqqqqqqqqqqq "]) {
				const prepare = () => bench.dialer.prepare(bench.peer.ask("note"), { name: "api-key", secret: new Secret(value) });
				expect(prepare).toThrow(CannotRun);
				expect(prepare).toThrow(expect.objectContaining({ code: "credential_missing", message: expect.stringContaining("api-key") }));
				expect(prepare).not.toThrow(value.trim());
			}
			expect(bench.peer.receivedBytes()).toBe(0);
		});

		test("what is under way when it is closed is finished, and nothing is begun after", async () => {
			const under = dial("under way");
			await bench.dialer.close();
			expect(bench.textOf(await under)).toContain("under way");
			expect(await failing("too late")).toMatchObject({ sent: false });
		});
	});
}
