// What the operator makes once: the stream, each service's durable consumer, and the stores. Services never make any of them.
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { ackWaitMs } from "#libs/bus/bus-nats.ts";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers } from "#libs/bus/permissions.ts";
import { bucketOf, type StoreName, stores } from "#libs/bus/stores.ts";
import { streamName, streamSubjects } from "#libs/contracts/subjects.ts";

export interface StreamTerms {
	readonly pools: readonly string[];
	/** The stream takes no more when it is full: callers get 503, nothing is dropped. */
	readonly streamBytesMax?: number;
	/** Copies of the stream in a NATS cluster: 1, 3 or 5. */
	readonly replicas?: number;
}

const nanosPerMs = 1_000_000;
const gibibyte = 1024 ** 3;
/** A publish repeated after a lost acknowledgement comes well within this. */
const duplicateWindowMs = 120_000;
/** Deliveries in work at once per service, over all its replicas. */
const ackPendingMax = 2_000;

/** Makes what is missing and brings the rest to these terms; running it again changes nothing. @throws {EventsUnavailable} */
export async function provisionStream(operator: Link, terms: StreamTerms): Promise<void> {
	const replicas = terms.replicas ?? 1;
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
async function answerOf(operator: Link, verb: string, body: unknown): Promise<ApiAnswer> {
	const payload = body === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(body));
	const answer = await operator.request(`$JS.API.${verb}`, payload, 10_000);
	if (!answer.ok)
		throw new EventsUnavailable(`NATS does not answer ${verb} (${answer.fault}): is JetStream on, and the user the operator's?`);
	return JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as ApiAnswer;
}
