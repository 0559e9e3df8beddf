// What the operator makes once: the stream, each service's durable consumer, and the stores. Services never make any of them; a stream that was lost is not made anew unasked.
import { randomUUID } from "node:crypto";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { ackWaitMs } from "#libs/bus/bus-nats.ts";
import { streamMarks } from "#libs/bus/inspect-stream.ts";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers } from "#libs/bus/permissions.ts";
import { bucketOf, type StoreName, stores } from "#libs/bus/stores.ts";
import { messageBytesMax } from "#libs/contracts/message-size.ts";
import { streamName, streamSubjects } from "#libs/contracts/subjects.ts";

export interface StreamTerms {
	readonly pools: readonly string[];
	/** The stream takes no more when it is full: callers get 503, nothing is dropped. */
	readonly streamBytesMax?: number;
	/** Copies of the stream in a NATS cluster: 1, 3 or 5. */
	readonly replicas?: number;
	/** The stream there should be: another one, or none, is refused. */
	readonly identity?: string | undefined;
	/**
	 * The operator takes the stream as it stands, whatever is missing in it, and a new one where there is none. Calls of which the stream knew
	 * may then run again; docs/operations.md says what to do before.
	 */
	readonly acceptLoss?: boolean;
	readonly now?: Date;
}

/** The stream is not the one that was there, and nobody said that this is accepted. Nothing was changed. */
export class StreamNotThere extends Error {
	constructor(message: string) {
		super(`${message}. Nothing was changed. Restore it from a backup, or read "When the stream was lost" in docs/operations.md`);
		this.name = "StreamNotThere";
	}
}

const nanosPerMs = 1_000_000;
const gibibyte = 1024 ** 3;
/** A publish repeated after a lost acknowledgement comes well within this. */
const duplicateWindowMs = 120_000;
/** Deliveries in work at once per service, over all its replicas. */
const ackPendingMax = 2_000;

/**
 * Makes what is missing and brings the rest to these terms; running it again changes nothing. Resolves with the stream's identity.
 *
 * @throws {EventsUnavailable}
 * @throws {StreamNotThere}
 */
export async function provisionStream(operator: Link, terms: StreamTerms): Promise<string> {
	const replicas = terms.replicas ?? 1;
	const takes = operator.messageBytesMax();
	if (takes < messageBytesMax)
		throw new EventsUnavailable(`NATS takes messages of ${takes} bytes, expected ${messageBytesMax}: set max_payload in its configuration`);
	const marks = await marksFor(operator, terms);
	await ensureStream(operator, {
		name: streamName,
		subjects: streamSubjects,
		retention: "limits",
		storage: "file",
		discard: "new",
		max_bytes: terms.streamBytesMax ?? 16 * gibibyte,
		num_replicas: replicas,
		duplicate_window: duplicateWindowMs * nanosPerMs,
		allow_direct: true,
		// An event is never changed or removed one by one; only the retention of whole ranges may remove it.
		deny_delete: true,
		deny_purge: false,
		metadata: marks,
	});
	for (const { name, filter } of durableConsumers(terms.pools)) {
		const config = {
			durable_name: name,
			filter_subject: filter,
			ack_policy: "explicit",
			ack_wait: ackWaitMs * nanosPerMs,
			deliver_policy: "all",
			max_ack_pending: ackPendingMax,
			// Handlers park what cannot be processed; the server itself never gives up on an event.
			max_deliver: -1,
		};
		await ask(operator, `CONSUMER.CREATE.${streamName}.${name}.${filter}`, { stream_name: streamName, config });
	}
	for (const name of Object.keys(stores) as StoreName[]) {
		const { ageMaxMs } = stores[name];
		await ensureStream(operator, {
			name: `KV_${bucketOf(name)}`,
			subjects: [`$KV.${bucketOf(name)}.>`],
			retention: "limits",
			storage: "file",
			discard: "new",
			max_msgs_per_subject: 1,
			max_age: ageMaxMs * nanosPerMs,
			num_replicas: replicas,
			duplicate_window: (ageMaxMs > 0 ? Math.min(ageMaxMs, duplicateWindowMs) : duplicateWindowMs) * nanosPerMs,
			allow_direct: true,
			allow_rollup_hdrs: true,
			deny_delete: true,
		});
	}
	return marks[streamMarks.identity] ?? "";
}

/** The metadata that the stream is to have: an identity once, and when a loss was accepted. */
async function marksFor(operator: Link, { identity, acceptLoss = false, now = new Date() }: StreamTerms): Promise<Record<string, string>> {
	const { error, config } = await answerOf<{ config?: { metadata?: Record<string, string> } }>(
		operator,
		`STREAM.INFO.${streamName}`,
		undefined,
	);
	const accepted = acceptLoss ? { [streamMarks.acceptedAt]: now.toISOString() } : {};
	if (!error) {
		const known = config?.metadata?.[streamMarks.identity];
		if (identity !== undefined && known !== undefined && known !== identity && !acceptLoss)
			throw new StreamNotThere(`the stream ${streamName} is another one (${known}) than it should be (${identity})`);
		return { ...config?.metadata, [streamMarks.identity]: known ?? identity ?? randomUUID(), ...accepted };
	}
	if (!acceptLoss) {
		if (identity !== undefined) throw new StreamNotThere(`the stream ${streamName} (${identity}) is missing`);
		const left = await someStore(operator);
		if (left !== undefined) throw new StreamNotThere(`the stream ${streamName} is missing although ${left} is there: it was lost`);
	}
	return { [streamMarks.identity]: randomUUID(), ...accepted };
}

/** The name of a store that is there: the stream was made before any of them. */
async function someStore(operator: Link): Promise<string | undefined> {
	for (const name of (Object.keys(stores) as StoreName[]).map((store) => `KV_${bucketOf(store)}`)) {
		if (!(await answerOf(operator, `STREAM.INFO.${name}`, undefined)).error) return name;
	}
	return undefined;
}

async function ensureStream(operator: Link, config: { name: string } & Record<string, unknown>): Promise<void> {
	const existing = await answerOf(operator, `STREAM.INFO.${config.name}`, undefined);
	await ask(operator, `STREAM.${existing.error ? "CREATE" : "UPDATE"}.${config.name}`, config);
}

interface ApiAnswer {
	readonly error?: { readonly code: number; readonly err_code?: number; readonly description: string };
}

async function ask(operator: Link, verb: string, body: unknown): Promise<void> {
	const { error } = await answerOf(operator, verb, body);
	if (error) throw new EventsUnavailable(`NATS refuses ${verb}: ${error.description} (${error.err_code ?? error.code})`);
}

/** https://docs.nats.io/reference/reference-protocols/nats_api_reference */
async function answerOf<More extends object>(operator: Link, verb: string, body: unknown): Promise<ApiAnswer & Partial<More>> {
	const payload = body === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(body));
	const answer = await operator.request(`$JS.API.${verb}`, payload, 10_000);
	if (!answer.ok)
		throw new EventsUnavailable(`NATS does not answer ${verb} (${answer.fault}): is JetStream on, and the user the operator's?`);
	return JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as ApiAnswer & Partial<More>;
}
