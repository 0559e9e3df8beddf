// The operator's hand on the stream of a fault run: reads all of it, copies messages, puts poison on it, and sees what is still in work.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import type { LinkMessage } from "#libs/bus/nats-readers.ts";
import { durableConsumers } from "#libs/bus/permissions.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import { localPool } from "../../infra/local/key-ring.ts";
import type { Stack } from "../../infra/local/stack.ts";
import { operatorInbox } from "../../infra/nats/server-config.ts";

export interface StoredMessage {
	readonly sequence: number;
	readonly subject: string;
	readonly at: number;
	readonly bytes: Uint8Array;
}

/** `first_seq` and `deleted` of the stream's state. */
export interface Gone {
	readonly first: number;
	readonly deleted: readonly number[];
}

export interface Operator {
	/** Puts bytes on a subject, in whosever name; resolves with the sequence. */
	publish(subject: string, bytes: Uint8Array): Promise<number>;
	/** The same, unless it is later than `until` by then, in milliseconds since 1970: then it resolves with undefined and nothing was said. */
	publishBefore(until: number, subject: string, bytes: Uint8Array): Promise<number | undefined>;
	/** Tells of every message from the beginning on, in order, also after reconnects. */
	follow(onMessage: (message: StoredMessage) => void): { readonly caughtUp: Promise<void>; stop(): Promise<void> };
	/** For what only the operator may do. */
	readonly link: Link;
	streamState(): Promise<Gone & { readonly last: number }>;
	/** Sets the bound of the stream's size; resolves with what it was. */
	setBytesMax(bytesMax: number | "what is in it"): Promise<number>;
	/** Forgets what one consumer acknowledged; resolves with how many messages it is given again. */
	makeAnew(consumer: string): Promise<number>;
	/** How long consumers wait for an acknowledgement before they deliver again. */
	setAckWait(ackWaitMs: number): Promise<void>;
	/** Consumers that have something in work or to do: `policy: 3`. */
	busy(): Promise<string[]>;
	close(): Promise<void>;
}

const consumers = durableConsumers([localPool]);
const answerWithinMs = 5_000;
const attemptsMax = 40;
const askingsMax = 12;
const decoder = new TextDecoder();
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

interface StreamInfo {
	readonly config: Readonly<Record<string, unknown>> & { readonly max_bytes: number };
	readonly state: { readonly bytes: number; readonly first_seq: number; readonly last_seq: number; readonly deleted?: number[] };
}

interface ConsumerInfo {
	readonly config: Readonly<Record<string, unknown>>;
	readonly num_pending: number;
	readonly num_ack_pending: number;
}

export async function connectOperator({ nats, keys }: Pick<Stack, "nats" | "keys">): Promise<Operator> {
	const seed = keys.value("nats-operator.seed");
	const link = await connectLink({
		servers: [nats.url],
		name: "faults",
		seed,
		inboxPrefix: `${operatorInbox}_faults`,
		onStatus: () => undefined,
	});
	const infoOf = (name: string) => askJson<ConsumerInfo>(link, `CONSUMER.INFO.${streamName}.${name}`, {});
	const publishBefore: Operator["publishBefore"] = async (until, subject, bytes) => {
		// The same id each time: the broker keeps it from being stored twice, and the checker needs to know what is whose.
		const head = { "Nats-Msg-Id": randomUUID() };
		let mayBeStored = false;
		for (let attempt = 0; attempt < attemptsMax; attempt++) {
			if (!mayBeStored && Date.now() > until) return undefined;
			const answer = (await link.isUp(answerWithinMs)) ? await link.request(subject, bytes, answerWithinMs, head) : undefined;
			const ack = answer?.ok ? (JSON.parse(decoder.decode(answer.reply.bytes)) as { seq?: number; error?: unknown }) : {};
			if (ack.seq !== undefined && ack.error === undefined) return ack.seq;
			// Tried until it is known: what is stored must be known to be the harness's.
			if (answer !== undefined && !answer.ok && answer.fault === "timeout") mayBeStored = true;
			await delay(250);
		}
		throw new EventsUnavailable("the stream does not take what the harness publishes");
	};
	return {
		publishBefore,
		publish: async (subject, bytes) => {
			const sequence = await publishBefore(Number.POSITIVE_INFINITY, subject, bytes);
			if (sequence === undefined) throw new Error("unreachable: nothing is later than never");
			return sequence;
		},
		follow(onMessage) {
			let next = 1;
			const caughtUp = Promise.withResolvers<void>();
			const take = ({ position, subject, storedAt, bytes, pending }: LinkMessage) => {
				if (position >= next) {
					next = position + 1;
					onMessage({ sequence: position, subject, at: storedAt.getTime(), bytes });
				}
				if (pending === 0) caughtUp.resolve();
			};
			const stop = link.readOrdered(streamName, "callgate.>", { next: () => next, onMessage: take, onEmpty: caughtUp.resolve });
			return { caughtUp: caughtUp.promise, stop };
		},
		link,
		async streamState() {
			const { state } = await askJson<StreamInfo>(link, `STREAM.INFO.${streamName}`, { deleted_details: true });
			return { first: state.first_seq, last: state.last_seq, deleted: state.deleted ?? [] };
		},
		async setBytesMax(bytesMax) {
			const { config, state } = await askJson<StreamInfo>(link, `STREAM.INFO.${streamName}`, {});
			const max = bytesMax === "what is in it" ? state.bytes : bytesMax;
			await askJson(link, `STREAM.UPDATE.${streamName}`, { ...config, max_bytes: max });
			return config.max_bytes;
		},
		async makeAnew(name) {
			const { config } = await infoOf(name);
			// Refused where an answer was lost and it is gone already: that it is there in the end is what counts.
			await askJson(link, `CONSUMER.DELETE.${streamName}.${name}`, {}).catch((error: unknown) => {
				if (!(error instanceof EventsUnavailable)) throw error;
			});
			const { num_pending } = await askJson<ConsumerInfo>(link, `CONSUMER.CREATE.${streamName}.${name}.${config.filter_subject}`, {
				...{ stream_name: streamName, config },
			});
			return num_pending;
		},
		async setAckWait(ackWaitMs) {
			for (const { name, filter } of consumers) {
				const { config } = await infoOf(name);
				const changed = { ...config, ack_wait: ackWaitMs * 1_000_000 };
				await askJson(link, `CONSUMER.CREATE.${streamName}.${name}.${filter}`, { stream_name: streamName, config: changed });
			}
		},
		async busy() {
			const infos = await Promise.all(consumers.map(async ({ name }) => ({ name, info: await infoOf(name) })));
			return infos.flatMap(({ name, info }) => {
				const left = info.num_pending + info.num_ack_pending;
				return left > 0 ? [`${name}: ${left}`] : [];
			});
		},
		close: () => link.close(),
	};
}

async function askJson<T>(link: Link, verb: string, body: object): Promise<T> {
	let refusal = "it is not connected";
	// NATS may have been started a moment ago: what is asked here may be asked again.
	for (let attempt = 0; attempt < askingsMax; attempt++) {
		const answer = (await link.isUp(answerWithinMs)) ? await link.request(`$JS.API.${verb}`, encode(body), answerWithinMs) : undefined;
		if (answer?.ok) {
			const parsed = JSON.parse(decoder.decode(answer.reply.bytes)) as T & { error?: { description: string } };
			if (!parsed.error) return parsed;
			refusal = parsed.error.description;
		} else if (answer) refusal = answer.fault;
		await delay(250);
	}
	throw new EventsUnavailable(`NATS does not do ${verb}: ${refusal}`);
}
