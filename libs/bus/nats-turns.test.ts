// A reader in turns takes all there is, then pauses; a full turn has no pause after it; it says why it ended, and asks for nothing more once it stops.
import type { Msg, NatsConnection } from "nats";
import { afterEach, expect, test, vi } from "vitest";
import { type Delivered, TurnReading } from "./nats-turns.ts";

const inbox = "_INBOX_audit.x";

function aServer() {
	const asked: string[] = [];
	const said: string[] = [];
	let callback: (error: Error | null, message: Msg) => void = () => undefined;
	let isListening = true;
	const connection = {
		subscribe: (_subject: string, options: { callback: typeof callback }) => {
			callback = options.callback;
			const end = () => {
				isListening = false;
			};
			return { unsubscribe: end, drain: async () => end() };
		},
		publish: (subject: string, payload: string, options?: { reply: string }) =>
			options ? asked.push(options.reply) : said.push(`${subject} ${payload}`),
		flush: async () => undefined,
	};
	const tell = (message: Partial<Msg>) => {
		if (isListening) callback(null, { data: new Uint8Array(), ...message } as Msg);
	};
	return {
		connection: connection as unknown as NatsConnection,
		asked,
		said,
		give: (position: number, pending: number, before = "") =>
			tell({ subject: "callgate.all", reply: `$JS.ACK.${before}CALLGATE.audit.1.${position}.${position}.1500000000.${pending}` }),
		status: (turn: number, code: number, description = "") =>
			tell({ subject: `${inbox}.${turn}`, headers: { code, description } as unknown as NonNullable<Msg["headers"]> }),
	};
}

function read(server: ReturnType<typeof aServer>, everyMs: number, onTurn: () => Promise<void> = async () => undefined) {
	const seen: Delivered[] = [];
	const parts = { connection: server.connection, inbox, stream: "CALLGATE", consumer: "audit" };
	const reading = new TurnReading(parts, { everyMs, onMessage: (message) => void seen.push(message), onTurn });
	return { reading, seen, positions: () => seen.map(({ info }) => info.streamSequence) };
}

afterEach(() => void vi.useRealTimers());

test("everything there is comes in one turn; the next is asked for after the pause", async () => {
	vi.useFakeTimers();
	const server = aServer();
	const { reading, positions } = read(server, 1_000);
	for (const position of [1, 2, 3]) server.give(position, 3 - position);
	server.status(1, 404, "No Messages");
	await vi.advanceTimersByTimeAsync(999);
	expect([server.asked, positions()]).toEqual([[`${inbox}.1`], [1, 2, 3]]);
	await vi.advanceTimersByTimeAsync(1);
	expect(server.asked).toEqual([`${inbox}.1`, `${inbox}.2`]);
	// What is said of a turn that is over ends no other.
	server.status(1, 404);
	await vi.advanceTimersByTimeAsync(1_000);
	expect(server.asked).toHaveLength(2);
	reading.close();
});

test.for(["messages", "bytes"])(
	"a turn that is full of %s is followed by the next at once, when what it brought is done with",
	async (full) => {
		vi.useFakeTimers();
		const server = aServer();
		const done = Promise.withResolvers<void>();
		const { reading } = read(server, 60_000, () => done.promise);
		if (full === "bytes") server.status(1, 409, "Message Size Exceeds MaxBytes");
		else for (let position = 1; position <= 2_000; position++) server.give(position, 10);
		await vi.advanceTimersByTimeAsync(1);
		expect(server.asked).toHaveLength(1);
		done.resolve();
		await vi.advanceTimersByTimeAsync(0);
		expect(server.asked).toHaveLength(2);
		reading.close();
	},
);

test("a message knows its place, also where the server names a domain, and how to be settled", () => {
	const server = aServer();
	const { reading, seen } = read(server, 1_000);
	server.give(7, 4);
	server.give(8, 3, "hub.ACCOUNT.");
	const place = { deliveryCount: 1, timestampNanos: 1_500_000_000 };
	expect(seen.map(({ info }) => info)).toEqual([
		{ ...place, streamSequence: 7, deliverySequence: 7, pending: 4 },
		{ ...place, streamSequence: 8, deliverySequence: 8, pending: 3 },
	]);
	seen[0]?.ack();
	seen[0]?.nak(200);
	seen[0]?.working();
	const settled = "$JS.ACK.CALLGATE.audit.1.7.7.1500000000.4";
	expect(server.said).toEqual([`${settled} +ACK`, `${settled} -NAK {"delay":200000000}`, `${settled} +WPI`]);
	reading.close();
});

test("it ends with what the server says against it, and where the server says nothing at all; heartbeats are something", async () => {
	vi.useFakeTimers();
	const [deleted, silent] = [aServer(), aServer()];
	const [one, other] = [read(deleted, 1_000).reading, read(silent, 1_000).reading];
	deleted.status(1, 409, "Consumer Deleted");
	expect(await one.closed()).toEqual(new Error("Consumer Deleted"));
	await vi.advanceTimersByTimeAsync(9_000);
	silent.status(1, 100, "Idle Heartbeat");
	let isOver = false;
	const over = other.closed().then((error) => {
		isOver = true;
		return error;
	});
	await vi.advanceTimersByTimeAsync(9_999);
	expect(isOver).toBe(false);
	await vi.advanceTimersByTimeAsync(1);
	expect(await over).toEqual(new Error("hears nothing"));
});

test("one that stops takes what is on its way and asks for nothing more", async () => {
	vi.useFakeTimers();
	const server = aServer();
	const { reading, positions } = read(server, 1);
	const stopped = reading.stop();
	server.give(1, 0);
	server.status(1, 404);
	await stopped;
	await vi.advanceTimersByTimeAsync(10_000);
	expect([server.asked, positions()]).toEqual([[`${inbox}.1`], [1]]);
});
