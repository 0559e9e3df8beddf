// What the servers say of the stream and of how they keep it, asked of them as it is in force now: nothing here is what someone once wrote into a file.
import { streamName } from "#libs/contracts/subjects.ts";
import { EventsUnavailable, type StreamInspector } from "./bus.ts";
import type { Link } from "./nats-link.ts";

/** Metadata of the stream, written by the operator alone. */
export const streamMarks = {
	/** A random name that this stream got when it was made: one that is made again has another. */
	identity: "callgate.identity",
	/** When an operator accepted what was lost (RFC 3339): what was seen of the stream before counts no more. */
	acceptedAt: "callgate.accepted-at",
	/** When all consumers had read how far, as trimming saw it: when the newest of them was made, then times and positions, oldest first. */
	read: "callgate.read",
} as const;

/** JetStream's codes for "there is none". https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const missingCodes = new Set([10_059, 10_014]);
/** The one question of the system account that services may ask: see infra/nats/server-config.ts. Its answer names no account and no key. */
export const serverQuestion = "$SYS.REQ.SERVER.PING.VARZ";
const serversAnswerWithinMs = 1_000;

interface StreamInfo {
	readonly config: {
		readonly max_bytes: number;
		readonly num_replicas: number;
		readonly storage: string;
		readonly retention: string;
		readonly discard: string;
		readonly metadata?: Readonly<Record<string, string>>;
	};
	readonly state: { readonly last_seq: number; readonly bytes: number };
}

interface ConsumerInfo {
	readonly delivered: { readonly stream_seq: number };
	readonly num_pending: number;
	readonly num_ack_pending: number;
}

export function inspectStream(link: Link, consumer: string | undefined, timeoutMs: number): StreamInspector {
	const ask = async <T>(verb: string): Promise<T | undefined> => {
		if (!(await link.isUp(0))) throw new EventsUnavailable("NATS is not connected");
		const answer = await link.request(`$JS.API.${verb}`, new Uint8Array(), timeoutMs);
		if (!answer.ok) throw new EventsUnavailable(`NATS did not answer ${verb} (${answer.fault})`);
		const body = JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as T & { error?: { err_code?: number; description: string } };
		if (!body.error) return body;
		if (missingCodes.has(body.error.err_code ?? 0)) return undefined;
		throw new EventsUnavailable(`NATS cannot answer ${verb}: ${body.error.description}`);
	};
	return {
		async state() {
			const info = await ask<StreamInfo>(`STREAM.INFO.${streamName}`);
			if (!info) return undefined;
			const { config, state } = info;
			return {
				identity: config.metadata?.[streamMarks.identity],
				acceptedAt: config.metadata?.[streamMarks.acceptedAt],
				last: state.last_seq,
				bytes: state.bytes,
				bytesMax: config.max_bytes,
				copies: config.num_replicas,
				storage: config.storage,
				retention: config.retention,
				discard: config.discard,
			};
		},
		async consumer() {
			if (consumer === undefined) return "none";
			const info = await ask<ConsumerInfo>(`CONSUMER.INFO.${streamName}.${consumer}`);
			return info && { name: consumer, delivered: info.delivered.stream_seq, pending: info.num_pending + info.num_ack_pending };
		},
		async syncIntervals() {
			const replies = await link.requestAll(serverQuestion, new Uint8Array(), serversAnswerWithinMs);
			return replies.flatMap(({ bytes }) => syncIntervalOf(bytes));
		},
	};
}

const nanosPerMs = 1_000_000;

/** Of one server's answer; nothing where the server keeps no streams or says it differently. */
function syncIntervalOf(bytes: Uint8Array): ("always" | number)[] {
	try {
		const { data } = JSON.parse(new TextDecoder().decode(bytes)) as {
			data?: { jetstream?: { config?: { sync_always?: boolean; sync_interval?: number } } };
		};
		const config = data?.jetstream?.config;
		if (config?.sync_always === true) return ["always"];
		return typeof config?.sync_interval === "number" ? [config.sync_interval / nanosPerMs] : [];
	} catch {
		return [];
	}
}
