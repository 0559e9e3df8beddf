// A reader that hears nothing begins anew, asks for nothing more once it stops, and reads a follower's gap again.
import { ConsumerEvents, type ConsumerMessages, type JsMsg, type NatsConnection } from "nats";
import { expect, test, vi } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { Readers } from "./nats-readers.ts";

/** What the client hands out, as far as a reader uses it. */
function aClient() {
	const readings: FakeMessages[] = [];
	const asked: unknown[] = [];
	const consumer = {
		consume: async (options: { callback: (message: JsMsg) => void }) => {
			const messages = new FakeMessages(options.callback);
			readings.push(messages);
			return messages;
		},
		delete: async () => true,
	};
	const connection = {
		isClosed: () => false,
		flush: async () => undefined,
		jetstream: () => ({ consumers: { get: async () => consumer, getPullConsumerFor: () => consumer } }),
		jetstreamManager: async () => ({
			consumers: {
				add: async (_stream: string, config: { opt_start_seq: number }) => {
					asked.push(config.opt_start_seq);
					return { num_pending: 0 };
				},
			},
		}),
	};
	const statuses: string[] = [];
	const onStatus = (status: string) => void statuses.push(status);
	const readers = new Readers(connection as unknown as NatsConnection, {
		untilUp: async () => undefined,
		onStatus,
		inboxPrefix: "_INBOX_test",
	});
	return { readers, readings, asked, statuses };
}

class FakeMessages {
	readonly end = Promise.withResolvers<undefined | Error>();
	readonly statuses = Promise.withResolvers<{ type: ConsumerEvents }>();
	readonly sub = { drain: async () => void this.said.push("drained") };
	readonly said: string[] = [];
	readonly callback: (message: JsMsg) => void;
	constructor(callback: (message: JsMsg) => void) {
		this.callback = callback;
	}
	pull(): void {
		this.said.push("pulled");
	}
	async close(): Promise<void> {
		this.end.resolve(undefined);
	}
	closed(): Promise<undefined | Error> {
		return this.end.promise;
	}
	async status(): Promise<AsyncIterable<{ type: ConsumerEvents }>> {
		const { statuses } = this;
		return (async function* () {
			yield await statuses.promise;
		})();
	}
}

const message = (deliverySequence: number, streamSequence: number) =>
	({ info: { deliverySequence, streamSequence, deliveryCount: 1, timestampNanos: 0, pending: 0 } }) as unknown as JsMsg;

test("a reader that hears nothing is drained and begun anew, and says so", async () => {
	const { readers, readings, statuses } = aClient();
	const stop = readers.durable("S", "policy", () => undefined);
	await vi.waitFor(() => expect(readings).toHaveLength(1), patience);
	readings[0]?.statuses.resolve({ type: ConsumerEvents.HeartbeatsMissed });
	await vi.waitFor(() => expect(readings).toHaveLength(2), patience);
	expect(statuses).toEqual(["consumer policy: hears nothing"]);
	// What the client still means to ask for goes nowhere.
	(readings[0] as unknown as ConsumerMessages & { pull(): void }).pull();
	expect(readings[0]?.said).toEqual(["drained"]);
	await stop();
});

test("a reader that stops asks for nothing more", async () => {
	const { readers, readings } = aClient();
	const stop = readers.durable("S", "policy", () => undefined);
	await vi.waitFor(() => expect(readings).toHaveLength(1), patience);
	readings[0]?.pull();
	await stop();
	readings[0]?.pull();
	expect(readings[0]?.said).toEqual(["pulled", "drained"]);
});

test("a reader that the server ends says why and begins anew; a lost connection ends it without a word", async () => {
	const { readers, readings, statuses } = aClient();
	const stop = readers.durable("S", "policy", () => undefined);
	await vi.waitFor(() => expect(readings).toHaveLength(1), patience);
	readings[0]?.end.resolve(new Error("consumer deleted"));
	await vi.waitFor(() => expect(readings).toHaveLength(2), patience);
	readers.abandon();
	await vi.waitFor(() => expect(readings).toHaveLength(3), patience);
	expect(statuses).toEqual(["consumer policy: consumer deleted"]);
	await stop();
});

test("a follower that misses a delivery reads again from where it was", async () => {
	const { readers, readings, asked } = aClient();
	let position = 4;
	const onMessage = (heard: { position: number }) => {
		position = heard.position;
	};
	const stop = readers.ordered("S", "callgate.>", { next: () => position + 1, onMessage, onEmpty: () => undefined });
	await vi.waitFor(() => expect(readings).toHaveLength(1), patience);
	readings[0]?.callback(message(1, 5));
	readings[0]?.callback(message(3, 9));
	await vi.waitFor(() => expect(readings).toHaveLength(2), patience);
	expect(asked).toEqual([5, 6]);
	expect(position).toBe(5);
	await stop();
});
